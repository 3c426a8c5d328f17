"""SQLite, by the driver that Python brings along."""

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect

from engine.drivers.driver import SOON, STATEMENTS, tell
from engine.plan import Await, Fetch, Steps
from engine.statements import AnyBinds, JsonBinds

THREADS = 2
"""More threads than that only take the interpreter from one another."""


class SqliteDriver:
    """sqlite3, in a few threads with a connection each.

    A light query is read on the spot: threads would take the interpreter from one another, row by
    row. For a heavy one the loop must not wait. What its statements read is all of one moment.
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
        if not light:
            return await self._run_in_threads(steps, context)
        connection, answer = self._connection(), None
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Fetch):
                    tell(step.text)
                    answer = connection.execute(step.text, step.arguments).fetchall()
                else:
                    answer = await step.load(context)
        except StopIteration as end:
            return end.value

    async def rows(self, text: str, arguments: tuple[Any, ...]) -> list[Any]:
        tell(text)
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

    async def _run_in_threads(self, steps: Steps, context: Any) -> Any:
        loop, answer = asyncio.get_running_loop(), None
        while True:
            step, answer = await loop.run_in_executor(self._threads, self._fetched, steps, answer)
            if step is None:
                return answer
            # No thread waits for it: it may read, too, and need one of them.
            answer = await step.load(context)

    def _fetched(self, steps: Steps, answer: Any) -> tuple[Await | None, Any]:
        """Run steps as far as they are statements: the next one, or None and what all return."""
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Await):
                    return step, None
                tell(step.text)
                answer = connection.execute(step.text, step.arguments).fetchall()
        except StopIteration as end:
            return None, end.value
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
