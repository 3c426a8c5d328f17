"""What is not kept for ever: old events and messages, ended tokens and sessions, kept answers."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from db.models import (
    AppToken,
    Consumer,
    Event,
    IdempotencyRecord,
    Session,
    WebhookDelivery,
    WebhookStatus,
)
from jobs.batches import remove
from resolvers.services import Services

KEPT = timedelta(days=30)


async def sweep(services: Services) -> None:
    """Remove what is too old, some rows at a time, so that nobody waits long for a lock."""
    now = services.clock()
    before = now - KEPT
    await remove(services, IdempotencyRecord, IdempotencyRecord.expires_at <= now)
    await remove(services, AppToken, AppToken.expires_at <= now)
    await remove(services, Session, Session.expires_at <= now)
    await remove(
        services,
        WebhookDelivery,
        WebhookDelivery.created_at < before,
        WebhookDelivery.status != WebhookStatus.PENDING,
    )
    first = await _first_event_to_keep(services, before)
    await remove(services, Event, Event.position < first)


async def _first_event_to_keep(services: Services, before: Any) -> int:
    """The least position to keep. No event after it is removed: readers rely on there being no gap.

    Kept are events that are recent, that a consumer has not read, or that a message is about, and
    always the newest, so that positions only ever grow.
    """
    needed = (
        select(func.min(Event.position)).where(Event.created_at >= before),
        select(func.min(Consumer.position) + 1),
        select(func.min(Event.position)).select_from(Event).join(WebhookDelivery),
        select(func.max(Event.position)),
    )
    async with services.database.read() as connection:
        found = [(await connection.execute(query)).scalar() for query in needed]
    if found[1] is None:  # nobody has read any yet
        return 0
    return min(position for position in found if position is not None)
