"""The databases of a run: a SQLite file, and where there is a server, one of PostgreSQL."""

import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

LOCAL = "postgresql://postgres@127.0.0.1:5432/postgres"


async def postgres() -> str | None:
    """A PostgreSQL server's address: the tests' one, or one on this machine that lets us in."""
    url = os.environ.get("STOREGRAPH_TEST_POSTGRES_URL", LOCAL)
    server = url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(server, connect_args={"timeout": 2})
    try:
        async with engine.connect():
            return server
    except (OSError, TimeoutError, DBAPIError):
        return None
    finally:
        await engine.dispose()


@asynccontextmanager
async def new_database(server: str | None, folder: Path) -> AsyncGenerator[str]:
    """The address of an empty database, gone afterwards; a file in the folder without a server."""
    if server is None:
        yield f"sqlite+aiosqlite:///{folder}/bench.db"
        return
    name = f"storegraph_bench_{secrets.token_hex(4)}"
    admin = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield f"{server.rsplit('/', 1)[0]}/{name}"
    finally:
        async with admin.connect() as connection:
            await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        await admin.dispose()
