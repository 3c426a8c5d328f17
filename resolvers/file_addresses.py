"""The addresses at which the bytes of files are served, to whoever has them.

An address carries a token: what it is good for, and a mark that only the gateway can make. A
permanent one is good as long as the file is there.
"""

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, select

from db.models import File, Store
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.services import Services
from resolvers.vault import SHORTEST_MARK

PATH = "/files/{uuid}/{token}/{name}"
_OWN = re.compile(r"/files/([0-9a-f-]{36})/([\w.-]+)/[^/]+")
SAME_FOR = 600
"""Seconds for which an address stays the same, so that it is worth remembering what it gave."""
THUMBNAIL_TYPE = "image/webp"
_PURPOSE = "file address"
_PERMANENT, _THUMBNAIL, _UNTIL = "p", "t", "u"


def url(services: Services, uuid: UUID, name: str) -> str:
    """An address that is good for at least ``link_lifetime`` seconds."""
    last = int(services.clock().timestamp()) + services.link_lifetime
    return _address(services, uuid, f"{_UNTIL}{-(-last // SAME_FOR) * SAME_FOR:x}", name)


def permanent_url(services: Services, uuid: UUID, name: str) -> str:
    return _address(services, uuid, _PERMANENT, name)


def thumbnail_url(services: Services, uuid: UUID, thumbnail_key: str | None) -> str | None:
    """A permanent address of the small form, or None where there is none."""
    if thumbnail_key is None:
        return None
    return _address(services, uuid, _THUMBNAIL, "thumbnail.webp")


async def urls(ctx: Context, files: Sequence[tuple[UUID, str]]) -> list[str]:
    """``url`` of many files by uuid and name; the next two likewise."""
    return [url(ctx.services, uuid, name) for uuid, name in files]


async def permanent_urls(ctx: Context, files: Sequence[tuple[UUID, str]]) -> list[str]:
    return [permanent_url(ctx.services, uuid, name) for uuid, name in files]


async def thumbnail_urls(
    ctx: Context, files: Sequence[tuple[UUID, str | None]]
) -> list[str | None]:
    return [thumbnail_url(ctx.services, uuid, key) for uuid, key in files]


@dataclass(frozen=True, slots=True)
class ServedFile:
    """What an address leads to. ``tag`` changes with the bytes; ``seconds_left`` (None: for ever).

    The size of a thumbnail is not known before it is opened.
    """

    key: str
    name: str
    content_type: str
    size: int | None
    tag: str
    seconds_left: int | None


def _found() -> Select[*tuple[Any, ...]]:
    return (
        select(File.name, File.key, File.content_type, File.size, File.sha256, File.thumbnail_key)
        .join(Store, Store.id == File.store_id)
        .where(
            File.uuid == bindparam("uuid", type_=Uuid()),
            File.deleted_at.is_(None),
            Store.deleted_at.is_(None),
        )
    )


FOUND = _found()


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    key: str
    content_type: str
    size: int
    sha256: str
    thumbnail_key: str | None


async def served(services: Services, uuid: str, token: str) -> ServedFile:
    """What an address leads to. Raises ``NotFound`` for one that is none, or no longer."""
    what, seconds_left = _read(services, uuid, token)
    row = await services.lookups.first(FOUND, {"uuid": UUID(uuid)}, _Row)
    if row is None:
        raise NotFound("file")
    if what != _THUMBNAIL:
        return ServedFile(row.key, row.name, row.content_type, row.size, row.sha256, seconds_left)
    if row.thumbnail_key is None:
        raise NotFound("file")
    name = f"{row.name.rpartition('.')[0] or row.name}.webp"
    return ServedFile(
        row.thumbnail_key, name, THUMBNAIL_TYPE, None, f"{row.sha256}-small", seconds_left
    )


def read_own(services: Services, address: str) -> tuple[str, str] | None:
    """The uuid and the token in an address of this gateway's; None for any other address."""
    found = _OWN.fullmatch(address.removeprefix(services.public_url))
    return (found[1], found[2]) if found and address.startswith(services.public_url) else None


def _address(services: Services, uuid: UUID, what: str, name: str) -> str:
    mark = services.vault.mark(_PURPOSE, f"{uuid}/{what}")[:SHORTEST_MARK]
    token = f"{what}.{urlsafe_b64encode(mark).decode().rstrip('=')}"
    return services.public_url + PATH.format(uuid=uuid, token=token, name=quote(name, safe=""))


def _read(services: Services, uuid: str, token: str) -> tuple[str, int | None]:
    """What a token is good for, and for how many seconds. Raises ``NotFound``."""
    what, _, sent = token.partition(".")
    try:
        mark = b64decode(sent.encode("ascii") + b"==", altchars=b"-_", validate=True)
    except ValueError as error:
        raise NotFound("file") from error
    if not services.vault.is_marked(_PURPOSE, f"{uuid}/{what}", mark):
        raise NotFound("file")
    if not what.startswith(_UNTIL):
        return what, None
    left = int(what[1:], 16) - int(services.clock().timestamp())
    if left <= 0:
        raise NotFound("file")
    return _UNTIL, left
