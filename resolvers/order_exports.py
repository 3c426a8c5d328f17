"""Exports of orders: all that match, in batches, however many there are."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func
from sqlalchemy.engine import Row

from db.models import Order
from resolvers import fetch
from resolvers.context import Context
from resolvers.order_filters import CONDITIONS, SORTS, OrderFilter
from resolvers.pages import Window
from resolvers.reads import narrowed, page
from resolvers.viewer import visible

BATCH = 500


@page(Order, sorts=SORTS, permission="order:export")
def rows(orders: Any, *, filter: OrderFilter | None = None, last: int) -> Any:
    return narrowed(orders, filter, CONDITIONS).where(Order.id <= last)


async def batches(
    ctx: Context, *, filter: OrderFilter, sort: str, columns: fetch.Columns
) -> AsyncGenerator[Sequence[Row[Any]]]:
    """The orders that there are now, with ``columns``; at least one batch, which may be empty.

    Each batch is a statement of its own that goes on after the last row of the one before, and
    keeps no connection while the reader is slow. So no order comes twice or is left out that was
    there at the start and whose place in the order stays (sorted by anything but its status, every
    place does); a change that is made meanwhile shows in what is read after it.
    """
    viewer = ctx.require("order:export")
    newest = visible(viewer, Order).with_only_columns(func.max(Order.id))
    [[last]] = await ctx.rows(newest)
    arguments = {"filter": filter, "last": last or 0}
    window = Window(size=BATCH, sort=sort)
    while True:
        found = await fetch.root_page(ctx, rows, arguments, window, columns)
        yield found.rows
        if not found.has_next:
            return
        window = replace(window, after=found.cursor(found.rows[-1]))
