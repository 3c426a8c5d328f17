"""Bytes that nobody can reach any more: of deleted files, and of uploads that came to nothing."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select

from db.models import File, FileLink
from resolvers.file_intake import KEY
from resolvers.services import Services

KEPT = timedelta(days=1)
"""How long bytes stay: downloads and uploads under way are over by then."""
BATCH = 500


async def sweep_deleted(services: Services) -> int:
    """Remove files that were deleted a day ago, bytes first; returns how many."""
    before = services.clock() - KEPT
    some = (
        select(File.id, File.key, File.thumbnail_key)
        .where(File.deleted_at < before)
        .order_by(File.id)
        .limit(BATCH)
    )
    removed = 0
    while True:
        async with services.database.read() as connection:
            rows = (await connection.execute(some)).all()
        # Gone already, if a sweep was interrupted here: then only the rows are left.
        await services.storage.delete(
            [key for row in rows for key in (row.key, row.thumbnail_key) if key is not None]
        )
        ids = [row.id for row in rows]
        async with services.database.write() as tx:
            await tx.execute(delete(FileLink).where(FileLink.file_id.in_(ids)))
            await tx.execute(delete(File).where(File.id.in_(ids)))
        removed += len(rows)
        if len(rows) < BATCH:
            return removed


async def sweep_orphans(services: Services) -> int:
    """Remove bytes of which no row knows, stored a day ago or earlier; returns how many.

    What else lies in the bucket is left alone.
    """
    before = services.clock() - KEPT
    removed = 0
    keys: list[str] = []
    async for each in services.storage.objects():
        if each.stored_at < before and KEY.fullmatch(each.key):
            keys.append(each.key)
        if len(keys) == BATCH:
            removed += await _remove_unknown(services, keys)
            keys = []
    return removed + await _remove_unknown(services, keys)


async def _remove_unknown(services: Services, keys: Sequence[str]) -> int:
    known = select(File.key, File.thumbnail_key).where(
        File.key.in_(keys) | File.thumbnail_key.in_(keys)
    )
    async with services.database.read() as connection:
        rows = (await connection.execute(known)).all()
    kept = {key for row in rows for key in row}
    unknown = [key for key in keys if key not in kept]
    await services.storage.delete(unknown)
    return len(unknown)
