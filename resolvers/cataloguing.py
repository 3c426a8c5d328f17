"""Products made and changed whole: options, variants, properties and files in one unit of work."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Brand, Category, Option, Product, Store, Variant
from resolvers import (
    faq_entries,
    file_uploads,
    idempotency,
    options,
    product_files,
    products,
    properties,
    search,
    slugs,
    variants,
)
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.figures import refresh_stock
from resolvers.file_uploads import DOWNLOAD, IMAGE, IncomingFile, ReceivedFile
from resolvers.keys import KeyOf
from resolvers.product_inputs import NewProduct, ProductChanges
from resolvers.rules import Path, checked
from resolvers.variants import MOST_VARIANTS, VariantInput
from resolvers.viewer import Viewer, visible
from resolvers.writes import held, put, referred, seen, touch, word


@dataclass(frozen=True, slots=True)
class Uploads:
    """Files that come with a product: pictures, which follow those named in the input, and goods.

    The goods belong to the one variant of a product without options, otherwise to the product.
    """

    images: Sequence[IncomingFile] = ()
    files: Sequence[IncomingFile] = ()


async def create(ctx: Context, *, input: NewProduct, idempotency_key: str | None = None) -> int:
    """A product with options has variants with one choice of each, all different."""
    return await create_with(ctx, Uploads(), input=input, idempotency_key=idempotency_key)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Product"), "The product."],
    changes: ProductChanges,
    expected_version: int | None = None,
) -> int:
    """Options and variants with an id are changed, those without one are added, others stay."""
    return await update_with(
        ctx, Uploads(), id=id, changes=changes, expected_version=expected_version
    )


async def create_with(
    ctx: Context, uploads: Uploads, *, input: NewProduct, idempotency_key: str | None = None
) -> int:
    """``create`` with files that are stored on the way, or not at all."""
    viewer = ctx.require("product:create")
    values = checked(input, "input")
    wanted = _variants_of(values)
    parts = _parts(values)

    async def work(tx: AsyncSession) -> int:
        store = await held(tx, viewer, Store, input.store_id, field=("input", "store_id"))
        await _check_references(tx, viewer, values, "input", store_id=store.id)
        values["slug"] = await slugs.claimed(
            tx, Product.slug, values["slug"], values["title"],
            Product.store_id == store.id, otherwise="product",
        )  # fmt: skip
        values["currency"] = values["currency"] or store.currency
        values["attributes"] = values["attributes"] or {}
        product = Product(organization_id=store.organization_id, **values)
        tx.add(product)
        await tx.flush()
        offered = options.added(tx, product, parts["options"], ("input", "options"))
        saving = _Saving(ctx, tx, product, offered, [])
        for place, (path, variant) in enumerate(wanted):
            await saving.add(variant, path, position=place)
        saving.expect_sound(("input", "variants"))
        await saving.finish(parts, received, ("input",))
        await tx.flush()
        products.tell(tx, "product.created", product)
        return product.id

    async with _received(ctx, Store, input.store_id, uploads, ("input", "store_id")) as received:
        return await idempotency.once(ctx, "createProduct", idempotency_key, input, work)


async def update_with(
    ctx: Context,
    uploads: Uploads,
    *,
    id: int,
    changes: ProductChanges,
    expected_version: int | None = None,
) -> int:
    """``update`` with files that are stored on the way, or not at all."""
    viewer = ctx.require("product:update")
    values = checked(changes, "changes")
    parts = _parts(values)
    has_parts = bool(parts or uploads.images or uploads.files)
    async with (
        _received(ctx, Product, id, uploads, ("id",)) as received,
        ctx.transaction() as tx,
    ):
        now = await seen(tx, viewer, Product, id)
        store_id, slug = now.store_id, values.get("slug", now.slug)
        if slug != now.slug:
            await held(tx, viewer, Store, store_id)
        await _check_references(tx, viewer, values, "changes", store_id=store_id)
        if has_parts:
            await variants.hold_all(tx, id)
        product = await held(tx, viewer, Product, id, expected_version=expected_version)
        if slug != product.slug:
            await slugs.claimed(
                tx, Product.slug, slug, "", Product.store_id == store_id,
                otherwise="product", inside="changes",
            )  # fmt: skip
        put(product, values)
        if has_parts:
            touch(product, ctx.services.clock())
            offered, live = await options.held_of(tx, id), await variants.live_of(tx, id)
            saving = _Saving(ctx, tx, product, offered, live)
            await saving.edit(parts, ("changes",))
            await saving.finish(parts, received, ("changes",))
        await search.refresh(tx, id)
        products.tell(tx, "product.updated", product)
    return id


class _Saving:
    """A product on its way into the database, with its options and live variants as they will be.

    The product and its variants are held.
    """

    def __init__(
        self,
        ctx: Context,
        tx: AsyncSession,
        product: Product,
        offered: Sequence[Option],
        live: Sequence[Variant],
    ) -> None:
        self._viewer = ctx.require()
        self._at = ctx.services.clock()
        self._tx = tx
        self._product = product
        self._offered = offered
        self._live = list(live)
        self._told: dict[UUID, Path] = {}
        """Where the input speaks of a variant."""

    async def add(self, values: Mapping[str, Any], path: Path, *, position: int) -> None:
        added = await variants.add(
            self._tx, self._viewer, self._product, values,
            offered=self._offered, position=position, at=self._at, path=path,
        )  # fmt: skip
        self._live.append(added)
        self._told[added.uuid] = path

    async def edit(self, parts: Mapping[str, Any], path: Path) -> None:
        """What changes say of options and variants."""
        if "price" in parts:
            await self._edit_price(parts["price"], (*path, "price"))
        if "options" in parts:
            self._edit_options(parts["options"], (*path, "options"))
        if "default_variant" in parts:
            await self._edit_default(parts["default_variant"], (*path, "default_variant"))
        edits: Sequence[dict[str, Any]] = parts.get("variants", ())
        for at, edit in enumerate(edits):
            await self._edit_variant(edit, (*path, "variants", at))
        if "options" in parts or "variants" in parts:
            await self._discard_outgrown()
            self.expect_sound((*path, "variants" if "variants" in parts else "options"))

    def expect_sound(self, path: Path) -> None:
        """Raise ``Invalid`` unless each variant is one choice of every option, and all differ."""
        if len(self._live) > MOST_VARIANTS:
            raise Invalid(f"a product has at most {MOST_VARIANTS} variants", field=path)
        found: dict[tuple[Any, ...], Variant] = {}
        for variant in self._live if self._offered else ():
            field = self._told.get(variant.uuid, path)
            for option in self._offered:
                if variant.options.get(option.name) not in option.choices:
                    message = f"the variant {variant.title} has no choice of {option.name}"
                    raise Invalid(message, field=field)
            choice = tuple(variant.options[option.name] for option in self._offered)
            if (same := found.setdefault(choice, variant)) is not variant:
                field = self._told.get(same.uuid, path) if field == path else field
                raise Invalid(f"another variant is {variant.title}, too", field=field)

    async def finish(self, parts: Mapping[str, Any], received: "_Files", path: Path) -> None:
        """Properties and files, and what follows from all of it."""
        tx, product = self._tx, self._product
        if "properties" in parts:
            await properties.write(tx, product, parts["properties"])
        if "faq" in parts:
            await faq_entries.write(tx, product, parts["faq"])
        await product_files.write(tx, self._viewer, product, parts.get("files", {}), path)
        is_simple = not self._offered and len(self._live) == 1
        for owner, role, files in (
            (product, IMAGE, received.images),
            (self._live[0] if is_simple else product, DOWNLOAD, received.files),
        ):
            if files:
                rows = [
                    file_uploads.add(tx, product.organization_id, product.store_id, each)
                    for each in files
                ]
                await product_files.append(tx, owner, role, rows)
        await refresh_stock(tx, [product.id])
        await search.refresh(tx, product.id)

    def _edit_options(self, edits: Sequence[Mapping[str, Any]], path: Path) -> None:
        before = {option.uuid: option.name for option in self._offered}
        self._offered = options.merged(self._product, self._offered, edits, path)
        self._tx.add_all(self._offered)
        renamed = {
            before[option.uuid]: option.name for option in self._offered if option.uuid in before
        }
        for variant in self._live:
            variant.options = {renamed.get(name, name): v for name, v in variant.options.items()}

    async def _edit_price(self, price: int, path: Path) -> None:
        """Variants that were given a price of their own keep it."""
        before = self._live[0].price if self._live else None
        for variant in self._live:
            if variant.price == before or not variant.options:
                await self._change(variant, {"price": price}, path)
        self._told.clear()  # nothing has been said of one variant alone

    async def _edit_default(self, values: dict[str, Any], path: Path) -> None:
        if self._offered:
            raise Invalid("the product has options: it has no default variant", field=path)
        await self._change(self._live[0], values, path)

    async def _edit_variant(self, edit: Mapping[str, Any], path: Path) -> None:
        values = {name: value for name, value in edit.items() if name != "id"}
        if edit["id"] is None:
            if "price" not in values:
                raise Invalid("a new variant needs a price", field=(*path, "price"))
            last = max((variant.position for variant in self._live), default=-1)
            await self.add(values, path, position=last + 1)
            return
        variant = next((each for each in self._live if each.id == edit["id"]), None)
        if variant is None:
            raise NotFound("variant", field=(*path, "id"))
        await self._change(variant, values, path)

    async def _change(self, variant: Variant, values: dict[str, Any], path: Path) -> None:
        self._told[variant.uuid] = path
        await variants.change(
            self._tx, self._viewer, variant, values,
            offered=self._offered, at=self._at, path=path,
        )  # fmt: skip

    async def _discard_outgrown(self) -> None:
        """The variant from before there were options is one that nobody can choose any more."""
        outgrown = [each for each in self._live if not each.options and each.uuid not in self._told]
        if self._offered and 0 < len(outgrown) < len(self._live):
            await variants.discard(self._tx, outgrown, self._at)
            self._live = [each for each in self._live if each.deleted_at is None]


@dataclass(frozen=True, slots=True)
class _Files:
    """Uploads whose bytes are stored, but which have no rows yet."""

    images: Sequence[ReceivedFile]
    files: Sequence[ReceivedFile]


@asynccontextmanager
async def _received(
    ctx: Context, row: type[Store | Product], key: int, uploads: Uploads, field: Path
) -> AsyncGenerator[_Files]:
    """Store the bytes of what comes with a product of a store that the viewer may see."""
    if not (uploads.images or uploads.files):
        yield _Files((), ())
        return
    store_id = Store.id if row is Store else Product.store_id
    found = visible(ctx.require(), row).with_only_columns(store_id)
    [(kept,)] = await ctx.rows(found.where(row.id == key)) or [(None,)]
    if kept is None:
        raise NotFound(word(row), field=field)
    async with (
        file_uploads.received(
            ctx, kept, uploads.images, only_images=True, field="images"
        ) as images,
        file_uploads.received(ctx, kept, uploads.files, field="files") as files,
    ):
        yield _Files(images, files)


def _variants_of(values: dict[str, Any]) -> list[tuple[Path, dict[str, Any]]]:
    """Take the variants out of a new product's values, each with the path that leads to it."""
    several: list[dict[str, Any]] = values.pop("variants")
    only: dict[str, Any] | None = values.pop("default_variant")
    single = {name: values.pop(name) for name in ("price", "stock", "sku")}
    is_told = any(value is not None for value in single.values())
    if several or only:
        if is_told:
            raise Invalid("price, stock and sku belong to each of the variants", field=("input",))
        if several and only:
            message = "give variants or the default variant, one of the two"
            raise Invalid(message, field=("input", "default_variant"))
    if not several and values["options"]:
        raise Invalid("a product with options needs variants", field=("input", "variants"))
    if several:
        return [(("input", "variants", at), each) for at, each in enumerate(several)]
    if only:
        return [(("input", "default_variant"), only)]
    one_of_it = VariantInput(
        price=single["price"] or 0, stock=single["stock"] or 0, sku=single["sku"]
    )
    return [(("input",), checked(one_of_it, "input"))]


def _parts(values: dict[str, Any]) -> dict[str, Any]:
    """Take out of a product's values what is no column of it, as far as it is given."""
    names = ("options", "properties", "variants", "default_variant", "faq", "price")
    parts = {name: values.pop(name) for name in names if name in values}
    if files := product_files.taken(values, product_files.OF_PRODUCTS):
        parts["files"] = files
    return parts


async def _check_references(
    tx: AsyncSession, viewer: Viewer, values: dict[str, Any], inside: str, *, store_id: int
) -> None:
    for name, row in (("brand_id", Brand), ("category_id", Category)):
        if (key := values.get(name)) is not None:
            await referred(tx, viewer, row, key, field=(inside, name), store_id=store_id)
