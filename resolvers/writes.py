"""Rows that an operation is about to change: found for its viewer, locked, of the right version.

Every operation takes locks in one order, so that none waits for another in a circle: store,
brand and category, variant, review, product, domain, landing page, file, each kind by ascending
key. SQLite has one writer at a time and takes no notice.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from db.base import Base
from resolvers.errors import Conflict, NotFound
from resolvers.viewer import Viewer, visible

R = TypeVar("R", bound=Base)
Field = tuple[str | int, ...]
ID: Field = ("id",)


def word(row: type[Base]) -> str:
    """What people call a row: ``"file link"``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", row.__name__).lower()


async def held(
    tx: AsyncSession,
    viewer: Viewer,
    row: type[R],
    key: int,
    *,
    field: Field = ID,
    expected_version: int | None = None,
) -> R:
    """The row of a key, kept from other writers until the unit of work ends.

    Raises ``NotFound``: there is none for this viewer. Raises ``Conflict``: it has another version.
    """
    found = await _only(tx, _of(viewer, row, key).with_for_update(key_share=True), row, field)
    expect(found, expected_version)
    return found


async def referred(
    tx: AsyncSession,
    viewer: Viewer,
    row: type[R],
    key: int,
    *,
    field: Field,
    store_id: int | None = None,
) -> R:
    """A row that another one is about to refer to; it cannot be deleted before that has happened.

    With ``store_id``, one of another store is not found either.
    """
    found = await _only(tx, _of(viewer, row, key).with_for_update(read=True), row, field)
    if store_id is not None and getattr(found, "store_id", None) != store_id:
        raise NotFound(word(row), field=field)
    return found


async def seen(tx: AsyncSession, viewer: Viewer, row: type[R], key: int, *, field: Field = ID) -> R:
    """The row as it is now, not locked: for what never changes about it, such as its store."""
    return await _only(tx, _of(viewer, row, key), row, field)


def expect(row: Base, version: int | None) -> None:
    """Raise ``Conflict`` where a caller looked at another version of the row."""
    found = getattr(row, "version", None)
    if version is not None and version != found:
        raise Conflict(
            f"somebody else changed this {word(type(row))}",
            field=("expected_version",),
            details={"version": found},
        )


def put(row: Base, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def touch(row: Any, at: datetime) -> None:
    """Make this a new version of the row although only rows that belong to it change."""
    row.updated_at = at


def _of(viewer: Viewer, row: type[Base], key: int) -> Select[Any]:
    limits = visible(viewer, row).where(row.__mapper__.columns["id"] == key)
    return limits.execution_options(populate_existing=True)


async def _only(tx: AsyncSession, found: Select[Any], row: type[R], field: Field) -> R:
    result: R | None = (await tx.scalars(found)).one_or_none()
    if result is None:
        raise NotFound(word(row), field=field)
    return result
