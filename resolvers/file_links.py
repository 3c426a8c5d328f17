"""The rows that files are linked to, each in some role ("image", "download", "ugc_video")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from db.base import Base
from db.models import (
    Brand,
    Category,
    File,
    FileLink,
    LandingPage,
    Product,
    Review,
    Store,
    Variant,
)
from resolvers import file_uploads, pictures
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.file_uploads import DOWNLOAD, IMAGE, UGC_VIDEO
from resolvers.keys import KeyOf
from resolvers.reads import many, one
from resolvers.rules import Between, Matching, checked
from resolvers.viewer import visible
from resolvers.writes import held, referred, seen, word

# Under these names a link keeps what it belongs to; ``<name>_id`` is the inputs' field for it.
SUBJECTS: dict[str, type[Base]] = {
    "store": Store,
    "product": Product,
    "variant": Variant,
    "brand": Brand,
    "category": Category,
    "review": Review,
    "landing_page": LandingPage,
}
ROLE = Matching(r"[a-z][a-z0-9_-]{0,39}", "1 to 40 of a-z, 0-9, _ and -")
# What a file must be for a role, and what to say where it is not.
_FITTING = {
    IMAGE: ("image/", "only a picture can be an image"),
    UGC_VIDEO: ("video/", "only a video can be a video"),
}
Subject = tuple[str, int]
"""A name of ``SUBJECTS`` and a key."""


@one(FileLink, by=FileLink.id, permission="file:browse")
def by_id(links: Any) -> Any:
    return links


@many(
    FileLink,
    by=FileLink.file_id,
    order=(FileLink.subject_type, FileLink.subject_id, FileLink.role),
    permission="file:browse",
)
def of_files(links: Any) -> Any:
    return links


@dataclass(frozen=True, kw_only=True)
class FileTarget:
    """A row of a store that a file is linked to, and as what."""

    product_id: Annotated[int | None, KeyOf("Product"), "Link it to this product."] = None
    variant_id: Annotated[int | None, KeyOf("Variant"), "Link it to this variant."] = None
    brand_id: Annotated[int | None, KeyOf("Brand"), "Link it to this brand."] = None
    category_id: Annotated[int | None, KeyOf("Category"), "Link it to this category."] = None
    review_id: Annotated[int | None, KeyOf("Review"), "Link it to this review."] = None
    landing_page_id: Annotated[
        int | None, KeyOf("LandingPage"), "Link it to this landing page."
    ] = None
    role: Annotated[
        str | None,
        ROLE,
        'What it is there for: "image", "download", "ugc_video". By default a picture is an '
        "image, and anything else a download.",
    ] = None
    position: Annotated[int, Between(0, 1_000_000), "Its place among the files of the role."] = 0


@dataclass(frozen=True, kw_only=True)
class NewFileLink(FileTarget):
    """A file to link to one row of its store. Give exactly one id besides the file's."""

    file_id: Annotated[int, KeyOf("File"), "The file."]
    store_id: Annotated[int | None, KeyOf("Store"), "Link it to this store."] = None


@dataclass(frozen=True, kw_only=True)
class FileDetachment:
    """The row that a file is no longer to belong to. Give exactly one id besides the file's."""

    file_id: Annotated[int, KeyOf("File"), "The file."]
    store_id: Annotated[int | None, KeyOf("Store"), "Not to this store."] = None
    product_id: Annotated[int | None, KeyOf("Product"), "Not to this product."] = None
    variant_id: Annotated[int | None, KeyOf("Variant"), "Not to this variant."] = None
    brand_id: Annotated[int | None, KeyOf("Brand"), "Not to this brand."] = None
    category_id: Annotated[int | None, KeyOf("Category"), "Not to this category."] = None
    review_id: Annotated[int | None, KeyOf("Review"), "Not to this review."] = None
    landing_page_id: Annotated[int | None, KeyOf("LandingPage"), "Not to this landing page."] = None
    role: Annotated[str | None, ROLE, "Only in this role; by default in all."] = None


async def link(ctx: Context, *, input: Annotated[NewFileLink, "What to link, and to what."]) -> int:
    """Linking again in the same role moves the file to the given position."""
    viewer = ctx.require("file:upload")
    values = checked(input, "input")
    name, key = _subject_in(values)
    async with ctx.transaction() as tx:
        row: Any = await referred(tx, viewer, SUBJECTS[name], key, field=("input", f"{name}_id"))
        field = ("input", "file_id")
        file = await held(tx, viewer, File, input.file_id, field=field)
        if file.store_id != (row.id if isinstance(row, Store) else row.store_id):
            raise Invalid("the file belongs to another store", field=field)
        made = await attach(tx, file, (name, key), role=values["role"], position=input.position)
        return made.id


async def unlink(
    ctx: Context, *, file_link_id: Annotated[int, KeyOf("FileLink"), "The link to remove."]
) -> int:
    """The file itself stays. Answers with the link's key."""
    viewer = ctx.require("file:delete")
    async with ctx.transaction() as tx:
        await tx.delete(await held(tx, viewer, FileLink, file_link_id, field=("file_link_id",)))
    return file_link_id


async def detach(
    ctx: Context, *, input: Annotated[FileDetachment, "Which file, and from what."]
) -> int:
    """Remove a file's links to one row; the file stays, and its key is the answer.

    Raises ``NotFound`` where there is no such link.
    """
    viewer = ctx.require("file:delete")
    values = checked(input, "input")
    name, key = _subject_in(values)
    field = ("input", f"{name}_id")
    async with ctx.transaction() as tx:
        await seen(tx, viewer, SUBJECTS[name], key, field=field)
        file = await held(tx, viewer, File, input.file_id, field=("input", "file_id"))
        links = delete(FileLink).where(
            FileLink.file_id == file.id,
            FileLink.subject_type == SUBJECTS[name].__name__,
            FileLink.subject_id == key,
        )
        if values["role"] is not None:
            links = links.where(FileLink.role == values["role"])
        if not (await tx.scalars(links.returning(FileLink.id))).all():
            raise NotFound(word(FileLink), field=field)
    return input.file_id


def subjects_in(values: Mapping[str, Any]) -> list[Subject]:
    """The rows that an input names, besides a file and a store that keeps it."""
    found = [(name, values.get(f"{name}_id")) for name in SUBJECTS]
    return [(name, key) for name, key in found if key is not None]


def _subject_in(values: Mapping[str, Any]) -> Subject:
    found = subjects_in(values)
    if len(found) != 1:
        raise Invalid("give the id of exactly one row besides the file's", field=("input",))
    return found[0]


async def attach(
    tx: AsyncSession, file: File, subject: Subject, *, role: str | None, position: int
) -> FileLink:
    """Link a file to a row of its own store, in the role that it has by default without one.

    Raises ``Invalid``: what the file is does not fit its role.
    """
    name, key = subject
    role = role or (IMAGE if file.content_type in pictures.KINDS else DOWNLOAD)
    start, message = _FITTING.get(role, ("", ""))
    if not file.content_type.startswith(start):
        raise Invalid(message, field=("input", "role"))
    return await file_uploads.link(tx, file, SUBJECTS[name].__name__, key, role, position)


async def subject_by_uuid(ctx: Context, name: str, uuid: UUID) -> int:
    """The key of a row by its uuid; ``name`` is one of ``SUBJECTS``. Raises ``NotFound``."""
    row: Any = SUBJECTS[name]
    found = visible(ctx.require(), row).where(row.uuid == uuid).with_only_columns(row.id)
    rows = await ctx.rows(found)
    if not rows:
        raise NotFound(word(row))
    return int(rows[0].id)
