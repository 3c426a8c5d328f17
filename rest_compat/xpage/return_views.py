"""Returns as the contract shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from db.models import Return, ReturnLine
from resolvers import fetch, returns
from resolvers.context import Context
from rest_compat.xpage.order_line_views import Lines

COLUMNS = (Return.uuid, Return.order_id, Return.reason, Return.delivery_id)
LINE_COLUMNS = (ReturnLine.order_line_id, ReturnLine.quantity)


async def shown(
    ctx: Context,
    rows: Sequence[Any],
    *,
    orders: Mapping[int, str],
    lines: Lines,
    deliveries: Mapping[int, Any],
) -> dict[int, dict[str, Any]]:
    """Rows with ``COLUMNS``, by key; ``orders`` are the ids of their orders by key."""
    keys = [row.id for row in rows]
    of_returns = (
        await fetch.rows_of(ctx, returns.lines_of_returns, keys, {}, LINE_COLUMNS) if keys else []
    )
    return {
        row.id: {
            "id": str(row.uuid),
            "order_id": orders[row.order_id],
            "reason": row.reason,
            "return_variants": [
                {
                    "order_variant_id": lines[each.order_line_id]["id"],
                    "quantity": each.quantity,
                    "order_variant": lines[each.order_line_id],
                }
                for each in its_lines
            ],
            "delivery": deliveries.get(row.delivery_id),
        }
        for row, its_lines in zip(rows, of_returns, strict=True)
    }
