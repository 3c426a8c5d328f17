"""What orders consist of, and the digital goods that were handed over."""

from collections.abc import Sequence
from typing import Any

from db import models
from db.models import OrderLine, StockItem
from resolvers import fetch
from resolvers.context import Context
from resolvers.reads import many, one, page, sorts


@one(OrderLine, by=OrderLine.id, permission="order:view")
def by_id(lines: Any) -> Any:
    return lines


@many(OrderLine, by=OrderLine.order_id, order=(OrderLine.id,), permission="order:view")
def of_orders(lines: Any) -> Any:
    return lines


of_deliveries = of_orders.by_column(OrderLine.delivery_id)


LINE_SORTS = sorts("OrderLineSort", default="id_desc", id=OrderLine.id, total=OrderLine.total)


@page(OrderLine, sorts=LINE_SORTS, permission="order:view")
def listing(lines: Any) -> Any:
    return lines


of_products = listing.by_column(OrderLine.product_id)
of_variants = listing.by_column(OrderLine.variant_id)


@many(StockItem, by=StockItem.order_line_id, order=(StockItem.id,), permission="order:view")
def items_of_lines(items: Any) -> Any:
    """The goods delivered for each line, sealed."""
    return items


@many(
    models.Payment,
    by=models.Payment.order_id,
    order=(models.Payment.id,),
    permission="order:view",
)
def payments_of_orders(payments: Any) -> Any:
    return payments


@one(models.Payment, by=models.Payment.id, permission="order:view")
def payment_by_id(payments: Any) -> Any:
    return payments


async def delivered(ctx: Context, line_ids: Sequence[int]) -> list[Any]:
    """The sealed goods of each line, by one statement."""
    return await fetch.rows_of(ctx, items_of_lines, line_ids, {}, (StockItem.content,))
