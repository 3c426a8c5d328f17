"""The live feed: committed events, handed to the subscribers of this process.

One task per process numbers and reads new events once, whatever the number of subscribers. Another
process's commit is heard of through a ``Bell`` (Redis), or at the latest by polling.
"""

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Hashable,
    Sequence,
)
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import structlog
from sqlalchemy import select

from db import models
from db.engine import Database
from resolvers.broadcasts import Broadcast, Sharing
from resolvers.errors import Unavailable
from resolvers.events import BATCH, INSTALLATION, EventRecord, number
from resolvers.followers import Follower
from resolvers.history import History
from resolvers.interests import Interest
from resolvers.viewer import Viewer

log = structlog.get_logger()
REVOKED = "api_key.revoked"
LOGGED_OUT = "session.revoked"
ACTIVE = models.InstallationStatus.ACTIVE
LAST_BREATH = 5.0
Subject = tuple[int, str | None, int | None]


class Bell(Protocol):
    """Tells other processes that there is something new. It may ring late, or never."""

    async def ring(self) -> None: ...

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard`` at every ring, for ever."""
        ...


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
        self._history = History(database)
        self._bell = bell
        self._poll = poll
        self._news = asyncio.Event()
        self._committed = False
        self._position: int | None = None
        self._followers: set[Follower] = set()
        self._broadcasts: dict[Subject, dict[Hashable, Broadcast]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._advanced_at: float | None = None
        self.after_read: list[Callable[[Sequence[EventRecord]], Awaitable[None]]] = []

    @property
    def subscriber_count(self) -> int:
        """How many subscriptions are attached to this process."""
        return len(self._followers)

    def wake(self) -> None:
        """Say that this process has committed something."""
        self._committed = True
        self._news.set()

    async def run(self) -> None:
        """Read and hand out new events until cancelled; a database failure is retried."""
        listening = asyncio.create_task(self._bell.listen(self._news.set)) if self._bell else None
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
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=LAST_BREATH)

    @property
    def is_running(self) -> bool:
        """Whether new events have been handed out lately."""
        lately = time.monotonic() - 5 - 10 * self._poll
        return self._advanced_at is not None and self._advanced_at > lately

    async def advance(self) -> None:
        """Number what was committed, read what is new, hand it to the subscribers."""
        self._news.clear()
        position = await self._begun()
        while True:
            events = await self._next(position)
            for event in events:
                self._hand_out(event)
                self._position = position = event.position
            for listener in tuple(self.after_read) if events else ():
                await listener(events)
            if len(events) < BATCH:
                self._advanced_at = time.monotonic()
                return

    async def _next(self, position: int) -> list[EventRecord]:
        committed, self._committed = self._committed, False
        numbered = await number(self._database, expected=committed)
        if numbered and self._bell:
            await self._bell.ring()
        if numbered and numbered[0].position == position + 1:
            return numbered
        return await self._history.since(position)

    async def _begun(self) -> int:
        """The position up to which events have been handed out, or had been before the start."""
        if self._position is None:
            last = await self._history.last()
            if self._position is None:  # nobody else asked meanwhile
                self._position = last
        return self._position

    def _hand_out(self, event: EventRecord) -> None:
        if (ended := _ended(event)) is not None:
            for follower in self._followers:
                if follower.viewer.credential == ended:
                    follower.revoked = True
                    follower.wake()
        of = (event.organization_id, event.subject_type)
        anything = (event.organization_id, None, None)
        for subject in ((*of, event.subject_id), (*of, None), anything):
            for broadcast in self._broadcasts.get(subject, {}).values():
                if broadcast.interest.matches(event):
                    broadcast.offer(event)

    def close(self) -> None:
        """End every subscription; its client resumes elsewhere from the last id it saw."""
        self._closing = True
        for follower in self._followers:
            follower.wake()

    async def follow(
        self,
        interest: Interest,
        *,
        after: int | None = None,
        latest: bool = False,
        sharing: Sharing | None = None,
    ) -> AsyncGenerator[EventRecord]:
        """Events of interest, each once, in order: those after ``after``, then new ones.

        With ``latest`` and no ``after`` the newest matching event comes first, so that a client
        begins with the present state. With ``sharing`` most new events are not yielded: they are
        answered together with equal followers, and their answers sent to the sink, in the same
        order. Raises ``Conflict`` when events after ``after`` have been discarded, ``Invalid`` when
        it lies in the future, ``Unauthenticated`` as soon as the viewer's credential is revoked or
        expires, ``Unavailable`` when the feed is closed already.
        """
        if self._closing:
            raise Unavailable("this process is about to stop: subscribe again")
        position = await self._begun()
        follower = Follower(interest.viewer, sharing.sink if sharing else None)
        # First attach, then read history: nothing falls between.
        with self._attached(follower, interest, sharing, position) as broadcast:
            if await self._is_revoked(interest.viewer):
                follower.revoked = True  # else it is as it was: an event may have told it meanwhile
            follower.check()
            if after is not None:
                await self._history.check(after)
                follower.position = after
            elif latest and (newest := await self._history.newest(interest)):
                follower.position = max(follower.position, newest.position)
                yield newest
            while True:
                while not (follower.live or broadcast.admit(follower)):
                    for event in await self._missed(follower, broadcast, interest):
                        follower.check()
                        yield event
                await follower.wait()
                while (event := await follower.unanswered()) is not None:
                    yield event
                    follower.dequeue()
                if self._closing:
                    return

    async def _missed(
        self, follower: Follower, broadcast: Broadcast, interest: Interest
    ) -> list[EventRecord]:
        """The next events that it lacks, maybe not all of them; its position is after them."""
        passed = broadcast.position
        events = await self._history.since(follower.position, interest)
        if events:
            follower.position = events[-1].position
        if len(events) < BATCH:
            follower.position = max(follower.position, passed)
        return [event for event in events if interest.matches(event)]

    @contextmanager
    def _attached(
        self, follower: Follower, interest: Interest, sharing: Sharing | None, position: int
    ) -> Generator[Broadcast]:
        """The broadcast of those like this follower, which begins with the first of them."""
        key = sharing.key if sharing else follower
        subject = (interest.viewer.organization_id, interest.subject_type, interest.subject_id)
        alike = self._broadcasts.setdefault(subject, {})
        if key not in alike:
            alike[key] = Broadcast(
                sharing.interest if sharing else interest,
                sharing.answer if sharing else None,
                position,
                history=self._history,
                spawn=self._spawn,
            )
        broadcast = alike[key]
        follower.position = broadcast.position
        broadcast.followers.add(follower)
        self._followers.add(follower)
        try:
            yield broadcast
        finally:
            follower.live = False
            self._followers.discard(follower)
            broadcast.followers.discard(follower)
            if not broadcast.followers:
                del alike[key]
            if not alike:
                self._broadcasts.pop(subject, None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _is_revoked(self, viewer: Viewer) -> bool:
        """Whether the credential ended, or may less, before the subscriber could hear of it."""
        if viewer.api_key_id is not None:
            key = models.ApiKey
            good = select(key.id).where(key.id == viewer.api_key_id, key.revoked_at.is_(None))
        elif viewer.app_token_id is not None:
            token, app = models.AppToken, models.AppInstallation
            good = (
                select(app.permissions)
                .select_from(token)
                .join(app, (app.id == viewer.installation_id) & (app.status == ACTIVE))
                .where(token.id == viewer.app_token_id, token.revoked_at.is_(None))
            )
        elif viewer.session_id is not None:
            session = models.Session
            good = select(session.id).where(
                session.id == viewer.session_id, session.revoked_at.is_(None)
            )
        else:
            return False
        async with self._database.read() as connection:
            found = (await connection.execute(good)).scalar_one_or_none()
        if viewer.app_token_id is not None and found is not None:
            return not viewer.permissions.issubset(found)
        return found is None


def _ended(event: EventRecord) -> str | None:
    """The credential, as a viewer names it, that ended with this event."""
    if event.topic == REVOKED:
        return f"key:{event.subject_id}"
    if event.topic == LOGGED_OUT:
        return f"session:{event.subject_id}"
    if event.subject_type == INSTALLATION and event.payload["ends_access"]:
        return f"installation:{event.subject_id}"
    return None
