"""instxnt: how often a session may read and write, and how long it is told to wait."""

from collections.abc import Awaitable, Callable

import pytest

from db import models
from providers.memory import MemoryLimiter
from resolvers.services import Limit, Services
from rest_compat.instxnt.wire import store_id
from tests.callers import Reply, Rest
from tests.kit import Make
from tests.sellers import Seller, seller


class Clock:
    """Seconds that pass when a test says so."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database_kind() -> str:
    """What is tried here is the same whichever database is behind it."""
    return "sqlite"


LEFT = 5


class AlmostSpent(MemoryLimiter):
    """Whoever comes first has used up all but a few of what may come at once."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._known: set[tuple[str, str]] = set()

    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        if (limit.name, scope) not in self._known:
            self._known.add((limit.name, scope))
            await super().hit(limit, scope, limit.amount * limit.burst - LEFT)
        return await super().hit(limit, scope, cost)


@pytest.fixture
def clock(services: Services) -> Clock:
    made = Clock()
    services.limiter = AlmostSpent(made)
    return made


async def until_refused(send: Callable[[], Awaitable[Reply]]) -> tuple[int, Reply]:
    """How many went through, and what the first refusal says."""
    for count in range(200):
        if (reply := await send()).status == 429:
            return count, reply
    raise AssertionError("nothing was refused")


def writing(door: Rest, key: Seller, store: models.Store) -> Callable[[], Awaitable[Reply]]:
    """Writes that are refused for what they send; they count all the same."""
    named = store_id(store.uuid)
    return lambda: door("update_store", key=key, store_id=named, body={"name": 7})


def reading(door: Rest, key: Seller, store: models.Store) -> Callable[[], Awaitable[Reply]]:
    named = store_id(store.uuid)
    return lambda: door("list_orders", key=key, store_id=named)


async def test_writes_may_come_in_bursts_and_refill_evenly(
    instxnt: Rest, make: Make, clock: Clock
) -> None:
    write = writing(instxnt, await seller(make), await make.store())
    count, refused = await until_refused(write)
    assert count == LEFT
    assert refused.body["code"] == "rate_limited"
    assert refused.body["retry_after"] == int(refused.headers["Retry-After"]) == 1
    clock.now += 1  # a write a second comes back
    assert ((await write()).status, (await write()).status) == (400, 429)
    clock.now += 60
    assert (await until_refused(write))[0] == 60
    clock.now += 600
    assert (await until_refused(write))[0] == 120


async def test_reads_and_writes_of_each_session_are_counted_apart(
    instxnt: Rest, make: Make, clock: Clock
) -> None:
    store, mine, other = await make.store(), await seller(make), await seller(make)
    count, refused = await until_refused(reading(instxnt, mine, store))
    assert (count, refused.body["retry_after"]) == (LEFT, 1)
    clock.now += 1
    assert (await until_refused(reading(instxnt, mine, store)))[0] == 10  # 600 in a minute
    assert (await writing(instxnt, mine, store)()).status == 400
    assert (await reading(instxnt, other, store)()).status == 200


async def test_who_is_nobody_is_told_so_before_anything_is_counted(
    instxnt: Rest, clock: Clock
) -> None:
    for _ in range(2 * LEFT):
        reply = await instxnt("create_store", body={})
        assert (reply.status, reply.body["code"]) == (401, "missing_session")
    assert clock.now == Clock.now
