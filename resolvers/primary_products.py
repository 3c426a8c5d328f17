"""The one product of a single-product storefront: the marked one, else the oldest of the store."""

from typing import Annotated, Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from db.models import Product, Store, Variant
from resolvers import products, search, slugs
from resolvers.context import Context
from resolvers.keys import KeyOf
from resolvers.reads import one
from resolvers.writes import held, seen


@one(Product, by=Product.store_id, permission="product:view")
def of_stores(products: Any) -> Any:
    marked, oldest = aliased(Product), aliased(Product)
    of_store = [
        (each.store_id == Product.store_id, each.deleted_at.is_(None)) for each in (marked, oldest)
    ]
    first = func.coalesce(
        select(marked.id)
        .where(*of_store[0], marked.is_primary)
        .correlate(Product)
        .scalar_subquery(),
        select(oldest.id)
        .where(*of_store[1])
        .order_by(oldest.created_at, oldest.id)
        .limit(1)
        .correlate(Product)
        .scalar_subquery(),
    )
    return products.where(Product.id == first)


async def add(tx: AsyncSession, store: Store) -> Product:
    """The primary product of a store that has none yet.

    It is called like the store. Its price of nothing says that it has none yet; its one variant is
    sold without counting.
    """
    owner: dict[str, Any] = {"organization_id": store.organization_id, "store_id": store.id}
    product = Product(
        **owner,
        title=store.name,
        slug=slugs.slug_of(store.name, otherwise="product"),
        currency=store.currency,
        is_primary=True,
    )
    tx.add(product)
    await tx.flush()
    tx.add(
        Variant(
            **owner, product_id=product.id, price=0, currency=store.currency, stock_tracked=False
        )
    )
    await search.refresh(tx, product.id)
    products.tell(tx, "product.created", product)
    return product


async def choose(
    ctx: Context,
    *,
    product_id: Annotated[
        int, KeyOf("Product"), "The product; its store has no other from now on."
    ],
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("product:update")
    field = ("product_id",)
    async with ctx.transaction() as tx:
        store_id = (await seen(tx, viewer, Product, product_id, field=field)).store_id
        await held(tx, viewer, Store, store_id, field=field)
        before = select(Product).where(
            Product.store_id == store_id, Product.is_primary, Product.deleted_at.is_(None)
        )
        others = before.where(Product.id != product_id).with_for_update(key_share=True)
        for other in await tx.scalars(others):
            other.is_primary = False
            products.tell(tx, "product.updated", other)
        await tx.flush()  # of two marked ones the database would refuse the second
        product = await held(
            tx, viewer, Product, product_id, field=field, expected_version=expected_version
        )
        if not product.is_primary:
            product.is_primary = True
            products.tell(tx, "product.updated", product)
    return product_id
