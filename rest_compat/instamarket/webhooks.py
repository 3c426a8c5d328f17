"""Webhooks: what is posted to the address that an order was placed with."""

from collections.abc import Sequence
from typing import Any

import orjson

from db.models import ApiKey, FulfillmentStatus, Order, OrderLine, PaymentStatus
from resolvers import api_keys, fetch, order_lines, orders, webhooks
from resolvers.context import Context
from resolvers.events import EventRecord
from resolvers.webhooks import Message
from rest_compat.instamarket import items, status
from rest_compat.instamarket.status import Shown, Statuses
from rest_compat.instamarket.wire import unix, usdt

SIGNATURE = "X-Webhook-Signature"
_WITH_REASON = frozenset({status.FAILED, status.EXPIRED, status.CANCELLED})
_COLUMNS = (
    Order.webhook_url,
    Order.api_key_id,
    Order.total,
    Order.quantity,
    Order.failure_reason,
)


async def order_status_changed(ctx: Context, event: EventRecord) -> Sequence[Message]:
    """The message of an event; none where the client is not told, or named no address.

    It tells the statuses of the event, however far the order has come since, and is signed where
    the key that placed the order has a secret.
    """
    before, after = _statuses(event, "previous_"), _statuses(event, "")
    told = status.told(before, after) if before and after else None
    if told is None:
        return []
    order = await fetch.find(ctx, orders.by_id, event.subject_id, _COLUMNS, what="order")
    if order.webhook_url is None:
        return []
    body = orjson.dumps(await _body(ctx, event, order, told)).decode()
    secret = await _secret(ctx, order.api_key_id)
    headers = {SIGNATURE: webhooks.signature(secret, body)} if secret else {}
    return [Message(order.webhook_url, body, headers)]


def _statuses(event: EventRecord, prefix: str) -> Statuses | None:
    payment = event.payload.get(f"{prefix}payment_status")
    fulfillment = event.payload.get(f"{prefix}fulfillment_status")
    if payment is None or fulfillment is None:
        return None
    return PaymentStatus(payment), FulfillmentStatus(fulfillment)


async def _body(ctx: Context, event: EventRecord, order: Any, told: Shown) -> dict[str, Any]:
    lines = await fetch.load(
        ctx, order_lines.of_orders, order.id, {}, (OrderLine.id, OrderLine.product_id)
    )
    delivered = told.status == status.COMPLETED
    return {
        "order_id": order.id,
        "status": told.status,
        "price_usdt": usdt(order.total),
        "quantity": order.quantity,
        "product_id": lines[0].product_id,
        "items": await items.of_order(ctx, order.id) if delivered else None,
        "error_message": order.failure_reason if told.status in _WITH_REASON else None,
        "refunded": told.refunded,
        "fired_at": unix(event.created_at),
    }


async def _secret(ctx: Context, api_key_id: int | None) -> str | None:
    if api_key_id is None:
        return None
    [key] = await fetch.rows_of(ctx, api_keys.by_id, [api_key_id], {}, (ApiKey.secret_encrypted,))
    if key is None or key.secret_encrypted is None:
        return None
    return ctx.services.vault.open(key.secret_encrypted)


webhooks.register_shaper("order.status_changed", order_status_changed, format="instamarket")
