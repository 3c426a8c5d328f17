"""The accounts that an order delivers, as clients read them."""

from typing import Any

from db.models import OrderLine
from resolvers import fetch, order_lines
from resolvers.context import Context


async def of_order(ctx: Context, order_id: int) -> list[dict[str, Any]]:
    """What was handed over for an order, in order, in clear."""
    lines = await fetch.load(ctx, order_lines.of_orders, order_id, {}, (OrderLine.id,))
    goods = await order_lines.delivered(ctx, [line.id for line in lines])
    return [
        _credentials(ctx.services.vault.open(item.content)) for of_line in goods for item in of_line
    ]


def _credentials(content: dict[str, Any]) -> dict[str, Any]:
    """Clients count on ``login`` and ``password`` being texts, whatever else a good consists of."""
    texts = {name: str(content.get(name, "")) for name in ("login", "password")}
    return {**content, **texts}
