"""One database for thousands of documents: the demo, an odd organization, and who looks at them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from typing import Any, TypeVar

from sqlalchemy import Enum as SqlEnum
from sqlalchemy import String, select

from app import seed
from db import models
from db.base import UtcDateTime
from db.engine import connect
from engine import Driver, driver_for
from engine.plan import Steps
from providers import storage
from providers.chain import SimulatedChain
from providers.memory import MemoryLimiter, NoJobs
from resolvers import identity, keys
from resolvers.context import Context
from resolvers.feed import Feed
from resolvers.services import Services
from resolvers.vault import Vault
from resolvers.viewer import Viewer
from schema import Schema, make_schema
from schema.documents import core
from schema.execution import Execution
from schema.relations import NOUNS
from tests.differential import rows
from tests.differential.lists import noun_of, sorts_of
from tests.kit import Key, Make

SCALE = 0.04
T = TypeVar("T")
DEMO, ODD = "demo", "odd"
OF_ONE_OWNER = 12
"""How many ids and values of each noun are kept of each organization."""


@dataclass
class World:
    """``ids`` are global ids by noun, ``values`` stored texts by noun and column.

    ``cursors`` are by noun and sort, from answers that the reference executor gave.
    """

    services: Services
    schema: Schema
    execution: Execution
    viewers: Mapping[str, Mapping[str, Viewer]]
    ids: Mapping[str, Mapping[str, list[str]]]
    values: Mapping[str, Mapping[str, list[str]]]
    moments: Sequence[str]
    cursors: Mapping[str, Mapping[str, list[str]]]
    ways: list[tuple[str, str]]

    def context(self, viewer: Viewer) -> Context:
        return Context(self.services, viewer)


class Alternately:
    """A driver that takes every other operation for a heavy one, see ``SqliteDriver``."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._light = cycle((True, False))
        self.dialect: Any = driver.dialect
        self.binds = driver.binds

    async def run(self, steps: Steps, context: Any, *, light: bool) -> Any:
        del light
        return await self._driver.run(steps, context, light=next(self._light))

    async def rows(self, text: str, arguments: tuple[Any, ...]) -> list[Any]:
        return await self._driver.rows(text, arguments)

    def moment(self) -> int:
        return self._driver.moment()

    async def close(self) -> None:
        await self._driver.close()


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[World]:
    """Fill an empty database and build both ways to answer from it."""
    database = connect(url, durable=False)
    services = Services(
        database=database,
        vault=Vault([Vault.new_key()]),
        events=Feed(database),
        limiter=MemoryLimiter(),
        chain=SimulatedChain(database, {}),
        jobs=NoJobs(),
        storage=storage.memory(),
        clock=lambda: rows.NOW,
    )
    driver = Alternately(driver_for(url, connections=4))
    schema, ways = make_schema(), list[tuple[str, str]]()
    execution = Execution(
        schema, driver, lambda path, why: ways.append((path, why)), explains=False
    )
    try:
        viewers = await _viewers(services)
        world = World(
            services=services,
            schema=schema,
            execution=execution,
            viewers=viewers,
            ids=await _ids(services),
            values=await _values(services),
            moments=await _moments(services),
            cursors={},
            ways=ways,
        )
        world.cursors = await _cursors(world)
        yield world
    finally:
        await driver.close()
        await database.close()


async def _viewers(services: Services) -> Mapping[str, Mapping[str, Viewer]]:
    """Who asks, by the organization whose rows they are mostly asked for."""
    demo = await seed.run(services, scale=SCALE)
    make = Make(services)
    store, buyer = await rows.plant(make)
    everything = await make.key(rows.OWNER)
    one_store = await make.key(rows.OWNER, store_id=store.id)
    few = frozenset({"store:view", "product:view", "review:view"})
    window_shopper = await make.key(rows.OWNER, permissions=few)
    no_orders = frozenset({"store:*", "product:*", "customer:*", "organization:view", "job:view"})
    clerk = await make.key(rows.OWNER, permissions=no_orders)

    async def viewer(key: Key | str) -> Viewer:
        clear = key if isinstance(key, str) else key.clear
        return (await identity.key_holder(services, clear)).viewer

    return {
        DEMO: {
            "everything": await viewer(demo.graphql),
            "wholesale": await viewer(demo.wholesale),
            "neighbour": await viewer(demo.other_tenant),
        },
        ODD: {
            "everything": await viewer(everything),
            "one store": await viewer(one_store),
            "wholesale": await viewer(buyer),
            "window shopper": await viewer(window_shopper),
            "clerk": await viewer(clerk),
        },
    }


async def _owners(services: Services) -> Mapping[int, str]:
    async with services.database.read() as connection:
        found = await connection.execute(select(models.Organization.id, models.Organization.name))
        return {row.id: ODD if row.name == rows.OWNER else DEMO for row in found}


async def _ids(services: Services) -> Mapping[str, Mapping[str, list[str]]]:
    owners = await _owners(services)
    found: dict[str, dict[str, list[str]]] = {}
    async with services.database.read() as connection:
        for name, noun in NOUNS.items():
            row: Any = noun.row
            owner = row.id if row is models.Organization else getattr(row, "organization_id", None)
            chosen = select(row.id) if owner is None else select(row.id, owner)
            of_noun = defaultdict[str, list[str]](list)
            for key, *owned_by in await connection.execute(chosen.order_by(row.id)):
                for each in [owners[owned_by[0]]] if owned_by else (DEMO, ODD):
                    of_noun[each].append(keys.global_id(name, key))
            found[name] = {each: _some(every, OF_ONE_OWNER) for each, every in of_noun.items()}
    return found


def _some(every: Sequence[T], count: int) -> list[T]:
    """So many of a sequence, from all over it, the first one among them."""
    return list(every[:: max(1, len(every) // count)])


async def _values(services: Services) -> Mapping[str, Mapping[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    async with services.database.read() as connection:
        for name, noun in NOUNS.items():
            of_noun = found[name] = dict[str, list[str]]()
            for column in noun.row.__table__.columns:
                if not isinstance(column.type, String) or isinstance(column.type, SqlEnum):
                    continue
                texts = await connection.execute(
                    select(column).where(column.is_not(None)).distinct().order_by(column)
                )
                of_noun[column.name] = _some(texts.scalars().all(), OF_ONE_OWNER)
    return found


async def _moments(services: Services) -> list[str]:
    """When rows were made, exactly: limits of filters are most interesting there."""
    found: set[datetime] = set()
    async with services.database.read() as connection:
        for row in (models.Product, models.Order, models.Customer, models.Job):
            column: Any = row.created_at
            assert isinstance(column.type, UtcDateTime)
            every = await connection.execute(select(column).order_by(column))
            found |= set(_some(every.scalars().all(), 6))
    return [moment.isoformat() for moment in sorted(found)]


async def _cursors(world: World) -> Mapping[str, Mapping[str, list[str]]]:
    """Some cursors of each noun in each of its orders, from root lists or one level below."""
    found: dict[str, dict[str, list[str]]] = {}
    types: Any = core(world.schema).type_map
    lists = {name: field for name, field in types["Query"].fields.items() if sorts_of(field)}
    rooted = {noun_of(field) for field in lists.values()}
    for names in world.viewers.values():
        context = world.context(names["everything"])
        for name, field in lists.items():
            await _gather(world, context, found, field, f"{name}(first: 60, sort: %s) {{ %s }}")
            for inner, below in types[noun_of(field)].fields.items():
                if sorts_of(below) and noun_of(below) not in rooted:
                    path = (
                        f"{name}(first: 9) {{ nodes {{ {inner}(first: 4, sort: %s) {{ %s }} }} }}"
                    )
                    await _gather(world, context, found, below, path)
    return found


async def _gather(
    world: World, context: Context, found: dict[str, dict[str, list[str]]], field: Any, path: str
) -> None:
    sorts = sorts_of(field)
    assert sorts is not None
    names = [member.name for member in sorts.enum]
    parts = [f"{name}: {path % (name, 'edges { cursor }')}" for name in names]
    result = await world.schema.execute(f"{{ {' '.join(parts)} }}", context_value=context)
    assert result.errors is None, (path, result.errors)
    for name, answer in (result.data or {}).items():
        kept = found.setdefault(noun_of(field), {}).setdefault(name, [])
        kept += _some(list(_texts(answer)), 6)


def _texts(answer: Any) -> Iterator[str]:
    if isinstance(answer, str):
        yield answer
        return
    for part in answer.values() if isinstance(answer, dict) else answer:
        yield from _texts(part)


class Loop:
    """An event loop with one world on it, for tests that are no coroutines themselves."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._opening = opened(url)
        self.world = self._runner.run(self._opening.__aenter__())

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    def close(self) -> None:
        try:
            self._runner.run(self._opening.__aexit__(None, None, None))
        finally:
            self._runner.close()
