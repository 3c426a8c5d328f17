"""Databases for tests: made once per test process, and clean at the start of each test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import create_engine

from db import models
from db.base import Base
from db.engine import Database, connect

POSTGRES = os.environ.get("STOREGRAPH_TEST_POSTGRES_URL")
TABLES = [table.name for table in Base.metadata.sorted_tables]
assert models.__all__  # the tables are known once the row classes are


def new_sqlite(folder: Path) -> Path:
    """A file with all tables and no rows."""
    path = folder / "template.db"
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        # Copies are in this mode then. Two first connections that both change it: one is refused.
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    engine.dispose()
    return path


def copied(template: Path, folder: Path) -> str:
    """The address of a copy of a file, in place of the copy that was there before."""
    path = folder / "test.db"
    for each in folder.glob(f"{path.name}*"):
        each.unlink()
    shutil.copyfile(template, path)
    return f"sqlite+aiosqlite:///{path}"


@cache
def engines(url: str) -> Database:
    """The engines of all tests on one database: they know its dialect, and statements by heart.

    Connections are each test's own, as their event loops are.
    """
    return connect(url, durable=False)


@contextmanager
def new_postgres(*, tables: bool) -> Iterator[str]:
    """The address (``postgresql://``) of a database that is gone afterwards."""
    assert POSTGRES is not None
    name = f"storegraph_test_{uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
    url = f"{POSTGRES.rsplit('/', 1)[0]}/{name}"
    if tables:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        Base.metadata.create_all(engine)
        engine.dispose()
    try:
        yield url
    finally:
        with psycopg.connect(POSTGRES, autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


class Postgres:
    """A database for one test after the other, and a connection that empties it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = psycopg.connect(url, autocommit=True)

    def emptied(self) -> str:
        """Its address for SQLAlchemy. It has no rows; whoever is still connected is cut off.

        It costs a hundredth of a new database. Foreign keys and triggers look away meanwhile.
        """
        deletions = "; ".join(f'DELETE FROM "{table}"' for table in TABLES)  # noqa: S608 - our own names
        self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        self._connection.execute("DROP SCHEMA IF EXISTS dbos CASCADE")
        self._connection.execute(f"SET session_replication_role = replica; {deletions}".encode())
        return asyncpg_url(self._url)

    def close(self) -> None:
        self._connection.close()


def asyncpg_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://")
