"""Redis: a bell between processes, and limits that all of them share."""

import asyncio
import socket
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import pytest
import structlog

from providers.redis_bell import RedisBell
from providers.redis_limiter import RedisLimiter
from resolvers.errors import Unavailable
from resolvers.services import Limit
from tests.fixtures import REDIS

pytestmark = pytest.mark.skipif(not REDIS, reason="no Redis is configured")
URL = REDIS or ""
PATIENCE = 10.0


@pytest.fixture
def own() -> str:
    """A name that no other test, now or earlier, has used in Redis."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
async def limiters(own: str) -> AsyncGenerator[list[RedisLimiter]]:
    """Two processes' limiters over one Redis."""
    made = [RedisLimiter(URL, prefix=own) for _ in range(2)]
    yield made
    for limiter in made:
        await limiter.close()


@pytest.fixture
def nowhere() -> str:
    """The address of a Redis that is not there."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{closed.getsockname()[1]}/0"


async def listening(bell: RedisBell, heard: Callable[[], None]) -> asyncio.Task[None]:
    return asyncio.create_task(bell.listen(heard))


async def ended(task: asyncio.Task[None], *bells: RedisBell) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    for bell in bells:
        await bell.close()


async def test_a_ring_in_one_process_is_heard_in_another(own: str) -> None:
    here, there = RedisBell(URL, channel=own), RedisBell(URL, channel=own)
    heard: asyncio.Queue[None] = asyncio.Queue()
    task = await listening(there, lambda: heard.put_nowait(None))
    async with asyncio.timeout(PATIENCE):
        await heard.get()  # the connection itself
        for _ in range(3):
            await here.ring()
            await heard.get()
    await ended(task, here, there)

    assert heard.empty()


async def test_a_listener_whose_connection_breaks_comes_back(own: str) -> None:
    bell = RedisBell(URL, channel=own)
    heard: asyncio.Queue[None] = asyncio.Queue()
    closing: list[asyncio.StreamWriter] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closing.append(writer)
        host, port = URL.split("//")[1].split("/")[0].rsplit(":", 1)
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        closing.append(up_writer)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while data := await source.read(4096):
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    through = RedisBell(f"redis://127.0.0.1:{port}/0", channel=own)
    task = await listening(through, lambda: heard.put_nowait(None))
    async with asyncio.timeout(PATIENCE):
        await heard.get()
        for writer in closing:
            writer.close()
        await heard.get()  # connected anew: it looks, for it may have missed a ring
        await bell.ring()
        await heard.get()
    await ended(task, bell, through)
    server.close()


async def test_without_redis_a_ring_raises_nothing_and_is_logged_once(nowhere: str) -> None:
    bell = RedisBell(nowhere)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await bell.ring()
    await bell.close()

    assert [entry["event"] for entry in logs] == ["redis_bell_away"]


async def test_a_window_is_shared_by_all_processes_and_says_how_long_to_wait(
    limiters: list[RedisLimiter],
) -> None:
    limit = Limit("requests", amount=5, seconds=60)
    results = [await limiters[n % 2].hit(limit, "key:1") for n in range(7)]

    assert results[:5] == [0] * 5
    assert all(55 <= wait <= 60 for wait in results[5:])
    assert await limiters[0].hit(limit, "key:2") == 0
    assert await limiters[0].hit(Limit("others", amount=5, seconds=60), "key:1") == 0


async def test_no_window_has_more_than_allowed_however_many_ask_at_once(
    limiters: list[RedisLimiter],
) -> None:
    limit = Limit("requests", amount=20, seconds=60)

    waits = await asyncio.gather(*(limiters[n % 2].hit(limit, "key:1") for n in range(80)))

    assert waits.count(0) == 20


async def test_a_burst_may_come_at_once_and_refills_evenly(limiters: list[RedisLimiter]) -> None:
    limit = Limit("bulk", amount=60, seconds=60, burst=2)

    assert await limiters[0].hit(limit, "key:1", cost=120) == 0
    assert await limiters[1].hit(limit, "key:1", cost=30) in (29, 30)
    assert await limiters[1].hit(limit, "key:1") == 1


async def test_a_refused_hit_counts_for_nothing(limiters: list[RedisLimiter]) -> None:
    limit = Limit("requests", amount=3, seconds=60)

    assert await limiters[0].hit(limit, "key:1", cost=2) == 0
    assert await limiters[0].hit(limit, "key:1", cost=2) > 0
    assert await limiters[0].hit(limit, "key:1", cost=1) == 0


async def test_a_place_in_the_window_is_free_again_when_its_time_has_passed(
    limiters: list[RedisLimiter],
) -> None:
    limit = Limit("requests", amount=1, seconds=1)

    assert await limiters[0].hit(limit, "key:1") == 0
    assert await limiters[0].hit(limit, "key:1") == 1
    async with asyncio.timeout(PATIENCE):
        while await limiters[0].hit(limit, "key:1"):  # noqa: ASYNC110 - Redis goes by its own clock
            await asyncio.sleep(0.1)


async def test_a_token_is_new_once_for_all_processes(limiters: list[RedisLimiter]) -> None:
    found = await asyncio.gather(
        *(limiters[n % 2].first_time("nonce", seconds=60) for n in range(10))
    )

    assert sorted(found) == [False] * 9 + [True]
    assert await limiters[0].first_time("another", seconds=60)


async def test_limits_without_redis_are_unavailable(nowhere: str) -> None:
    limiter = RedisLimiter(nowhere)
    with pytest.raises(Unavailable):
        await limiter.hit(Limit("requests", amount=1, seconds=1), "key:1")
    with pytest.raises(Unavailable):
        await limiter.first_time("nonce", seconds=1)
    await limiter.close()
