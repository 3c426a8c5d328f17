"""Refunds as the contract shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from db.models import Refund, RefundLine
from resolvers import fetch, refund_lines
from resolvers.context import Context
from rest_compat.xpage.order_line_views import Lines
from rest_compat.xpage.wire import money

COLUMNS = (
    Refund.uuid,
    Refund.order_id,
    Refund.return_id,
    Refund.status,
    Refund.amount,
    Refund.reason,
)
LINE_COLUMNS = (RefundLine.order_line_id, RefundLine.quantity, RefundLine.amount)


async def shown(
    ctx: Context,
    rows: Sequence[Any],
    *,
    orders: Mapping[int, str],
    lines: Lines,
    returns: Mapping[int, Any],
) -> dict[int, dict[str, Any]]:
    """Rows with ``COLUMNS``, by key; ``orders`` are the ids of their orders by key."""
    keys = [row.id for row in rows]
    of_refunds = (
        await fetch.rows_of(ctx, refund_lines.of_refunds, keys, {}, LINE_COLUMNS) if keys else []
    )
    return {
        row.id: {
            "id": str(row.uuid),
            "order_id": orders[row.order_id],
            "status": row.status.value,
            "amount": money(row.amount),
            "reason": row.reason,
            "return": returns.get(row.return_id),
            "refund_variants": [
                {
                    "order_variant_id": lines[each.order_line_id]["id"],
                    "quantity": each.quantity,
                    "amount": money(each.amount),
                    "order_variant": lines[each.order_line_id],
                }
                for each in its_lines
            ],
        }
        for row, its_lines in zip(rows, of_refunds, strict=True)
    }
