"""Files in GraphQL, and what they are linked to."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import file_addresses, file_links, files, stores
from resolvers.keys import global_id
from schema.payloads import UserError, deleted_id, errors_field, mutation
from schema.relations import (
    Connection,
    Node,
    batched,
    computed,
    connection,
    lookup,
    noun,
    plain,
    relation,
)

if TYPE_CHECKING:
    from schema.stores import Store

_F, _L = models.File, models.FileLink


@noun(models.FileLink, file_links.by_id, "A file in a role of another row.")
class FileLink(Node):
    role: str = plain('What it is there for: "image", "download".')
    position: int = plain("Its place among the files of the role.")
    subject_type: str = plain('What kind of row it belongs to: "Product".')
    subject_id: strawberry.ID = computed(
        global_id,
        _L.subject_type,
        _L.subject_id,
        about="The id of that row, good for `node`.",
    )
    created_at: datetime = plain("When it was linked.")
    file: Annotated["File", strawberry.lazy("schema.files")] = relation(
        files.by_id, to="File", on=_L.file_id, about="The file."
    )


@noun(models.File, files.by_id, "A stored file.")
class File(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    name: str = plain("Its name, at first the one that it came with.")
    alt: str = plain("What a picture shows, for those who do not see it; empty if nobody said.")
    content_type: str = plain("What its bytes are, whatever its name says.")
    size: int = plain("Bytes.")
    sha256: str = plain("SHA-256 of its bytes, in hexadecimal.")
    url: str = batched(
        file_addresses.urls,
        _F.uuid,
        _F.name,
        about="Where its bytes are, for a limited time: an hour or so.",
    )
    permanent_url: str = batched(
        file_addresses.permanent_urls,
        _F.uuid,
        _F.name,
        about="Where its bytes are for as long as it is stored.",
    )
    thumbnail_url: str | None = batched(
        file_addresses.thumbnail_urls,
        _F.uuid,
        _F.thumbnail_key,
        about="Of a picture, a small form: WebP, at most 320 pixels wide and high.",
    )
    width: int | None = plain("Of a picture, in pixels.")
    height: int | None = plain("Of a picture, in pixels.")
    created_at: datetime = plain("When it was stored.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_F.store_id, about="The store that keeps it."
    )
    links: list[FileLink] = relation(
        file_links.of_files, to="FileLink", on=_F.id, about="What it belongs to."
    )


@strawberry.type(description="What became of a file.")
class FilePayload:
    file: File | None = relation(files.by_id, to="File", about="The file; null if refused.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a link of a file.")
class FileLinkPayload:
    file_link: FileLink | None = relation(
        file_links.by_id, to="FileLink", about="The link; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a link that was to be removed.")
class UnlinkFilePayload:
    deleted_id: strawberry.ID | None = deleted_id("FileLink")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a file that was to be deleted.")
class DeleteFilePayload:
    deleted_id: strawberry.ID | None = deleted_id("File")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Files.")
class FileQuery:
    file: File | None = lookup(files.by_id, to="File", about="A file by id.")
    files: Connection[File] = connection(
        files.listing, to="File", about="Files of all stores that you may see."
    )


@strawberry.type(description="Changes of files.")
class FileMutation:
    upload_file: FilePayload = mutation(
        files.upload,
        "Store a file; its bytes come as a part of a multipart request (GraphQL multipart request "
        "specification).",
    )
    update_file: FilePayload = mutation(files.update, "Change what is said about a file.")
    link_file: FileLinkPayload = mutation(file_links.link, "Link a file to a row of its store.")
    unlink_file: UnlinkFilePayload = mutation(file_links.unlink, "Remove a link; the file stays.")
    detach_file: FilePayload = mutation(
        file_links.detach, "Remove the links of a file to one row; the file stays."
    )
    delete_file: DeleteFilePayload = mutation(files.delete, "Delete a file and its links.")
