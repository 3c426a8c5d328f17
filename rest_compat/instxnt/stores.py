"""Stores."""

from typing import Any

from db.models import Store
from resolvers import addresses, fetch, storefronts, stores
from resolvers.storefronts import StorefrontChanges
from resolvers.stores import NewStore
from rest_compat.dialect import Call
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.status import SHOWN
from rest_compat.instxnt.wire import store_id as id_of

COLUMNS = (Store.uuid, Store.name, Store.subdomain, Store.status)
IDEMPOTENCY_KEY = "Idempotency-Key"


async def list_stores(ctx: Asking) -> dict[str, Any]:
    owner = ctx.require().organization_id
    [rows] = await fetch.rows_of(ctx, stores.of_organizations, [owner], {}, COLUMNS)
    return {"stores": [_listed(row) for row in rows]}


async def create_store(ctx: Asking, call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """The subdomain has two names; the documented one wins."""
    new = NewStore(
        name=body["name"],
        subdomain=body.get("subdomain", body.get("slug")),
        with_product=True,
    )
    key = await stores.create(ctx, input=new, idempotency_key=call.headers.get(IDEMPOTENCY_KEY))
    return await _told(ctx, key)


async def get_store(ctx: Asking, store_id: str) -> dict[str, Any]:
    return await _whole(ctx, ctx.subject)


async def update_store(ctx: Asking, store_id: str, body: dict[str, Any]) -> dict[str, Any]:
    given = {name: body[name] for name in ("name", "settings") if name in body}
    await storefronts.update(ctx, id=ctx.subject, changes=StorefrontChanges(**given))
    return await _whole(ctx, ctx.subject)


async def delete_store(ctx: Asking, store_id: str) -> None:
    await stores.delete(ctx, id=ctx.subject)


async def _whole(ctx: Asking, key: int) -> dict[str, Any]:
    shown = await _told(ctx, key)
    [settings] = await storefronts.settings_of(ctx, [key])
    return {**shown, "settings": settings}


async def _told(ctx: Asking, key: int) -> dict[str, Any]:
    row = await fetch.find(ctx, stores.by_id, key, COLUMNS, what="store")
    [url] = await addresses.of_stores(ctx, [(key,)])
    return {**_listed(row), "url": url}


def _listed(row: Any) -> dict[str, Any]:
    return {
        "id": id_of(row.uuid),
        "name": row.name,
        "subdomain": row.subdomain,
        "status": SHOWN[row.status],
    }
