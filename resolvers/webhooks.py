"""Webhooks: the messages that follow from events, each made once and in order.

A consumer reads events by position. In one transaction it adds the deliveries of some events and
moves on, so a crash neither loses a delivery nor makes it twice. Getting them there is another
matter (``resolvers.webhook_deliveries``).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from sqlalchemy import select
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import Consumer, Event, WebhookDelivery, WebhookEndpoint
from resolvers import webhook_formats
from resolvers.context import Context
from resolvers.events import EVENT_COLUMNS, EventRecord, record, wants
from resolvers.keys import global_id
from resolvers.money import decimal
from resolvers.webhook_formats import DEFAULT, Schedule, Told

log = structlog.get_logger()
CONSUMER = "webhooks"
BATCH = 200
FORMAT = webhook_formats.OWN
MARK = "whsec_"
_MICRO_UNITS = frozenset({"amount", "balance", "refund_amount", "refunded_total"})


@dataclass(frozen=True, slots=True)
class Message:
    """A POST to make. ``headers`` go as they are, beside a content type of JSON.

    ``installation_id`` is the installation of an app that it is for; several may have one address.
    """

    url: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    installation_id: int | None = None


Shaper = Callable[[Context, EventRecord], Awaitable[Sequence[Message]]]


@dataclass(frozen=True, slots=True)
class _Shaping:
    topics: str
    shape: Shaper
    format: str


_SHAPINGS: list[_Shaping] = []
_SCHEDULES: dict[str, Schedule] = {}


def register_shaper(
    topic_prefix: str, shape: Shaper, *, format: str, schedule: Schedule = DEFAULT
) -> None:
    """Have a dialect (``format`` names it) make messages of its own of some events.

    ``shape`` gets a context of the gateway itself within the event's organization. Messages of one
    event to one address and installation are sent once, on the format's ``schedule``. Registering
    the same twice changes nothing.
    """
    shaping = _Shaping(topic_prefix, shape, format)
    if shaping not in _SHAPINGS:
        _SHAPINGS.append(shaping)
    _SCHEDULES[format] = schedule


def schedule_of(format: str) -> Schedule:
    """When messages of a format are sent again that nobody accepted."""
    if (spoken := webhook_formats.named(format)) is not None:
        return spoken.schedule
    return _SCHEDULES.get(format, DEFAULT)


async def consume(ctx: Context) -> bool:
    """Make the deliveries of the next events. True: there may be more of them."""
    position = await _position(ctx)
    found = (
        select(Event.id, *EVENT_COLUMNS)
        .where(Event.position > position)
        .order_by(Event.position)
        .limit(BATCH)
    )
    events = await ctx.rows(found)
    if not events:
        return False
    endpoints = await _endpoints(ctx, {row.store_id for row in events if row.store_id is not None})
    deliveries: list[WebhookDelivery] = []
    for row in events:
        event = record(row)
        if event.store_id is not None:
            listening = [each for each in endpoints if each.store_id == event.store_id]
            deliveries += await _to_endpoints(ctx, row.id, event, listening)
            deliveries += await _shaped(ctx, row.id, event.store_id, event)
    async with ctx.transaction() as tx:
        consumer = await _consumer(tx)
        if consumer.position == position:  # else another process was faster
            tx.add_all(deliveries)
            consumer.position = events[-1].position
    return True


async def _position(ctx: Context) -> int:
    rows = await ctx.rows(select(Consumer.position).where(Consumer.name == CONSUMER))
    return rows[0].position if rows else 0


async def _consumer(tx: AsyncSession) -> Consumer:
    """The consumer's row, locked. Two that make it at once: one of them fails, and looks again."""
    found = select(Consumer).where(Consumer.name == CONSUMER).with_for_update()
    consumer = (await tx.scalars(found)).one_or_none()
    if consumer is None:
        consumer = Consumer(name=CONSUMER)
        tx.add(consumer)
        await tx.flush()
    return consumer


async def _endpoints(ctx: Context, store_ids: set[int]) -> Sequence[Row[Any]]:
    found = (
        select(
            WebhookEndpoint.id,
            WebhookEndpoint.store_id,
            WebhookEndpoint.url,
            WebhookEndpoint.topics,
            WebhookEndpoint.format,
        )
        .join(models.Store, models.Store.id == WebhookEndpoint.store_id)
        .where(
            WebhookEndpoint.store_id.in_(store_ids),
            WebhookEndpoint.active,
            models.Store.deleted_at.is_(None),
        )
        .order_by(WebhookEndpoint.id)
    )
    return await ctx.rows(found)


async def _to_endpoints(
    ctx: Context, event_id: int, event: EventRecord, endpoints: Sequence[Row[Any]]
) -> list[WebhookDelivery]:
    told = {
        name: await _told(ctx, event, name)
        for name in sorted({endpoint.format for endpoint in endpoints})
    }
    return [
        WebhookDelivery(
            organization_id=event.organization_id,
            store_id=endpoint.store_id,
            event_id=event_id,
            endpoint_id=endpoint.id,
            order_id=_order_of(event),
            format=endpoint.format,
            topic=each.topic,
            url=endpoint.url,
            body=ctx.services.vault.seal(each.body),
            next_attempt_at=ctx.services.clock(),
        )
        for endpoint in endpoints
        for each in told[endpoint.format]
        if wants(endpoint.topics, each.topic)
    ]


async def _told(ctx: Context, event: EventRecord, format: str) -> Sequence[Told]:
    """What an event is to endpoints of a format."""
    if format == FORMAT:
        return [Told(event.topic, body_of(event))]
    if (spoken := webhook_formats.named(format)) is None:
        log.error("webhook_format_unknown", format=format, position=event.position)
        return []
    try:
        return await spoken.shape(ctx.as_system(event.organization_id), event)
    except DBAPIError:
        raise  # the database is away: the whole batch waits for it
    except Exception:  # a bug in one dialect must not stop the webhooks of all
        log.exception("webhook_not_shaped", format=format, position=event.position)
        return []


async def _shaped(
    ctx: Context, event_id: int, store_id: int, event: EventRecord
) -> list[WebhookDelivery]:
    found: dict[tuple[str, int | None], WebhookDelivery] = {}
    for shaping in _SHAPINGS:
        if not event.topic.startswith(shaping.topics):
            continue
        try:
            messages = await shaping.shape(ctx.as_system(event.organization_id), event)
        except DBAPIError:
            raise  # the database is away: the whole batch waits for it
        except Exception:  # a bug in one dialect must not stop the webhooks of all
            log.exception("webhook_not_shaped", format=shaping.format, position=event.position)
            continue
        for message in messages:
            found.setdefault(
                (message.url, message.installation_id),
                WebhookDelivery(
                    organization_id=event.organization_id,
                    store_id=store_id,
                    event_id=event_id,
                    installation_id=message.installation_id,
                    order_id=_order_of(event),
                    format=shaping.format,
                    topic=event.topic,
                    url=message.url,
                    body=ctx.services.vault.seal(message.body),
                    headers=dict(message.headers),
                    next_attempt_at=ctx.services.clock(),
                ),
            )
    return list(found.values())


def _order_of(event: EventRecord) -> int | None:
    return event.subject_id if event.subject_type == "order" else event.payload.get("order_id")


# The store's own format


def body_of(event: EventRecord) -> str:
    """An event as JSON. Keys become global ids, micro-units decimals; ``id`` orders events."""
    data = {"id": global_id(_noun(event.subject_type), event.subject_id)}
    for name, value in event.payload.items():
        if name != "api_key_id":
            data[name] = _public(name, value)
    store = None if event.store_id is None else global_id("Store", event.store_id)
    body = {
        "id": str(event.position),
        "topic": event.topic,
        "created_at": event.created_at.isoformat().replace("+00:00", "Z"),
        "store_id": store,
        "data": data,
    }
    return orjson.dumps(body).decode()


def _public(name: str, value: Any) -> Any:
    if isinstance(value, int) and name.endswith("_id"):
        return global_id(_noun(name.removesuffix("_id")), value)
    if isinstance(value, int) and name in _MICRO_UNITS:
        return format(decimal(value), "f")
    return value


def _noun(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def new_secret() -> str:
    """An endpoint's secret, of 256 random bits."""
    return MARK + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, body: str) -> str:
    """The value of X-Webhook-Signature: lower-case hex HMAC-SHA256 of the raw body.

    The key is the bytes of the secret's text as it is shown.
    """
    return hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def signed_headers(
    secret: str, *, topic: str, delivery: str, body: str, timestamp: int
) -> dict[str, str]:
    """The headers of the store's own format; ``delivery`` is the same in every attempt.

    Those in lower case follow the Standard Webhooks specification, version 1, whose libraries take
    the secret as it is shown; the key in it is what follows ``whsec_``, decoded.
    """
    signed = f"{delivery}.{timestamp}.{body}".encode()
    key = base64.b64decode(secret.removeprefix(MARK))
    standard = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "X-Storegraph-Topic": topic,
        "X-Storegraph-Delivery": delivery,
        "X-Webhook-Signature": signature(secret, body),
        "webhook-id": delivery,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(standard).decode()}",
    }
