"""Deliveries as the contract shows them, those of returns too."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from db.models import Delivery, OrderLine, Return, ReturnLine
from resolvers import deliveries, fetch, order_lines, returns
from resolvers.context import Context
from rest_compat.xpage import carrier_views, order_line_views
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.order_line_views import Lines

COLUMNS = (
    Delivery.uuid,
    Delivery.status,
    Delivery.tracking_number,
    Delivery.tracking_url,
    Delivery.shipping_carrier_id,
)
Units = tuple[int, int]
"""A line's key, and how many units of it."""


async def of_deliveries(
    ctx: Context, keys: Sequence[int], *, lines: Lines | None = None
) -> dict[int, dict[str, Any]]:
    """The deliveries that the viewer may see, by key. ``lines`` are those shown already."""
    if not keys:
        return {}
    ctx = embedding(ctx)
    rows = await fetch.rows_of(ctx, deliveries.by_id, keys, {}, COLUMNS)
    rows = [row for row in rows if row is not None]
    contents = await _contents(ctx, keys)
    if lines is None:
        lines = await order_line_views.of_lines(
            ctx, {key for units in contents.values() for key, _ in units}
        )
    carriers = await carrier_views.of_carriers(
        ctx, (row.shipping_carrier_id for row in rows if row.shipping_carrier_id is not None)
    )
    return {
        row.id: {
            "id": str(row.uuid),
            "status": row.status.value,
            "tracking_number": row.tracking_number,
            "tracking_link": row.tracking_url,
            "shipping_carrier": carriers.get(row.shipping_carrier_id),
            "order_variants": [
                {**lines[key], "quantity": quantity}
                for key, quantity in contents.get(row.id, ())
                if key in lines
            ],
        }
        for row in rows
    }


async def _contents(ctx: Context, keys: Sequence[int]) -> dict[int, list[Units]]:
    """What is in each parcel: whole lines on the way to the buyer, some units on the way back."""
    found: defaultdict[int, list[Units]] = defaultdict(list)
    columns = (OrderLine.quantity,)
    sent = await fetch.rows_of(ctx, order_lines.of_deliveries, keys, {}, columns)
    columns = (Return.delivery_id, ReturnLine.order_line_id, ReturnLine.quantity)
    back = await fetch.rows_of(ctx, returns.lines_of_deliveries, keys, {}, columns)
    for key, outward, homeward in zip(keys, sent, back, strict=True):
        found[key] += [(row.id, row.quantity) for row in outward]
        found[key] += [(row.order_line_id, row.quantity) for row in homeward]
    return found
