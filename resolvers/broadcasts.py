"""Equal followers hear of an event together: its answer is made once and handed to each of them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from resolvers.events import BATCH, EventRecord
from resolvers.followers import Follower, Sink
from resolvers.history import History
from resolvers.interests import Interest

log = structlog.get_logger()
BACKLOG = 256
TURN = 128
"""How many followers are handed an event before others get a turn of the loop."""
RETRY = 0.5

Answer = Callable[[EventRecord], Awaitable[bytes | None]]
Spawn = Callable[[Coroutine[Any, Any, None]], object]


@dataclass(frozen=True, slots=True)
class Sharing:
    """What a follower has in common with others, and the ``sink`` that is its own.

    All who have the same ``key`` have the same ``interest``, and could make the same ``answer`` to
    each event; it is None for an event to which each has to make its own.
    """

    key: Hashable
    interest: Interest
    answer: Answer
    sink: Sink


class Broadcast:
    """Hands events on to ``followers``, in order, each once.

    ``position``: matching events up to it have been handed on, all others are still to come.
    """

    def __init__(
        self,
        interest: Interest,
        answer: Answer | None,
        position: int,
        *,
        history: History,
        spawn: Spawn,
    ) -> None:
        """It has to be offered all matching events after ``position``.

        Without ``answer`` none is made. ``spawn`` starts a task and keeps it alive.
        """
        self.interest = interest
        self.position = position
        self.followers: set[Follower] = set()
        self._answer = answer
        self._history = history
        self._spawn = spawn
        self._backlog: deque[EventRecord] = deque()
        self._behind = False
        self._working = False

    def admit(self, follower: Follower) -> bool:
        """Hand it events from now on; False where it lacks some that have passed."""
        follower.live = follower.position >= self.position
        return follower.live

    def offer(self, event: EventRecord) -> None:
        """Hand an event on soon. Where too many wait already, it is read from the table later."""
        if self._behind or len(self._backlog) >= BACKLOG:
            self._backlog.clear()
            self._behind = True
        else:
            self._backlog.append(event)
        if not self._working:
            self._working = True
            self._spawn(self._work())

    async def _work(self) -> None:
        while self.followers and (self._behind or self._backlog):
            try:
                for event in await self._next():
                    await self._hand_on(event)
            except Exception:
                log.exception("broadcast_failed")
                self._behind = True
                await asyncio.sleep(RETRY)
        self._working = False

    async def _next(self) -> Sequence[EventRecord]:
        if not self._behind:
            return [self._backlog.popleft()]
        self._behind = False
        found = await self._history.since(self.position, self.interest)
        if len(found) == BATCH:
            self._behind = True
        return found

    async def _hand_on(self, event: EventRecord) -> None:
        if event.position <= self.position:
            return
        wanted = self.interest.matches(event) and any(each.live for each in self.followers)
        answer = await self._answered(event) if wanted else None
        self.position = event.position
        if not wanted:
            return
        for count, follower in enumerate(tuple(self.followers), start=1):
            if follower.live:
                self._hand_to(follower, event, answer)
            if count % TURN == 0:
                await asyncio.sleep(0)

    def _hand_to(self, follower: Follower, event: EventRecord, answer: bytes | None) -> None:
        try:
            follower.hand(event, answer)
        except Exception:  # is its alone, and no other's
            log.exception("follower_failed")
            follower.live = False
            follower.wake()

    async def _answered(self, event: EventRecord) -> bytes | None:
        if self._answer is None:
            return None
        try:
            return await self._answer(event)
        except Exception:
            log.exception("answer_failed", position=event.position)
            return None
