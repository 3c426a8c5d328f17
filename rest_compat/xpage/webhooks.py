"""Webhooks: what apps are told of, as they may see it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from resolvers import addresses, app_listeners, install_flows, webhooks
from resolvers.app_listeners import Listener
from resolvers.context import Context
from resolvers.errors import Forbidden
from resolvers.events import DELIVERY, EventRecord, wants
from resolvers.webhooks import Message, Schedule
from rest_compat.xpage.customer_views import of_customers
from rest_compat.xpage.order_views import of_orders
from rest_compat.xpage.product_views import of_products
from rest_compat.xpage.review_views import of_reviews

log = structlog.get_logger()
FORMAT = "xpage"
MINUTE, HOUR = 60, 3600
SCHEDULE = Schedule((MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 12 * HOUR), after_refusal=True)
View = Callable[[Context, Sequence[int]], Awaitable[Mapping[int, Any]]]


@dataclass(frozen=True, slots=True)
class Told:
    """What an event is to apps, who may hear of it, and how they see its row."""

    topic: str
    permission: str
    view: View


_PRODUCTS = ("product:view", of_products)
_ORDERS = ("order:view", of_orders)
_CUSTOMERS = ("customer:view", of_customers)
TOLD: Mapping[str, Told] = {
    "product.created": Told("product.created", *_PRODUCTS),
    "product.updated": Told("product.updated", *_PRODUCTS),
    "order.created": Told("order.created", *_ORDERS),
    "order.updated": Told("order.updated", *_ORDERS),
    "order.status_changed": Told("order.updated", *_ORDERS),
    "order.refunded": Told("order.updated", *_ORDERS),
    "delivery.updated": Told("order.updated", *_ORDERS),
    "customer.created": Told("customer.created", *_CUSTOMERS),
    "customer.updated": Told("customer.updated", *_CUSTOMERS),
    "review.created": Told("review.created", "review:view", of_reviews),
}


async def messages(ctx: Context, event: EventRecord) -> Sequence[Message]:
    """One message to each active installation that wants to know and may see it.

    None of a row that is gone by now.
    """
    told = TOLD.get(event.topic)
    if told is None or event.store_id is None:
        return []
    listening = [
        listener
        for listener in await app_listeners.of_store(ctx, event.store_id)
        if wants(listener.topics, told.topic) and listener.viewer.may(told.permission)
    ]
    if not listening:
        return []
    domains = await addresses.domains_of_stores(ctx, [event.store_id])
    key = _key(event)
    found: list[Message] = []
    for listener in listening:
        try:
            shown = await told.view(Context(ctx.services, listener.viewer, ctx.request_id), [key])
        except Forbidden as error:  # its own matter: others are told
            log.warning("app_not_told", installation_id=listener.installation_id, why=str(error))
            continue
        if key in shown:
            domain = domains[event.store_id]
            found.append(_message(ctx, listener, told.topic, shown[key], domain=domain))
    return found


def _key(event: EventRecord) -> int:
    """The key of the row that apps are told of: of what happens to a parcel, the order."""
    return event.payload["order_id"] if event.subject_type == DELIVERY else event.subject_id


def _message(ctx: Context, listener: Listener, topic: str, data: Any, *, domain: str) -> Message:
    payload = {
        "topic": topic,
        "install_id": str(listener.uuid),
        "shop_domain": domain,
        "data": data,
    }
    body = orjson.dumps(payload).decode()
    secret: str = ctx.services.vault.open(listener.signing_secret_encrypted)
    headers = {
        "X-XPage-Topic": topic,
        install_flows.SIGNATURE: install_flows.signature(secret, body),
        "X-XPage-Shop-Domain": domain,
    }
    return Message(listener.url, body, headers, listener.installation_id)


webhooks.register_shaper("", messages, format=FORMAT, schedule=SCHEDULE)
