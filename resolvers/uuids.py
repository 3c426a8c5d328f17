"""Keys of rows whose UUID is what a caller knows."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from db.base import Base
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.viewer import visible
from resolvers.writes import Field, word


async def keys_of(ctx: Context, row: type[Base], uuids: Iterable[UUID]) -> dict[UUID, int]:
    """The keys of those that exist for the viewer. One statement."""
    wanted, columns = set(uuids), row.__mapper__.columns
    if not wanted:
        return {}
    found: Any = visible(ctx.require(), row).where(columns["uuid"].in_(wanted))
    rows = await ctx.rows(found.with_only_columns(columns["uuid"], columns["id"]))
    return {each.uuid: each.id for each in rows}


async def key_of(ctx: Context, row: type[Base], uuid: UUID, *, field: Field = ()) -> int:
    """Raises ``NotFound``: there is none for this viewer."""
    found = await keys_of(ctx, row, [uuid])
    if uuid not in found:
        raise NotFound(word(row), field=field)
    return found[uuid]
