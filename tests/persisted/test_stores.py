"""Where documents that clients taught us are kept."""

import asyncio
import socket
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import structlog
from redis.asyncio import Redis

from app.assembly import open_services
from app.settings import Settings
from providers.memory import MemoryDocuments
from providers.redis_documents import RedisDocuments
from resolvers.services import Services
from tests.fixtures import REDIS
from tests.persisted.asking import (
    MUTATION,
    NONE,
    PLAN,
    apollo,
    code,
    gateway,
    post,
    process,
    sha,
)


@pytest.fixture
def own() -> str:
    """A name that no other test, now or earlier, has used in Redis."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
async def redis() -> AsyncGenerator[Redis]:
    if not REDIS:
        pytest.skip("no Redis is configured")
    async with Redis.from_url(REDIS) as opened:
        yield opened


async def test_memory_keeps_the_last_used_of_so_many() -> None:
    kept = MemoryDocuments(most=2, characters=10)
    await kept.put("a", "aa")
    await kept.put("b", "bb")
    assert await kept.get("a") == "aa"
    await kept.put("c", "cc")
    assert [await kept.get(name) for name in "abc"] == ["aa", None, "cc"]
    await kept.put("c", "c" * 9)
    assert [await kept.get(name) for name in "abc"] == [None, None, "c" * 9]
    await kept.put("d", "d" * 11)
    assert await kept.get("d") is None
    await kept.put("e", "e" * 10)
    assert await kept.get("e") == "e" * 10


@pytest.mark.usefixtures("redis")
async def test_redis_tells_every_process(own: str, services: Services, settings: Settings) -> None:
    here, there = process(own), process(own)
    async with gateway(services, settings, here) as client:
        await post(client, {"query": PLAN, **apollo(sha(PLAN))})
    async with gateway(services, settings, there) as client:
        assert await post(client, apollo(sha(PLAN))) == (200, NONE)
    await here.close()
    await there.close()


async def test_redis_keeps_so_many_and_not_for_ever(redis: Redis, own: str) -> None:
    texts = [f"{{ a{n} }}" for n in range(5)]
    here = process(own, most=3)
    for text in texts[:3]:
        await here.put(sha(text), text)
        await asyncio.sleep(0.005)
    there = process(own, most=3)
    assert await there.get(sha(texts[0])) == texts[0]  # used last, from now on
    await asyncio.sleep(0.005)
    for text in texts[3:]:
        await here.put(sha(text), text)
        await asyncio.sleep(0.005)
    fresh = process(own)
    found = [await fresh.get(sha(text)) is not None for text in texts]
    assert found == [True, False, False, True, True]
    keys = await redis.keys(f"{own}:*")
    assert len(keys) == 2
    assert all([0 < await redis.ttl(key) <= 100 for key in keys])

    hasty = process(own, lifetime=1)
    await hasty.put(sha("{ x }"), "{ x }")
    async with asyncio.timeout(10):
        while await redis.keys(f"{own}:*"):  # noqa: ASYNC110 - Redis goes by its own clock
            await asyncio.sleep(0.05)
    for each in (here, there, fresh, hasty):
        await each.close()


async def test_documents_that_nobody_uses_are_forgotten_among_ones_in_use(
    redis: Redis, own: str
) -> None:
    here, fresh = process(own), process(own)
    await here.put(sha("{ old }"), "{ old }")
    await redis.zadd(f"{own}:documents:used", {sha("{ old }"): 1})
    await here.put(sha("{ new }"), "{ new }")
    assert await fresh.get(sha("{ old }")) is None
    assert await fresh.get(sha("{ new }")) == "{ new }"
    await here.close()
    await fresh.close()


@pytest.mark.parametrize("lost", ["texts", "used"])
async def test_a_redis_that_dropped_half_begins_anew(redis: Redis, own: str, lost: str) -> None:
    here, fresh = process(own), process(own)
    await here.put(sha("{ a }"), "{ a }")
    await redis.delete(f"{own}:documents:{lost}")
    await here.put(sha("{ b }"), "{ b }")
    assert await fresh.get(sha("{ a }")) is None
    assert await fresh.get(sha("{ b }")) == "{ b }"
    assert await redis.hlen(f"{own}:documents:texts") == 1
    await here.close()
    await fresh.close()


async def test_a_text_that_somebody_changed_in_redis_is_not_taken(redis: Redis, own: str) -> None:
    here, fresh = process(own), process(own)
    await here.put(sha(PLAN), PLAN)
    await redis.hset(f"{own}:documents:texts", sha(PLAN), MUTATION)
    assert await fresh.get(sha(PLAN)) is None
    await here.close()
    await fresh.close()


async def test_without_redis_whoever_sends_the_text_is_served(
    services: Services, settings: Settings
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
    away = RedisDocuments(nowhere, near=MemoryDocuments())
    named = apollo(sha(PLAN))
    with structlog.testing.capture_logs() as logs:
        async with gateway(services, settings, away) as client:
            assert code((await post(client, named))[1]) == "PERSISTED_QUERY_NOT_FOUND"
            assert await post(client, {"query": PLAN, **named}) == (200, NONE)
            assert await post(client, named) == (200, NONE)  # known to this process
    assert [entry["event"] for entry in logs].count("redis_documents_away") == 1
    await away.close()


async def test_settings_say_where_documents_are_kept(embedded_folder: Path) -> None:
    for chosen, kind in (
        ({}, MemoryDocuments),
        ({"redis_url": "redis://127.0.0.1:1"}, RedisDocuments),
        ({"persisted_queries": False}, type(None)),
    ):
        settings = Settings(data_dir=embedded_folder, **chosen)  # pyright: ignore[reportArgumentType]
        async with open_services(settings, background=False) as services:
            assert isinstance(services.documents, kind)
