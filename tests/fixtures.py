"""What tests are given: a real application over a real database.

Only the world outside is stood in for.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import structlog
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import event

from app import web
from app.settings import Settings
from app.web import create_app
from db import migrate
from db.engine import Database
from engine import drivers
from engine.drivers.postgres import PostgresDriver
from engine.drivers.sqlite import SqliteDriver
from jobs.courier import Courier
from providers import storage
from providers.chain import SimulatedChain
from providers.memory import MemoryLimiter, NoJobs
from providers.outbound import OutboundHttp
from providers.rule_writer import RuleWriter
from providers.simulated_payments import SimulatedPayments
from resolvers.feed import Feed
from resolvers.passwords import Passwords
from resolvers.services import Services, Storage
from resolvers.vault import Vault
from tests import databases, event_loops
from tests.callers import Client, GraphQL, Rest
from tests.databases import POSTGRES
from tests.doors import instamarket_door, instxnt_door, xpage_door
from tests.kit import Make
from tests.receivers import Post, Receiver, listening
from tests.s3 import S3, serving

REDIS = os.environ.get("STOREGRAPH_TEST_REDIS_URL")
REQUIRED = os.environ.get("STOREGRAPH_TEST_REQUIRE_SERVICES") == "1"
# As real passwords are kept, but in less than a millisecond.
CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
FEED = ("event.position", "UPDATE event SET position", "pg_advisory_xact_lock")
# So many of GraphQL's and the ledger's promises rest on SQL that both databases take every test.
DATABASES = ["sqlite", "postgresql"] if POSTGRES or REQUIRED else ["sqlite"]


def pytest_configure() -> None:
    # As ``app.logs`` has it: an error with all its variables takes longer than many a test.
    plain = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"kept": event_loops.kept}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    event_loops.kept().end()


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return databases.new_sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("database")


@pytest.fixture(scope="session")
def postgres() -> Iterator[databases.Postgres]:
    """One database for all tests of this process."""
    with databases.new_postgres(tables=True) as url:
        database = databases.Postgres(url)
        yield database
        event_loops.kept().run_until_complete(database.close())


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """The address of a database with all tables and no rows."""
    if database_kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        return databases.copied(template, request.getfixturevalue("sqlite_folder"))
    server: databases.Postgres = request.getfixturevalue("postgres")
    return server.emptied()


@pytest.fixture
def bare_database_url(database_kind: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables."""
    if database_kind == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/bare.db"
        return
    with databases.new_postgres(tables=False) as url:
        yield databases.asyncpg_url(url)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "template.db"
    upgrade = migrate.upgrade(f"sqlite+aiosqlite:///{path}")
    event_loops.kept().run_until_complete(upgrade)
    return path


@pytest.fixture(scope="session")
def migrated_postgres() -> Iterator[str]:
    with databases.new_postgres(tables=False) as url:
        upgrade = migrate.upgrade(databases.asyncpg_url(url))
        event_loops.kept().run_until_complete(upgrade)
        yield url


@pytest.fixture
def migrated_database_url(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[str]:
    """The address of a database that migrations have made."""
    if database_kind == "sqlite":
        yield databases.copied(request.getfixturevalue("migrated_sqlite"), tmp_path)
        return
    like = request.getfixturevalue("migrated_postgres")
    with databases.new_postgres(tables=False, like=like) as url:
        yield databases.asyncpg_url(url)


@pytest.fixture
def embedded_folder(migrated_sqlite: Path, tmp_path: Path) -> Path:
    """A data folder whose embedded database needs no migration any more."""
    shutil.copyfile(migrated_sqlite, tmp_path / "storegraph.db")
    return tmp_path


@pytest.fixture
async def database(
    database_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Database]:
    engines = databases.engines(database_url)
    opened = Database(database_url, engines.reading, engines.writing)
    if not opened.is_sqlite:
        monkeypatch.setattr(web, "driver_for", databases.KeptDriver)
    yield opened
    if opened.is_sqlite:
        await opened.close()
    else:
        server: databases.Postgres = request.getfixturevalue("postgres")
        await server.keep(opened)


@pytest.fixture(autouse=True)
def failed_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exception]]:
    """Reads that SQLAlchemy had to do again. There are none: who provokes some takes them away."""
    failed: list[Exception] = []
    monkeypatch.setattr(web, "read_failed", failed.append)
    yield failed
    assert not failed, failed


@pytest.fixture(scope="session")
def common_settings() -> Settings:
    """Reading them takes longer than many a test."""
    return Settings(
        introspection=True,
        admin_token="admin-token-of-tests",
        compiled_queries=os.environ.get("STOREGRAPH_TEST_COMPILED") != "0",
    )


@pytest.fixture
def settings(common_settings: Settings, tmp_path: Path) -> Settings:
    return replace(common_settings, data_dir=tmp_path)


@pytest.fixture
async def services(database: Database) -> AsyncGenerator[Services]:
    feed, vault = Feed(database), Vault([Vault.new_key()])
    made = Services(
        database=database,
        vault=vault,
        events=feed,
        limiter=MemoryLimiter(),
        chain=SimulatedChain(database, {}),
        jobs=NoJobs(),
        storage=storage.memory(),
        passwords=Passwords(CHEAP),
        writer=RuleWriter(),
        payments=SimulatedPayments(database, vault, public_url="http://127.0.0.1:8000"),
    )
    running = asyncio.create_task(feed.run())
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A server that speaks S3, for all tests of this process."""
    with serving() as server:
        yield server


@pytest.fixture(params=["memory", "local", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, services: Services) -> Storage:
    """Each kind of storage in turn, empty; and it is the one of the services."""
    match request.param:
        case "local":
            services.storage = storage.local(tmp_path / "files")
        case "s3":
            server: S3 = request.getfixturevalue("s3")
            services.storage = server.storage(server.new_bucket())
        case _:
            pass
    return services.storage


@pytest.fixture
def make(services: Services) -> Make:
    return Make(services)


@pytest.fixture
async def client(services: Services, settings: Settings) -> AsyncGenerator[Client]:
    server = TestServer(create_app(services, settings))
    async with TestClient(server, cookie_jar=DummyCookieJar()) as opened:
        yield opened


@pytest.fixture
def gql(client: Client) -> GraphQL:
    return GraphQL(client)


@pytest.fixture
def statements(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every SQL statement of requests since the test began, or since ``.clear()``.

    The feed reads in the background at moments of its own; its statements are not counted. Who asks
    is looked up by each request, so that no count depends on how much time has passed.
    """
    seen: list[str] = []
    moments = count()
    for driver in (SqliteDriver, PostgresDriver):
        monkeypatch.setattr(driver, "moment", lambda _: next(moments))

    def record(*call: object) -> None:
        text = str(call[2])
        if not text.startswith("BEGIN") and not any(mark in text for mark in FEED):
            seen.append(text)

    engines = [database.writing, database.reading]

    def record_compiled(text: str) -> None:
        seen.append(text)

    for engine in engines:
        event.listen(engine.sync_engine, "before_cursor_execute", record)
    drivers.observers.append(record_compiled)
    yield seen
    drivers.observers.remove(record_compiled)
    for engine in engines:
        event.remove(engine.sync_engine, "before_cursor_execute", record)


@pytest.fixture
async def instamarket(services: Services, settings: Settings) -> AsyncGenerator[Rest]:
    async with instamarket_door(services, settings) as door:
        yield door


@pytest.fixture
async def instxnt(services: Services, settings: Settings) -> AsyncGenerator[Rest]:
    async with instxnt_door(services, settings) as door:
        yield door


@pytest.fixture
async def xpage(services: Services, settings: Settings) -> AsyncGenerator[Rest]:
    async with xpage_door(services, settings) as door:
        yield door


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with listening() as made:
        yield made


@pytest.fixture
async def post(services: Services) -> AsyncGenerator[Post]:
    http = OutboundHttp(private_addresses=True, timeout=1)
    yield Post(services, Courier(services, http))
    await http.close()
