"""GraphiQL for browsers, served whole by the gateway: no other host is ever asked for anything.

The page and its start-up script are beside this file. GraphiQL itself, React and graphql-ws lie as
plain files in an installed distribution that is looked up, never imported.
"""

import gzip
import hashlib
import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

ASSETS: Final = "/graphql/assets"
HERE: Final = Path(__file__).parent
CARRIER: Final = "graphene_django_graphiql_static"
JAVASCRIPT: Final = "text/javascript"
STYLESHEET: Final = "text/css"

# What a browser may ask for: name, content type, and whether the file is ours or the carrier's.
# Nothing else is reachable, whatever the path says.
OURS: Final = {"boot.css": STYLESHEET, "boot.js": JAVASCRIPT}
THEIRS: Final = {
    "graphiql.min.css": STYLESHEET,
    "graphiql-plugin-explorer.umd.js": JAVASCRIPT,
    "graphiql.min.js": JAVASCRIPT,
    "graphql-ws.min.js": JAVASCRIPT,
    "react-dom.production.min.js": JAVASCRIPT,
    "react.production.min.js": JAVASCRIPT,
    "style.css": STYLESHEET,
}

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    # The one inline style: what GraphiQL's dialogs add to keep the page behind from scrolling. It
    # is always the same text, as the page itself has no scroll bar whose width would appear in it.
    "style-src 'self' 'sha256-Y/huXlwoYkVyQlxwSVcCi1RCDGDCSVBzDt0hYP9qlTc='; "
    "font-src data:; "  # GraphiQL's stylesheet carries its fonts inside
    "img-src 'self' data:; "
    "connect-src 'self'; "
    "base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """What one tab opens with: a GraphQL document and its variables."""

    query: str
    variables: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Asset:
    content_type: str
    body: bytes
    compressed: bytes
    version: str
    """The beginning of the content's SHA-256: a changed file has another address."""


def routes() -> list[web.RouteDef]:
    """The route of the page's scripts and styles. Raises if the carrier is not installed."""
    _carried()
    return [web.get(f"{ASSETS}/{{name}}", _serve)]


def page(
    *, demo_headers: Mapping[str, str] | None = None, operations: Sequence[Operation] = ()
) -> web.Response:
    """The HTML page: one tab an operation, and ``demo_headers`` in every headers editor.

    The same headers go along with HTTP requests, and as the ``connection_init`` payload of
    subscriptions. They are shown to whoever can open the page: give only what is meant for that.
    """
    tabs = [
        {"query": operation.query, "variables": json.dumps(dict(operation.variables), indent=2)}
        if operation.variables
        else {"query": operation.query}
        for operation in operations
    ]
    html = _template().substitute(
        {name.replace(".", "_").replace("-", "_"): _address(name) for name in (*OURS, *THEIRS)},
        setup=_embeddable({"headers": dict(demo_headers or {}), "tabs": tabs}),
    )
    return web.Response(
        text=html,
        content_type="text/html",
        headers={
            hdrs.CACHE_CONTROL: "no-store",  # it may hold a credential
            hdrs.VARY: hdrs.ACCEPT,  # the same address answers GraphQL requests
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        },
    )


def example(name: str, variables: Mapping[str, object] | None = None) -> Operation:
    """A document of the folder ``examples``: ``products``, ``orders`` or ``order_events``."""
    query = (HERE / "examples" / f"{name}.graphql").read_text(encoding="utf-8")
    return Operation(query, variables or {})


async def _serve(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in OURS and name not in THEIRS:
        raise web.HTTPNotFound
    asset = _asset(name)
    current = request.query.get("v") == asset.version
    headers = {
        # An address that names the content may be kept for good; a bare one must be asked again.
        hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable" if current else "no-cache",
        hdrs.ETAG: f'W/"{asset.version}"',  # weak: compressed or not, it is the same file
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    if any(tag.value in {asset.version, "*"} for tag in request.if_none_match or ()):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    body = asset.body
    if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        body = asset.compressed
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(
        body=body, content_type=asset.content_type, charset="utf-8", headers=headers
    )


def _address(name: str) -> str:
    return f"{ASSETS}/{name}?v={_asset(name).version}"


@cache
def _asset(name: str) -> Asset:
    body = (HERE / name if name in OURS else _carried() / name).read_bytes()
    return Asset(
        content_type=OURS.get(name) or THEIRS[name],
        body=body,
        compressed=gzip.compress(body, mtime=0),
        version=hashlib.sha256(body).hexdigest()[:16],
    )


@cache
def _template() -> string.Template:
    return string.Template((HERE / "page.html").read_text(encoding="utf-8"))


@cache
def _carried() -> Path:
    # Finding a top-level package does not run it; importing this one would ask for Django.
    found = find_spec(CARRIER)
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"GraphiQL's files are missing: {CARRIER} is not installed")
    return Path(found.submodule_search_locations[0]) / "static" / CARRIER


def _embeddable(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
