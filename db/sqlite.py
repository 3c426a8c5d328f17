"""Connections to a SQLite file, each in a thread of its own (aiosqlite)."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Any, Self

import aiosqlite

FIRST_MODE = 60.0
"""Seconds that a new file may be kept busy by another process that makes its tables."""
PAGES_KEPT = 256
"""Kilobytes of the file that each connection keeps a copy of; the system has it once for all.

By its own default SQLite keeps 2 MB for each.
"""
BATCH = 64


def connector(*, durable: bool) -> Callable[..., "Connection"]:
    """What SQLAlchemy opens connections with (``async_creator_fn``)."""

    def create(path: str, **given: Any) -> Connection:
        return Connection(partial(_opened, path, durable=durable, **given))

    return create


class Connection(aiosqlite.Connection):
    """Goes to its thread once for a statement.

    aiosqlite's own goes there four times, to make a cursor, execute, fetch and close it: that is
    more work than most statements are.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, BATCH)
        self._thread.daemon = True

    def cursor(self) -> Any:
        return Cursor(self)

    async def run(self, name: str, statement: str, parameters: Any) -> "Ran":
        """Call this method of a cursor. Nothing is left open behind it, whoever is cancelled."""
        call = (_run, self._conn, name, statement, parameters)
        return await self._execute(*call)  # pyright: ignore[reportUnknownMemberType]


class Ran:
    """What a statement has left: its rows are all there."""

    __slots__ = ("description", "lastrowid", "rowcount", "rows")

    def __init__(self, cursor: sqlite3.Cursor | None = None) -> None:
        self.rows: list[Any] = cursor.fetchall() if cursor and cursor.description else []
        self.description = cursor.description if cursor else None
        self.rowcount = cursor.rowcount if cursor else -1
        self.lastrowid = cursor.lastrowid if cursor else None


class Cursor:
    """What SQLAlchemy asks of a cursor."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ran = Ran()
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Any = ()) -> None:
        self._ran = await self._connection.run("execute", statement, parameters)

    async def executemany(self, statement: str, parameters: Any) -> None:
        self._ran = await self._connection.run("executemany", statement, parameters)

    async def fetchall(self) -> Sequence[Any]:
        rows, self._ran.rows = self._ran.rows, []
        return rows

    async def close(self) -> None:
        """It is closed since its statement ran."""

    @property
    def description(self) -> Any:
        return self._ran.description

    @property
    def rowcount(self) -> int:
        return self._ran.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._ran.lastrowid


def _run(connection: sqlite3.Connection, name: str, statement: str, parameters: Any) -> Ran:
    cursor = connection.cursor()
    try:
        getattr(cursor, name)(statement, parameters)
        return Ran(cursor)
    finally:
        cursor.close()


def _opened(path: str, *, durable: bool, **given: Any) -> sqlite3.Connection:
    connection = sqlite3.connect(path, **given)
    try:
        connection.execute("PRAGMA busy_timeout = 60000")
        _write_ahead(connection)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute(f"PRAGMA cache_size = -{PAGES_KEPT}")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers read while one writes. A file stays in this mode once it is.

    SQLite does not wait for who writes to a file that is not in it yet, as it does for all else.
    """
    last = monotonic() + FIRST_MODE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > last:
                raise
            sleep(0.01)
        else:
            return
