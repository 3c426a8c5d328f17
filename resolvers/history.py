"""The events that are kept, by position."""

from typing import Any

from sqlalchemy import func, select

from db import models
from db.engine import Database
from resolvers.errors import Conflict, Invalid
from resolvers.events import BATCH, EVENT_COLUMNS, EventRecord, record
from resolvers.interests import Interest


class History:
    """Reads numbered events. Whoever has read up to a position never sees a smaller one appear."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self) -> int:
        """The greatest position; 0 where there is none."""
        async with self._database.read() as connection:
            found = await connection.execute(select(func.max(models.Event.position)))
            return found.scalar() or 0

    async def since(self, position: int, interest: Interest | None = None) -> list[EventRecord]:
        """The next events after a position, at most ``BATCH``: fewer are all there are.

        With an ``interest`` all that match it are among them, and maybe some that do not.
        """
        found: Any = (
            select(*EVENT_COLUMNS)
            .where(models.Event.position > position, *(interest.conditions() if interest else ()))
            .order_by(models.Event.position)
            .limit(BATCH)
        )
        async with self._database.read() as connection:
            return [record(row) for row in (await connection.execute(found)).all()]

    async def newest(self, interest: Interest) -> EventRecord | None:
        """The last event of somebody's subject, where it is of interest."""
        newest = (
            select(*EVENT_COLUMNS)
            .where(models.Event.position.is_not(None), *interest.conditions())
            .order_by(models.Event.position.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(newest)).first()
        event = record(row) if row is not None else None
        return event if event and interest.matches(event) else None

    async def check(self, after: int) -> None:
        """Raise ``Invalid`` for a position to come, ``Conflict`` where events after it are gone."""
        if after > await self.last():
            raise Invalid("there is no event with this id yet", field=("after",))
        oldest = select(func.min(models.Event.position))
        async with self._database.read() as connection:
            first = (await connection.execute(oldest)).scalar()
        if first is not None and after + 1 < first:
            raise Conflict("events after this id are no longer kept", field=("after",))
