"""What happened of late: the outbox, and the webhook messages that came of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from app.seed.sowing import Sowing, of
from db import models
from db.models import Event, JobStatus, Order, Store, WebhookStatus
from resolvers import events, webhooks
from resolvers.events import wants
from resolvers.fulfillment import KIND

KEPT = timedelta(days=10)
BEGINNING = ("pending", "unfulfilled")
MESSAGES = 60


def outbox(sowing: Sowing) -> None:
    """Events of the last days, numbered, and known to everybody who acts upon events."""
    since = sowing.now - KEPT
    found = [*_of_orders(sowing, since), *_of_jobs(sowing, since), *_of_balances(sowing, since)]
    found.sort(key=lambda event: event.created_at)
    for position, event in enumerate(found, 1):
        event.position = position
        sowing.rows.add(event)
    consumer = models.Consumer(name=webhooks.CONSUMER, position=len(found), created_at=sowing.now)
    sowing.rows.add(consumer)


def webhook_history(sowing: Sowing, store: Store) -> None:
    """Endpoints that are switched off, with messages that they were sent before that."""
    made_at = sowing.ago(days=60)
    endpoints = [
        sowing.rows.add(
            models.WebhookEndpoint(
                **of(store),
                url=f"https://{host}.example/hooks/storegraph",
                topics=topics,
                secret_encrypted=sowing.vault.seal(webhooks.new_secret()),
                active=False,
                description=about,
                created_at=made_at,
            ),
            updated_at=sowing.ago(hours=5),
        )
        for host, topics, about in (
            ("warehouse", ["order.*"], "Picks and packs what was paid"),
            ("newsletter", ["order.created"], "Thanks buyers; moved to another provider"),
        )
    ]
    recent = [event for event in sowing.rows.of(Event) if event.store_id == store.id]
    for event in recent[-MESSAGES:]:
        for endpoint in endpoints:
            if wants(endpoint.topics, event.topic):
                _message(sowing, endpoint, event)


def _of_orders(sowing: Sowing, since: datetime) -> Iterator[Event]:
    for order in sowing.rows.of(Order):
        before = BEGINNING
        if order.api_key_id is not None:
            before = ("paid", "processing")  # placing it paid it
        if order.created_at >= since:
            yield _order_event(order, "order.created", order.created_at, before, None)
        after = (order.payment_status.value, order.fulfillment_status.value)
        if after == before or order.updated_at < since:
            continue
        if order.refunded_total:
            refunded = ("paid", after[1])
            yield _order_event(order, "order.refunded", order.updated_at, refunded, None)
        yield _order_event(order, "order.status_changed", order.updated_at, after, before)


def _order_event(
    order: Order, topic: str, at: datetime, now: tuple[str, str], before: tuple[str, str] | None
) -> Event:
    payload: dict[str, Any] = {
        "ref": order.ref,
        "payment_status": now[0],
        "fulfillment_status": now[1],
        "previous_payment_status": before[0] if before else None,
        "previous_fulfillment_status": before[1] if before else None,
        "refunded_total": 0 if topic == "order.created" else order.refunded_total,
        "api_key_id": order.api_key_id,
    }
    return Event(
        organization_id=order.organization_id,
        store_id=order.store_id,
        topic=topic,
        subject_type=events.ORDER,
        subject_id=order.id,
        payload=payload,
        created_at=at,
    )


def _of_jobs(sowing: Sowing, since: datetime) -> Iterator[Event]:
    owners = {order.id: order.api_key_id for order in sowing.rows.of(Order)}
    for job in sowing.rows.of(models.Job):
        if job.created_at < since or job.order_id is None or job.finished_at is None:
            continue
        for status, progress, at in (
            (JobStatus.QUEUED, 0, job.created_at),
            (job.status, job.progress, job.finished_at),
        ):
            yield Event(
                organization_id=job.organization_id,
                store_id=job.store_id,
                topic="job.status_changed",
                subject_type=events.JOB,
                subject_id=job.id,
                payload={
                    "status": status.value,
                    "progress": progress,
                    "kind": KIND,
                    "order_id": job.order_id,
                    "api_key_id": owners[job.order_id],
                    "attempts": job.attempts if at is job.finished_at else 0,
                },
                created_at=at,
            )


def _of_balances(sowing: Sowing, since: datetime) -> Iterator[Event]:
    accounts = {account.id: account for account in sowing.rows.of(models.Account)}
    for entry in sowing.rows.of(models.LedgerEntry):
        account = accounts[entry.account_id]
        if entry.created_at < since or account.role is not models.AccountRole.BALANCE:
            continue
        yield Event(
            organization_id=entry.organization_id,
            store_id=None,
            topic="balance.changed",
            subject_type=events.BALANCE,
            subject_id=account.id,
            payload={
                "kind": entry.kind.value,
                "amount": entry.amount,
                "balance": entry.balance_after,
                "unit": entry.unit,
                "api_key_id": account.api_key_id,
                "transfer_id": entry.transfer_id,
            },
            created_at=entry.created_at,
        )


def _message(sowing: Sowing, endpoint: models.WebhookEndpoint, event: Event) -> None:
    told = events.EventRecord(
        event.position or 0, event.topic, event.organization_id, event.store_id,
        event.subject_type, event.subject_id, event.payload, event.created_at,
    )  # fmt: skip
    arrived = sowing.chance(0.95)
    tries = 1 if arrived else 6
    last = event.created_at + timedelta(seconds=2 if arrived else 1900)
    log = [
        {
            "at": (event.created_at + timedelta(seconds=2 + 60 * (2**number - 1))).isoformat(),
            "status": 200 if arrived else 503,
            "error": None if arrived else "HTTP 503",
            "duration_ms": sowing.rng.randint(40, 400),
            "response": None,
        }
        for number in range(tries)
    ]
    sowing.rows.add(
        models.WebhookDelivery(
            organization_id=event.organization_id,
            store_id=endpoint.store_id,
            event_id=event.id,
            endpoint_id=endpoint.id,
            order_id=event.subject_id,
            format=webhooks.FORMAT,
            topic=event.topic,
            url=endpoint.url,
            body=sowing.vault.seal(webhooks.body_of(told)),
            status=WebhookStatus.DELIVERED if arrived else WebhookStatus.FAILED,
            attempts=tries,
            attempts_log=log,
            delivered_at=last if arrived else None,
            response_status=200 if arrived else 503,
            created_at=event.created_at,
        ),
        updated_at=last,
    )
