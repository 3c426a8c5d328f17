"""Rows by their UUID for interfaces that tell a stranger whose they are not."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from db import models
from db.base import Base
from resolvers.context import Context
from resolvers.errors import NotFound, NotOwner
from resolvers.viewer import visible
from resolvers.writes import Field, word


async def owned(ctx: Context, row: type[Base], uuid: UUID | None, *, field: Field = ()) -> int:
    """The key of a row that exists for the viewer.

    Raises ``NotOwner`` where it is another organization's, ``NotFound`` where there is none, it is
    deleted, or its store is.
    """
    viewer, columns = ctx.require(), row.__mapper__.columns
    if uuid is not None:
        mine: Any = visible(viewer, row).where(columns["uuid"] == uuid)
        if found := await ctx.rows(mine.with_only_columns(columns["id"])):
            return found[0].id
        if await ctx.rows(_of_others(viewer.organization_id, row, uuid)):
            raise NotOwner(f"another account's {word(row)}", field=field)
    raise NotFound(word(row), field=field)


def _of_others(organization_id: int, row: type[Base], uuid: UUID) -> Any:
    columns = row.__mapper__.columns
    found = select(columns["id"]).where(
        columns["uuid"] == uuid, columns["organization_id"] != organization_id
    )
    if "deleted_at" in columns:
        found = found.where(columns["deleted_at"].is_(None))
    if "store_id" in columns:
        live = select(models.Store.id).where(models.Store.deleted_at.is_(None))
        found = found.where(columns["store_id"].in_(live))
    return found
