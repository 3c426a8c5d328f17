"""The files of products and variants: pictures, customers' videos, what is downloaded."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import File, FileLink, Product, Variant
from resolvers.errors import Invalid
from resolvers.file_uploads import DOWNLOAD, IMAGE, UGC_VIDEO
from resolvers.rules import Count, Path
from resolvers.viewer import Viewer
from resolvers.writes import referred

MOST_FILES = Count(100)
# The fields of inputs that name files, and the roles that these get.
OF_PRODUCTS = {"image_ids": IMAGE, "ugc_video_ids": UGC_VIDEO, "download_ids": DOWNLOAD}
OF_VARIANTS = {"image_id": IMAGE, "file_id": DOWNLOAD}
Owner = Product | Variant


def taken(values: dict[str, Any], fields: dict[str, str]) -> dict[str, list[int]]:
    """Take the keys of files out of a checked input, by its fields; those not given are absent."""
    found: dict[str, list[int]] = {}
    for field in fields:
        if field in values:
            keys = values.pop(field)
            found[field] = [keys] if isinstance(keys, int) else list(keys or ())
    return found


async def write(
    tx: AsyncSession, viewer: Viewer, owner: Owner, wanted: dict[str, list[int]], path: Path
) -> None:
    """Make the files of ``wanted`` (by input field) all those that a held row has in their roles.

    Raises ``NotFound`` for a file of another store. Whoever locks a file and what it belongs to
    locks the file last.
    """
    for field, keys in wanted.items():
        is_list = field in OF_PRODUCTS
        role = OF_PRODUCTS[field] if is_list else OF_VARIANTS[field]
        files: list[File] = []
        for at, key in enumerate(keys):
            place = (*path, field, at) if is_list else (*path, field)
            file = await referred(tx, viewer, File, key, field=place, store_id=owner.store_id)
            if role == IMAGE and not file.content_type.startswith("image/"):
                raise Invalid("the file is no picture", field=place)
            if key in keys[:at]:
                raise Invalid("the file is there twice", field=place)
            files.append(file)
        await _set(tx, owner, role, files)


async def append(tx: AsyncSession, owner: Owner, role: str, files: Sequence[File]) -> None:
    """Link new files after those that a held row has in this role."""
    await tx.flush()
    last = max((link.position for link in await _links(tx, owner, role)), default=-1)
    for position, file in enumerate(files, last + 1):
        _link(tx, owner, role, file, position=position)


async def _set(tx: AsyncSession, owner: Owner, role: str, files: Sequence[File]) -> None:
    links = {link.file_id: link for link in await _links(tx, owner, role)}
    for position, file in enumerate(files):
        if (link := links.pop(file.id, None)) is not None:
            link.position = position
        else:
            _link(tx, owner, role, file, position=position)
    for link in links.values():
        await tx.delete(link)


async def _links(tx: AsyncSession, owner: Owner, role: str) -> list[FileLink]:
    found = select(FileLink).where(
        FileLink.subject_type == type(owner).__name__,
        FileLink.subject_id == owner.id,
        FileLink.role == role,
    )
    return list(await tx.scalars(found))


def _link(tx: AsyncSession, owner: Owner, role: str, file: File, *, position: int) -> None:
    tx.add(
        FileLink(
            organization_id=owner.organization_id,
            store_id=owner.store_id,
            file_id=file.id,
            subject_type=type(owner).__name__,
            subject_id=owner.id,
            role=role,
            position=position,
        )
    )
