"""Somebody who follows events: where they go, what waits for them, until when they may hear."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from db.base import now
from resolvers.errors import Unauthenticated
from resolvers.events import EventRecord
from resolvers.viewer import Viewer

ROOM = 1 << 20
EACH = 1 << 10
"""Bytes: how much may wait for a follower, and what an event counts beside its answer."""


class Sink(Protocol):
    """Where the answers of one follower go."""

    def write(self, answer: bytes) -> bool:
        """Send it at once; False, and nothing is sent, where the client reads too slowly."""
        ...

    async def send(self, answer: bytes) -> None:
        """Send it, then wait until the client has room for more. Does nothing once it is gone."""
        ...


@dataclass(eq=False, slots=True)
class Follower:
    """``position`` is that of the last event it was handed; ``live`` while it is handed more.

    What cannot be sent at once waits in ``queue``: events, with their answers or with None for
    those to which the follower makes an answer of its own.
    """

    viewer: Viewer
    sink: Sink | None
    position: int = 0
    live: bool = False
    revoked: bool = False
    queue: deque[tuple[EventRecord, bytes | None]] = field(
        default_factory=deque[tuple[EventRecord, bytes | None]]
    )
    _size: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self) -> None:
        """Raise ``Unauthenticated`` once the viewer's credential has ended."""
        if self._has_ended():
            raise Unauthenticated("this credential is no longer valid")

    def _has_ended(self) -> bool:
        expires_at = self.viewer.expires_at
        return self.revoked or (expires_at is not None and expires_at <= now())

    def wake(self) -> None:
        """Let ``wait`` return."""
        self._news.set()

    async def wait(self) -> None:
        """Until there is something to do. Raises ``Unauthenticated`` when the credential ends."""
        expires_at = self.viewer.expires_at
        left = None if expires_at is None else (expires_at - now()).total_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._news.wait()
        self.check()
        self._news.clear()

    def hand(self, event: EventRecord, answer: bytes | None) -> None:
        """Send the answer at once if that is possible, else queue it.

        A follower for whom too much waits is no longer ``live``, and has to look itself for what
        comes after its ``position``.
        """
        if event.position <= self.position:
            return
        if self._has_ended():
            self.wake()
        elif not self.queue and answer is not None and self.sink and self.sink.write(answer):
            self.position = event.position
        else:
            self._enqueue(event, answer)

    def _enqueue(self, event: EventRecord, answer: bytes | None) -> None:
        size = EACH + len(answer or b"")
        if self._size + size <= ROOM:
            self._size += size
            self.queue.append((event, answer))
            self.position = event.position
        else:
            self.live = False
        self.wake()

    async def unanswered(self) -> EventRecord | None:
        """Send the answers that wait, up to the first event without one, or None.

        It stays in the queue until ``dequeue``: so nothing overtakes it. Raises
        ``Unauthenticated``.
        """
        while self.queue:
            self.check()
            event, answer = self.queue[0]
            if answer is None or self.sink is None:
                return event
            await self.sink.send(answer)
            self.dequeue()
        return None

    def dequeue(self) -> None:
        """Forget the first of the queue."""
        _, answer = self.queue.popleft()
        self._size -= EACH + len(answer or b"")
