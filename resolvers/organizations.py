"""Organizations: the tenants. Everybody sees their own and no other."""

from typing import Any

from sqlalchemy import select

from db.engine import Database
from db.models import Organization
from resolvers.reads import one


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
