"""Files, and the rows that they are linked to in some role ("image", "download")."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.base import Base
from db.models import Brand, Category, File, FileLink, Product, Review, Store, Variant
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, many, narrowed, one, page, sorts
from resolvers.rules import Between, Matching, checked
from resolvers.viewer import Viewer
from resolvers.writes import held, referred

IMAGE = "image"
# Under these names a link keeps what it belongs to; ``<name>_id`` is the input's field for it.
SUBJECTS: dict[str, type[Base]] = {
    "store": Store,
    "product": Product,
    "variant": Variant,
    "brand": Brand,
    "category": Category,
    "review": Review,
}
SORTS = sorts(
    "FileSort",
    default="created_at_desc",
    id=File.id,
    created_at=File.created_at,
    name=File.name,
    size=File.size,
)


@dataclass(frozen=True, kw_only=True)
class FileFilter:
    """Which files; all given conditions must hold."""

    search: Annotated[str | None, "Text in the name."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    content_type: Annotated[str | None, 'This media type, or all that begin so: "image/".'] = None
    created_after: Annotated[datetime | None, "Stored at or after."] = None
    created_before: Annotated[datetime | None, "Stored before."] = None


CONDITIONS: Conditions = {
    "search": lambda text: contains(File.name, text),
    "store_id": lambda key: File.store_id == key,
    "content_type": lambda start: File.content_type.startswith(start, autoescape=True),
    "created_after": lambda at: File.created_at >= at,
    "created_before": lambda at: File.created_at < at,
}


@one(File, by=File.id, permission="file:browse")
def by_id(files: Any) -> Any:
    return files


@page(File, sorts=SORTS, permission="file:browse")
def listing(files: Any, *, filter: FileFilter | None = None) -> Any:
    return narrowed(files, filter, CONDITIONS)


of_stores = listing.by_column(File.store_id)


@one(FileLink, by=FileLink.id, permission="file:browse")
def link_by_id(links: Any) -> Any:
    return links


@many(
    FileLink,
    by=FileLink.file_id,
    order=(FileLink.subject_type, FileLink.subject_id, FileLink.role),
    permission="file:browse",
)
def links_of(links: Any) -> Any:
    return links


def _images(files: Any, noun: str) -> Any:
    return files.join(FileLink, FileLink.file_id == File.id).where(
        FileLink.subject_type == noun, FileLink.role == IMAGE
    )


# Whoever may see a product may see its pictures.
@many(
    File,
    by=FileLink.subject_id,
    order=(FileLink.position, FileLink.id),
    permission="product:view",
)
def images_of_products(files: Any) -> Any:
    return _images(files, "Product")


@dataclass(frozen=True, kw_only=True)
class NewFileLink:
    """A file to link to one row of its store. Give exactly one id besides the file's."""

    file_id: Annotated[int, KeyOf("File"), "The file."]
    store_id: Annotated[int | None, KeyOf("Store"), "Link it to this store."] = None
    product_id: Annotated[int | None, KeyOf("Product"), "Link it to this product."] = None
    variant_id: Annotated[int | None, KeyOf("Variant"), "Link it to this variant."] = None
    brand_id: Annotated[int | None, KeyOf("Brand"), "Link it to this brand."] = None
    category_id: Annotated[int | None, KeyOf("Category"), "Link it to this category."] = None
    review_id: Annotated[int | None, KeyOf("Review"), "Link it to this review."] = None
    role: Annotated[
        str,
        Matching(r"[a-z][a-z0-9_-]{0,39}", "1 to 40 of a-z, 0-9, _ and -"),
        'What it is there for: "image", "download".',
    ] = IMAGE
    position: Annotated[int, Between(0, 1_000_000), "Its place among the files of the role."] = 0


async def link(ctx: Context, *, input: Annotated[NewFileLink, "What to link, and to what."]) -> int:
    """Linking again in the same role moves the file to the given position."""
    viewer = ctx.require("file:upload")
    values = checked(input, "input")
    wanted = {name: key for name in SUBJECTS if (key := values[f"{name}_id"]) is not None}
    if len(wanted) != 1:
        raise Invalid("give the id of exactly one row to link the file to", field=("input",))
    [(name, key)] = wanted.items()
    async with ctx.transaction() as tx:
        store_id = await _store_of(tx, viewer, name, key)
        field = ("input", "file_id")
        file = await held(tx, viewer, File, input.file_id, field=field)
        if file.store_id != store_id:
            raise Invalid("the file belongs to another store", field=field)
        place: dict[str, Any] = {
            "file_id": file.id,
            "subject_type": SUBJECTS[name].__name__,
            "subject_id": key,
        }
        found = select(FileLink).filter_by(**place, role=input.role)
        made = (await tx.scalars(found)).one_or_none() or FileLink(
            organization_id=file.organization_id, store_id=file.store_id, role=input.role, **place
        )
        made.position = input.position
        tx.add(made)
        await tx.flush()
        return made.id


async def unlink(
    ctx: Context, *, file_link_id: Annotated[int, KeyOf("FileLink"), "The link to remove."]
) -> int:
    """The file itself stays. Answers with the link's key."""
    viewer = ctx.require("file:upload")
    async with ctx.transaction() as tx:
        await tx.delete(await held(tx, viewer, FileLink, file_link_id, field=("file_link_id",)))
    return file_link_id


async def delete(ctx: Context, *, id: Annotated[int, KeyOf("File"), "The file."]) -> int:
    """Delete a file and its links. Its bytes go later, by a job."""
    viewer = ctx.require("file:delete")
    async with ctx.transaction() as tx:
        file = await held(tx, viewer, File, id)
        await tx.execute(sql_delete(FileLink).where(FileLink.file_id == id))
        file.deleted_at = ctx.services.clock()
    return id


async def _store_of(tx: AsyncSession, viewer: Viewer, name: str, key: int) -> int:
    """The store of a link's subject. Raises ``NotFound``."""
    row: Any = await referred(tx, viewer, SUBJECTS[name], key, field=("input", f"{name}_id"))
    return row.id if isinstance(row, Store) else row.store_id
