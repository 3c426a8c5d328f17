"""Dynamic prices: the longer nobody looks, the dearer, and from the top back to the start.

A variant with a base price costs one percent of it more every quarter of an hour. After twenty
such steps the next one leads back to the base price.
"""

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from db.models import Variant
from resolvers.context import Context
from resolvers.figures import refresh_stock
from resolvers.services import Services

INTERVAL = timedelta(minutes=15)
STEP_PERCENT = 1
CEILING_PERCENT = 20
BATCH = 200


def repriced(base: int, price: int, since: datetime, now: datetime) -> tuple[int, datetime]:
    """The price (micro-units) at ``now`` of one that was ``price`` at ``since``, and since when.

    Steps that were missed are made up for; the time within a step is not lost. A price that is no
    step of its base counts as the next one.
    """
    steps = CEILING_PERCENT // STEP_PERCENT + 1
    passed = (now - since) // INTERVAL
    percent = max(0, min(CEILING_PERCENT, -((base - price) * 100 // base)))  # rounded up
    step = (percent // STEP_PERCENT + passed) % steps
    return base + base * step * STEP_PERCENT // 100, since + passed * INTERVAL


async def sweep(services: Services) -> int:
    """Move every price that is due, and the price ranges of the products; returns how many."""
    ctx, moved, after = Context(services), 0, 0
    while True:
        found = (
            select(Variant.id)
            .where(
                Variant.base_price > 0,
                Variant.deleted_at.is_(None),
                Variant.id > after,
                or_(
                    Variant.repriced_at.is_(None),
                    Variant.repriced_at <= services.clock() - INTERVAL,
                ),
            )
            .order_by(Variant.id)
            .limit(BATCH)
        )
        ids = [row.id for row in await ctx.rows(found)]
        if not ids:
            return moved
        moved += await _reprice(ctx, ids)
        after = ids[-1]


async def _reprice(ctx: Context, ids: list[int]) -> int:
    now = ctx.services.clock()
    async with ctx.transaction() as tx:
        found = (
            select(
                Variant.id,
                Variant.product_id,
                Variant.base_price,
                Variant.price,
                Variant.repriced_at,
            )
            .where(Variant.id.in_(ids), Variant.base_price > 0)
            .order_by(Variant.id)
            .with_for_update(key_share=True)
        )
        rows = (await tx.execute(found)).all()
        for row in rows:
            price, since = row.price, now
            if row.repriced_at is not None:
                price, since = repriced(row.base_price or 0, row.price, row.repriced_at, now)
            await tx.execute(
                update(Variant)
                .where(Variant.id == row.id)
                # Nobody has edited the variant: it stays the version that it was.
                .values(price=price, repriced_at=since, updated_at=Variant.updated_at)
                .execution_options(synchronize_session=False)
            )
        await refresh_stock(tx, sorted({row.product_id for row in rows}))
    return len(rows)
