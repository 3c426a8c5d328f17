"""Who holds a key is not looked up anew for as long as nothing can have changed."""

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from db import models
from db.base import now
from db.engine import connect
from engine import drivers
from engine.drivers import postgres, sqlite
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Key, Make

ASK = "{ products { totalCount } }"


class Clock:
    """The time as the drivers see it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for driver in (postgres, sqlite):
        monkeypatch.setattr(driver, "monotonic", made)
    return made


async def revoke(url: str, key: Key) -> None:
    """Revoke a key as another process would."""
    database = connect(url, durable=False)
    async with database.write() as session:
        of_key = update(models.ApiKey).where(models.ApiKey.id == key.row.id)
        await session.execute(of_key.values(revoked_at=now()))
    await database.close()


@pytest.fixture
def lookups() -> Iterator[list[str]]:
    """The statements that look a key up."""
    seen: list[str] = []

    def observe(text: str) -> None:
        if "FROM api_key" in text:
            seen.append(text)

    drivers.observers.append(observe)
    yield seen
    drivers.observers.remove(observe)


async def test_a_key_that_was_just_looked_up_costs_no_statement(
    gql: GraphQL, make: Make, lookups: list[str], clock: Clock
) -> None:
    key = await make.key()
    await gql.data(ASK, key=key)
    await gql.data(ASK, key=key)
    assert len(lookups) == 1

    clock.now += drivers.FRESH
    await make.organization("A change of this process")
    await gql.data(ASK, key=key)
    assert len(lookups) == 2


async def test_a_key_that_another_process_revokes_is_refused_within_moments(
    gql: GraphQL, make: Make, clock: Clock, database_url: str
) -> None:
    key = await make.key()
    await gql.data(ASK, key=key)
    await revoke(database_url, key)
    clock.now += drivers.SOON if "sqlite" in database_url else drivers.FRESH

    answer = await gql(ASK, key=key)

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_key_that_this_process_revokes_is_refused_at_once(
    gql: GraphQL, make: Make, services: Services, clock: Clock
) -> None:
    key = await make.key()
    await gql.data(ASK, key=key)
    async with services.database.write() as session:
        of_key = update(models.ApiKey).where(models.ApiKey.id == key.row.id)
        await session.execute(of_key.values(revoked_at=now()))

    answer = await gql(ASK, key=key)

    assert clock.now == 1000
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_what_was_looked_up_for_one_key_is_never_another_s(
    gql: GraphQL, make: Make, clock: Clock
) -> None:
    mine, theirs = await make.key(), await make.key("Other")
    await make.product(await make.store())
    counted = [
        (await gql.data(ASK, key=key))["products"]["totalCount"]
        for key in (mine, theirs, mine, theirs)
    ]
    assert clock.now == 1000
    assert counted == [1, 0, 1, 0]
