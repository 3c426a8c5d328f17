"""The live feed: committed events, handed to the subscribers of this process.

One task per process numbers and reads new events once, whatever the number of subscribers. Another
process's commit is heard of through a ``Bell`` (Redis), or at the latest by polling.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from sqlalchemy import ColumnElement, func, select

from db import models
from db.base import now
from db.engine import Database
from resolvers.errors import Conflict, Invalid, Unauthenticated, Unavailable
from resolvers.events import API_KEY, BALANCE, EVENT_COLUMNS, EventRecord, number, record
from resolvers.viewer import Viewer

log = structlog.get_logger()
BATCH = 500
BACKLOG = 256
REVOKED = "api_key.revoked"
LAST_BREATH = 5.0


class Bell(Protocol):
    """Tells other processes that there is something new. It may ring late, or never."""

    async def ring(self) -> None: ...

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard`` at every ring, for ever."""
        ...


@dataclass(frozen=True, slots=True)
class Interest:
    """Which events a subscriber wants, within what the viewer may see."""

    viewer: Viewer
    subject_type: str
    subject_id: int | None = None
    store_id: int | None = None

    def matches(self, event: EventRecord) -> bool:
        viewer = self.viewer
        return (
            event.organization_id == viewer.organization_id
            and event.subject_type == self.subject_type
            and self.subject_id in (None, event.subject_id)
            and self.store_id in (None, event.store_id)
            and self._in_scope(event)
            and (not viewer.own_only or event.payload.get("api_key_id") == viewer.api_key_id)
        )

    def _in_scope(self, event: EventRecord) -> bool:
        """Whether it is of the viewer's stores; balances are of no store."""
        scope = self.viewer.store_ids
        return scope is None or event.subject_type == BALANCE or event.store_id in scope

    def conditions(self) -> list[ColumnElement[bool]]:
        event = models.Event
        found = [
            event.organization_id == self.viewer.organization_id,
            event.subject_type == self.subject_type,
        ]
        if self.subject_id is not None:
            found.append(event.subject_id == self.subject_id)
        if self.store_id is not None:
            found.append(event.store_id == self.store_id)
        return found


@dataclass(eq=False, slots=True)
class _Subscriber:
    interest: Interest
    backlog: deque[EventRecord] = field(default_factory=deque[EventRecord])
    behind: bool = False
    revoked: bool = False
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self) -> None:
        """Raise ``Unauthenticated`` once the viewer's credential has ended."""
        expires_at = self.interest.viewer.expires_at
        if self.revoked or (expires_at is not None and expires_at <= now()):
            raise Unauthenticated("this credential is no longer valid")

    async def wait(self) -> None:
        """Until there is news, or the credential expires."""
        expires_at = self.interest.viewer.expires_at
        left = None if expires_at is None else (expires_at - now()).total_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self.ready.wait()
        self.check()
        self.ready.clear()

    def offer(self, event: EventRecord) -> None:
        """Queue an event; a subscriber too slow for its queue reads the table instead."""
        if len(self.backlog) >= BACKLOG:
            self.backlog.clear()
            self.behind = True
        if not self.behind:
            self.backlog.append(event)
        self.ready.set()


def _is_of(viewer: Viewer, event: EventRecord) -> bool:
    return event.subject_type == API_KEY and event.subject_id == viewer.api_key_id


async def _undisturbed(work: Coroutine[Any, Any, None]) -> None:
    """Finish ``work`` even if cancelled: no statement is left half-way in its connection."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=LAST_BREATH)
        raise


class Feed:
    """Start ``run`` once per process; then ``follow`` as often as there are subscribers."""

    def __init__(self, database: Database, *, bell: Bell | None = None, poll: float = 0.5) -> None:
        """``poll``: seconds after which the table is looked at even if nobody rang."""
        self._database = database
        self._bell = bell
        self._poll = poll
        self._news = asyncio.Event()
        self._position: int | None = None
        self._subscribers: set[_Subscriber] = set()
        self._closing = False
        self._advanced_at: float | None = None
        self.after_read: list[Callable[[Sequence[EventRecord]], Awaitable[None]]] = []

    @property
    def subscriber_count(self) -> int:
        """How many subscriptions are attached to this process."""
        return len(self._subscribers)

    def wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        """Read and hand out new events until cancelled; a database failure is retried."""
        listening = asyncio.create_task(self._bell.listen(self.wake)) if self._bell else None
        try:
            while True:
                try:
                    await _undisturbed(self.advance())
                except Exception:
                    log.exception("feed_failed")
                    await asyncio.sleep(self._poll)
                with suppress(TimeoutError):
                    # Not wait_for: before Python 3.12 it could swallow a cancellation.
                    async with asyncio.timeout(self._poll):
                        await self._news.wait()
        finally:
            if listening:
                listening.cancel()

    @property
    def is_running(self) -> bool:
        """Whether new events have been handed out lately."""
        lately = time.monotonic() - 5 - 10 * self._poll
        return self._advanced_at is not None and self._advanced_at > lately

    async def advance(self) -> None:
        """Number what was committed, read what is new, hand it to the subscribers."""
        self._news.clear()
        if self._position is None:
            self._position = await self._last_position()
        if await number(self._database) and self._bell:
            await self._bell.ring()
        while True:
            events = await self._read(self._position, [])
            for event in events:
                for subscriber in tuple(self._subscribers):
                    if event.topic == REVOKED and _is_of(subscriber.interest.viewer, event):
                        subscriber.revoked = True
                        subscriber.ready.set()
                    if subscriber.interest.matches(event):
                        subscriber.offer(event)
                self._position = event.position
            for listener in tuple(self.after_read) if events else ():
                await listener(events)
            if len(events) < BATCH:
                self._advanced_at = time.monotonic()
                return

    def close(self) -> None:
        """End every subscription; its client resumes elsewhere from the last id it saw."""
        self._closing = True
        for subscriber in self._subscribers:
            subscriber.ready.set()

    async def follow(
        self, interest: Interest, *, after: int | None = None, latest: bool = False
    ) -> AsyncGenerator[EventRecord]:
        """Events of interest, each once, in order: those after ``after``, then new ones.

        With ``latest`` and no ``after`` the newest matching event comes first, so that a client
        begins with the present state. Raises ``Conflict`` when events after ``after`` have been
        discarded, ``Invalid`` when it lies in the future, ``Unauthenticated`` as soon as the
        viewer's credential is revoked or expires, ``Unavailable`` when the feed is closed already.
        """
        if self._closing:
            raise Unavailable("this process is about to stop: subscribe again")
        subscriber = _Subscriber(interest)
        self._subscribers.add(subscriber)  # first attach, then read history: nothing falls between
        try:
            last = await self._last_position()
            subscriber.revoked = subscriber.revoked or await self._is_revoked(interest.viewer)
            subscriber.check()
            if after is not None:
                await self._check(after, last)
                subscriber.behind, last = True, after
                subscriber.ready.set()
            elif latest and (newest := await self._newest(interest)):
                yield newest
                last = max(last, newest.position)
            while True:
                await subscriber.wait()
                async for event in self._pending(subscriber, last):
                    subscriber.check()
                    last = event.position
                    yield event
                if self._closing:
                    return
        finally:
            self._subscribers.discard(subscriber)

    async def _pending(self, subscriber: _Subscriber, last: int) -> AsyncGenerator[EventRecord]:
        while subscriber.behind:
            subscriber.behind = False
            while events := await self._read(last, subscriber.interest.conditions()):
                for event in events:
                    last = event.position
                    if subscriber.interest.matches(event):
                        yield event
                if len(events) < BATCH:
                    break
        while subscriber.backlog:
            event = subscriber.backlog.popleft()
            if event.position > last:
                last = event.position
                yield event
            if subscriber.behind:
                async for late in self._pending(subscriber, last):
                    last = late.position
                    yield late

    async def _check(self, after: int, last: int) -> None:
        if after > last:
            raise Invalid("there is no event with this id yet", field=("after",))
        oldest = select(func.min(models.Event.position))
        async with self._database.read() as connection:
            first = (await connection.execute(oldest)).scalar()
        if first is not None and after + 1 < first:
            raise Conflict("events after this id are no longer kept", field=("after",))

    async def _is_revoked(self, viewer: Viewer) -> bool:
        """Whether the key was revoked before the subscriber could hear of it."""
        if viewer.api_key_id is None:
            return False
        found = select(models.ApiKey.revoked_at).where(models.ApiKey.id == viewer.api_key_id)
        async with self._database.read() as connection:
            row = (await connection.execute(found)).first()
        return row is None or row.revoked_at is not None

    async def _last_position(self) -> int:
        async with self._database.read() as connection:
            found = await connection.execute(select(func.max(models.Event.position)))
            return found.scalar() or 0

    async def _newest(self, interest: Interest) -> EventRecord | None:
        newest = (
            select(*EVENT_COLUMNS)
            .where(models.Event.position.is_not(None), *interest.conditions())
            .order_by(models.Event.position.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(newest)).first()
        event = record(row) if row is not None else None
        return event if event and interest.matches(event) else None

    async def _read(
        self, after: int, conditions: Sequence[ColumnElement[bool]]
    ) -> list[EventRecord]:
        found: Any = (
            select(*EVENT_COLUMNS)
            .where(models.Event.position > after, *conditions)
            .order_by(models.Event.position)
            .limit(BATCH)
        )
        async with self._database.read() as connection:
            return [record(row) for row in (await connection.execute(found)).all()]
