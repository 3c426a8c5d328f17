"""The daily quota of generations: what a plan allows, until midnight, never twice."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from db import models
from db.models import Plan
from resolvers import keys
from resolvers.services import Services
from tests.callers import GraphQL
from tests.desk import Clock
from tests.generating import CANCEL, START, found, quota, start
from tests.kit import Key, Make, gid, work
from tests.model_server import ModelServer, model_server, refusal, writer_of
from tests.state import check_books, everything

RETRY = "mutation ($id: ID!) { retryJob(id: $id) { job { status } errors { code } } }"
ENTRIES = """{ balances(unit: "GENERATIONS") { nodes { balance { amount currency }
  entries(sort: ID_ASC) { nodes { kind amount { amount } transfer { reference memo } } } } } }"""
BALANCES = """{ balances(unit: "GENERATIONS") { nodes { id } } }"""
ADJUST = """mutation ($input: BalanceAdjustment!) { adjustBalance(input: $input) {
  balance { id } errors { code } } }"""
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture
def clock(services: Services) -> Clock:
    services.clock = made = Clock(NOON)
    return made


@pytest.fixture
async def model(services: Services) -> AsyncGenerator[ModelServer]:
    """A model's server, which writes all copy from now on."""
    async with model_server() as server, writer_of(server) as writer:
        services.writer = writer
        yield server


async def refused_for_today(gql: GraphQL, key: Key, store: models.Store) -> Any:
    [error] = (await gql(START, key=key, input={"storeId": gid(store)}))["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    return error["extensions"]


async def plan(services: Services, make: Make, plan: Plan) -> None:
    async with services.database.write() as tx:
        (await tx.get_one(models.Organization, (await make.organization()).id)).plan = plan


async def test_a_plan_allows_so_many_a_day_until_midnight(
    gql: GraphQL, make: Make, services: Services, clock: Clock
) -> None:
    store, key = await make.store(), await make.key()
    assert await quota(gql, key) == (5, 0, 5)
    for used in range(1, 6):
        await start(gql, key, store)
        assert await quota(gql, key) == (5, used, 5 - used)
    before = await everything(services)

    extensions = await refused_for_today(gql, key, store)

    assert extensions["details"]["retry_after"] == 12 * 3600
    assert await everything(services) == before
    clock.pass_(12 * 3600 - 0.5)
    assert (await refused_for_today(gql, key, store))["details"]["retry_after"] == 1
    clock.pass_(0.5)
    assert await quota(gql, key) == (5, 0, 5)
    await start(gql, key, store)
    assert await quota(gql, key) == (5, 1, 4)
    await check_books(services)


async def test_what_is_left_over_lapses_and_the_ledger_tells_all_of_it(
    gql: GraphQL, make: Make, services: Services, clock: Clock
) -> None:
    store, key = await make.store(), await make.key()
    first = await start(gql, key, store)
    clock.pass_(86400)
    second = await start(gql, key, store)
    await work(services)

    [balance] = (await gql.data(ENTRIES, key=key))["balances"]["nodes"]

    owner = store.organization_id
    one, other = (keys.key_of("Job", job["id"]) for job in (first, second))
    assert balance["balance"] == {"amount": "4.00", "currency": "GENERATIONS"}
    assert [
        (each["kind"], each["amount"]["amount"], each["transfer"]["reference"])
        for each in balance["entries"]["nodes"]
    ] == [
        ("ADJUSTMENT", "5.00", f"generations:{owner}:2026-03-14:5"),
        ("PURCHASE", "-1.00", f"generation:{one}"),
        ("ADJUSTMENT", "-4.00", f"generations:{owner}:2026-03-15:lapsed"),
        ("ADJUSTMENT", "5.00", f"generations:{owner}:2026-03-15:5"),
        ("PURCHASE", "-1.00", f"generation:{other}"),
    ]
    await check_books(services)


async def test_a_plan_that_is_raised_grants_the_difference_once(
    gql: GraphQL, make: Make, services: Services, clock: Clock
) -> None:
    store, key = await make.store(), await make.key()
    for _ in range(5):
        await start(gql, key, store)
    await plan(services, make, Plan.PRO)
    assert await quota(gql, key) == (100, 5, 95)
    await start(gql, key, store)
    assert await quota(gql, key) == (100, 6, 94)

    await plan(services, make, Plan.FREE)
    assert await quota(gql, key) == (100, 6, 94)
    await start(gql, key, store)
    await plan(services, make, Plan.PRO)
    await start(gql, key, store)
    assert await quota(gql, key) == (100, 8, 92)

    await plan(services, make, Plan.FREE)
    clock.pass_(86400)
    assert await quota(gql, key) == (5, 0, 5)
    await check_books(services)


async def test_a_balance_that_is_whole_again_is_not_filled_up_twice_a_day(
    gql: GraphQL, make: Make, clock: Clock
) -> None:
    store, key = await make.store(), await make.key()
    cancelled = await start(gql, key, store)
    await gql.done(CANCEL, key=key, id=cancelled["id"])
    clock.pass_(86400)
    for _ in range(5):
        await start(gql, key, store)

    await refused_for_today(gql, key, store)


async def test_starts_at_the_same_time_never_exceed_the_quota(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    wanted = {"storeId": gid(store)}

    answers = await asyncio.gather(*(gql(START, key=key, input=wanted) for _ in range(12)))

    assert sum("errors" not in answer for answer in answers) == 5
    codes = {error["extensions"]["code"] for each in answers for error in each.get("errors", ())}
    assert codes == {"RATE_LIMITED"}
    assert await quota(gql, key) == (5, 5, 0)
    await check_books(services)


async def test_each_organization_has_a_quota_of_its_own(gql: GraphQL, make: Make) -> None:
    store, key, stranger = await make.store(), await make.key(), await make.key("Other")
    await start(gql, key, store)

    assert await quota(gql, key) == (5, 1, 4)
    assert await quota(gql, stranger) == (5, 0, 5)


async def test_a_failure_and_a_cancellation_give_back_and_a_success_does_not(
    gql: GraphQL, make: Make, services: Services, model: ModelServer
) -> None:
    store, key = await make.store(), await make.key()
    model.plan.append(refusal())
    failed = await start(gql, key, store)
    await work(services)
    cancelled = await start(gql, key, store)
    await gql.done(CANCEL, key=key, id=cancelled["id"])
    await start(gql, key, store)
    await work(services)

    done = await found(gql, key, failed)
    assert (done["status"], done["error"]["code"]) == ("FAILED", "WRITER_REFUSED")
    assert done["output"] is None
    assert done["usage"]["inputTokens"] == 1000
    assert await quota(gql, key) == (5, 1, 4)
    await check_books(services)


async def test_a_retry_is_charged_again_and_refused_where_nothing_is_left(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    job = await start(gql, key, store)
    await gql.done(CANCEL, key=key, id=job["id"])
    await gql.done(RETRY, key=key, id=job["id"])
    assert await quota(gql, key) == (5, 1, 4)
    await gql.done(CANCEL, key=key, id=job["id"])
    assert await quota(gql, key) == (5, 0, 5)
    for _ in range(5):
        await start(gql, key, store)

    [error] = (await gql(RETRY, key=key, id=job["id"]))["errors"]

    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert (await found(gql, key, job))["status"] == "CANCELLED"
    await check_books(services)


async def test_what_is_given_back_of_yesterday_does_not_add_to_today(
    gql: GraphQL, make: Make, services: Services, clock: Clock
) -> None:
    store, key = await make.store(), await make.key()
    old, older = await start(gql, key, store), await start(gql, key, store)
    clock.pass_(86400)
    await gql.done(CANCEL, key=key, id=older["id"])
    assert await quota(gql, key) == (5, 0, 5)
    await start(gql, key, store)

    await gql.done(CANCEL, key=key, id=old["id"])

    assert await quota(gql, key) == (5, 1, 4)
    await check_books(services)


async def test_a_quota_takes_one_statement(gql: GraphQL, make: Make, statements: list[str]) -> None:
    store, key = await make.store(), await make.key()
    await start(gql, key, store)
    statements.clear()

    await quota(gql, key)

    assert len(statements) == 3, statements  # who asks, the organization, the quota


async def test_nobody_gives_generations_to_themselves(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    await start(gql, key, store)
    [balance] = (await gql.data(BALANCES, key=key))["balances"]["nodes"]
    before = await everything(services)
    for amount in ("5", "-1"):
        given = {"balanceId": balance["id"], "amount": amount, "memo": "more"}
        [error] = (await gql(ADJUST, key=key, input=given))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
    assert await everything(services) == before
