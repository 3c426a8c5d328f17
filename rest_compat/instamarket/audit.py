"""The audit log, for the operators of the gateway."""

from typing import Any

from resolvers import audit
from resolvers.context import Context
from resolvers.events import API_KEY
from rest_compat.instamarket.wire import unix, usdt

LAST = 50
ACTIONS = ("mint", "revoke", "credit", "topup_credited", "rotate_secret", "whitelist")


async def list_audit_entries(ctx: Context) -> dict[str, Any]:
    rows = await audit.newest(ctx.services.database, LAST, actions=ACTIONS)
    return {"items": [_entry(row) for row in rows]}


def _entry(row: Any) -> dict[str, Any]:
    details = dict(row.details)
    if "amount" in details:  # kept in micro-units
        details["amount_usdt"] = usdt(details.pop("amount"))
    return {
        "id": row.id,
        "action": row.action,
        "key_id": row.subject_id if row.subject_type == API_KEY else None,
        "actor": row.actor,
        "details": details,
        "created_at": unix(row.created_at),
    }
