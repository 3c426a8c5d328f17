"""Products: the lots of the wholesale store."""

from typing import Any

from resolvers import fetch, wholesale
from resolvers.context import Context
from resolvers.wholesale import Lot, LotFilter
from rest_compat.instamarket.wire import least_micro, most_micro, usdt


async def list_products(
    ctx: Context,
    *,
    category: str | None,
    sku: str | None,
    min_price: float | None,
    max_price: float | None,
    min_qty: int,
    page: int,
    page_size: int,
) -> dict[str, Any]:
    wanted = LotFilter(
        category=category,
        sku=sku,
        min_price=None if min_price is None else least_micro(min_price),
        max_price=None if max_price is None else most_micro(max_price),
        min_stock=min_qty,
    )
    lots = await wholesale.catalogue(ctx, wanted, page=page, size=page_size)
    total = await fetch.total(
        ctx, wholesale.lots, {"filter": wanted}, page=page, size=page_size, found=len(lots)
    )
    return {
        "items": [_product(lot) for lot in lots],
        "total": total,
        "page": page,
        "page_size": page_size,
    }


async def get_product(ctx: Context, *, id: int) -> dict[str, Any]:
    return _product(await wholesale.lot(ctx, id))


def _product(lot: Lot) -> dict[str, Any]:
    return {
        "id": lot.id,
        "sku": lot.sku,
        "name": lot.title,
        "category": lot.category or "",
        "price_usdt": usdt(lot.price),
        "min_quantity": lot.min_quantity,
        "stock": lot.stock,
    }
