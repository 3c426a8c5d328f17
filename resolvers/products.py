"""Products: what a store sells."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import exists, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import (
    Brand,
    Category,
    FileLink,
    Offer,
    Product,
    ProductStatus,
    Review,
    Store,
    Variant,
)
from resolvers import idempotency, options, slugs, variants
from resolvers.categories import at_or_below
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.events import announce
from resolvers.figures import refresh_stock
from resolvers.inputs import ABSENT, MicroUnits
from resolvers.keys import KeyOf
from resolvers.options import OptionInput
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import (
    Between,
    Count,
    Currency,
    JsonObject,
    Price,
    Slug,
    Text,
    checked,
)
from resolvers.variants import MOST_VARIANTS, UNITS, VariantInput
from resolvers.viewer import Viewer
from resolvers.writes import held, put, referred, seen

BATCH = Between(1, UNITS.most)

SORTS = sorts(
    "ProductSort",
    default="created_at_desc",
    id=Product.id,
    created_at=Product.created_at,
    updated_at=Product.updated_at,
    title=Product.title,
    price=Product.price_min,
    stock=Product.stock,
    rating=Product.rating_average,
)


@dataclass(frozen=True, kw_only=True)
class ProductFilter:
    """Which products; all given conditions must hold."""

    search: Annotated[str | None, "Text in the title, the description or a variant's SKU."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    status: Annotated[Sequence[ProductStatus] | None, "Any of these statuses."] = None
    brand_id: Annotated[Sequence[int] | None, KeyOf("Brand"), "Any of these brands."] = None
    category_id: Annotated[
        Sequence[int] | None, KeyOf("Category"), "Any of these categories, or below them."
    ] = None
    sku: Annotated[str | None, "A variant has exactly this SKU."] = None
    is_digital: Annotated[bool | None, "Digital goods only, or only others."] = None
    in_stock: Annotated[bool | None, "Some stock left, or none."] = None
    min_stock: Annotated[int | None, "At least this many units in stock."] = None
    min_price: Annotated[int | None, MicroUnits, "A variant costs at least this."] = None
    max_price: Annotated[int | None, MicroUnits, "A variant costs at most this."] = None
    min_rating: Annotated[float | None, "Average rating of at least this many stars."] = None
    created_after: Annotated[datetime | None, "Created at or after."] = None
    created_before: Annotated[datetime | None, "Created before."] = None


@one(Product, by=Product.id, permission="product:view")
def by_id(products: Any) -> Any:
    return products


@page(Product, sorts=SORTS, permission="product:view")
def listing(products: Any, *, filter: ProductFilter | None = None) -> Any:
    return narrowed(products, filter, CONDITIONS)


of_stores = listing.by_column(Product.store_id)
of_brands = listing.by_column(Product.brand_id)
of_categories = listing.by_column(Product.category_id)


def _has_variant(*conditions: Any) -> Any:
    return exists().where(
        Variant.product_id == Product.id, Variant.deleted_at.is_(None), *conditions
    )


CONDITIONS: Conditions = {
    "search": lambda text: or_(
        contains(Product.title, text),
        contains(Product.description, text),
        _has_variant(contains(Variant.sku, text)),
    ),
    "store_id": lambda key: Product.store_id == key,
    "status": Product.status.in_,
    "brand_id": Product.brand_id.in_,
    "category_id": lambda given: Product.category_id.in_(at_or_below(given)),
    "sku": lambda sku: _has_variant(Variant.sku == sku),
    "is_digital": Product.is_digital.is_,
    "in_stock": lambda wanted: Product.stock > 0 if wanted else Product.stock <= 0,
    "min_stock": lambda units: Product.stock >= units,
    "min_price": lambda least: Product.price_max >= least,
    "max_price": lambda most: Product.price_min <= most,
    "min_rating": lambda stars: Product.rating_average >= round(min(max(stars, 0), 6) * 1000),
    "created_after": lambda at: Product.created_at >= at,
    "created_before": lambda at: Product.created_at < at,
}


@dataclass(frozen=True, kw_only=True)
class NewProduct:
    """A product to offer; with no variants it gets one of the given price and stock."""

    store_id: Annotated[int, KeyOf("Store"), "The store that sells it."]
    title: Annotated[str, Text(), "Its name, as buyers see it."]
    slug: Annotated[str | None, Slug, "Unique in the store; made of the title if left out."] = None
    description: Annotated[str | None, Text(50_000, 0), "What it is, as HTML or text."] = None
    status: Annotated[ProductStatus, "Whether buyers see it."] = ProductStatus.ACTIVE
    brand_id: Annotated[int | None, KeyOf("Brand"), "Who makes it."] = None
    category_id: Annotated[int | None, KeyOf("Category"), "Where it is filed."] = None
    is_digital: Annotated[bool, "Whether nothing is shipped."] = False
    min_quantity: Annotated[int, BATCH, "The smallest number of units sold at once."] = 1
    page_title: Annotated[str | None, Text(255, 0), "Title of its page, for search engines."] = None
    meta_description: Annotated[str | None, Text(1000, 0), "Summary for search engines."] = None
    attributes: Annotated[dict[str, Any] | None, JsonObject(), "Free-form properties."] = None
    currency: Annotated[str | None, Currency, "Of its prices; the store's if left out."] = None
    price: Annotated[int | None, MicroUnits, Price(), "Of the one variant."] = None
    stock: Annotated[int | None, UNITS, "Of the one variant."] = None
    sku: Annotated[str | None, Text(120), "Of the one variant."] = None
    options: Annotated[Sequence[OptionInput], "How its variants differ, in order."] = ()
    variants: Annotated[
        Sequence[VariantInput], Count(MOST_VARIANTS), "What is bought, in order."
    ] = ()


@dataclass(frozen=True, kw_only=True)
class ProductChanges:
    """What to change about a product. Variants and options have mutations of their own."""

    title: Annotated[str, Text(), "Its name, as buyers see it."] = ABSENT
    slug: Annotated[str, Slug, "Unique in the store."] = ABSENT
    description: Annotated[str | None, Text(50_000, 0), "What it is, as HTML or text."] = ABSENT
    status: Annotated[ProductStatus, "Whether buyers see it."] = ABSENT
    brand_id: Annotated[int | None, KeyOf("Brand"), "Who makes it."] = ABSENT
    category_id: Annotated[int | None, KeyOf("Category"), "Where it is filed."] = ABSENT
    is_digital: Annotated[bool, "Whether nothing is shipped."] = ABSENT
    min_quantity: Annotated[int, BATCH, "The smallest number of units sold at once."] = ABSENT
    page_title: Annotated[str | None, Text(255, 0), "Title of its page, for search engines."] = (
        ABSENT
    )
    meta_description: Annotated[str | None, Text(1000, 0), "Summary for search engines."] = ABSENT
    attributes: Annotated[dict[str, Any], JsonObject(), "All its free-form properties."] = ABSENT


async def create(ctx: Context, *, input: NewProduct, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("product:create")
    values = checked(input, "input")
    choices = options.checked_options(input.options, "input", "options")
    del values["options"]
    wanted: list[dict[str, Any]] = values.pop("variants")
    single = {name: values.pop(name) for name in ("price", "stock", "sku")}
    if not wanted:
        one_of_it = VariantInput(
            price=single["price"] or 0, stock=single["stock"] or 0, sku=single["sku"]
        )
        wanted = [checked(one_of_it, "input")]
    elif any(given is not None for given in single.values()):
        raise Invalid("price, stock and sku belong to each of the variants", field=("input",))
    for at, variant in enumerate(wanted):
        path = ("input", "variants", at, "options")
        options.expect_chosen(variant["options"] or {}, choices, *path)

    async def work(tx: AsyncSession) -> int:
        store = await held(tx, viewer, Store, values["store_id"], field=("input", "store_id"))
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
        await options.write(tx, product, choices)
        at = ctx.services.clock()
        tx.add_all(
            variants.made(product, variant, position=place, at=at)
            for place, variant in enumerate(wanted)
        )
        await refresh_stock(tx, [product.id])
        _tell(tx, "product.created", product)
        return product.id

    return await idempotency.once(ctx, "createProduct", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Product"), "The product."],
    changes: ProductChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("product:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        now = await seen(tx, viewer, Product, id)
        store_id, slug = now.store_id, values.get("slug", now.slug)
        if slug != now.slug:
            await held(tx, viewer, Store, store_id)
        await _check_references(tx, viewer, values, "changes", store_id=store_id)
        product = await held(tx, viewer, Product, id, expected_version=expected_version)
        if slug != product.slug:
            await slugs.claimed(
                tx, Product.slug, slug, "", Product.store_id == store_id,
                otherwise="product", inside="changes",
            )  # fmt: skip
        put(product, values)
        _tell(tx, "product.updated", product)
    return id


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Product"), "The product."],
    expected_version: int | None = None,
) -> int:
    """Delete a product with all that belongs to it. Another one may have its slug at once."""
    viewer = ctx.require("product:delete")
    at = ctx.services.clock()
    async with ctx.transaction() as tx:
        await seen(tx, viewer, Product, id)
        await variants.hold_all(tx, id)
        for row in (Variant, Offer, Review):
            live = sql_update(row).where(row.product_id == id, row.deleted_at.is_(None))
            await tx.execute(live.values(deleted_at=at, version=row.version + 1))
        product = await held(tx, viewer, Product, id, expected_version=expected_version)
        links = select(FileLink).where(
            FileLink.subject_type == "Product", FileLink.subject_id == id
        )
        for link in await tx.scalars(links):
            await tx.delete(link)
        product.deleted_at, product.slug = at, slugs.released(product.slug, id)
        _tell(tx, "product.deleted", product)
    return id


async def _check_references(
    tx: AsyncSession, viewer: Viewer, values: dict[str, Any], inside: str, *, store_id: int
) -> None:
    for name, row in (("brand_id", Brand), ("category_id", Category)):
        if (key := values.get(name)) is not None:
            await referred(tx, viewer, row, key, field=(inside, name), store_id=store_id)


def _tell(tx: AsyncSession, topic: str, product: Product) -> None:
    announce(
        tx,
        topic,
        organization_id=product.organization_id,
        store_id=product.store_id,
        subject=("product", product.id),
        title=product.title,
        status=product.status.value,
    )
