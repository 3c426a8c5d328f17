"""Who did what, written with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.engine import Database
from resolvers.reads import Conditions, narrowed, one, page, sorts
from resolvers.viewer import Viewer

SORTS = sorts("AuditSort", id=models.AuditEntry.id, default="id_desc")


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries; all given conditions must hold."""

    action: Annotated[tuple[str, ...] | None, "Any of these actions, such as mint or revoke."] = (
        None
    )
    actor: Annotated[str | None, "Done by exactly this credential, such as key:7."] = None
    subject_type: Annotated[str | None, "Done to this kind of row, such as api_key."] = None
    created_after: Annotated[datetime | None, "Done at or after."] = None
    created_before: Annotated[datetime | None, "Done before."] = None


CONDITIONS: Conditions = {
    "action": models.AuditEntry.action.in_,
    "actor": lambda actor: models.AuditEntry.actor == actor,
    "subject_type": lambda kind: models.AuditEntry.subject_type == kind,
    "created_after": lambda at: models.AuditEntry.created_at >= at,
    "created_before": lambda at: models.AuditEntry.created_at < at,
}


@one(models.AuditEntry, by=models.AuditEntry.id, permission="audit:view")
def by_id(entries: Any) -> Any:
    return entries


@page(models.AuditEntry, sorts=SORTS, permission="audit:view")
def listing(entries: Any, *, filter: AuditFilter | None = None) -> Any:
    return narrowed(entries, filter, CONDITIONS)


def write(
    tx: AsyncSession,
    viewer: Viewer,
    action: str,
    subject: tuple[str, int | None],
    **details: Any,
) -> None:
    """Add an entry to this transaction. ``details`` must be JSON and hold no secret."""
    tx.add(
        models.AuditEntry(
            organization_id=viewer.organization_id,
            actor=viewer.credential,
            action=action,
            subject_type=subject[0],
            subject_id=subject[1],
            details=details,
        )
    )


async def newest(
    database: Database, count: int, *, actions: Sequence[str] | None = None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The newest entries (of some actions) of all organizations, newest first, for operators."""
    entry = models.AuditEntry
    found = select(*entry.__table__.columns).order_by(entry.id.desc()).limit(count)
    if actions is not None:
        found = found.where(entry.action.in_(actions))
    async with database.read() as connection:
        return (await connection.execute(found)).all()
