"""Usage: what a key was used for."""

from typing import Any

from db.models import ApiKey
from resolvers import api_keys, fetch, wholesale
from resolvers.context import Context
from rest_compat.dialect import Call
from rest_compat.instamarket.wire import unix, usdt

COLUMNS = (
    ApiKey.request_count,
    ApiKey.first_used_at,
    ApiKey.last_used_at,
    ApiKey.last_endpoint,
)


async def get_usage(ctx: Context, *, call: Call) -> dict[str, Any]:
    """``request_count`` includes this request; the last one is the one before it, if any."""
    key, at = ctx.require().api_key_id, ctx.services.clock()
    await ctx.services.usage.flush()
    row = await fetch.find(ctx, api_keys.in_use, key, COLUMNS, what="key")
    ctx.services.usage.count(row.id, call.path, at)
    totals = await wholesale.totals(ctx)
    return {
        "request_count": row.request_count + 1,
        "last_used_at": unix(row.last_used_at or at),
        "first_used_at": unix(row.first_used_at or at),
        "last_endpoint": row.last_endpoint or call.path,
        "total_spent_usdt": usdt(totals.spent),
        "total_refunded_usdt": usdt(totals.refunded),
    }
