"""Orders of a store, newest first."""

from typing import Any

from resolvers import fetch, orders
from resolvers.errors import Invalid, NotFound
from resolvers.order_filters import OrderFilter
from resolvers.pages import Window
from rest_compat.instxnt import status
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.order_views import COLUMNS, of_orders, shown


async def list_orders(
    ctx: Asking, *, store_id: str, limit: int, cursor: str | None
) -> dict[str, Any]:
    del store_id  # the guard has found it
    wanted = OrderFilter(store_id=ctx.subject, payment_status=status.SHOWN)
    window = Window(limit, after=cursor, sort="created_at_desc")
    try:
        page = await fetch.root_page(ctx, orders.listing, {"filter": wanted}, window, COLUMNS)
    except Invalid as error:
        raise Invalid(str(error), field=("cursor",)) from error
    found = await shown(ctx, page.rows)
    return {
        "orders": [found[row.id] for row in page.rows],
        "next_cursor": page.cursor(page.rows[-1]) if page.has_next else None,
    }


async def get_order(ctx: Asking, *, order_id: str) -> dict[str, Any]:
    del order_id  # the guard has found it
    found = await of_orders(ctx, [ctx.subject])
    if ctx.subject not in found:
        raise NotFound("order")
    return found[ctx.subject]
