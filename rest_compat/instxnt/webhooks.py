"""Webhooks: what happens in a store, in the contract's words, to endpoints that ask for these."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from db.models import FulfillmentStatus, PaymentStatus, Store
from resolvers import fetch, stores, webhook_formats
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.events import EventRecord
from resolvers.webhook_formats import EndpointFormat, Schedule, Told
from rest_compat.instxnt import order_views, store_views
from rest_compat.instxnt.wire import cents, instant, store_id

SIGNATURE = "X-Instxnt-Signature"
TOPICS = (
    "order.paid",
    "order.fulfilled",
    "order.refunded",
    "order.partially_refunded",
    "order.dispute_opened",
    "store.published",
)
MINUTE, HOUR = 60, 3600
SCHEDULE = Schedule((MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 12 * HOUR), after_refusal=True)
_UNPAID = (PaymentStatus.PENDING, PaymentStatus.ABANDONED)


async def told(ctx: Context, event: EventRecord) -> Sequence[Told]:
    """What an event is in the contract. Nothing of a row that is gone by now."""
    topics = _topics(event)
    if not topics or event.store_id is None:
        return []
    try:
        store = await fetch.find(ctx, stores.by_id, event.store_id, (Store.uuid,), what="store")
    except NotFound:
        return []
    subject = await _subject(ctx, event)
    if subject is None:
        return []
    return [
        Told(
            topic,
            orjson.dumps(
                {
                    "id": _event_id(event, place),
                    "type": topic,
                    "created_at": instant(event.created_at),
                    "store_id": store_id(store.uuid),
                    "data": _more(event, topic) | subject,
                }
            ).decode(),
        )
        for place, topic in enumerate(topics)
    ]


def _topics(event: EventRecord) -> list[str]:
    payload = event.payload
    match event.topic:
        case "store.published" | "order.disputed":
            return ["store.published" if event.topic == "store.published" else TOPICS[4]]
        case "order.created":
            paid = PaymentStatus(payload["payment_status"]) is PaymentStatus.PAID
            return ["order.paid"] if paid else []
        case "order.status_changed" if payload.get("previous_payment_status") is not None:
            return _changes(payload)
        case _:
            return []


def _changes(payload: Mapping[str, Any]) -> list[str]:
    """What is news. That a refund has failed is none here, though the status goes back."""
    found: list[str] = []
    before = PaymentStatus(payload["previous_payment_status"])
    match PaymentStatus(payload["payment_status"]):
        case PaymentStatus.PAID if before in _UNPAID:
            found.append("order.paid")
        case PaymentStatus.PARTIALLY_REFUNDED if payload.get("refund_amount"):
            found.append("order.partially_refunded")
        case PaymentStatus.REFUNDED if before is not PaymentStatus.REFUNDED:
            found.append("order.refunded")
        case _:
            pass
    done = FulfillmentStatus.FULFILLED.value
    if payload["previous_fulfillment_status"] != done == payload["fulfillment_status"]:
        found.append("order.fulfilled")
    return found


def _event_id(event: EventRecord, place: int) -> str:
    """The same in every attempt, and of its own for each thing that an event is."""
    return f"evt_{event.position}" if place == 0 else f"evt_{event.position}_{place}"


async def _subject(ctx: Context, event: EventRecord) -> dict[str, Any] | None:
    if event.topic == "store.published":
        found = await store_views.of_stores(ctx, [event.subject_id])
        return {"store": found[event.subject_id]} if event.subject_id in found else None
    shown = await order_views.of_orders(ctx, [event.subject_id])
    return {"order": shown[event.subject_id]} if event.subject_id in shown else None


def _more(event: EventRecord, topic: str) -> dict[str, Any]:
    if topic != "order.partially_refunded":
        return {}
    return {"refunded_amount_cents": cents(event.payload["refund_amount"])}


def signed(body: str, timestamp: int) -> bytes:
    """What is signed: the raw body, as the contract's sentence says; the time is not part of it."""
    del timestamp
    return body.encode()


def signature(secret: str, body: str, timestamp: int) -> Mapping[str, str]:
    """The header of one attempt: lower-case hex HMAC-SHA256, keyed with the secret as shown."""
    digest = hmac.new(secret.encode(), signed(body, timestamp), hashlib.sha256).hexdigest()
    return {SIGNATURE: f"t={timestamp},v1={digest}"}


FORMAT = webhook_formats.register(EndpointFormat("instxnt", TOPICS, told, signature, SCHEDULE))
