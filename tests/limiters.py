"""Limiters that are of one mind, for tests of what surrounds them."""

from providers.memory import MemoryLimiter
from resolvers.services import Limit


class Unlimited(MemoryLimiter):
    """Lets everything through."""

    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        return 0


class Busy(MemoryLimiter):
    """Has everybody wait for 17 seconds."""

    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        return 17
