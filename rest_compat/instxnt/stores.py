"""Stores."""

from typing import Any

from resolvers import fetch, storefronts, stores
from resolvers.errors import NotFound
from resolvers.storefronts import StorefrontChanges
from resolvers.stores import NewStore
from rest_compat.dialect import Call
from rest_compat.instxnt import store_views
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.store_views import COLUMNS, listed

IDEMPOTENCY_KEY = "Idempotency-Key"


async def list_stores(ctx: Asking) -> dict[str, Any]:
    owner = ctx.require().organization_id
    [rows] = await fetch.rows_of(ctx, stores.of_organizations, [owner], {}, COLUMNS)
    return {"stores": [listed(row) for row in rows]}


async def create_store(ctx: Asking, call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """The subdomain has two names; the documented one wins."""
    new = NewStore(
        name=body["name"],
        subdomain=body.get("subdomain", body.get("slug")),
        with_product=True,
    )
    key = await stores.create(ctx, input=new, idempotency_key=call.headers.get(IDEMPOTENCY_KEY))
    shown = await _whole(ctx, key)
    return {name: value for name, value in shown.items() if name != "settings"}


async def get_store(ctx: Asking, store_id: str) -> dict[str, Any]:
    return await _whole(ctx, ctx.subject)


async def update_store(ctx: Asking, store_id: str, body: dict[str, Any]) -> dict[str, Any]:
    given = {name: body[name] for name in ("name", "settings") if name in body}
    await storefronts.update(ctx, id=ctx.subject, changes=StorefrontChanges(**given))
    return await _whole(ctx, ctx.subject)


async def delete_store(ctx: Asking, store_id: str) -> None:
    await stores.delete(ctx, id=ctx.subject)


async def _whole(ctx: Asking, key: int) -> dict[str, Any]:
    found = await store_views.of_stores(ctx, [key])
    if key not in found:  # deleted at this moment
        raise NotFound("store")
    return found[key]
