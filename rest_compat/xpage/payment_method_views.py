"""Payment providers as the contract shows them: ``payment_method``."""

from collections.abc import Iterable
from typing import Any

from db.models import PaymentProvider
from resolvers import fetch, payment_providers
from resolvers.context import Context
from rest_compat.xpage.embedding import embedding

COLUMNS = (
    PaymentProvider.uuid,
    PaymentProvider.name,
    PaymentProvider.payment_types,
    PaymentProvider.active,
    PaymentProvider.connected,
)


async def of_payment_methods(ctx: Context, keys: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The ways to pay of a store, by key."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await fetch.rows_of(embedding(ctx), payment_providers.by_id, wanted, {}, COLUMNS)
    return {
        row.id: {
            "id": str(row.uuid),
            "name": row.name,
            "status": "active" if row.active else "inactive",
            "payment_types": row.payment_types,
            "connected": row.connected,
        }
        for row in rows
        if row is not None
    }
