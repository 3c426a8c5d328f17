"""Shipping carriers."""

from typing import Any

from resolvers import shipping_carriers
from resolvers.context import Context
from rest_compat.xpage.carrier_views import shown


async def list_shipping_carriers(ctx: Context) -> dict[str, Any]:
    return {"carriers": [shown(row) for row in await shipping_carriers.active(ctx)]}
