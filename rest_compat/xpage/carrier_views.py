"""Shipping carriers as the contract shows them."""

from collections.abc import Iterable
from typing import Any

from resolvers import fetch, shipping_carriers
from resolvers.context import Context


def shown(row: Any) -> dict[str, Any]:
    """A row with ``shipping_carriers.COLUMNS``."""
    return {
        "id": str(row.uuid),
        "name": row.name,
        "code": row.code,
        "status": row.status.value,
    }


async def of_carriers(ctx: Context, keys: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Carriers by key, those that take no parcels any more too."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await fetch.rows_of(ctx, shipping_carriers.by_id, wanted, {}, shipping_carriers.COLUMNS)
    return {row.id: shown(row) for row in rows if row is not None}
