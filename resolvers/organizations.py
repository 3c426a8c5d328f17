"""Organizations: the tenants. Everybody sees their own and no other."""

from typing import Any

from sqlalchemy import select

from db.base import Base
from db.engine import Database
from db.models import Organization
from resolvers.errors import NotFound
from resolvers.reads import one
from resolvers.writes import word


@one(Organization, by=Organization.id, permission="organization:view")
def by_id(organizations: Any) -> Any:
    return organizations


@one(Organization, by=Organization.id, permission=None)
def own(organizations: Any) -> Any:
    """The viewer's organization, which needs no permission."""
    return organizations


async def slugs(database: Database) -> dict[str, int]:
    """The keys of all organizations by slug, for operators."""
    found = select(Organization.slug, Organization.id).where(Organization.deleted_at.is_(None))
    async with database.read() as connection:
        rows = (await connection.execute(found.order_by(Organization.slug))).all()
    return {row.slug: row.id for row in rows}


async def owner_of(database: Database, row: type[Base], key: int) -> int:
    """The organization that a row belongs to, for operators. Raises ``NotFound``."""
    columns = row.__mapper__.columns
    found = select(columns["organization_id"]).where(columns["id"] == key)
    async with database.read() as connection:
        owner: int | None = (await connection.execute(found)).scalar()
    if owner is None:
        raise NotFound(word(row))
    return owner
