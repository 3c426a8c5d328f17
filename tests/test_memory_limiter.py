"""The embedded limiter: what it remembers, and for how long."""

from db.base import now
from providers.memory import MemoryLimiter
from resolvers.services import Limit
from tests.desk import Clock

WINDOW = Limit("window", 2, 3600)
BUCKET = Limit("bucket", 60, 60, burst=2)
MANY = 1_000


async def test_who_came_once_is_forgotten_and_who_has_used_up_a_limit_is_not() -> None:
    clock = Clock(now())
    limiter = MemoryLimiter(lambda: clock().timestamp())
    for number in range(MANY):
        assert await limiter.hit(BUCKET, f"{number}") == 0
        assert await limiter.first_time(f"{number}", seconds=30)
    assert await limiter.hit(WINDOW, "greedy", 2) == 0
    assert await limiter.hit(BUCKET, "greedy", 120) == 0
    assert await limiter.first_time("late", seconds=3600)
    assert limiter.remembered == 2 * MANY + 3

    clock.pass_(61)

    assert await limiter.hit(WINDOW, "greedy") == 3600 - 61
    assert await limiter.hit(BUCKET, "greedy", 120) == 59
    assert not await limiter.first_time("late", seconds=3600)
    assert await limiter.first_time("7", seconds=30)
    assert limiter.remembered == 4


async def test_a_token_is_new_again_after_its_time_whoever_looks() -> None:
    clock = Clock(now())
    limiter = MemoryLimiter(lambda: clock().timestamp())
    assert await limiter.first_time("token", seconds=30)
    assert not await limiter.first_time("token", seconds=30)

    clock.pass_(30)

    assert await limiter.first_time("token", seconds=30)
