"""Files: which there are, what they show, and how they come and go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy import delete as sql_delete
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import File, FileLink, Store
from resolvers import idempotency
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.file_links import SUBJECTS, FileTarget, attach, subjects_in
from resolvers.file_uploads import (
    DOWNLOAD,
    IMAGE,
    UGC_VIDEO,
    IncomingFile,
    add,
    discard,
    received_one,
)
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, many, narrowed, one, page, sorts
from resolvers.rules import Text, checked
from resolvers.viewer import visible
from resolvers.writes import held, put, referred

MOST_TYPES = 20
ALT = Text(500, 0)
SORTS = sorts(
    "FileSort",
    default="created_at_desc",
    id=File.id,
    created_at=File.created_at,
    name=File.name,
    size=File.size,
)


class FileSubject(StrEnum):
    """What a file can be linked to."""

    STORE = "store"
    PRODUCT = "product"
    VARIANT = "variant"
    BRAND = "brand"
    CATEGORY = "category"
    REVIEW = "review"
    LANDING_PAGE = "landing_page"


@dataclass(frozen=True, kw_only=True)
class FileFilter:
    """Which files; all given conditions must hold."""

    search: Annotated[str | None, "Text in the name."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    content_type: Annotated[
        tuple[str, ...] | None, 'Any of these media types; "image/*" is every picture.'
    ] = None
    linked_to: Annotated[FileSubject | None, "Only linked to some row of this kind."] = None
    product_id: Annotated[int | None, KeyOf("Product"), "Only linked to this product."] = None
    variant_id: Annotated[int | None, KeyOf("Variant"), "Only linked to this variant."] = None
    brand_id: Annotated[int | None, KeyOf("Brand"), "Only linked to this brand."] = None
    category_id: Annotated[int | None, KeyOf("Category"), "Only linked to this category."] = None
    review_id: Annotated[int | None, KeyOf("Review"), "Only linked to this review."] = None
    landing_page_id: Annotated[
        int | None, KeyOf("LandingPage"), "Only linked to this landing page."
    ] = None
    created_after: Annotated[datetime | None, "Stored at or after."] = None
    created_before: Annotated[datetime | None, "Stored before."] = None


def _of_types(patterns: Sequence[str]) -> ColumnElement[bool]:
    if len(patterns) > MOST_TYPES:
        raise Invalid(f"at most {MOST_TYPES} media types", field=("filter", "content_type"))
    whole = [pattern.lower() for pattern in patterns if "*" not in pattern]
    parts = [pattern.lower().split("*") for pattern in patterns if "*" in pattern]
    return or_(File.content_type.in_(whole), *map(_has_parts, parts))


def _has_parts(parts: Sequence[str]) -> ColumnElement[bool]:
    """The parts in this order with anything between them, taken as they are."""
    escaped = (part.replace("/", "//").replace("%", "/%").replace("_", "/_") for part in parts)
    return File.content_type.like("%".join(escaped), escape="/")


def _linked_to(subject: str, key: int | None = None) -> ColumnElement[bool]:
    links = select(FileLink.file_id).where(FileLink.subject_type == SUBJECTS[subject].__name__)
    return File.id.in_(links if key is None else links.where(FileLink.subject_id == key))


CONDITIONS: Conditions = {
    "search": lambda text: contains(File.name, text),
    "store_id": lambda key: File.store_id == key,
    "content_type": _of_types,
    "linked_to": _linked_to,
    "product_id": lambda key: _linked_to("product", key),
    "variant_id": lambda key: _linked_to("variant", key),
    "brand_id": lambda key: _linked_to("brand", key),
    "category_id": lambda key: _linked_to("category", key),
    "review_id": lambda key: _linked_to("review", key),
    "landing_page_id": lambda key: _linked_to("landing_page", key),
    "created_after": lambda at: File.created_at >= at,
    "created_before": lambda at: File.created_at < at,
}


@one(File, by=File.id, permission="file:browse")
def by_id(files: Any) -> Any:
    return files


@one(File, by=File.id, permission=None)
def by_key(files: Any) -> Any:
    """For those who were led to a file by a row that they may see, or have just stored it."""
    return files


async def key_of(ctx: Context, uuid: UUID) -> int:
    """The key of a file by its uuid. Raises ``NotFound``."""
    found = visible(ctx.require(), File).where(File.uuid == uuid).with_only_columns(File.id)
    rows = await ctx.rows(found)
    if not rows:
        raise NotFound("file")
    return int(rows[0].id)


@page(File, sorts=SORTS, permission="file:browse")
def listing(files: Any, *, filter: FileFilter | None = None) -> Any:
    return narrowed(files, filter, CONDITIONS)


of_stores = listing.by_column(File.store_id)
_ORDER = (FileLink.position, FileLink.id)


def _in_role(files: Any, noun: str, role: str) -> Any:
    return files.join(FileLink, FileLink.file_id == File.id).where(
        FileLink.subject_type == noun, FileLink.role == role
    )


# Whoever may see a row may see its pictures. What it sells is another matter.
@many(File, by=FileLink.subject_id, order=_ORDER, permission="product:view")
def images_of_products(files: Any) -> Any:
    return _in_role(files, "Product", IMAGE)


@many(File, by=FileLink.subject_id, order=_ORDER, permission="product:view")
def ugc_videos_of_products(files: Any) -> Any:
    return _in_role(files, "Product", UGC_VIDEO)


@many(File, by=FileLink.subject_id, order=_ORDER, permission="file:browse")
def downloads_of_products(files: Any) -> Any:
    return _in_role(files, "Product", DOWNLOAD)


@many(File, by=FileLink.subject_id, order=_ORDER, permission="product:view")
def images_of_variants(files: Any) -> Any:
    return _in_role(files, "Variant", IMAGE)


@many(File, by=FileLink.subject_id, order=_ORDER, permission="file:browse")
def downloads_of_variants(files: Any) -> Any:
    return _in_role(files, "Variant", DOWNLOAD)


@many(File, by=FileLink.subject_id, order=_ORDER, permission="review:view")
def images_of_reviews(files: Any) -> Any:
    return _in_role(files, "Review", IMAGE)


@many(File, by=FileLink.subject_id, order=_ORDER, permission="landing_page:view")
def images_of_landing_pages(files: Any) -> Any:
    return _in_role(files, "LandingPage", IMAGE)


@dataclass(frozen=True, kw_only=True)
class NewFile(FileTarget):
    """A file to store. Pictures lose their metadata, such as where they were taken.

    With one id besides the store's, it is linked to that row of the store.
    """

    store_id: Annotated[int, KeyOf("Store"), "The store that keeps it."]
    file: Annotated[IncomingFile, "The bytes, as a part of a multipart request."]
    alt: Annotated[str, ALT, "What a picture shows, for those who do not see it."] = ""


@dataclass(frozen=True, kw_only=True)
class FileChanges:
    """What to change about a file. Its bytes stay what they are."""

    name: Annotated[str, Text(255), "Its name."] = ABSENT
    alt: Annotated[str, ALT, "What a picture shows, for those who do not see it."] = ABSENT


async def upload(ctx: Context, *, input: NewFile, idempotency_key: str | None = None) -> int:
    """Store a file, and link it where the input says."""
    viewer = ctx.require("file:upload")
    values = checked(input, "input")
    subjects = [each for each in subjects_in(values) if each[0] != "store"]
    if len(subjects) > 1:
        raise Invalid("give the id of at most one row besides the store's", field=("input",))
    store = visible(viewer, Store).where(Store.id == input.store_id)
    if not await ctx.rows(store.with_only_columns(Store.id)):
        raise NotFound("store", field=("input", "store_id"))
    is_new = False
    async with received_one(ctx, input.store_id, input.file, path=("input", "file")) as file:

        async def work(tx: AsyncSession) -> int:
            nonlocal is_new
            is_new = True
            field = ("input", "store_id")
            store = await referred(tx, viewer, Store, input.store_id, field=field)
            row = add(tx, store.organization_id, store.id, file, alt=values["alt"])
            await tx.flush()
            for name, key in subjects:
                row_class, field = SUBJECTS[name], ("input", f"{name}_id")
                await referred(tx, viewer, row_class, key, field=field, store_id=store.id)
                await attach(tx, row, (name, key), role=values["role"], position=input.position)
            return row.id

        call = {**values, "file": [file.name, file.sha256]}
        key = await idempotency.once(ctx, "uploadFile", idempotency_key, call, work)
    if not is_new:
        await discard(ctx, [file])
    return key


async def update(
    ctx: Context, *, id: Annotated[int, KeyOf("File"), "The file."], changes: FileChanges
) -> int:
    viewer = ctx.require("file:upload")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        put(await held(tx, viewer, File, id), values)
    return id


async def delete(ctx: Context, *, id: Annotated[int, KeyOf("File"), "The file."]) -> int:
    """Delete a file and its links. Its bytes go later, by a sweep."""
    viewer = ctx.require("file:delete")
    async with ctx.transaction() as tx:
        file = await held(tx, viewer, File, id)
        await tx.execute(sql_delete(FileLink).where(FileLink.file_id == id))
        file.deleted_at = ctx.services.clock()
    return id
