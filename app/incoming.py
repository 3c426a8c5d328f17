"""Read one GraphQL request from HTTP, or say what is wrong with it."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, cast

from aiohttp import hdrs, web

from app import uploads
from resolvers.errors import Malformed, MethodNotAllowed, UnsupportedMedia
from resolvers.services import Services

METHODS = ("GET", "POST")
JSON = "application/json"
_OPTIONAL_FIELDS = (
    ("operationName", str, "a string"),
    ("variables", dict, "an object"),
    ("extensions", dict, "an object"),
)
# A page of any site can make a browser send these without asking us first (CORS).
SIMPLE_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
# No page can send one of these without asking first.
PREFLIGHT_HEADERS = (
    "GraphQL-Require-Preflight",
    "Apollo-Require-Preflight",
    "X-Apollo-Operation-Name",
    "X-Requested-With",
)


def refuse_forgery(request: web.Request) -> None:
    """Raise ``Malformed`` for a request that a foreign page could have made unasked."""
    content_type = request.headers.get(hdrs.CONTENT_TYPE)
    if content_type == JSON:
        return
    if content_type and content_type.partition(";")[0].strip().lower() not in SIMPLE_TYPES:
        return
    if any(request.headers.get(name) for name in PREFLIGHT_HEADERS):
        return
    raise Malformed(
        "send Content-Type: application/json, or one of the headers " + ", ".join(PREFLIGHT_HEADERS)
    )


async def fields(
    request: web.Request, services: Services, body: bytes | None = None
) -> dict[str, Any]:
    """What an operation consists of: ``query``, ``variables`` and so on, each of its right type.

    ``body`` is what ``whole`` has found already.

    Raises ``Malformed``, ``UnsupportedMedia``, ``MethodNotAllowed``, ``TooLarge``.
    """
    if request.method == "GET":
        return _checked(_from_query(request.query))
    if request.method != "POST":
        raise MethodNotAllowed(f"{request.method} is not allowed", details={"allow": METHODS})
    if request.headers.get(hdrs.CONTENT_TYPE) == JSON or request.content_type == JSON:
        return _checked(uploads.decoded(body or await request.read(), "the body"))
    if request.content_type == "multipart/form-data":
        return _checked(await uploads.read(request, services))
    raise UnsupportedMedia("send Content-Type: application/json")


def whole(request: web.Request) -> bytes | None:
    """The body of JSON, where all of it came together with the head, as most do."""
    content = request.content
    if request.headers.get(hdrs.CONTENT_TYPE) != JSON or not content.is_eof():
        return None
    body, most = content.read_nowait(), request.client_max_size
    if len(body) > most:
        raise web.HTTPRequestEntityTooLarge(most, len(body))
    return body


def _from_query(query: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: query[name] for name in ("query", "documentId", "operationName") if name in query
    }
    for name in ("variables", "extensions"):
        if query.get(name):
            found[name] = uploads.decoded(query[name], name)
    return found


def _checked(message: Any) -> dict[str, Any]:
    if isinstance(message, list):
        raise Malformed("one operation at a time: batches are not taken")
    if not isinstance(message, dict):
        raise Malformed("the body must be a JSON object")
    fields = cast("dict[str, Any]", message)
    for name, kind, words in _OPTIONAL_FIELDS:
        if name in fields and not isinstance(fields[name], (kind, NoneType)):
            raise Malformed(f"{name} must be {words}, null or absent")
    return fields
