"""What every request meets, from the outside in."""

import logging
import re
import time
from collections.abc import Mapping
from functools import cache
from random import getrandbits
from typing import Any

import structlog
from aiohttp import web
from aiohttp.hdrs import METH_ALL
from aiohttp.typedefs import Handler, Middleware
from multidict import istr
from prometheus_client import Counter, Histogram

from app.authentication import Proxies
from app.metrics import REQUESTS, SECONDS
from app.refusals import refusal, refusal_of
from resolvers.errors import StoreError
from rest_compat.dialect import REMOTE, REQUEST_ID, Dialect

log = structlog.get_logger()
HEADER = istr("X-Request-Id")
QUIET_PATHS = ("/health/live", "/health/ready", "/metrics")
_FILE_TOKEN = re.compile(r"^(/files/[^/]+/)[^/]+")
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


def name_response(request: web.Request, response: web.StreamResponse) -> None:
    """Every response tells the request's id, streams and upgrades too."""
    if (name := request.get(REQUEST_ID)) is not None:
        response.headers[HEADER] = name


def observed(proxies: Proxies) -> Middleware:
    """Name the request, find out whom it comes from, and tell the log and the metrics of it.

    A client's own id is kept, so that its logs and ours meet.
    """
    told = log.bind()  # which is configured by now: to ask the one above means to make one

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.headers.get(HEADER)
        if name is None or not _GIVEN_ID.fullmatch(name):
            # Nobody has to be unable to guess it, and the system takes its time for what is.
            name = f"req_{getrandbits(96):024x}"
        request[REQUEST_ID] = name
        remote = proxies.client(request.remote, request.headers)
        if remote is not None:
            request[REMOTE] = remote
        started, status, is_stream = time.perf_counter(), 500, False
        # A connection's requests come one after another, in one task: the next one's takes its
        # place.
        structlog.contextvars.bind_contextvars(request_id=name)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            status = error.status
            raise
        else:
            status, is_stream = response.status, _is_stream(response)
            return response
        finally:
            seconds = time.perf_counter() - started
            _measure(request, status, None if is_stream else seconds)
            if told.is_enabled_for(logging.INFO):
                _tell(request, status, seconds, remote)

    return observe


def _is_stream(response: web.StreamResponse) -> bool:
    if isinstance(response, web.Response):
        return False
    is_socket = isinstance(response, web.WebSocketResponse)
    return is_socket or response.content_type == "text/event-stream"


def _measure(request: web.Request, status: int, seconds: float | None) -> None:
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "-"
    method = request.method if request.method in METH_ALL else "-"  # clients may invent some
    answered, took = _figures(method, route, status)
    answered.inc()
    if seconds is not None:
        took.observe(seconds)


@cache
def _figures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Finding a figure by its labels costs more than counting."""
    return REQUESTS.labels(method, route, str(status)), SECONDS.labels(method, route)


def _tell(request: web.Request, status: int, seconds: float, remote: str | None) -> None:
    if request.path not in QUIET_PATHS:
        log.info(
            "request",
            method=request.method,
            # As it was sent, so that it stays on its line; without the query and the tokens of
            # files, which nobody should read.
            path=_FILE_TOKEN.sub(r"\1***", request.rel_url.raw_path),
            status=status,
            ms=round(seconds * 1000, 1),
            remote=remote,
        )


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Failures that nobody closer to the request has answered."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - redirects
            raise
        response = refusal(error.status, error.reason)
        for header in ("Allow", "Retry-After"):
            if header in error.headers:
                response.headers[header] = error.headers[header]
        return response
    except StoreError as error:
        return refusal_of(error)
    except Exception:
        name = request[REQUEST_ID]
        log.exception("unhandled_error", request_id=name)
        return refusal(500, "internal error", code="INTERNAL", request_id=name)


def hosted(dialects: Mapping[str, Dialect[Any]]) -> Middleware:
    """Requests to a dialect's own host name are the dialect's, whatever their path."""

    @web.middleware
    async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
        dialect = dialects.get(request.host.rsplit(":", 1)[0].lower())
        if dialect is None:
            return await handler(request)
        return await dialect.handle(request, request.rel_url.raw_path)

    return serve
