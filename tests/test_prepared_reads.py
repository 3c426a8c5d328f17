"""Reads that are prepared find what SQLAlchemy finds, and for each caller what is theirs."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import product as combinations

import pytest

from app.settings import Settings
from db.models import Customer
from resolvers import customers, fetch
from resolvers.context import Context
from resolvers.services import Services
from resolvers.viewer import system
from tests.differential.doors import Doors, doors
from tests.kit import Make
from tests.sides import EVERYTHING, Side, names, two


@pytest.fixture
async def both(services: Services, settings: Settings) -> AsyncGenerator[Doors]:
    """Neither compiles; the first one prepares its reads."""
    async with doors(services, settings, compiled=False) as opened:
        yield opened


@pytest.fixture
async def sides(make: Make) -> list[Side]:
    return await two(make)


async def test_callers_of_one_statement_see_what_is_theirs(both: Doors, sides: list[Side]) -> None:
    """Each asks for the other's rows too. Twice around, so that all was used by others before."""
    for _ in range(2):
        for side, who in combinations(sides, sides[0].keys):
            for asked in sides:
                answer = await both.ask(EVERYTHING, key=side.keys[who], **asked.ids)
                assert names(answer.body.get("data")) <= {side.name}, (side.name, who)


async def test_pages_go_on_where_they_ended(both: Doors, sides: list[Side]) -> None:
    document = """query Page($first: Int, $after: String, $last: Int, $before: String,
      $sort: ProductSort) {
      products(first: $first, after: $after, last: $last, before: $before, sort: $sort) {
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        nodes { title variants { sku } offers(first: 1) { nodes { merchant } } } } }"""
    key = sides[0].keys["all"]
    for sort in ("ID_DESC", "TITLE_ASC", "CREATED_AT_DESC"):
        titles: list[str] = []
        after = None
        for _ in range(4):
            page = await both.ask(document, key=key, sort=sort, first=1, after=after)
            titles += [node["title"] for node in page.data["products"]["nodes"]]
            after = page.data["products"]["pageInfo"]["endCursor"]
        before = await both.ask(document, key=key, sort=sort, last=2, before=after)
        assert len(set(titles)) == 4
        assert [node["title"] for node in before.data["products"]["nodes"]] == titles[1:3]


@pytest.mark.usefixtures("client")  # the gateway that prepares reads
async def test_rows_are_found_by_several_uuids(make: Make, services: Services) -> None:
    store = await make.store()
    made = [await make.customer(store, first_name=f"Nr {n}") for n in range(3)]
    ctx = Context(services, system(store.organization_id))
    for asked in (made[:1], made, made[1:]):
        uuids = [each.uuid for each in asked]
        rows = await fetch.rows_of(ctx, customers.by_uuid, uuids, {}, (Customer.first_name,))
        assert [row.first_name for row in rows] == [each.first_name for each in asked]
        assert [row.uuid for row in rows] == uuids


async def test_many_who_read_within_a_plan_do_not_wait_for_one_another(
    services: Services, settings: Settings, sides: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than there are connections and threads, each of which needs one for what it awaits."""
    monkeypatch.setattr("engine.pace.LIGHT", 0)  # all of it goes to threads, on SQLite
    async with doors(services, settings) as opened:
        side = sides[0]
        async with asyncio.timeout(60):
            answers = await asyncio.gather(
                *(
                    opened.ask(EVERYTHING, key=side.keys[who], **side.ids)
                    for who in ["all", "buyer 1"] * 12
                )
            )
    assert {answer.reason for answer in answers} == {""}
