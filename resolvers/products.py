"""Products: what a store sells."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import exists, func, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Category, FileLink, Offer, Product, ProductStatus, Review, Variant
from resolvers import landing_pages, search, slugs, variants
from resolvers.categories import at_or_below
from resolvers.context import Context
from resolvers.events import announce
from resolvers.inputs import MicroUnits
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, narrowed, one, page, sorts
from resolvers.writes import held, seen

SORTS = sorts(
    "ProductSort",
    default="created_at_desc",
    id=Product.id,
    created_at=Product.created_at,
    updated_at=Product.updated_at,
    title=Product.title,
    category=func.coalesce(
        select(Category.name).where(Category.id == Product.category_id).scalar_subquery(), ""
    ),
    price=Product.price_min,
    stock=Product.stock,
    rating=Product.rating_average,
)


@dataclass(frozen=True, kw_only=True)
class ProductFilter:
    """Which products; all given conditions must hold."""

    title: Annotated[str | None, "Exactly this title."] = None
    search: Annotated[
        str | None,
        "Beginnings of words in the title, the description, the slug or a variant's SKU, all of "
        "them, in any order; case and accents do not matter.",
    ] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    status: Annotated[tuple[ProductStatus, ...] | None, "Any of these statuses."] = None
    brand_id: Annotated[tuple[int, ...] | None, KeyOf("Brand"), "Any of these brands."] = None
    category_id: Annotated[
        tuple[int, ...] | None, KeyOf("Category"), "Any of these categories, or below them."
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
    "title": lambda title: Product.title == title,
    "search": search.found,
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
        await landing_pages.delete_all(tx, id, at)
        links = select(FileLink).where(
            FileLink.subject_type == "Product", FileLink.subject_id == id
        )
        for link in await tx.scalars(links):
            await tx.delete(link)
        product.deleted_at, product.slug = at, slugs.released(product.slug, id)
        tell(tx, "product.deleted", product)
    return id


def tell(tx: AsyncSession, topic: str, product: Product) -> None:
    announce(
        tx,
        topic,
        organization_id=product.organization_id,
        store_id=product.store_id,
        subject=("product", product.id),
        title=product.title,
        status=product.status.value,
    )
