"""What can be sold: taken when an order is placed, put back when it ends."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import Order, OrderLine, StockItem, Variant
from resolvers import figures
from resolvers.errors import InsufficientStock


async def lock(tx: AsyncSession, variants: Select[Any]) -> None:
    """Lock selected variants until the end of the transaction, in one order for everybody.

    Whoever changes stock locks variants first, then (by refreshing its figures) their products,
    then accounts.
    """
    ids = variants.with_only_columns(Variant.id).order_by(Variant.id)
    await tx.execute(ids.with_for_update(key_share=True))


async def take(
    tx: AsyncSession, wanted: Mapping[int, int], variants: Sequence[Variant]
) -> dict[int, int]:
    """Take ``wanted`` units of each locked variant (by id). Answers how many came out of stock.

    Those are fewer where a variant is sold beyond its stock, and none where nobody counts it; an
    order line keeps the number (``taken``), so that no more is put back. Raises
    ``InsufficientStock`` for the first variant that has too few and is not sold beyond them.
    """
    taken: dict[int, int] = {}
    for variant in variants:
        quantity = wanted[variant.id]
        taken[variant.id] = 0
        if not variant.stock_tracked:
            continue
        if variant.stock < quantity and not variant.sell_when_out_of_stock:
            raise InsufficientStock(
                f"{variant.stock} available, {quantity} requested",
                details={"available": variant.stock, "requested": quantity},
            )
        taken[variant.id] = min(quantity, variant.stock)
        await tx.execute(
            update(Variant)
            .where(Variant.id == variant.id)
            .values(stock=Variant.stock - taken[variant.id])
        )
    await figures.refresh_stock(tx, sorted({variant.product_id for variant in variants}))
    return taken


async def put_back(tx: AsyncSession, order: Order) -> None:
    """Put the goods of an order that ends back on sale.

    A digital good that was handed over already is not sold a second time: its buyer has seen it.
    """
    lines = (
        await tx.scalars(
            select(OrderLine).where(OrderLine.order_id == order.id).order_by(OrderLine.variant_id)
        )
    ).all()
    product_ids = sorted({line.product_id for line in lines if line.product_id is not None})
    await lock(tx, select(Variant).where(Variant.id.in_([line.variant_id for line in lines])))
    handed_over = (
        select(func.count())
        .select_from(StockItem)
        .where(StockItem.order_line_id == OrderLine.id)
        .correlate(OrderLine)
        .scalar_subquery()
    )
    for line in lines:
        kept = await tx.scalar(select(handed_over).where(OrderLine.id == line.id)) or 0
        taken = line.quantity if line.taken is None else line.taken
        await tx.execute(
            update(Variant)
            .where(Variant.id == line.variant_id, Variant.stock_tracked.is_(True))
            .values(stock=Variant.stock + max(0, taken - kept))
        )
    await figures.refresh_stock(tx, product_ids)


async def hand_over(tx: AsyncSession, line: OrderLine) -> int:
    """Assign to a line the digital goods that it still lacks; returns how many it lacks then.

    Items are taken oldest first, each by one order only.
    """
    item = models.StockItem
    had = await tx.scalar(
        select(func.count()).select_from(item).where(item.order_line_id == line.id)
    )
    lacking = line.quantity - (had or 0)
    if lacking <= 0:
        return 0
    free = (
        select(item.id)
        .where(item.variant_id == line.variant_id, item.state == models.StockItemState.AVAILABLE)
        .order_by(item.id)
        .limit(lacking)
        .with_for_update(skip_locked=True)
    )
    taken = (await tx.scalars(free)).all()
    await tx.execute(
        update(item)
        .where(item.id.in_(taken))
        .values(state=models.StockItemState.SOLD, order_line_id=line.id)
    )
    return lacking - len(taken)
