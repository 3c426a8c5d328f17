"""The embedded defaults: limits, documents and jobs' bell within this process only."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from resolvers.services import Limit

FORGETTING = 60.0
"""Seconds between two looks at what need not be remembered any longer."""


@dataclass(slots=True)
class _Window:
    """The moments of the hits of the last ``seconds``."""

    seconds: int
    hits: deque[float] = field(default_factory=deque[float])


@dataclass(slots=True)
class _Bucket:
    """It had ``level`` at the moment ``last``, and is full again at ``full``."""

    level: float
    last: float
    full: float


class MemoryLimiter:
    """Limits per (limit, scope); right for one process, forgotten at its end.

    What has no bearing any more, such as the hits of somebody who came once, is forgotten earlier.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._seen: dict[str, float] = {}
        self._forgotten_at = clock()

    @property
    def remembered(self) -> int:
        """How many scopes and tokens are remembered."""
        return len(self._windows) + len(self._buckets) + len(self._seen)

    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        now = self._now()
        if limit.burst == 1:
            return self._in_window(limit, scope, cost, now)
        return self._of_bucket(limit, scope, cost, now)

    def _in_window(self, limit: Limit, scope: str, cost: int, now: float) -> int:
        """No window of ``limit.seconds``, wherever it begins, has more than ``limit.amount``."""
        window = self._windows.get((limit.name, scope))
        if window is None:
            window = self._windows[limit.name, scope] = _Window(limit.seconds)
        hits = window.hits
        while hits and hits[0] <= now - limit.seconds:
            hits.popleft()
        over = len(hits) + cost - limit.amount
        if over > 0:
            leaves = hits[min(over, len(hits)) - 1] if hits else now
            return max(1, math.ceil(leaves + limit.seconds - now))
        hits.extend([now] * cost)
        return 0

    def _of_bucket(self, limit: Limit, scope: str, cost: int, now: float) -> int:
        """``limit.burst`` times the amount may come at once, and refills evenly."""
        capacity, rate = float(limit.amount * limit.burst), limit.amount / limit.seconds
        bucket = self._buckets.get((limit.name, scope)) or _Bucket(capacity, now, now)
        level = min(capacity, bucket.level + (now - bucket.last) * rate)
        if level < cost:
            return max(1, math.ceil((cost - level) / rate))
        level -= cost
        full = now + (capacity - level) / rate
        self._buckets[limit.name, scope] = _Bucket(level, now, full)
        return 0

    async def first_time(self, token: str, *, seconds: int) -> bool:
        now = self._now()
        if self._seen.get(token, now) > now:
            return False
        self._seen[token] = now + seconds
        return True

    def _now(self) -> float:
        now = self._clock()
        if now >= self._forgotten_at + FORGETTING:
            self._forgotten_at = now
            for key, window in tuple(self._windows.items()):
                if not window.hits or window.hits[-1] <= now - window.seconds:
                    del self._windows[key]
            for key, bucket in tuple(self._buckets.items()):
                if bucket.full <= now:
                    del self._buckets[key]
            for token, until in tuple(self._seen.items()):
                if until <= now:
                    del self._seen[token]
        return now


class MemoryDocuments:
    """Implements ``resolvers.services.DocumentStore``: the last used, of this process."""

    def __init__(self, *, most: int = 1_000, characters: int = 8_000_000) -> None:
        """At most so many texts, and so many characters of them all together."""
        self._most = most
        self._most_characters = characters
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    async def get(self, sha256: str) -> str | None:
        text = self._texts.get(sha256)
        if text is not None:
            self._texts.move_to_end(sha256)
        return text

    async def put(self, sha256: str, text: str) -> None:
        self._characters += len(text) - len(self._texts.pop(sha256, ""))
        self._texts[sha256] = text
        while len(self._texts) > self._most or self._characters > self._most_characters:
            _, oldest = self._texts.popitem(last=False)
            self._characters -= len(oldest)


class NoJobs:
    """Nobody is woken: another process looks after the jobs."""

    def wake(self) -> None: ...
