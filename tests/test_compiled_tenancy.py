"""A plan is made once and serves many callers: nobody ever sees what is another's."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from itertools import product as combinations
from typing import Any

import pytest
from sqlalchemy import update

from app.settings import Settings
from db import models
from db.base import now
from engine import driver_for
from engine.engine import MOST_PLANS
from engine.plan import MOST_STATEMENTS, Batch, Plan
from resolvers import identity
from resolvers.context import Context
from resolvers.services import Services
from schema import make_schema
from schema.execution import Asked, Execution
from tests.differential.doors import Answer, Doors, doors
from tests.kit import Key, Make, gid
from tests.sides import EVERYTHING, Side, names, two


@pytest.fixture
async def both(services: Services, settings: Settings) -> AsyncGenerator[Doors]:
    async with doors(services, settings) as opened:
        yield opened


@pytest.fixture
async def sides(make: Make) -> list[Side]:
    return await two(make)


async def test_callers_of_one_plan_see_what_is_theirs(both: Doors, sides: list[Side]) -> None:
    """Each asks for the other's rows too. Twice around, so that all plans were used by others."""
    seen: dict[str, list[Answer]] = {}
    for _ in range(2):
        for side, who in combinations(sides, sides[0].keys):
            key = side.keys[who]
            for asked in sides:
                answer = await both.ask(EVERYTHING, key=key, **asked.ids)
                assert names(answer.body.get("data")) <= {side.name}, (side.name, who)
                seen.setdefault(who, []).append(answer)

    for who, answers in seen.items():
        assert {answer.reason for answer in answers} == {"permission" if who == "few" else ""}, who
    # Limits are told apart: whoever is limited sees less, each of them another part.
    counts = {
        who: [answer.body["data"]["stores"]["totalCount"] for answer in found]
        for who, found in seen.items()
        if who != "few"
    }
    assert {who: set(found) for who, found in counts.items()} == {
        "all": {2}, "store 1": {1}, "store 2": {1}, "buyer 1": {1}, "buyer 2": {1},
    }  # fmt: skip
    orders = {
        who: found[0].data["orders"]["totalCount"] for who, found in seen.items() if who != "few"
    }
    assert orders == {"all": 4, "store 1": 2, "store 2": 2, "buyer 1": 1, "buyer 2": 1}
    own = [answer.data["orders"]["nodes"][0]["ref"] for answer in seen["buyer 1"]]
    assert len(set(own)) == len(sides)


async def test_callers_of_one_plan_at_the_same_time_see_what_is_theirs(
    both: Doors, sides: list[Side]
) -> None:
    asked = [
        (side, key, sort)
        for sort in ("ID_ASC", "ID_DESC", "TITLE_ASC", "PRICE_DESC")
        for side in sides
        for who, key in side.keys.items()
        if who != "few"
    ]

    answers = await asyncio.gather(
        *(both.ask(EVERYTHING, key=key, sort=sort, **side.ids) for side, key, sort in asked)
    )

    for (side, *_), answer in zip(asked, answers, strict=True):
        assert answer.reason == ""
        assert names(answer.data) == {side.name}


async def test_a_permission_that_is_taken_away_is_missed_at_once(
    both: Doors, sides: list[Side], make: Make
) -> None:
    key, document = sides[0].keys["all"], "{ orders { totalCount } products { totalCount } }"

    async def allow(*permissions: str) -> None:
        async with make.services.database.write() as session:
            row = await session.get_one(models.ApiKey, key.row.id)
            row.permissions = list(permissions)

    before = await both.ask(document, key=key)
    await allow("product:view")
    without = await both.ask(document, key=key)
    await allow("product:view", "order:*")
    after = await both.ask(document, key=key)

    assert before.data == after.data == {"orders": {"totalCount": 4}, "products": {"totalCount": 4}}
    assert (without.codes, without.body["data"]) == (["FORBIDDEN"], None)
    assert (before.reason, without.reason, after.reason) == ("", "permission", "")


async def test_a_key_that_ends_or_changes_its_store_is_another_caller(
    both: Doors, sides: list[Side], make: Make
) -> None:
    key, document = sides[0].keys["store 1"], "{ products(sort: ID_ASC) { nodes { title } } }"
    other = sides[0].keys["store 2"].row.store_id

    async def change(**values: Any) -> None:
        async with make.services.database.write() as session:
            row = models.ApiKey
            await session.execute(update(row).where(row.id == key.row.id).values(**values))

    first = await both.ask(document, key=key)
    await change(store_id=other)
    second = await both.ask(document, key=key)
    await change(revoked_at=now())
    third = await both.ask(document, key=key)

    titles = [
        [node["title"] for node in each.data["products"]["nodes"]] for each in (first, second)
    ]
    assert titles == [["Acme ware 1", "Acme thing 1"], ["Acme ware 2", "Acme thing 2"]]
    assert (third.status, third.codes) == (401, ["UNAUTHENTICATED"])


async def test_a_store_that_is_deleted_takes_its_rows_with_it_at_once(
    both: Doors, sides: list[Side], make: Make
) -> None:
    side, document = sides[0], "{ products { totalCount } orders { totalCount } }"
    keys = [side.keys["all"], side.keys["store 2"], side.keys["buyer 2"]]

    async def counts(document: str) -> list[tuple[int, int]]:
        answers = [await both.ask(document, key=key) for key in keys]
        assert {answer.reason for answer in answers} == {""}
        return [
            (answer.data["products"]["totalCount"], answer.data["orders"]["totalCount"])
            for answer in answers
        ]

    async def delete(at: datetime | None) -> None:
        async with make.services.database.write() as session:
            (await session.get_one(models.Store, side.keys["store 2"].row.store_id)).deleted_at = at

    before = await counts(document)
    await delete(now())
    without = await counts(document)
    await delete(None)
    again = await counts(document)

    assert before == again == [(4, 4), (2, 2), (2, 1)]
    assert without == [(2, 2), (0, 0), (0, 0)]


async def test_any_row_by_its_id_is_left_to_the_reference_executor(
    both: Doors, sides: list[Side]
) -> None:
    mine, other = sides
    document = "query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }"
    for noun in ("store", "product", "order", "balance"):
        own = await both.ask(document, key=mine.keys["all"], id=mine.ids[noun])
        foreign = await both.ask(document, key=mine.keys["all"], id=other.ids[noun])
        assert own.data["node"] == {"id": mine.ids[noun]}
        assert foreign.data == {"node": None, "nodes": [None]}
        assert (own.reason, foreign.reason) == ("opaque", "opaque")


async def test_what_is_active_is_asked_anew_each_time(both: Doors, make: Make) -> None:
    """A statement that is kept must not keep the moment at which it was built."""
    key = await make.key()
    passing = await make.key()
    document = "{ apiKeys(filter: {active: true}, sort: ID_ASC) { nodes { id } } }"

    async def active() -> list[str]:
        return [node["id"] for node in (await both.ask(document, key=key)).data["apiKeys"]["nodes"]]

    before = await active()
    async with make.services.database.write() as session:
        (await session.get_one(models.ApiKey, passing.row.id)).expires_at = now()
    after = await active()

    assert before == [gid(key.row), gid(passing.row)]
    assert after == [gid(key.row)]


# Bounds


@dataclass
class Kept:
    """An execution of which the plans can be looked at."""

    execution: Execution
    services: Services
    ways: list[tuple[str, str]]

    async def ask(self, key: Key, text: str, **variables: Any) -> None:
        viewer = (await identity.key_holder(self.services, key.clear)).viewer
        assert await self.execution.answer(Context(self.services, viewer), Asked(text, variables))

    def plans(self, text: str) -> list[Plan]:
        schema = make_schema()
        operation = schema.documents.prepare(schema, text).operation(None)
        assert operation is not None
        return [plan for plan in operation.plans.values() if isinstance(plan, Plan)]


@pytest.fixture
async def kept(services: Services) -> AsyncGenerator[Kept]:
    ways: list[tuple[str, str]] = []
    driver = driver_for(services.database.url, connections=2)
    execution = Execution(
        make_schema(), driver, lambda path, why: ways.append((path, why)), explains=False
    )
    yield Kept(execution, services, ways)
    await driver.close()


async def test_plans_of_many_flags_and_callers_are_few(kept: Kept, sides: list[Side]) -> None:
    flags = [f"f{n}" for n in range(6)]
    fields = ("uuid", "slug", "status", "currency", "stock", "title")
    declared = ", ".join(f"${flag}: Boolean!" for flag in flags)
    chosen = " ".join(
        f"{name} @include(if: ${flag})" for flag, name in zip(flags, fields, strict=True)
    )
    text = f"query ({declared}) {{ products {{ nodes {{ id {chosen} }} }} }}"
    keys = [sides[0].keys[who] for who in ("all", "store 1", "buyer 1")]

    for values in combinations((True, False), repeat=len(flags)):
        for key in keys:
            await kept.ask(key, text, **dict(zip(flags, values, strict=True)))

    assert len(kept.plans(text)) == MOST_PLANS


async def test_statements_of_many_arguments_are_few(kept: Kept, sides: list[Side]) -> None:
    text = """query ($word: String, $least: Int, $size: Int) {
      stores { nodes { products(first: $size, filter: {search: $word, minStock: $least}) {
        totalCount nodes { title } } } } }"""

    for n in range(2 * MOST_STATEMENTS):
        await kept.ask(sides[0].keys["all"], text, word=f"w{n}", least=n, size=n)

    plan = kept.plans(text)[-1]
    held = [len(level.statements) for level in plan.levels if isinstance(level, Batch)]
    assert max(held) == MOST_STATEMENTS
