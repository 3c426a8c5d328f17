"""Figures of a store."""

from typing import Any

from db.models import Store
from resolvers import fetch, store_figures, stores
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.wire import cents


async def get_store_analytics(ctx: Asking, store_id: str) -> dict[str, Any]:
    """From the first day on."""
    key = ctx.subject
    store = await fetch.find(ctx, stores.by_id, key, (Store.currency,), what="store")
    [found] = await store_figures.of_stores(ctx, [(key, store.currency)])
    return {
        "views": found.views,
        "sales": found.sales,
        "revenue_cents": cents(found.revenue),
        "currency": found.currency,
    }
