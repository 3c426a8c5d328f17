"""Run the steps of a plan on the database's own driver, past SQLAlchemy's cost per execution."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, Protocol

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgres_dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect

from engine.plan import Fetch, Steps
from engine.statements import AnyBinds, ArrayBinds, JsonBinds

STATEMENTS = 512
"""How many prepared statements each connection keeps."""

THREADS = 2
"""More threads than that only take the interpreter from one another."""

SOON, FRESH = 0.01, 0.25
"""Seconds: how long what was looked up may be taken for true."""

observers: list[Callable[[str], None]] = []
"""Told the text of every statement, in the thread that runs it."""


def _tell(text: str) -> None:
    for observer in observers:
        observer(text)


class Driver(Protocol):
    """A database that steps are run on. It only ever reads."""

    dialect: Any
    binds: AnyBinds

    async def run(self, steps: Steps, context: Any, *, light: bool) -> Any:
        """Run all steps; returns what they return.

        ``light``: it takes no longer than others can wait.
        """
        ...

    async def rows(self, text: str, arguments: tuple[Any, ...]) -> list[Any]:
        """The rows of one statement."""
        ...

    def moment(self) -> int:
        """A number that is another soon after others have changed the database.

        ``SOON`` after, where the database tells such things; where it does not, the number changes
        by itself every ``FRESH`` seconds.
        """
        ...

    async def close(self) -> None: ...


class PostgresDriver:
    """asyncpg. Statements are prepared once per connection, and need no transaction around them.

    Each request has one connection for all its statements: none waits for a second one while
    others wait for the first. uuid and json come as the text that answers are made of.
    """

    def __init__(self, url: str, *, connections: int) -> None:
        self.dialect: Any = postgres_dialect()
        self.binds: AnyBinds = ArrayBinds()
        self._url = make_url(url)
        self._connections = connections
        self._pool: asyncpg.Pool[Any] | None = None
        self._opening = asyncio.Lock()

    async def run(self, steps: Steps, context: Any, *, light: bool) -> Any:
        del light
        pool = self._pool or await self._open()
        async with pool.acquire() as connection:
            answer: Any = None
            try:
                while True:
                    step = steps.send(answer)
                    if isinstance(step, Fetch):
                        _tell(step.text)
                        answer = await connection.fetch(step.text, *step.arguments)
                    else:
                        answer = await step.load(context)
            except StopIteration as end:
                return end.value

    async def rows(self, text: str, arguments: tuple[Any, ...]) -> list[Any]:
        pool = self._pool or await self._open()
        _tell(text)
        async with pool.acquire() as connection:
            return await connection.fetch(text, *arguments)

    def moment(self) -> int:
        return int(monotonic() / FRESH)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _open(self) -> "asyncpg.Pool[Any]":
        async with self._opening:
            if self._pool is None:
                query = {
                    "sslmode" if name == "ssl" else name: value
                    for name, value in self._url.query.items()
                }
                plain = self._url.set(drivername="postgresql", query=query)
                self._pool = await asyncpg.create_pool(
                    plain.render_as_string(hide_password=False),
                    min_size=1,
                    max_size=self._connections,
                    init=_with_codecs,
                    reset=_leave_as_it_is,
                    statement_cache_size=STATEMENTS,
                    max_cached_statement_lifetime=0,
                    # Short statements in great number: compiling them to machine code costs more.
                    server_settings={"jit": "off", "default_transaction_read_only": "on"},
                )
            return self._pool


async def _with_codecs(connection: Any) -> None:
    for name in ("uuid", "json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=str, decoder=str, format="text"
        )


async def _leave_as_it_is(_connection: Any) -> None:
    """Single reads leave nothing behind that the next request would have to be spared."""


class SqliteDriver:
    """sqlite3, in a few threads with a connection each.

    A light query is read on the spot: threads would take the interpreter from one another, row by
    row. For a heavy one the loop must not wait. What that reads is all of one moment.
    """

    def __init__(self, url: str, *, connections: int) -> None:
        self.dialect: Any = sqlite_dialect()
        self.binds: AnyBinds = JsonBinds()
        self._path = make_url(url).database or ":memory:"
        self._threads = ThreadPoolExecutor(min(connections, THREADS), thread_name_prefix="reads")
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._told, self._told_until = 0, 0.0

    async def run(self, steps: Steps, context: Any, *, light: bool) -> Any:
        if light:
            return await self._here(steps, context)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._there, steps, context, loop)

    async def rows(self, text: str, arguments: tuple[Any, ...]) -> list[Any]:
        _tell(text)
        return self._connection().execute(text, arguments).fetchall()

    def moment(self) -> int:
        now = monotonic()
        if now >= self._told_until:
            # What SQLite counts for each connection: commits of all others, of other processes too.
            [self._told] = self._connection().execute("PRAGMA data_version").fetchone()
            self._told_until = now + SOON
        return self._told

    async def close(self) -> None:
        self._threads.shutdown()
        for connection in self._opened:
            connection.close()

    async def _here(self, steps: Steps, context: Any) -> Any:
        connection, answer = self._connection(), None
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Fetch):
                    _tell(step.text)
                    answer = connection.execute(step.text, step.arguments).fetchall()
                else:
                    answer = await step.load(context)
        except StopIteration as end:
            return end.value

    def _there(self, steps: Steps, context: Any, loop: asyncio.AbstractEventLoop) -> Any:
        connection, answer = self._connection(), None
        connection.execute("BEGIN")
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Fetch):
                    _tell(step.text)
                    answer = connection.execute(step.text, step.arguments).fetchall()
                else:
                    loading: Any = step.load(context)
                    answer = asyncio.run_coroutine_threadsafe(loading, loop).result()
        except StopIteration as end:
            return end.value
        finally:
            connection.execute("ROLLBACK")

    def _connection(self) -> sqlite3.Connection:
        found = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = sqlite3.connect(
                self._path,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=STATEMENTS,
            )
            found.execute("PRAGMA busy_timeout = 60000")
            found.execute("PRAGMA query_only = ON")
            self._opened.append(found)
        return found


def driver_for(url: str, *, connections: int) -> Driver:
    """The driver of ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…``."""
    if url.startswith("sqlite"):
        return SqliteDriver(url, connections=connections)
    return PostgresDriver(url, connections=connections)
