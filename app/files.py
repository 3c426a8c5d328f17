"""Serve the bytes of files at the addresses that ``resolvers.file_addresses`` makes.

What somebody uploaded never becomes a page of the gateway's: browsers are told its type and not to
guess another, to run nothing in it, and to show only what they show without running anything.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import quote

import structlog
from aiohttp import hdrs, web

from resolvers import file_addresses
from resolvers.errors import NotFound, StoreError
from resolvers.file_addresses import ServedFile
from resolvers.services import Services
from rest_compat.dialect import REQUEST_ID

log = structlog.get_logger()
PDF = "application/pdf"
SHOWN = frozenset(
    {
        "image/jpeg", "image/png", "image/webp", "image/gif",
        "video/mp4", "video/webm", "video/quicktime",
        "audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/flac",
        PDF,
    }
)  # fmt: skip
"""What browsers may show in place; all else is offered for saving."""
REMEMBERED = 600
"""Seconds: a deleted file is gone here at once, and from caches after so long."""
NOTHING = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
_RANGE = re.compile(r"bytes=(?=.*[0-9])([0-9]{0,18})-([0-9]{0,18})")
_PLAIN = re.compile(r"[^A-Za-z0-9 ._-]")


class Files:
    """The route of files."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        # A name may hold anything, and nothing depends on it.
        return [web.get(file_addresses.PATH.replace("{name}", "{name:.*}"), self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            file = await file_addresses.served(
                self._services, request.match_info["uuid"], request.match_info["token"]
            )
            return await self._answered(request, file)
        except NotFound as error:
            raise web.HTTPNotFound(reason="there is no such file") from error

    async def _answered(self, request: web.Request, file: ServedFile) -> web.StreamResponse:
        headers = _headers(file)
        if _has(request, file.tag):
            return web.Response(status=304, headers=headers)
        part = _part(request, file)
        if part is None:
            headers[hdrs.CONTENT_RANGE] = f"bytes */{file.size}"
            return web.Response(status=416, headers=headers)
        found = await self._services.storage.open(file.key, start=part.start, end=part.end)
        end = found.size if part.end is None else part.end
        response = web.StreamResponse(headers=headers)
        if part.end is not None:
            response.set_status(206)
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{end - 1}/{found.size}"
        response.content_length = end - part.start
        async with aclosing(found.pieces) as pieces:
            await response.prepare(request)
            if request.method != hdrs.METH_HEAD:
                await _send(request, response, pieces)
        return response


async def _send(
    request: web.Request, response: web.StreamResponse, pieces: AsyncGenerator[bytes]
) -> None:
    try:
        async for piece in pieces:
            await response.write(piece)
    except ConnectionError:  # the reader has gone
        return
    except StoreError:
        # The status is out, and so is a length: only a broken connection says that bytes are amiss.
        log.exception("file_cut_off", request_id=request.get(REQUEST_ID))
        if request.transport is not None:
            request.transport.abort()


@dataclass(frozen=True, slots=True)
class _Part:
    """Bytes from ``start`` up to, not including, ``end``; all of them without an end."""

    start: int = 0
    end: int | None = None


def _part(request: web.Request, file: ServedFile) -> _Part | None:
    """What a client asks for (RFC 9110, 14.2), or None where it lies beyond the file.

    Several ranges at once, and what is no range, are answered with all of it, as the RFC allows.
    """
    asked = _RANGE.fullmatch(request.headers.get(hdrs.RANGE, ""))
    known = request.headers.get(hdrs.IF_RANGE, _quoted(file.tag))
    if asked is None or file.size is None or known != _quoted(file.tag):
        return _Part()
    first, last = asked.groups()
    if not first:
        start, end = max(file.size - int(last or 0), 0), file.size
    else:
        start, end = int(first), min(int(last) + 1, file.size) if last else file.size
        if last and int(last) < start:
            return _Part()
    return _Part(start, end) if start < min(end, file.size) else None


def _headers(file: ServedFile) -> dict[str, str]:
    is_shown = file.content_type in SHOWN
    policy = NOTHING
    if file.content_type == PDF:
        policy += "; object-src 'self'"  # no sandbox: in one, Chrome shows no PDF
    else:
        policy += "; sandbox"
    headers = {
        hdrs.CONTENT_TYPE: file.content_type,
        hdrs.CONTENT_DISPOSITION: _disposition("inline" if is_shown else "attachment", file.name),
        hdrs.ETAG: _quoted(file.tag),
        hdrs.CACHE_CONTROL: f"public, max-age={REMEMBERED}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": policy,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Referrer-Policy": "no-referrer",
    }
    if file.seconds_left is not None:
        age = min(REMEMBERED, file.seconds_left)
        headers[hdrs.CACHE_CONTROL] = f"private, max-age={age}"
    if file.size is not None:
        headers[hdrs.ACCEPT_RANGES] = "bytes"
    return headers


def _disposition(kind: str, name: str) -> str:
    """RFC 6266: the name for old readers, and as it is for all others."""
    plain = _PLAIN.sub("_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _quoted(tag: str) -> str:
    return f'"{tag}"'


def _has(request: web.Request, tag: str) -> bool:
    """Whether the client says that it has these bytes (RFC 9110, 13.1.2)."""
    tags = request.if_none_match
    return tags is not None and any(each.value in ("*", tag) for each in tags)
