"""Rows on their way into an empty database: keyed when added, written in bulk."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from random import Random
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db import models
from db.base import Base

Progress = Callable[[int, int], None]
"""Called with the rows written so far and the rows there are."""

R = TypeVar("R", bound=Base)
CHUNK = 2000
# Parents first: foreign keys are checked with every statement.
IN_ORDER: tuple[type[Base], ...] = (
    models.Organization, models.User, models.Membership, models.Session,
    models.Store, models.StoreSetting,
    models.Domain, models.ApiKey, models.App, models.AppInstallation, models.AppToken,
    models.File, models.FileLink, models.Visit,
    models.Brand, models.Category, models.Product, models.Option, models.Property, models.FaqEntry,
    models.Variant, models.Offer, models.LandingPage, models.Customer, models.Review, models.Order,
    models.Delivery, models.OrderLine, models.StockItem, models.Return, models.ReturnLine,
    models.Account, models.Transfer, models.LedgerEntry, models.Payment, models.Refund,
    models.TopUp, models.Deposit, models.Job, models.Event, models.Consumer,
    models.WebhookEndpoint, models.WebhookDelivery, models.AuditEntry,
)  # fmt: skip


class Rows:
    """A collection of new rows. ``reserved`` keys are given only to rows that ask for them."""

    def __init__(
        self, rng: Random, *, reserved: Mapping[type[Base], Collection[int]] | None = None
    ) -> None:
        self._rng = rng
        self._reserved = dict(reserved or {})
        self._last: defaultdict[type[Base], int] = defaultdict(int)
        self._added: dict[type[Base], list[Any]] = {kind: [] for kind in IN_ORDER}

    def add(self, row: R, *, key: int | None = None, updated_at: datetime | None = None) -> R:
        """Give the row its key (``row.id`` from now on) and keep it for ``write``."""
        kind, given = type(row), cast("Any", row)
        if key is None:
            key = self._last[kind] + 1
            while key in self._reserved.get(kind, ()):
                key += 1
            self._last[kind] = key
        given.id = key
        if hasattr(kind, "uuid"):
            given.uuid = self._uuid(given.created_at)
        if hasattr(kind, "updated_at"):
            given.updated_at = updated_at or given.created_at
        self._added[kind].append(row)
        return row

    def of(self, kind: type[R]) -> list[R]:
        """The rows of a class in the order in which they were added. Not a copy."""
        return self._added[kind]

    def __len__(self) -> int:
        return sum(map(len, self._added.values()))

    async def write(self, connection: AsyncConnection, progress: Progress | None = None) -> None:
        """Insert everything, and let the database's own keys go on after ours."""
        done, total = 0, len(self)
        for kind, rows in self._added.items():
            rows.sort(key=_key)
            names = [column.key for column in kind.__mapper__.columns]
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                values = [{name: getattr(row, name) for name in names} for row in chunk]
                await connection.execute(insert(_table(kind)), values)
                done += len(chunk)
                if progress is not None:
                    progress(done, total)
            if rows:
                await _advance(connection, _table(kind))

    def _uuid(self, at: datetime) -> UUID:
        """A version 7 UUID of that moment, the same in every run."""
        value = int(at.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62
        return UUID(int=value | self._rng.getrandbits(12) << 64 | self._rng.getrandbits(62))


def _key(row: Any) -> int:
    return row.id


def _table(kind: type[Base]) -> Table:
    return cast("Table", kind.__table__)


async def _advance(connection: AsyncConnection, table: Table) -> None:
    """SQLite goes on after the largest key by itself; PostgreSQL's sequences must be told."""
    if connection.dialect.name == "postgresql":
        largest = select(func.max(table.c.id)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(text(f"'{table.name}'"), text("'id'"))
        await connection.execute(select(func.setval(sequence, largest)))
