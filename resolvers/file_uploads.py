"""Receiving files: the bytes are stored first, then the rows in a transaction of the caller's.

An operation that takes files with it stores them around its unit of work::

    async with received(ctx, store_id, uploads, only_images=True, field="images") as pictures:
        async with ctx.transaction() as tx:
            ...
            for place, picture in enumerate(pictures):
                file = add(tx, organization_id, store_id, picture)
                await link(tx, file, "Product", product.id, IMAGE, place)

Whatever fails within, nothing that nobody refers to stays in the storage.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import File, FileLink
from resolvers.context import Context
from resolvers.file_intake import IncomingFile, Intake, Path, ReceivedFile

__all__ = [
    "DOWNLOAD",
    "IMAGE",
    "UGC_VIDEO",
    "IncomingFile",
    "ReceivedFile",
    "add",
    "discard",
    "link",
    "received",
    "received_one",
]

log = structlog.get_logger()
IMAGE, DOWNLOAD, UGC_VIDEO = "image", "download", "ugc_video"


@asynccontextmanager
async def received(
    ctx: Context,
    store_id: int,
    files: Sequence[IncomingFile],
    *,
    only_images: bool = False,
    field: str = "file",
) -> AsyncGenerator[list[ReceivedFile]]:
    """Store the bytes of all files; an exception inside the block removes them again.

    What each is, its bytes decide. Pictures lose their metadata and get a thumbnail. Permissions
    and the store are the caller's to check. Raises ``Invalid`` with every file that is refused, as
    ``("body", field, index)``, and ``TooLarge``, before the block is entered.
    """
    paths: list[Path] = [("body", field, index) for index in range(len(files))]
    async with _received(ctx, store_id, files, paths, only_images=only_images) as found:
        yield found


@asynccontextmanager
async def received_one(
    ctx: Context, store_id: int, file: IncomingFile, *, path: Path, only_images: bool = False
) -> AsyncGenerator[ReceivedFile]:
    """The same for a single file; ``path`` leads to it in the input."""
    async with _received(ctx, store_id, [file], [path], only_images=only_images) as found:
        yield found[0]


def add(
    tx: AsyncSession, organization_id: int, store_id: int, received: ReceivedFile, *, alt: str = ""
) -> File:
    """The row of a received file. It has its key (``id``) after the next flush."""
    file = File(
        organization_id=organization_id,
        store_id=store_id,
        name=received.name,
        key=received.key,
        content_type=received.content_type,
        size=received.size,
        sha256=received.sha256,
        thumbnail_key=received.thumbnail_key,
        width=received.width,
        height=received.height,
        alt=alt,
    )
    tx.add(file)
    return file


async def link(  # noqa: PLR0917 - a link is these five, wherever one is made
    tx: AsyncSession, file: File, subject_type: str, subject_id: int, role: str, position: int = 0
) -> FileLink:
    """Link a file to a row of its own store; the caller has made sure that it is one.

    ``subject_type`` is the row class's name ("Product"). Linking again in the same role moves the
    file to the given position.
    """
    await tx.flush()
    place: dict[str, Any] = {
        "file_id": file.id,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "role": role,
    }
    made = (await tx.scalars(select(FileLink).filter_by(**place))).one_or_none() or FileLink(
        organization_id=file.organization_id, store_id=file.store_id, **place
    )
    made.position = position
    tx.add(made)
    await tx.flush()
    return made


async def discard(ctx: Context, files: Sequence[ReceivedFile]) -> None:
    """Remove the bytes of files to which no row refers."""
    keys = [key for file in files for key in (file.key, file.thumbnail_key) if key is not None]
    await _discard(ctx, keys)


@asynccontextmanager
async def _received(
    ctx: Context,
    store_id: int,
    files: Sequence[IncomingFile],
    paths: Sequence[Path],
    *,
    only_images: bool,
) -> AsyncGenerator[list[ReceivedFile]]:
    intake = Intake(ctx.services, store_id)
    try:
        yield await intake.take_all(files, paths, only_images=only_images)
    except BaseException:
        # Also when the request was cancelled: what is begun here is finished.
        await asyncio.shield(_discard(ctx, intake.keys))
        raise


async def _discard(ctx: Context, keys: Sequence[str]) -> None:
    """Remove bytes, unless a row refers to them: the failure may have come after the commit.

    It raises nothing: what is left, the sweep finds.
    """
    if not keys:
        return
    try:
        kept = await ctx.rows(select(File.key, File.thumbnail_key).where(File.key.in_(keys)))
        referred = {key for row in kept for key in row}
        await ctx.services.storage.delete([key for key in keys if key not in referred])
    except Exception:
        log.exception("files_not_removed", keys=len(keys), request_id=ctx.request_id)
