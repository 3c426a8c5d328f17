"""Bring a database to the code's schema, one process at a time, all or nothing.

Every process looks whether there is something to do; only one that finds something imports
Alembic, which takes longer than all the rest.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db import search
from db.base import Base
from db.engine import Database, connect

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x5709E7
VERSIONS = "alembic_version"
_NAMED = re.compile(r'^(down_)?revision = "([^"]+)"', re.MULTILINE)


class SchemaIsNewer(RuntimeError):
    """The database was migrated by a later version of the gateway than this one."""


class SchemaIsOlder(RuntimeError):
    """The database waits for ``migrate``."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which revision to which; ``before`` is None for an empty database."""

    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after


async def upgrade(url: str) -> Migrated:
    """Run the revisions that are missing. Raises ``SchemaIsNewer``; nothing is changed then.

    Two processes that start this at once take turns: the second finds nothing left to do.
    """
    async with migrating(url) as connection:
        before = await connection.run_sync(_current)
        _refuse_newer(before)
        if before != _head():
            await connection.run_sync(upgrade_to, "head")
        return Migrated(before, _head())


async def verify(database: Database) -> None:
    """Raise ``SchemaIsOlder`` or ``SchemaIsNewer`` unless the schema is the code's."""
    async with database.read() as connection:
        current = await connection.run_sync(_current)
    _refuse_newer(current)
    if current != _head():
        raise SchemaIsOlder(
            f"the database is at revision {current or 'none'}, the code at {_head()}: "
            "run migrate first"
        )


async def differences(url: str) -> list[Any]:
    """What autogenerate would put into a new revision: nothing, if row classes and schema agree."""
    async with migrating(url) as connection:
        return await connection.run_sync(_differences)


@asynccontextmanager
async def migrating(url: str) -> AsyncGenerator[AsyncConnection]:
    """A connection in a transaction that no other migration shares time with."""
    database = connect(url, pool_size=1)
    if database.is_sqlite:
        # Copying a table drops the old one, which would count as deleting what others refer to.
        event.listen(database.writing.sync_engine, "connect", _without_foreign_keys)
    try:
        async with database.writing.begin() as connection:
            if database.is_sqlite:  # BEGIN IMMEDIATE has locked the file
                yield connection
                await connection.run_sync(_check_foreign_keys)
            else:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
                yield connection
    finally:
        await database.close()


@cache
def _revisions() -> tuple[frozenset[str], str]:
    """All revisions of the code, and the newest: the one that no other follows."""
    known: set[str] = set()
    followed: set[str] = set()
    for file in (FOLDER / "versions").glob("*.py"):
        for down, name in _NAMED.findall(file.read_text(encoding="utf-8")):
            (followed if down else known).add(name)
    [head] = known - followed
    return frozenset(known), head


def is_described(name: str | None, _type: str, _parents: Any) -> bool:
    """Whether the row classes say what this is; what is kept for search they do not know."""
    return not search.is_kept(name)


def _head() -> str:
    return _revisions()[1]


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSIONS):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar()  # noqa: S608


def _refuse_newer(revision: str | None) -> None:
    if revision is not None and revision not in _revisions()[0]:
        raise SchemaIsNewer(
            f"the database is at revision {revision}, which this version does not know: "
            "it was migrated by a newer one"
        )


def upgrade_to(connection: Connection, revision: str) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _differences(connection: Connection) -> list[Any]:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415
    from alembic.migration import MigrationContext  # noqa: PLC0415

    options = {"compare_type": True, "include_name": is_described}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, Base.metadata))


def _without_foreign_keys(connection: Any, _entry: Any) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"rows refer to rows that are gone: {broken[:5]}")
