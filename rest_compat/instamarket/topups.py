"""Top-ups: money that a client announces and then sends."""

from datetime import timedelta
from typing import Any

from db.models import TopUp
from resolvers import fetch, topups
from resolvers.context import Context
from resolvers.errors import NotFound
from rest_compat.instamarket.wire import micro, unix, usdt

COLUMNS = (TopUp.uuid, TopUp.status, TopUp.address, TopUp.network, TopUp.amount, TopUp.expires_at)


async def create_topup(
    ctx: Context, *, body: dict[str, Any], idempotency_key: str | None
) -> dict[str, Any]:
    announced = topups.NewTopUp(amount=micro(body["amount_usdt"]), network=body["network"])
    key = await topups.create(ctx, input=announced, idempotency_key=idempotency_key)
    return _topup(await fetch.find(ctx, topups.by_id, key, COLUMNS, what="top-up"))


async def get_topup(ctx: Context, *, topup_id: str) -> dict[str, Any]:
    uuid = topups.parse_uuid(topup_id)
    if uuid is None:
        raise NotFound("top-up")
    lifetime = timedelta(seconds=ctx.services.wholesale.topup_record_lifetime)
    since = ctx.services.clock() - lifetime
    row = await fetch.find(ctx, topups.by_uuid, uuid, COLUMNS, what="top-up", since=since)
    return {**_topup(row), "status": row.status.value}


def _topup(row: Any) -> dict[str, Any]:
    return {
        "topup_id": str(row.uuid),
        "payment_address": row.address,
        "payment_network": row.network,
        "amount_usdt": usdt(row.amount),
        "expires_at": unix(row.expires_at),
    }
