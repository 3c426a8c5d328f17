"""What has happened. An event joins the outbox in the transaction that caused it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from db import models
from db.engine import Database

ORDER = "order"
JOB = "job"
BALANCE = "balance"
API_KEY = "api_key"
SESSION = "session"
INSTALLATION = "app_installation"
DELIVERY = "delivery"

TOPICS = (
    "order.created",
    "order.status_changed",
    "order.refunded",
    "delivery.updated",
    "job.status_changed",
    "balance.changed",
    "product.created",
    "product.updated",
    "product.deleted",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "review.created",
    "review.updated",
    "landing_page.created",
    "landing_page.updated",
    "landing_page.deleted",
    "store.updated",
    "store.published",
    "order.disputed",
    "api_key.revoked",
    "session.revoked",
    "app_installation.updated",
)


def covering(topics: Collection[str]) -> frozenset[str]:
    """All that somebody may write to hear of some of these: by name, by group, or everything."""
    return frozenset({"*", *topics, *(f"{topic.partition('.')[0]}.*" for topic in topics)})


def wants(topics: Iterable[str], topic: str) -> bool:
    """Whether a list of topics (``order.created``, ``order.*``, ``*``) covers a topic."""
    group = f"{topic.partition('.')[0]}.*"
    return not {"*", group, topic}.isdisjoint(topics)


NUMBERING_LOCK = 0x5709E6
BATCH = 500
"""How many events are numbered, or read, at a time."""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """A committed event. ``position`` grows by commit; resuming after it misses nothing."""

    position: int
    topic: str
    organization_id: int
    store_id: int | None
    subject_type: str
    subject_id: int
    payload: Mapping[str, Any]
    created_at: datetime


def announce(
    tx: AsyncSession,
    topic: str,
    *,
    organization_id: int,
    store_id: int | None,
    subject: tuple[str, int],
    **payload: Any,
) -> None:
    """Say in this transaction that something happens with it. ``payload`` must be JSON."""
    if topic not in TOPICS:
        raise ValueError(f"{topic} is no topic")
    tx.add(
        models.Event(
            organization_id=organization_id,
            store_id=store_id,
            topic=topic,
            subject_type=subject[0],
            subject_id=subject[1],
            payload=payload,
        )
    )


EVENT_COLUMNS = (
    models.Event.position,
    models.Event.topic,
    models.Event.organization_id,
    models.Event.store_id,
    models.Event.subject_type,
    models.Event.subject_id,
    models.Event.payload,
    models.Event.created_at,
)


def record(row: Row[*tuple[Any, ...]]) -> EventRecord:
    return EventRecord(
        row.position,
        row.topic,
        row.organization_id,
        row.store_id,
        row.subject_type,
        row.subject_id,
        row.payload,
        row.created_at,
    )


def _numbering() -> Any:
    event, earlier = models.Event, aliased(models.Event)
    last = select(func.coalesce(func.max(earlier.position), 0)).scalar_subquery()
    place = last + func.row_number().over(order_by=event.id)
    waiting = (
        select(event.id, place.label("place"))
        .where(event.position.is_(None))
        .order_by(event.id)
        .limit(BATCH)
        .subquery("numbered")
    )
    return (
        update(event)
        .values(position=waiting.c.place)
        .where(event.id == waiting.c.id)
        .returning(*EVENT_COLUMNS)
        .execution_options(synchronize_session=False)
    )


NUMBERING = _numbering()


async def number(database: Database, *, expected: bool = False) -> list[EventRecord]:
    """Give committed events their positions, in an order in which none can appear late.

    One process at a time does this, under a lock that it holds until its commit; so whoever has
    read up to a position will never see a smaller one appear. Returns those that were numbered, in
    order, at most ``BATCH``. Where some are ``expected`` it does not look first.
    """
    if not expected and not await _some_wait(database):
        return []
    async with database.write() as tx:
        if not database.is_sqlite:
            await tx.execute(text(f"SELECT pg_advisory_xact_lock({NUMBERING_LOCK})"))
        numbered = [record(row) for row in await tx.execute(NUMBERING)]
    return sorted(numbered, key=lambda event: event.position)


async def _some_wait(database: Database) -> bool:
    waiting = select(models.Event.id).where(models.Event.position.is_(None)).limit(1)
    async with database.read() as connection:
        return (await connection.execute(waiting)).first() is not None
