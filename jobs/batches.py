"""Many rows, some at a time, so that nobody waits long for a lock."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import String, cast, delete, or_, select, update

from db.base import Base
from resolvers.services import Services

BATCH = 1000


async def remove(services: Services, row: type[Base], *conditions: Any) -> None:
    """Delete the rows that meet the conditions, each batch in a transaction of its own."""
    key: Any = row.__mapper__.columns["id"]
    while ids := await _some(services, key, conditions):
        async with services.database.write() as tx:
            gone = delete(row).where(key.in_(ids), *conditions)
            await tx.execute(gone.execution_options(synchronize_session=False))
        if len(ids) < BATCH:
            return


async def rewrite(
    services: Services, row: type[Base], values: Mapping[str, Any], *conditions: Any
) -> None:
    """Write the same values into all rows that meet the conditions and have others, likewise.

    ``None`` and ``{}`` are the values that it can tell from others.
    """
    key: Any = row.__mapper__.columns["id"]
    columns: Any = row.__mapper__.columns
    differs = or_(
        *(
            columns[name].is_not(None) if value is None else cast(columns[name], String) != "{}"
            for name, value in values.items()
            if value in (None, {})
        )
    )
    after = 0
    while ids := await _some(services, key, (*conditions, differs, key > after)):
        async with services.database.write() as tx:
            await tx.execute(
                update(row)
                .where(key.in_(ids))
                .values(**values)
                .execution_options(synchronize_session=False)
            )
        after = ids[-1]


async def _some(services: Services, key: Any, conditions: Any) -> list[int]:
    found = select(key).where(*conditions).order_by(key).limit(BATCH)
    async with services.database.read() as connection:
        return list((await connection.execute(found)).scalars())
