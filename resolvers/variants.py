"""Variants: what is actually bought, with a price and a stock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import case, func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Offer, Option, Product, Variant
from resolvers import idempotency, options, product_files, search
from resolvers.context import Context
from resolvers.errors import Conflict
from resolvers.events import announce
from resolvers.figures import refresh_stock
from resolvers.inputs import ABSENT, MicroUnits
from resolvers.keys import KeyOf
from resolvers.options import POSITION, ChoiceInput
from resolvers.reads import Conditions, contains, many, narrowed, one, page, sorts, value
from resolvers.rules import MOST_UNITS, Between, JsonObject, Path, Price, Text, checked
from resolvers.viewer import Viewer
from resolvers.writes import held, put, seen

MOST_VARIANTS = 200
UNITS = Between(0, MOST_UNITS)
_WITH_PRODUCT = frozenset({"options", "choices", *product_files.OF_VARIANTS})
SORTS = sorts(
    "VariantSort",
    default="id_asc",
    id=Variant.id,
    created_at=Variant.created_at,
    price=Variant.price,
    stock=Variant.stock,
    title=Variant.title,
)


@dataclass(frozen=True, kw_only=True)
class VariantFilter:
    """Which variants; all given conditions must hold."""

    search: Annotated[str | None, "Text in the title or the SKU."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    product_id: Annotated[int | None, KeyOf("Product"), "Only of this product."] = None
    sku: Annotated[str | None, "Exactly this SKU."] = None
    in_stock: Annotated[bool | None, "Some stock left, or none."] = None
    max_stock: Annotated[int | None, "At most this many units in stock: what runs low."] = None
    min_price: Annotated[int | None, MicroUnits, "Costs at least this."] = None
    max_price: Annotated[int | None, MicroUnits, "Costs at most this."] = None


CONDITIONS: Conditions = {
    "search": lambda text: or_(contains(Variant.title, text), contains(Variant.sku, text)),
    "store_id": lambda key: Variant.store_id == key,
    "product_id": lambda key: Variant.product_id == key,
    "sku": lambda sku: Variant.sku == sku,
    "in_stock": lambda wanted: Variant.stock > 0 if wanted else Variant.stock <= 0,
    "max_stock": lambda units: Variant.stock <= units,
    "min_price": lambda least: Variant.price >= least,
    "max_price": lambda most: Variant.price <= most,
}


@one(Variant, by=Variant.id, permission="product:view")
def by_id(variants: Any) -> Any:
    return variants


@page(Variant, sorts=SORTS, permission="product:view")
def listing(variants: Any, *, filter: VariantFilter | None = None) -> Any:
    return narrowed(variants, filter, CONDITIONS)


@many(
    Variant,
    by=Variant.product_id,
    order=(Variant.position, Variant.id),
    permission="product:view",
)
def of_products(variants: Any) -> Any:
    return variants


@value(Variant, by=Variant.product_id, default=1, permission="product:view")
def stock_tracked(variants: Any) -> Any:
    """1 where sales of any variant take from its stock, otherwise 0."""
    tracked = func.max(case((Variant.stock_tracked, 1), else_=0))
    return variants.with_only_columns(Variant.product_id, tracked).group_by(Variant.product_id)


@value(Variant, by=Variant.product_id, default=0, permission="product:view")
def sells_when_out_of_stock(variants: Any) -> Any:
    """1 where all variants sell beyond their stock, otherwise 0."""
    beyond = func.min(case((Variant.sell_when_out_of_stock, 1), else_=0))
    return variants.with_only_columns(Variant.product_id, beyond).group_by(Variant.product_id)


@dataclass(frozen=True, kw_only=True)
class VariantInput:
    """A variant of the product that is being created."""

    title: Annotated[str | None, Text(), "Its name; the chosen values when left out."] = None
    sku: Annotated[str | None, Text(120), "The seller's own number of it."] = None
    price: Annotated[int, MicroUnits, Price(), "What one unit costs."]
    compare_price: Annotated[int | None, MicroUnits, Price(), "What it cost before."] = None
    dynamic_pricing: Annotated[bool, "Whether the price rises from here with demand."] = False
    stock: Annotated[int, UNITS, "Units that can be sold now."] = 0
    stock_tracked: Annotated[bool, "Whether sales take from the stock."] = True
    sell_when_out_of_stock: Annotated[bool, "Whether it sells beyond its stock."] = False
    options: Annotated[
        dict[str, Any] | None, JsonObject(), 'The chosen value of each option: {"Size": "L"}.'
    ] = None
    choices: Annotated[
        Sequence[ChoiceInput] | None, "The same as a list, by the options' positions."
    ] = None
    position: Annotated[int | None, POSITION, "Its place; the last when left out."] = None
    image_id: Annotated[int | None, KeyOf("File"), "Its picture, a stored file."] = None
    file_id: Annotated[int | None, KeyOf("File"), "What its buyers download."] = None


@dataclass(frozen=True, kw_only=True)
class NewVariant(VariantInput):
    """A variant to add to a product."""

    product_id: Annotated[int, KeyOf("Product"), "The product."]


@dataclass(frozen=True, kw_only=True)
class VariantChanges:
    """What to change about a variant."""

    title: Annotated[str, Text(), "Its name."] = ABSENT
    sku: Annotated[str | None, Text(120), "The seller's own number of it."] = ABSENT
    price: Annotated[
        int, MicroUnits, Price(),
        "What one unit costs; dynamic pricing starts anew from here.",
    ] = ABSENT  # fmt: skip
    compare_price: Annotated[int | None, MicroUnits, Price(), "What it cost before."] = ABSENT
    dynamic_pricing: Annotated[bool, "Whether the price rises from here with demand."] = ABSENT
    stock_tracked: Annotated[bool, "Whether sales take from the stock."] = ABSENT
    sell_when_out_of_stock: Annotated[bool, "Whether it sells beyond its stock."] = ABSENT
    options: Annotated[dict[str, Any], JsonObject(), "The chosen value of each option."] = ABSENT
    choices: Annotated[Sequence[ChoiceInput], "The same as a list, by the options' positions."] = (
        ABSENT
    )
    position: Annotated[int, POSITION, "Its place."] = ABSENT
    image_id: Annotated[int | None, KeyOf("File"), "Its picture, a stored file."] = ABSENT
    file_id: Annotated[int | None, KeyOf("File"), "What its buyers download."] = ABSENT
    stock: Annotated[int, UNITS, "Units that were counted; `adjustStock` adds and takes away."] = (
        ABSENT
    )


@dataclass(frozen=True, kw_only=True)
class VariantEdit(VariantChanges):
    """A variant of a product to change, by its id; without one a variant to add."""

    id: Annotated[int | None, KeyOf("Variant"), "The variant; left out for a new one."] = None


async def create(ctx: Context, *, input: NewVariant, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("product:update")
    values = checked(input, "input")
    product_id: int = values.pop("product_id")

    async def work(tx: AsyncSession) -> int:
        product = await held(tx, viewer, Product, product_id, field=("input", "product_id"))
        live = select(func.count(), func.coalesce(func.max(Variant.position), -1)).where(
            Variant.product_id == product_id, Variant.deleted_at.is_(None)
        )
        count, last = (await tx.execute(live)).one()
        if count >= MOST_VARIANTS:
            raise Conflict(f"a product has at most {MOST_VARIANTS} variants")
        offered = await options.held_of(tx, product_id)
        variant = await add(
            tx, viewer, product, values,
            offered=offered, position=last + 1, at=ctx.services.clock(), path=("input",),
        )  # fmt: skip
        await refresh_stock(tx, [product_id])
        await search.refresh(tx, product_id)
        tell(tx, variant)
        return variant.id

    return await idempotency.once(ctx, "createVariant", idempotency_key, input, work)


async def add(
    tx: AsyncSession,
    viewer: Viewer,
    product: Product,
    values: Mapping[str, Any],
    *,
    offered: Sequence[Option],
    position: int,
    at: datetime,
    path: Path,
) -> Variant:
    """Add the variant of a checked ``VariantInput`` or of what a ``VariantEdit`` says of one.

    It is priced in its product's currency. ``position`` is its place where it names none itself,
    ``path`` leads to the input.
    """
    columns = {**checked(VariantInput(price=0)), **values}
    chosen = options.chosen(columns, offered, *path) or {}
    files = product_files.taken(columns, product_files.OF_VARIANTS)
    dynamic, place = columns.pop("dynamic_pricing"), columns.pop("position")
    title = columns.pop("title") or titled(chosen)
    variant = Variant(
        organization_id=product.organization_id,
        store_id=product.store_id,
        product_id=product.id,
        currency=product.currency,
        title=title,
        options=chosen,
        position=position if place is None else place,
        base_price=columns["price"] if dynamic else None,
        repriced_at=at if dynamic else None,
        **columns,
    )
    tx.add(variant)
    if any(files.values()):
        await tx.flush()
        await product_files.write(tx, viewer, variant, files, path)
    return variant


def titled(chosen: Mapping[str, Any]) -> str:
    """What a variant is called that nobody has given a name."""
    return " / ".join(str(choice) for choice in chosen.values())[:255] or "Default"


async def change(
    tx: AsyncSession,
    viewer: Viewer,
    variant: Variant,
    values: dict[str, Any],
    *,
    offered: Sequence[Option],
    at: datetime,
    path: Path,
) -> None:
    """Write checked changes of a variant that is held, as its product is where these need it."""
    chosen = options.chosen(values, offered, *path)
    if chosen is not None:
        values["options"] = chosen
        if variant.title == titled(variant.options):
            values.setdefault("title", titled(chosen))
    await product_files.write(
        tx, viewer, variant, product_files.taken(values, product_files.OF_VARIANTS), path
    )
    dynamic = values.pop("dynamic_pricing", variant.base_price is not None)
    starts = "price" in values or variant.base_price is None
    put(variant, values)
    if not dynamic:
        variant.base_price = variant.repriced_at = None
    elif starts:
        variant.base_price, variant.repriced_at = variant.price, at


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Variant"), "The variant."],
    changes: VariantChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("product:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        variant = await held(tx, viewer, Variant, id, expected_version=expected_version)
        offered: list[Option] = []
        if not values.keys().isdisjoint(_WITH_PRODUCT):
            # Its options stay what they are, and locks are taken in one order.
            await held(tx, viewer, Product, variant.product_id)
            offered = await options.held_of(tx, variant.product_id)
        await change(
            tx, viewer, variant, values,
            offered=offered, at=ctx.services.clock(), path=("changes",),
        )  # fmt: skip
        await refresh_stock(tx, [variant.product_id])
        await search.refresh(tx, variant.product_id)
        tell(tx, variant)
    return id


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Variant"), "The variant."],
    expected_version: int | None = None,
) -> int:
    """Delete a variant and its offers. Raises ``Conflict`` for the only one of a product."""
    viewer = ctx.require("product:update")
    async with ctx.transaction() as tx:
        product_id = (await seen(tx, viewer, Variant, id)).product_id
        left = await hold_all(tx, product_id)
        variant = await held(tx, viewer, Variant, id, expected_version=expected_version)
        if left == 1:
            raise Conflict("a product keeps at least one variant")
        await discard(tx, [variant], ctx.services.clock())
        await refresh_stock(tx, [product_id])
        await search.refresh(tx, product_id)
        tell(tx, variant)
    return id


async def discard(tx: AsyncSession, variants: Sequence[Variant], at: datetime) -> None:
    """Delete held variants with their offers."""
    for variant in variants:
        variant.deleted_at = at
    offers = sql_update(Offer).where(
        Offer.variant_id.in_([variant.id for variant in variants]), Offer.deleted_at.is_(None)
    )
    await tx.execute(offers.values(deleted_at=at, version=Offer.version + 1))


async def live_of(tx: AsyncSession, product_id: int) -> list[Variant]:
    """The variants of a product, in order, as they are now. They are held already."""
    found = select(Variant).where(Variant.product_id == product_id, Variant.deleted_at.is_(None))
    ordered = found.order_by(Variant.position, Variant.id)
    return list(await tx.scalars(ordered.execution_options(populate_existing=True)))


async def hold_all(tx: AsyncSession, product_id: int) -> int:
    """Keep a product's live variants from other writers. Answers how many there are."""
    live = (
        select(Variant.id)
        .where(Variant.product_id == product_id, Variant.deleted_at.is_(None))
        .order_by(Variant.id)
        .with_for_update(key_share=True)
    )
    return len((await tx.scalars(live)).all())


def tell(tx: AsyncSession, variant: Variant) -> None:
    announce(
        tx,
        "product.updated",
        organization_id=variant.organization_id,
        store_id=variant.store_id,
        subject=("product", variant.product_id),
        variant_id=variant.id,
    )
