"""The schema comes about by migrations alone, once, and from the code's own row classes."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import CheckConstraint, Connection, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from db import migrate
from db.base import Base
from db.engine import connect
from db.migrate import SchemaIsNewer, SchemaIsOlder


async def execute(url: str, *statements: str) -> None:
    database = connect(url)
    try:
        async with database.writing.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    finally:
        await database.close()


async def scalar(url: str, statement: str) -> object:
    database = connect(url)
    try:
        async with database.read() as connection:
            return (await connection.execute(text(statement))).scalar()
    finally:
        await database.close()


ORGANIZATION = (
    "INSERT INTO organization (id, name, slug, plan, created_at, updated_at, version)"
    " VALUES (7, 'Acme', 'acme', 'free', '2026-01-01', '2026-01-01', 1)"
)
ACCOUNT = (
    "INSERT INTO account (id, organization_id, role, owner, unit, balance, created_at, updated_at,"
    " version) VALUES ({id}, 7, 'deposits', '{id}', 'USDT', 0, '2026-01-01', '2026-01-01', 1)"
)
ROWS = {
    "transfer": "INSERT INTO transfer (id, organization_id, kind, reference, debit_account_id,"
    " credit_account_id, amount, unit, created_at)"
    " VALUES (1, 7, 'top_up', 'x', 1, 2, 5, 'USDT', '2026-01-01')",
    "ledger_entry": "INSERT INTO ledger_entry (id, organization_id, account_id, transfer_id, kind,"
    " amount, balance_after, unit, created_at)"
    " VALUES (1, 7, 1, 1, 'top_up', -5, -5, 'USDT', '2026-01-01')",
    "audit_entry": "INSERT INTO audit_entry (id, organization_id, actor, action, subject_type,"
    " details, created_at) VALUES (1, 7, 'system', 'mint', 'api_key', '{}', '2026-01-01')",
}


async def test_an_empty_database_is_migrated_and_a_migrated_one_left_alone(
    bare_database_url: str,
) -> None:
    first = await migrate.upgrade(bare_database_url)
    assert (first.before, first.changed) == (None, True)
    await execute(bare_database_url, ORGANIZATION)

    second = await migrate.upgrade(bare_database_url)

    assert (second.before, second.changed) == (first.after, False)
    assert await scalar(bare_database_url, "SELECT name FROM organization") == "Acme"


async def test_a_new_revision_would_have_nothing_to_do(migrated_database_url: str) -> None:
    assert await migrate.differences(migrated_database_url) == []


async def test_migrations_make_every_check_of_the_row_classes(migrated_database_url: str) -> None:
    def checks(connection: Connection) -> set[tuple[str, str | None]]:
        inspector = inspect(connection)
        return {
            (table, check["name"])
            for table in Base.metadata.tables
            for check in inspector.get_check_constraints(table)
        }

    database = connect(migrated_database_url)
    async with database.read() as connection:
        found = await connection.run_sync(checks)
    await database.close()
    assert found == {
        (table.name, str(constraint.name))
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }


async def upgrade_to(url: str, revision: str) -> None:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrate.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with migrate.migrating(url) as connection:
        await connection.run_sync(run)


STORE = (
    "INSERT INTO store (id, organization_id, uuid, name, subdomain, status, currency, wholesale,"
    " created_at, updated_at, version) VALUES (1, 7, '00000000-0000-7000-8000-000000000000', 'S',"
    " 's', 'live', 'USD', false, '2026-01-01', '2026-01-01', 1)"
)
CUSTOMER = (
    "INSERT INTO customer (id, organization_id, store_id, uuid, email, order_count, amount_spent,"
    " currency, created_at, updated_at, version, deleted_at) VALUES ({id}, 7, 1,"
    " '00000000-0000-7000-8000-00000000000{id}', {email}, 0, 0, 'USD', '2026-01-01', '2026-01-01',"
    " 1, {deleted})"
)


async def test_customers_who_shared_an_address_stay_and_the_first_keeps_it(
    bare_database_url: str,
) -> None:
    await upgrade_to(bare_database_url, "0002")
    emails = ("'a@b.example'", "'A@B.example'", "'a@b.example'", "NULL", "'c@d.example'", "''")
    await execute(
        bare_database_url,
        ORGANIZATION,
        STORE,
        *(
            CUSTOMER.format(id=n, email=email, deleted="'2026-01-02'" if n == 0 else "NULL")
            for n, email in enumerate(emails)
        ),
    )

    await migrate.upgrade(bare_database_url)

    kept = "SELECT {} FROM customer WHERE email_key IS NOT NULL"
    assert await scalar(bare_database_url, kept.format("count(*)")) == 2
    assert await scalar(bare_database_url, kept.format("min(email_key)")) == "a@b.example"
    assert await scalar(bare_database_url, kept.format("min(id)")) == 1


async def test_two_processes_that_migrate_at_once_take_turns(bare_database_url: str) -> None:
    found = await asyncio.gather(*(migrate.upgrade(bare_database_url) for _ in range(4)))
    assert sorted(each.changed for each in found) == [False, False, False, True]


async def test_a_new_file_that_another_process_writes_to_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/bare.db"
    other = sqlite3.connect(tmp_path / "bare.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(migrate.upgrade(url))
    ended, _ = await asyncio.wait([task], timeout=0.3)
    assert not ended
    other.execute("COMMIT")
    assert (await task).changed
    other.close()


async def test_a_database_of_a_newer_version_is_left_alone(migrated_database_url: str) -> None:
    await execute(migrated_database_url, "UPDATE alembic_version SET version_num = '9999'")
    database = connect(migrated_database_url)
    with pytest.raises(SchemaIsNewer, match="9999"):
        await migrate.upgrade(migrated_database_url)
    with pytest.raises(SchemaIsNewer, match="9999"):
        await migrate.verify(database)
    await database.close()
    assert await scalar(migrated_database_url, "SELECT version_num FROM alembic_version") == "9999"


async def test_a_database_that_waits_for_migrations_is_not_served(bare_database_url: str) -> None:
    database = connect(bare_database_url)
    with pytest.raises(SchemaIsOlder, match="run migrate"):
        await migrate.verify(database)
    await migrate.upgrade(bare_database_url)
    await migrate.verify(database)
    await database.close()


@pytest.mark.parametrize("table", ROWS)
async def test_what_is_append_only_is_never_changed_and_never_deleted(
    migrated_database_url: str, table: str
) -> None:
    accounts = [ACCOUNT.format(id=key) for key in (1, 2)]
    before = [ORGANIZATION, *accounts]
    before += [ROWS["transfer"]] if table == "ledger_entry" else []
    await execute(migrated_database_url, *before, ROWS[table])

    for statement in ("UPDATE {} SET organization_id = organization_id", "DELETE FROM {}"):
        with pytest.raises((IntegrityError, DBAPIError), match=r"never (changed|deleted)"):
            await execute(migrated_database_url, statement.format(table))
    assert await scalar(migrated_database_url, f"SELECT count(*) FROM {table}") == 1  # noqa: S608
