"""Brands: who makes what a store sells."""

from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import func, or_
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Brand, BrandRole, Product, Store
from resolvers import idempotency, slugs
from resolvers.context import Context
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts, value
from resolvers.rules import Slug, Text, WebAddress, checked
from resolvers.writes import held, put, seen

SORTS = sorts(
    "BrandSort",
    default="name_asc",
    id=Brand.id,
    created_at=Brand.created_at,
    name=Brand.name,
)


@dataclass(frozen=True, kw_only=True)
class BrandFilter:
    """Which brands; all given conditions must hold."""

    search: Annotated[str | None, "Text in the name or the description."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    role: Annotated[tuple[BrandRole, ...] | None, "Any of these roles."] = None
    slug: Annotated[str | None, "Exactly this slug."] = None


CONDITIONS: Conditions = {
    "search": lambda text: or_(contains(Brand.name, text), contains(Brand.description, text)),
    "store_id": lambda key: Brand.store_id == key,
    "role": Brand.role.in_,
    "slug": lambda slug: Brand.slug == slug,
}


@one(Brand, by=Brand.id, permission="product:view")
def by_id(brands: Any) -> Any:
    return brands


@page(Brand, sorts=SORTS, permission="product:view")
def listing(brands: Any, *, filter: BrandFilter | None = None) -> Any:
    return narrowed(brands, filter, CONDITIONS)


of_stores = listing.by_column(Brand.store_id)


@value(Product, by=Product.brand_id, default=0, permission="product:view")
def product_count(products: Any) -> Any:
    return products.with_only_columns(Product.brand_id, func.count()).group_by(Product.brand_id)


@dataclass(frozen=True, kw_only=True)
class NewBrand:
    """A brand to add."""

    store_id: Annotated[int, KeyOf("Store"), "The store that carries it."]
    name: Annotated[str, Text(120), "Its name."]
    slug: Annotated[
        str | None, Slug, "Unique in the store and the role; made of the name if left out."
    ] = None
    role: Annotated[BrandRole, "What it is to the products."] = BrandRole.BRAND
    description: Annotated[str | None, Text(5000, 0), "What it is known for."] = None
    website: Annotated[str | None, WebAddress(), "Its own site."] = None


@dataclass(frozen=True, kw_only=True)
class BrandChanges:
    """What to change about a brand."""

    name: Annotated[str, Text(120), "Its name."] = ABSENT
    slug: Annotated[str, Slug, "Unique in the store and the role."] = ABSENT
    role: Annotated[BrandRole, "What it is to the products."] = ABSENT
    description: Annotated[str | None, Text(5000, 0), "What it is known for."] = ABSENT
    website: Annotated[str | None, WebAddress(), "Its own site."] = ABSENT


async def create(ctx: Context, *, input: NewBrand, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("product:create")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        store = await held(tx, viewer, Store, input.store_id, field=("input", "store_id"))
        values["slug"] = await slugs.claimed(
            tx, Brand.slug, values["slug"], values["name"],
            Brand.store_id == store.id, Brand.role == input.role, otherwise="brand",
        )  # fmt: skip
        brand = Brand(organization_id=store.organization_id, **values)
        tx.add(brand)
        await tx.flush()
        return brand.id

    return await idempotency.once(ctx, "createBrand", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Brand"), "The brand."],
    changes: BrandChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("product:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        store_id = (await seen(tx, viewer, Brand, id)).store_id
        await held(tx, viewer, Store, store_id)
        brand = await held(tx, viewer, Brand, id, expected_version=expected_version)
        slug, role = values.get("slug", brand.slug), values.get("role", brand.role)
        if (slug, role) != (brand.slug, brand.role):
            await slugs.claimed(
                tx, Brand.slug, slug, "", Brand.store_id == store_id, Brand.role == role,
                otherwise="brand", inside="changes",
            )  # fmt: skip
        put(brand, values)
    return id


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Brand"), "The brand."],
    expected_version: int | None = None,
) -> int:
    """Delete a brand; its products stay, without a brand."""
    viewer = ctx.require("product:delete")
    async with ctx.transaction() as tx:
        brand = await held(tx, viewer, Brand, id, expected_version=expected_version)
        brand.deleted_at, brand.slug = ctx.services.clock(), slugs.released(brand.slug, id)
        products = sql_update(Product).where(Product.brand_id == id)
        await tx.execute(products.values(brand_id=None, version=Product.version + 1))
    return id
