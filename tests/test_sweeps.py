"""What is done again and again: moving prices, forgetting what is old, one process at a time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from db import models
from jobs import retention
from jobs.background import working
from jobs.sweeps import Scheduler, Sweep
from providers.outbound import OutboundHttp
from resolvers import jobs, pricing
from resolvers.context import Context
from resolvers.events import announce, number
from resolvers.interests import Interest
from resolvers.money import micro
from resolvers.services import Services
from resolvers.viewer import system
from tests.callers import GraphQL
from tests.kit import Make, gid

NOW = datetime(2026, 5, 23, 12, tzinfo=UTC)
PATIENCE = 20.0
RANGE = """query ($id: ID!) { product(id: $id) { maxPrice { amount } } }"""


@pytest.mark.parametrize(
    ("minutes", "price", "since"),
    [
        (0, "10.00", 0),
        (14, "10.00", 0),
        (15, "10.10", 15),
        (44, "10.20", 30),
        (300, "12.00", 300),
        (315, "10.00", 315),
        (330, "10.10", 330),
    ],
)
def test_a_price_climbs_by_a_percent_a_quarter_and_falls_back_from_the_top(
    minutes: int, price: str, since: int
) -> None:
    base = micro("10.00")

    moved = pricing.repriced(base, base, NOW, NOW + timedelta(minutes=minutes))

    assert moved == (micro(price), NOW + timedelta(minutes=since))


@pytest.mark.parametrize("base", [1, 7, 99, 101, 12_340_000, 10**15 + 1])
def test_step_by_step_a_price_takes_the_same_way_as_at_once(base: int) -> None:
    price, since = base, NOW
    for step in range(1, 50):
        at = NOW + step * pricing.INTERVAL
        price, since = pricing.repriced(base, price, since, at)
        if base >= 100:  # below, a percent is less than the least amount
            assert (price, since) == pricing.repriced(base, base, NOW, at)
        assert base <= price <= base * 120 // 100


async def test_the_sweep_moves_prices_and_the_price_range_of_the_product(
    services: Services, make: Make, gql: GraphQL
) -> None:
    services.clock = lambda: NOW
    product = await make.product(await make.store(), price="10.00")
    earlier = NOW - timedelta(minutes=31)
    dynamic: dict[str, Any] = {"base_price": micro("20.00"), "repriced_at": earlier}
    moving = await make.variant(product, price="20.00", **dynamic)
    new = await make.variant(product, price="15.00", base_price=micro("15.00"))

    assert await pricing.sweep(services) == 2
    assert await pricing.sweep(services) == 0

    async with services.database.write() as tx:
        rows = {row.id: row for row in await tx.scalars(select(models.Variant))}
    assert rows[moving.id].price == micro("20.40")
    assert rows[moving.id].repriced_at == NOW - timedelta(minutes=1)
    assert (rows[new.id].price, rows[new.id].repriced_at) == (micro("15.00"), NOW)
    assert rows[moving.id].version == 1
    data = await gql.data(RANGE, key=await make.key(), id=gid(product))
    assert data["product"]["maxPrice"] == {"amount": "20.40"}


async def happened(services: Services, make: Make, created_at: datetime) -> None:
    """An event of that time."""
    store = await make.store()
    async with services.database.write() as tx:
        announce(
            tx,
            "store.updated",
            organization_id=store.organization_id,
            store_id=store.id,
            subject=("store", store.id),
        )
        await tx.flush()
        newest = (await tx.scalars(select(models.Event).order_by(models.Event.id.desc()))).first()
        assert newest is not None
        newest.created_at = created_at
    await number(services.database)


async def positions(services: Services) -> list[int]:
    async with services.database.read() as connection:
        found = await connection.execute(select(models.Event.position).order_by("position"))
        return [row.position for row in found]


async def test_old_events_are_forgotten_but_for_those_that_are_still_needed(
    services: Services, make: Make
) -> None:
    services.clock = lambda: NOW
    for _ in range(4):
        await happened(services, make, NOW - timedelta(days=31))

    await retention.sweep(services)
    assert await positions(services) == [1, 2, 3, 4]  # no consumer has read them

    await make.save(models.Consumer(name="webhooks", position=2))
    await retention.sweep(services)
    assert await positions(services) == [3, 4]

    async with services.database.write() as tx:
        (await tx.scalars(select(models.Consumer))).one().position = 4
    await retention.sweep(services)
    assert await positions(services) == [4]  # the newest stays, whatever its age
    await happened(services, make, NOW)
    assert await positions(services) == [4, 5]


async def test_messages_and_answers_are_forgotten_when_they_are_old(
    services: Services, make: Make
) -> None:
    services.clock = lambda: NOW
    old, store = NOW - timedelta(days=31), await make.store()
    await happened(services, make, old)
    tenant: dict[str, Any] = {"organization_id": store.organization_id, "store_id": store.id}
    async with services.database.read() as connection:
        event_id = (await connection.execute(select(models.Event.id))).scalar_one()
    for status in models.WebhookStatus:
        await make.save(
            models.WebhookDelivery(
                **tenant, event_id=event_id, format="storegraph", topic="store.updated",
                url="https://example.com/", body="-", status=status, created_at=old,
            )
        )  # fmt: skip
    for expires_at in (NOW, NOW + timedelta(seconds=1)):
        await make.save(
            models.IdempotencyRecord(
                organization_id=store.organization_id, caller="-", operation="-",
                key=str(expires_at), input_hash="-", expires_at=expires_at,
            )
        )  # fmt: skip

    await retention.sweep(services)

    async with services.database.read() as connection:
        left = (await connection.execute(select(models.WebhookDelivery.status))).scalars().all()
        answers = select(func.count()).select_from(models.IdempotencyRecord)
        kept = (await connection.execute(answers)).scalar()
    assert list(left) == [models.WebhookStatus.PENDING]
    assert kept == 1


async def test_one_scheduler_is_in_charge_and_another_follows_it(
    services: Services, database_kind: str
) -> None:
    if database_kind == "sqlite":
        pytest.skip("on SQLite every process sweeps")
    turns: asyncio.Queue[str] = asyncio.Queue()

    def scheduler(name: str) -> Scheduler:
        async def run(_services: Services) -> None:
            turns.put_nowait(name)

        return Scheduler(services, [Sweep("test", 0.01, run)], look_again=0.05)

    first, second = scheduler("first"), scheduler("second")
    async with asyncio.timeout(PATIENCE):
        await first.start()
        assert await turns.get() == "first"
        await second.start()
        assert {await turns.get() for _ in range(20)} == {"first"}
        await first.stop()
        while await turns.get() != "second":
            pass
        await second.stop()


async def test_a_sweep_that_fails_is_tried_again_and_stops_no_other(services: Services) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def failing(_services: Services) -> None:
        seen.put_nowait("failing")
        raise RuntimeError

    async def working_well(_services: Services) -> None:
        seen.put_nowait("well")

    sweeps = [Sweep("failing", 0.01, failing), Sweep("well", 0.01, working_well)]
    scheduler = Scheduler(services, sweeps)
    await scheduler.start()
    async with asyncio.timeout(PATIENCE):
        turns = [await seen.get() for _ in range(10)]
    await scheduler.stop()

    assert turns.count("failing") > 1
    assert turns.count("well") > 1


async def test_the_background_starts_and_stops_as_one(
    services: Services, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        return {}

    monkeypatch.setitem(jobs.KINDS, "test", jobs.Kind("test", run))
    owner = await make.organization()
    ctx, http = Context(services, system(owner.id)), OutboundHttp()
    async with working(services, http, [], executor_id="test", grace=lambda: 1.0):
        async with ctx.transaction() as tx:
            job = await jobs.enqueue(tx, kind="test", organization_id=owner.id)
        async with asyncio.timeout(PATIENCE):
            async for event in services.events.follow(
                Interest(system(owner.id), "job", job.id), latest=True
            ):
                if event.payload["status"] == "succeeded":
                    break
    await http.close()
