"""Categories of the wholesale store."""

from typing import Any

from resolvers import wholesale
from resolvers.context import Context
from rest_compat.instamarket.wire import usdt


async def list_categories(ctx: Context) -> dict[str, Any]:
    """Counts and prices are of what ``GET /products`` lists by default: goods in stock."""
    return {
        "items": [
            {
                "category": shelf.slug,
                "name": shelf.name,
                "product_count": shelf.product_count,
                "min_price_usdt": None if shelf.min_price is None else usdt(shelf.min_price),
            }
            for shelf in await wholesale.shelves(ctx)
        ]
    }
