"""The embedded defaults: limits, documents and jobs' bell within this process only."""

import math
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable

from resolvers.services import Limit


class MemoryLimiter:
    """Limits per (limit, scope); right for one process, forgotten at its end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hits: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque[float])
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        self._seen: dict[str, float] = {}

    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        if limit.burst == 1:
            return self._in_window(limit, scope, cost)
        return self._of_bucket(limit, scope, cost)

    def _in_window(self, limit: Limit, scope: str, cost: int) -> int:
        """No window of ``limit.seconds``, wherever it begins, has more than ``limit.amount``."""
        now, hits = self._clock(), self._hits[limit.name, scope]
        while hits and hits[0] <= now - limit.seconds:
            hits.popleft()
        over = len(hits) + cost - limit.amount
        if over > 0:
            leaves = hits[min(over, len(hits)) - 1] if hits else now
            return max(1, math.ceil(leaves + limit.seconds - now))
        hits.extend([now] * cost)
        return 0

    def _of_bucket(self, limit: Limit, scope: str, cost: int) -> int:
        """``limit.burst`` times the amount may come at once, and refills evenly."""
        now, capacity = self._clock(), float(limit.amount * limit.burst)
        rate = limit.amount / limit.seconds
        level, last = self._buckets.get((limit.name, scope), (capacity, now))
        level = min(capacity, level + (now - last) * rate)
        if level < cost:
            return max(1, math.ceil((cost - level) / rate))
        self._buckets[limit.name, scope] = (level - cost, now)
        return 0

    async def first_time(self, token: str, *, seconds: int) -> bool:
        now = self._clock()
        for old in [key for key, until in self._seen.items() if until <= now]:
            del self._seen[old]
        if token in self._seen:
            return False
        self._seen[token] = now + seconds
        return True


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
