"""What browsers see at /graphql."""

import ipaddress
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from aiohttp import web

from app import graphiql
from app.graphql import Page
from app.settings import Settings

FORWARDING = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


def graphiql_page(settings: Settings) -> Page:
    """GraphiQL, with example operations and, for the demo's own machine, the demo's credential."""

    def page(request: web.Request) -> web.Response:
        local = settings.with_demo and _is_local(request)
        headers = _demo_headers(settings) if local else None
        return graphiql.page(demo_headers=headers, operations=_examples())

    return page


@cache
def _examples() -> tuple[graphiql.Operation, ...]:
    return tuple(graphiql.example(name) for name in ("products", "orders", "order_events"))


def _demo_headers(settings: Settings) -> Mapping[str, str] | None:
    """Those of the file that the demo wrote, or None where there is none (yet)."""
    try:
        doors: Any = orjson.loads(settings.credentials_file.read_bytes())
        return doors["graphql"]["headers"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_local(request: web.Request) -> bool:
    """Whether a browser on this machine asks, and nobody through a proxy or a rebound name."""
    if any(name in request.headers for name in FORWARDING):
        return False
    host = request.url.host or ""
    return _is_loopback(request.remote) and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
