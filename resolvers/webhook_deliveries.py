"""Webhook deliveries: messages on their way to one address, with every attempt to get them there.

A message is sent until somebody accepts it: six attempts in eleven minutes, unless its format has a
schedule of its own. Messages about one object to one address (or one installation of an app)
arrive in order, so a later one waits until an earlier one was delivered or given up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from db.models import (
    AppInstallation,
    Event,
    InstallationStatus,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookStatus,
)
from resolvers import webhook_formats
from resolvers.context import Context
from resolvers.errors import Conflict
from resolvers.keys import KeyOf, global_id
from resolvers.reads import Conditions, narrowed, one, page, sorts
from resolvers.services import Answer, NoAnswer
from resolvers.webhook_formats import Schedule
from resolvers.webhooks import schedule_of, signed_headers
from resolvers.writes import held

PER_ADDRESS = 4
_KEPT_OF_ANSWER = 1024
_SERVER_ERROR = 500

SORTS = sorts(
    "WebhookDeliverySort",
    default="created_at_desc",
    id=WebhookDelivery.id,
    created_at=WebhookDelivery.created_at,
)


@dataclass(frozen=True, kw_only=True)
class WebhookDeliveryFilter:
    """Which deliveries; all given conditions must hold."""

    endpoint_id: Annotated[int | None, KeyOf("WebhookEndpoint"), "Only to this endpoint."] = None
    installation_id: Annotated[
        int | None, KeyOf("AppInstallation"), "Only to this installation of an app."
    ] = None
    order_id: Annotated[int | None, KeyOf("Order"), "Only about this order."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    status: Annotated[tuple[WebhookStatus, ...] | None, "Any of these statuses."] = None
    topic: Annotated[tuple[str, ...] | None, "Any of these topics."] = None
    created_after: Annotated[datetime | None, "Created at or after."] = None
    created_before: Annotated[datetime | None, "Created before."] = None


CONDITIONS: Conditions = {
    "endpoint_id": lambda key: WebhookDelivery.endpoint_id == key,
    "installation_id": lambda key: WebhookDelivery.installation_id == key,
    "order_id": lambda key: WebhookDelivery.order_id == key,
    "store_id": lambda key: WebhookDelivery.store_id == key,
    "status": WebhookDelivery.status.in_,
    "topic": WebhookDelivery.topic.in_,
    "created_after": lambda at: WebhookDelivery.created_at >= at,
    "created_before": lambda at: WebhookDelivery.created_at < at,
}


@one(WebhookDelivery, by=WebhookDelivery.id, permission="webhook:view")
def by_id(deliveries: Any) -> Any:
    return deliveries


@page(WebhookDelivery, sorts=SORTS, permission="webhook:view")
def listing(deliveries: Any, *, filter: WebhookDeliveryFilter | None = None) -> Any:
    return narrowed(deliveries, filter, CONDITIONS)


of_endpoints = listing.by_column(WebhookDelivery.endpoint_id)
of_installations = listing.by_column(WebhookDelivery.installation_id)
of_orders = listing.by_column(WebhookDelivery.order_id)


async def redeliver(
    ctx: Context, *, id: Annotated[int, KeyOf("WebhookDelivery"), "One that is not pending."]
) -> int:
    """Send the same message once more, with as many attempts as the first time."""
    viewer = ctx.require("webhook:update")
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, WebhookDelivery, id)
        if row.status is WebhookStatus.PENDING:
            raise Conflict("it is still being delivered", field=("id",))
        if row.endpoint_id is None and row.format in webhook_formats.known():
            raise Conflict("its endpoint was deleted", field=("id",))
        if row.installation_id is not None:
            installation = await tx.get_one(AppInstallation, row.installation_id)
            if installation.status is not InstallationStatus.ACTIVE:
                raise Conflict("its app is not active in the store", field=("id",))
        row.status, row.attempts = WebhookStatus.PENDING, 0
        row.next_attempt_at, row.delivered_at = ctx.services.clock(), None
    return id


# What those who send say of a delivery. Each is one transaction.


@dataclass(frozen=True, slots=True)
class Claim:
    """A message in the hands of a sender. ``attempt`` tells it from later ones."""

    delivery_id: int
    attempt: int
    url: str
    body: str
    headers: Mapping[str, str]


async def claim(
    ctx: Context, *, most: int, lease: timedelta, busy: Sequence[str] = ()
) -> list[Claim]:
    """Take messages that are due in hand, for as long as an attempt takes at most (``lease``).

    ``busy`` addresses are left out, and of others a few messages each are taken, so that one that
    never answers does not hold up all.
    """
    now = ctx.services.clock()
    due = select(WebhookDelivery.id).where(*_is_due(now, busy)).limit(1)
    if most <= 0 or not await ctx.rows(due):  # the usual case needs no write lock
        return []
    taken: dict[str, int] = {}
    claims: list[Claim] = []
    async with ctx.transaction() as tx:
        for row, sealed, installed in await _due(tx, now, busy, most):
            taken[row.url] = taken.get(row.url, 0) + 1
            if taken[row.url] > PER_ADDRESS:
                continue
            if row.installation_id is not None and installed is not InstallationStatus.ACTIVE:
                _give_up(row, "its app is not active in the store", now)
                continue
            try:
                claims.append(_opened(ctx, row, sealed, now))
            except ValueError:
                _give_up(row, "it was encrypted with a key that is gone", now)
            else:
                row.attempts += 1
                row.next_attempt_at = now + lease
    return claims


def _give_up(row: WebhookDelivery, reason: str, now: datetime) -> None:
    row.status, row.next_attempt_at = WebhookStatus.FAILED, None
    row.attempts_log = [*row.attempts_log, _entry(NoAnswer(reason), now, 0)]


def _is_due(now: datetime, busy: Sequence[str]) -> list[ColumnElement[bool]]:
    return [
        WebhookDelivery.status == WebhookStatus.PENDING,
        WebhookDelivery.next_attempt_at <= now,
        WebhookDelivery.url.not_in(busy),
    ]


async def _due(tx: AsyncSession, now: datetime, busy: Sequence[str], most: int) -> Sequence[Any]:
    earlier, its_event = aliased(WebhookDelivery), aliased(Event)
    in_its_way = (
        select(earlier.id)
        .join(its_event, its_event.id == earlier.event_id)
        .where(
            or_(
                WebhookDelivery.installation_id.is_(None)
                & earlier.installation_id.is_(None)
                & (earlier.url == WebhookDelivery.url),
                earlier.installation_id == WebhookDelivery.installation_id,
            ),
            or_(
                (its_event.subject_type == Event.subject_type)
                & (its_event.subject_id == Event.subject_id),
                # Apps are told of the order, whatever it was that happened to.
                WebhookDelivery.installation_id.is_not(None)
                & (earlier.order_id == WebhookDelivery.order_id),
            ),
            earlier.status == WebhookStatus.PENDING,
            earlier.id < WebhookDelivery.id,
        )
        .correlate(WebhookDelivery, Event)
        .exists()
    )
    found = (
        select(WebhookDelivery, WebhookEndpoint.secret_encrypted, AppInstallation.status)
        .join(Event, Event.id == WebhookDelivery.event_id)
        .outerjoin(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .outerjoin(AppInstallation, AppInstallation.id == WebhookDelivery.installation_id)
        .where(*_is_due(now, busy), ~in_its_way)
        .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id)
        .limit(most)
        .with_for_update(of=WebhookDelivery, skip_locked=True)
    )
    return (await tx.execute(found)).all()


def _opened(ctx: Context, row: WebhookDelivery, sealed: str | None, now: datetime) -> Claim:
    """The row as its next attempt. Raises ``ValueError`` where the vault cannot open it."""
    vault = ctx.services.vault
    headers, body = row.headers, vault.open(row.body)
    if sealed is not None:
        headers = _signed(row, vault.open(sealed), body, int(now.timestamp()))
    return Claim(row.id, row.attempts + 1, row.url, body, headers)


def _signed(row: WebhookDelivery, secret: str, body: str, timestamp: int) -> Mapping[str, str]:
    if (spoken := webhook_formats.named(row.format)) is not None:
        return spoken.sign(secret, body, timestamp)
    return signed_headers(
        secret,
        topic=row.topic,
        delivery=global_id("WebhookDelivery", row.id),
        body=body,
        timestamp=timestamp,
    )


async def settle(
    ctx: Context,
    claim: Claim,
    outcome: Answer | NoAnswer,
    *,
    started_at: datetime,
    duration_ms: int,
) -> None:
    """Write down how an attempt ended, and whether and when there is another.

    2xx ends it well. A server's error, a timeout and a failed connection are tried again; other
    answers (a redirect, a client's error) end it badly at once, unless the format's schedule says
    otherwise.
    """
    async with ctx.transaction() as tx:
        found = select(WebhookDelivery).where(WebhookDelivery.id == claim.delivery_id)
        row = (await tx.scalars(found.with_for_update())).one_or_none()
        if row is None:
            return
        status = outcome.status if isinstance(outcome, Answer) else None
        row.attempts_log = [*row.attempts_log, _entry(outcome, started_at, duration_ms)]
        row.response_status = status
        if row.status is not WebhookStatus.PENDING or row.attempts != claim.attempt:
            return  # another sender has it by now, or it was given up
        if status is not None and 200 <= status < 300:  # noqa: PLR2004 - any 2xx
            row.status, row.next_attempt_at = WebhookStatus.DELIVERED, None
            row.delivered_at = ctx.services.clock()
        elif (wait := _wait(schedule_of(row.format), row.attempts, outcome)) is not None:
            row.next_attempt_at = ctx.services.clock() + wait
        else:
            row.status, row.next_attempt_at = WebhookStatus.FAILED, None


def _wait(schedule: Schedule, attempts: int, outcome: Answer | NoAnswer) -> timedelta | None:
    """How long until the next attempt; None where there is none."""
    if isinstance(outcome, NoAnswer):
        worth_it = not outcome.final
    else:
        worth_it = schedule.after_refusal or outcome.status >= _SERVER_ERROR
    if not worth_it or attempts > len(schedule.backoff):
        return None
    return timedelta(seconds=schedule.backoff[attempts - 1])


def _entry(outcome: Answer | NoAnswer, started_at: datetime, duration_ms: int) -> dict[str, Any]:
    answered = isinstance(outcome, Answer)
    return {
        "at": started_at.isoformat().replace("+00:00", "Z"),
        "status": outcome.status if answered else None,
        "error": None if answered else outcome.reason,
        "duration_ms": duration_ms,
        # Cut by characters, not bytes; PostgreSQL's JSON holds no NUL.
        "response": outcome.body[:_KEPT_OF_ANSWER].replace("\x00", "") if answered else None,
    }
