"""Sums over a product's rows that are kept on the product, because lists filter and sort by them.

Written in the transaction that changes those rows. The product is locked first, by a statement of
its own: only then does the sum see what another writer of the same product has just committed.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Select, case, cast, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Product, Review, ReviewStatus, Variant


async def refresh_stock(tx: AsyncSession, product_ids: Sequence[int]) -> None:
    """Write price range and stock of products from their live variants.

    Lock the variants before, by ascending key. Products that the session has loaded are stale
    afterwards.
    """
    await _refresh(
        tx,
        product_ids,
        (Product.price_min, Product.price_max, Product.stock),
        select(
            func.coalesce(func.min(Variant.price), 0),
            func.coalesce(func.max(Variant.price), 0),
            func.coalesce(func.sum(Variant.stock), 0),
        ).where(Variant.product_id == Product.id, Variant.deleted_at.is_(None)),
    )


async def refresh_reviews(tx: AsyncSession, product_ids: Sequence[int]) -> None:
    """Write count, sum and average (thousandths of a star) of published, live reviews."""
    count, total = func.count(), cast(func.coalesce(func.sum(Review.rating), 0), BigInteger)
    # Rounded half up in whole numbers: the same on every database.
    average = case((count == 0, 0), else_=(total * 2000 + count) // (count * 2))
    await _refresh(
        tx,
        product_ids,
        (Product.review_count, Product.rating_sum, Product.rating_average),
        select(count, total, average).where(
            Review.product_id == Product.id,
            Review.deleted_at.is_(None),
            Review.status == ReviewStatus.PUBLISHED,
        ),
    )


async def _refresh(
    tx: AsyncSession,
    product_ids: Sequence[int],
    columns: tuple[Any, ...],
    figures: Select[*tuple[Any, ...]],
) -> None:
    await tx.flush()
    chosen = Product.id.in_(sorted(set(product_ids)))
    await tx.execute(
        select(Product.id).where(chosen).order_by(Product.id).with_for_update(key_share=True)
    )
    await tx.execute(
        update(Product)
        .where(chosen)
        # Nobody has edited the product: it stays the version that it was.
        .values(
            {
                tuple_(*columns): figures.correlate(Product).scalar_subquery(),
                Product.updated_at: Product.updated_at,
            }
        )
        .execution_options(synchronize_session=False)
    )
