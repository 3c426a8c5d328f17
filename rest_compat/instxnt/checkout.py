"""Checkout sessions."""

from typing import Any

from db import models
from resolvers import checkouts
from resolvers.checkouts import NewCheckoutSession
from rest_compat.dialect import Call
from rest_compat.instxnt import wire
from rest_compat.instxnt.asking import Asking


async def create_checkout_session(ctx: Asking, call: Call, body: dict[str, Any]) -> Any:
    store_id = await wire.key_of(ctx, models.Store, body["store_id"], field="store_id")
    variant_id = None
    if (text := body.get("variant_id")) is not None:
        variant_id = await wire.key_of(ctx, models.Variant, text, field="variant_id")
    opened = await checkouts.create_session(
        ctx,
        input=NewCheckoutSession(
            store_id=store_id,
            variant_id=variant_id,
            quantity=body["quantity"],
            success_url=body["success_url"],
            cancel_url=body["cancel_url"],
        ),
        idempotency_key=call.headers.get("Idempotency-Key"),
    )
    return {"session_id": opened.reference, "url": opened.url}
