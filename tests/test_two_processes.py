"""Two gateways over one PostgreSQL and one Redis are one to their clients."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from app.settings import Settings
from app.web import create_app
from db.engine import connect
from providers import storage
from providers.chain import SimulatedChain
from providers.memory import MemoryLimiter, NoJobs
from providers.redis_bell import RedisBell
from resolvers.feed import Feed
from resolvers.services import Services
from tests.callers import Client, GraphQL
from tests.databases import POSTGRES
from tests.fixtures import REDIS
from tests.kit import Make, fund, gid
from tests.test_subscriptions import ORDERS, PLACE, subscribed

pytestmark = pytest.mark.skipif(not (POSTGRES and REDIS), reason="needs PostgreSQL and Redis")
NEVER = 3600.0  # seconds until a feed looks by itself: what is heard was rung for


@asynccontextmanager
async def gateway(url: str, settings: Settings, vault: Any) -> AsyncGenerator[Client]:
    """A gateway with connections, a feed and a bell of its own."""
    assert REDIS is not None
    database, bell = connect(url), RedisBell(REDIS)
    feed = Feed(database, bell=bell, poll=NEVER)
    services = Services(
        database=database,
        vault=vault,
        events=feed,
        limiter=MemoryLimiter(),
        chain=SimulatedChain(database, {}),
        jobs=NoJobs(),
        storage=storage.memory(),
    )
    running = asyncio.create_task(feed.run())
    async with TestClient(TestServer(create_app(services, settings))) as client:
        yield client
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await bell.close()
    await database.close()


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_change_in_one_process_reaches_subscribers_of_the_other(
    services: Services, make: Make, settings: Settings, database_url: str
) -> None:
    store = await make.store(currency="USDT", wholesale=True)
    variant = await make.only_variant(await make.product(store, items=9, price="1.00"))
    buyer, staff = await make.wholesale_key(store), await make.key()
    await fund(services, buyer, "9")
    wanted = {"storeId": gid(store), "lines": [{"variantId": gid(variant)}]}
    async with (
        gateway(database_url, settings, services.vault) as one,
        gateway(database_url, settings, services.vault) as other,
    ):

        async def place(client: Client) -> str:
            data = await GraphQL(client).data(PLACE, key=buyer, input=wanted)
            return data["placeOrder"]["order"]["id"]

        placed = [await place(one)]
        async with subscribed(other, staff, ORDERS, after="0") as socket:
            first = await socket.next()
            placed += [await place(one), await place(other), await place(one)]
            events = [first, *[await socket.next() for _ in range(3)]]
        # The connection is gone; two more orders; then it resumes at the other process.
        placed += [await place(other), await place(one)]
        async with subscribed(one, staff, ORDERS, after=events[-1]["id"]) as socket:
            events += [await socket.next() for _ in range(2)]
            await socket.silence()

    assert len(placed) == len({event["order"]["ref"] for event in events}) == 6
    positions = [int(event["id"]) for event in events]
    assert positions == sorted(set(positions))
