"""Health: the key is valid and the service is up."""

from typing import Any

from resolvers.context import Context
from rest_compat.instamarket.wire import unix


async def get_health(ctx: Context) -> dict[str, Any]:
    return {"status": "ok", "timestamp": unix(ctx.services.clock())}
