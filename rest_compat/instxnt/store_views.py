"""Stores as the contract shows them, in answers and in webhooks."""

from collections.abc import Mapping, Sequence
from typing import Any

from db.models import Store, StoreSetting, StoreStatus
from resolvers import addresses, fetch, stores
from resolvers.context import Context
from rest_compat.instxnt.wire import store_id

COLUMNS = (Store.uuid, Store.name, Store.subdomain, Store.status)
SETTINGS = "storefront"
# What buyers cannot enter is no live store, whoever has closed it.
STATUS: Mapping[StoreStatus, str] = {
    StoreStatus.DRAFT: "draft",
    StoreStatus.LIVE: "live",
    StoreStatus.SUSPENDED: "draft",
}


async def of_stores(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The stores that the viewer may see, by key. Three statements, however many there are."""
    found = await fetch.rows_of(ctx, stores.by_id, keys, {}, COLUMNS) if keys else []
    rows = [row for row in found if row is not None]
    if not rows:
        return {}
    ids = [row.id for row in rows]
    columns = (StoreSetting.name, StoreSetting.value)
    settings = await fetch.rows_of(ctx, stores.settings_of, ids, {"group": SETTINGS}, columns)
    domains = await addresses.domains_of_stores(ctx, ids)
    return {
        row.id: {
            "id": store_id(row.uuid),
            "name": row.name,
            "subdomain": row.subdomain,
            "url": f"https://{domains[row.id]}",
            "status": STATUS[row.status],
            "settings": {each.name: _plain(each.value) for each in settings[at]},
        }
        for at, row in enumerate(rows)
    }


def _plain(value: dict[str, Any]) -> Any:
    """What is no object is kept inside of one, as ``value``."""
    return value["value"] if value.keys() == {"value"} else value
