"""Units of work: what becomes of the one that is cut off."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import func, select, text, update

from db import models
from db.engine import Database, connect
from resolvers.services import Services
from tests.kit import Make

PATIENCE = 20.0
"""Seconds: a third of what SQLite waits for a lock."""


@pytest.fixture
def uncollected() -> Iterator[None]:
    """What has ended lives on wherever a circle of references holds it."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
async def test_a_unit_of_work_that_is_cancelled_lets_go_of_everything_at_once(
    make: Make, database: Database, services: Services
) -> None:
    store = await make.store(name="Before")
    for _ in range(30):
        await make.product(store)
    renamed = update(models.Store).values(name="After").returning(models.Store.id)

    for turns in range(20):
        reached = asyncio.Event()

        async def work(reached: asyncio.Event = reached) -> None:
            async with services.database.write() as tx:
                await tx.execute(renamed)
                reached.set()
                while True:
                    await tx.execute(select(models.Product))
                    await tx.execute(renamed)

        task = asyncio.create_task(work())
        await reached.wait()
        for _ in range(turns):  # so that it is cut off at another place each time
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(PATIENCE), database.write() as tx:
            named = await tx.scalar(select(models.Store.name))
            counted = await tx.scalar(select(func.count()).select_from(models.Product))
        assert (named, counted) == ("Before", 30)


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 0)])
async def test_every_connection_to_sqlite_keeps_the_promises_of_the_rows(
    tmp_path: Path, *, durable: bool, synchronous: int
) -> None:
    database = connect(f"sqlite+aiosqlite:///{tmp_path}/a.db", durable=durable)
    found: list[list[Any]] = []
    for engine in (database.writing, database.reading):
        async with engine.connect() as connection:
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            found.append([await connection.scalar(text(f"PRAGMA {name}")) for name in names])
    await database.close()
    assert found == [["wal", synchronous, 1, 60_000]] * 2


async def test_a_statement_on_sqlite_goes_to_the_thread_of_its_connection_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, ways = connect(f"sqlite+aiosqlite:///{tmp_path}/a.db"), list[str]()
    there: Any = vars(aiosqlite.Connection)["_execute"]

    async def counted(connection: aiosqlite.Connection, call: Any, *given: Any) -> Any:
        ways.append(given[-2] if given else call.__name__)
        return await there(connection, call, *given)

    async with database.writing.begin() as connection:
        await connection.execute(text("CREATE TABLE lamp (id INTEGER PRIMARY KEY, name TEXT)"))
    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    insert = text("INSERT INTO lamp (name) VALUES (:name) RETURNING id")
    async with database.writing.begin() as connection:
        first = await connection.execute(insert, {"name": "a"})
        many = await connection.execute(
            text("INSERT INTO lamp (name) VALUES (:name)"), [{"name": "b"}, {"name": "c"}]
        )
        names = (await connection.execute(text("SELECT name FROM lamp ORDER BY id"))).scalars()
        gone = await connection.execute(text("DELETE FROM lamp WHERE id < 3"))
        assert (first.scalar_one(), many.rowcount, gone.rowcount) == (1, 2, 2)
        assert names.all() == ["a", "b", "c"]
    monkeypatch.undo()
    await database.close()

    statements = [each.split()[0] for each in ways]
    assert statements == ["BEGIN", "INSERT", "INSERT", "SELECT", "DELETE", "commit", "rollback"]
