"""Files as the contract shows them."""

from collections.abc import Sequence
from typing import Any

from db.models import File
from resolvers import fetch, file_addresses, files
from resolvers.context import Context
from resolvers.reads import Many
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.wire import instant

COLUMNS = (
    File.uuid,
    File.name,
    File.size,
    File.alt,
    File.content_type,
    File.created_at,
    File.thumbnail_key,
)


def shown(ctx: Context, row: Any) -> dict[str, Any]:
    """A row with ``COLUMNS``."""
    services = ctx.services
    return {
        "id": str(row.uuid),
        "name": row.name,
        "size": row.size,
        "alt": row.alt,
        "mime_type": row.content_type,
        "created_at": instant(row.created_at),
        "url": file_addresses.url(services, row.uuid, row.name),
        "permanent_url": file_addresses.permanent_url(services, row.uuid, row.name),
        "thumbnail": file_addresses.thumbnail_url(services, row.uuid, row.thumbnail_key),
    }


async def of_files(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The files of the viewer's stores, by key. What led to them is the caller's to judge."""
    rows = await fetch.rows_of(ctx, files.by_key, keys, {}, COLUMNS)
    return {row.id: shown(ctx, row) for row in rows if row is not None}


async def of_owners(
    ctx: Context, read: Many, keys: Sequence[int]
) -> dict[int, list[dict[str, Any]]]:
    """The files of each row, in order, by a read of ``resolvers.files``.

    Whoever may see the row sees them in it.
    """
    rows = await fetch.rows_of(embedding(ctx), read, keys, {}, COLUMNS)
    return {key: [shown(ctx, row) for row in own] for key, own in zip(keys, rows, strict=True)}
