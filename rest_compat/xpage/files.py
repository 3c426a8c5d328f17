"""Files."""

from typing import Any
from uuid import UUID

from resolvers import file_links, files
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound, Problem
from resolvers.file_links import FileDetachment
from resolvers.file_uploads import DOWNLOAD, IMAGE, UGC_VIDEO
from resolvers.files import FileFilter, FileSubject, NewFile
from rest_compat.xpage import file_views
from rest_compat.xpage.hosting import store_id
from rest_compat.xpage.pages import listed, pagination, sort_of
from rest_compat.xpage.time_bounds import lower, upper
from rest_compat.xpage.wire import uuid_of

# What the roles of the contract are in the store, by the kind of row that may have them.
ROLES = {
    "product": {"product_images": IMAGE, "digital_product": DOWNLOAD, "ugc_video": UGC_VIDEO},
    "variant": {"variant_image": IMAGE, "digital_product": DOWNLOAD},
    "landing_page": {"landing_page_images": IMAGE},
    "review": {"review_images": IMAGE},
}


async def list_files(
    ctx: Context,
    *,
    page: int,
    page_size: int,
    order_direction: str,
    order_by: str,
    fileable_type: str | None,
    fileable_id: str | None,
    mime_type: list[str] | None,
    from_: str | None,
    to: str | None,
) -> dict[str, Any]:
    conditions: dict[str, Any] = {
        "content_type": None if mime_type is None else tuple(mime_type),
        "created_after": lower(from_, "from"),
        "created_before": upper(to, "to"),
    }
    if fileable_id is not None:
        if fileable_type is None:
            raise _problem(("query", "fileable_type"), "is required", "required")
        try:
            key = await file_links.subject_by_uuid(ctx, fileable_type, UUID(fileable_id))
        except NotFound:
            return {"files": [], "pagination": pagination(0, page=page, page_size=page_size)}
        conditions[f"{fileable_type}_id"] = key
    elif fileable_type is not None:
        conditions["linked_to"] = FileSubject(fileable_type)
    rows, pages = await listed(
        ctx,
        files.listing,
        FileFilter(**conditions),
        page=page,
        page_size=page_size,
        sort=sort_of(order_by, order_direction),
        columns=file_views.COLUMNS,
    )
    return {"files": [file_views.shown(ctx, row) for row in rows], "pagination": pages}


async def upload_file(ctx: Context, *, body: dict[str, Any]) -> dict[str, Any]:
    kind: str | None = body.get("fileable_type")
    given: dict[str, Any] = {
        "store_id": store_id(ctx),
        "file": body["file"],
        "alt": body.get("alt", ""),
    }
    if kind is not None:
        given["role"] = _role(kind, body.get("role"))
        given["position"] = body.get("order", 0)
        subject = UUID(body["fileable_id"])
        given[f"{kind}_id"] = await file_links.subject_by_uuid(ctx, kind, subject)
    return await _one(ctx, await files.upload(ctx, input=NewFile(**given)))


async def get_file(ctx: Context, *, id: str) -> dict[str, Any]:
    ctx.require("file:browse")
    return await _one(ctx, await files.key_of(ctx, uuid_of(id, "file")))


async def delete_file(ctx: Context, *, id: str) -> dict[str, Any]:
    await files.delete(ctx, id=await files.key_of(ctx, uuid_of(id, "file")))
    return {}


async def unlink_file(
    ctx: Context, *, id: str, fileable_type: str, fileable_id: str
) -> dict[str, Any]:
    key = await files.key_of(ctx, uuid_of(id, "file"))
    subject = await file_links.subject_by_uuid(
        ctx, fileable_type, uuid_of(fileable_id, fileable_type)
    )
    given: dict[str, Any] = {"file_id": key, f"{fileable_type}_id": subject}
    return await _one(ctx, await file_links.detach(ctx, input=FileDetachment(**given)))


async def _one(ctx: Context, key: int) -> dict[str, Any]:
    found = await file_views.of_files(ctx, [key])
    if key not in found:
        raise NotFound("file")
    return {"file": found[key]}


def _role(kind: str, role: str | None) -> str | None:
    """A role of the store; None leaves it to what the file is, where there are several."""
    roles = ROLES[kind]
    if role is None:
        return None if len(roles) > 1 else next(iter(roles.values()))
    if role not in roles:
        raise _problem(("body", "role"), f"must be one of {', '.join(roles)} here", "enum")
    return roles[role]


def _problem(path: tuple[str, ...], message: str, kind: str) -> Invalid:
    return Invalid("The given data was invalid.", problems=[Problem(path, message, kind)])
