"""Stores as the contract shows them, in answers and in webhooks."""

from collections.abc import Sequence
from typing import Any

from db.models import Store
from resolvers import addresses, fetch, storefronts, stores
from resolvers.context import Context
from rest_compat.instxnt.store_status import SHOWN
from rest_compat.instxnt.wire import store_id

COLUMNS = (Store.uuid, Store.name, Store.subdomain, Store.status)


async def of_stores(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The stores that the viewer may see, whole, by key."""
    found = await fetch.rows_of(ctx, stores.by_id, keys, {}, COLUMNS) if keys else []
    rows = [row for row in found if row is not None]
    if not rows:
        return {}
    settings = await storefronts.settings_of(ctx, [row.id for row in rows])
    urls = await addresses.of_stores(ctx, [(row.id,) for row in rows])
    return {
        row.id: {**listed(row), "url": urls[at], "settings": settings[at]}
        for at, row in enumerate(rows)
    }


def listed(row: Any) -> dict[str, Any]:
    """As it is in a list; the row has ``COLUMNS``."""
    return {
        "id": store_id(row.uuid),
        "name": row.name,
        "subdomain": row.subdomain,
        "status": SHOWN[row.status],
    }
