"""What is stored, to be compared and checked: rows, files, events, books."""

from functools import cache
from typing import Any

from sqlalchemy import Select, case, func, select

from db import models
from db.base import Base
from resolvers.services import Services


async def stored(services: Services) -> list[str]:
    """The keys of all bytes in the storage of files."""
    return sorted([each.key async for each in services.storage.objects()])


async def check_books(services: Services) -> None:
    """What must always hold of the ledger, whatever happened before."""
    account, entry, order = models.Account, models.LedgerEntry, models.Order
    sums = select(entry.account_id, func.sum(entry.amount)).group_by(entry.account_id)
    per_unit = select(account.unit, func.sum(account.balance)).group_by(account.unit)
    async with services.database.read() as connection:
        entries = {row[0]: int(row[1]) for row in await connection.execute(sums)}
        accounts = (await connection.execute(select(account.id, account.balance))).all()
        assert {row.id: row.balance for row in accounts} == {
            row.id: entries.get(row.id, 0) for row in accounts
        }
        assert all(int(row[1]) == 0 for row in await connection.execute(per_unit))
        overpaid = select(order.id).where(order.refunded_total > order.total)
        assert (await connection.execute(overpaid)).all() == []
        net = (
            select(
                models.Transfer.order_id,
                func.sum(
                    case(
                        (
                            models.Transfer.kind == models.TransferKind.REFUND,
                            -models.Transfer.amount,
                        ),
                        else_=models.Transfer.amount,
                    )
                ),
            )
            .where(
                models.Transfer.order_id.is_not(None),
                models.Transfer.kind != models.TransferKind.FEE,  # within the seller's own money
            )
            .group_by(models.Transfer.order_id)
        )
        kept = {row[0]: int(row[1]) for row in await connection.execute(net)}
        orders = (
            await connection.execute(select(order.id, order.total, order.refunded_total))
        ).all()
        assert {row.id: row.total - row.refunded_total for row in orders if row.id in kept} == kept


async def everything(services: Services) -> dict[str, list[str]]:
    """All rows of all tables as text, to show that nothing was changed.

    Without what the feed writes in the background: the positions of events.
    """
    async with services.database.read() as connection:
        rows: Any = await connection.exec_driver_sql(_everything(services.database.is_sqlite))
        found: dict[str, list[str]] = {table.name: [] for table in Base.metadata.tables.values()}
        for table, row in rows:
            found[table].append(row)
    return {table: sorted(texts) for table, texts in found.items()}


async def all_rows(services: Services) -> dict[str, list[Any]]:
    """The same as values, where a test looks into them."""
    async with services.database.read() as connection:
        return {
            name: [tuple(row) for row in await connection.execute(rows)] for name, rows in _tables()
        }


@cache
def _tables() -> list[tuple[str, Select[Any]]]:
    """The statement that reads each table whole; a statement that is kept is compiled once."""
    return [
        (
            table.name,
            select(
                *(
                    column
                    for column in table.columns
                    if (table.name, column.name) != ("event", "position")
                )
            ).order_by(*table.primary_key.columns.values()),
        )
        for table in Base.metadata.tables.values()
    ]


@cache
def _everything(is_sqlite: bool) -> str:  # noqa: FBT001 - which text
    """One statement for all tables: to ask each for itself takes ten times as long."""
    tables: list[str] = []
    for table in Base.metadata.tables.values():
        columns = [f'"{column.name}"' for column in table.columns]
        if table.name == "event":
            columns.remove('"position"')
        if is_sqlite:
            row = " || ',' || ".join(f"quote({name})" for name in columns)
        else:
            row = f"CAST(ROW({', '.join(columns)}) AS text)"
        tables.append(f"SELECT '{table.name}', {row} FROM \"{table.name}\"")  # noqa: S608 - our own
    return " UNION ALL ".join(tables)


async def events(services: Services, topic: str) -> list[models.Event]:
    """The events of a topic, in the order in which they were written."""
    found = select(models.Event).where(models.Event.topic == topic).order_by(models.Event.id)
    async with services.database.write() as session:
        return list(await session.scalars(found))
