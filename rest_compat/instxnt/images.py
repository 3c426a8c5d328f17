"""Pictures of products."""

from typing import Any

from db.models import Store
from resolvers import fetch, files, product_images, stores
from resolvers.services import Limit
from rest_compat.dialect import Call
from rest_compat.instxnt import image_views
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.stores import IDEMPOTENCY_KEY

# As ``x-rate-limits`` of the contract says it; each store has its own.
PER_STORE = Limit("instxnt.image_upload", 30, 3600)


async def upload_image(
    ctx: Asking, call: Call, store_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    key = await product_images.add_to_primary(
        ctx,
        body["image"],
        store_id=ctx.subject,
        limit=PER_STORE,
        path=("body", "image"),
        idempotency_key=call.headers.get(IDEMPOTENCY_KEY),
    )
    row = await fetch.find(ctx, files.by_key, key, image_views.COLUMNS, what="file")
    store = await fetch.find(ctx, stores.by_id, ctx.subject, (Store.uuid,), what="store")
    return image_views.shown(ctx, store.uuid, row)
