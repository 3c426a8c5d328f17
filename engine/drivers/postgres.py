"""PostgreSQL, by asyncpg."""

import asyncio
from time import monotonic
from typing import Any

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgres_dialect

from engine.drivers.driver import FRESH, STATEMENTS, tell
from engine.plan import Fetch, Steps
from engine.statements import AnyBinds, ArrayBinds


class PostgresDriver:
    """asyncpg. Statements are prepared once per connection, and need no transaction around them.

    Each request has one connection for the statements of its plan, and gives it back before it
    awaits what else it needs: that may read, too, and all connections might be with those who wait
    so. uuid and json come as the text that answers are made of.
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
        connection: Any = None
        answer: Any = None
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Fetch):
                    if connection is None:
                        connection = await pool.acquire()
                    tell(step.text)
                    answer = await connection.fetch(step.text, *step.arguments)
                else:
                    if connection is not None:
                        given, connection = connection, None
                        await pool.release(given)
                    answer = await step.load(context)
        except StopIteration as end:
            return end.value
        finally:
            if connection is not None:
                await pool.release(connection)

    async def rows(self, text: str, arguments: tuple[Any, ...]) -> list[Any]:
        pool = self._pool or await self._open()
        tell(text)
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
