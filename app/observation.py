"""What every request meets, whichever handler it is for."""

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
from aiohttp.typedefs import Handler
from multidict import istr
from prometheus_client import Counter, Histogram

from app.answers import JsonAnswer
from app.authentication import Proxies
from app.logs import REQUEST
from app.metrics import REQUESTS, SECONDS, TALLY
from app.refusals import refusal, refusal_of
from resolvers.errors import StoreError
from rest_compat.dialect import REMOTE, REQUEST_ID, Dialect

log = structlog.get_logger()
HEADER = istr("X-Request-Id")
QUIET_PATHS = ("/health/live", "/health/ready", "/metrics")
NO_ROUTE = "-"
_WHOLE = (JsonAnswer, web.Response)
_FILE_TOKEN = re.compile(r"^(/files/[^/]+/)[^/]+")
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


def name_response(request: web.Request, response: web.StreamResponse) -> None:
    """Every response tells the request's id, streams and upgrades too."""
    if (name := request.get(REQUEST_ID)) is not None:
        response.headers[HEADER] = name


class Observation:
    """Adds routes to an application, each with everything around it that all have in common.

    A middleware would do, but aiohttp puts two more calls around each request for the first one.
    """

    def __init__(
        self, app: web.Application, proxies: Proxies, hosts: Mapping[str, Dialect[Any]]
    ) -> None:
        """Requests to a host name of ``hosts`` are that dialect's, whatever their path."""
        self._app = app
        self._proxies = proxies
        self._hosts = hosts
        self._told = log.bind()  # which is configured by now: to ask ``log`` means to make one

    def add(self, *routes: web.RouteDef) -> None:
        for route in routes:
            named = web.UrlDispatcher().add_resource(route.path).canonical
            observed = self.observed(route.handler, named)
            self._app.add_routes([web.RouteDef(route.method, route.path, observed, route.kwargs)])

    def close(self) -> None:
        """All paths that are nobody's so far are to be answered, too."""
        below = r"/{tail:[\s\S]*}"  # a dot would leave out paths with a line feed (%0A)
        self._app.router.add_route("*", below, self.observed(_unrouted, NO_ROUTE))

    def observed(self, handler: Any, route: str) -> Handler:
        """A handler whose requests get a name and are told to the log and the metrics.

        Whatever it fails with is answered. A client's own id is kept, so that its logs and ours
        meet. ``route`` is what the metrics know its paths by.
        """
        proxies, told = self._proxies, self._told
        serve = self._hosted(handler) if self._hosts else handler

        async def observe(request: web.Request) -> web.StreamResponse:
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
            REQUEST.set(name)
            try:
                response = await serve(request)
            except web.HTTPException as error:
                status = error.status
                if status < 400:  # noqa: PLR2004 - redirects
                    raise
                return _refused(error)
            except StoreError as error:
                response = refusal_of(error)
                status = response.status
                return response
            except Exception:
                log.exception("unhandled_error", request_id=name)
                return refusal(500, "internal error", code="INTERNAL", request_id=name)
            else:
                status, is_stream = response.status, _is_stream(response)
                return response
            finally:
                seconds = time.perf_counter() - started
                _measure(request.method, route, status, None if is_stream else seconds)
                if told.is_enabled_for(logging.INFO):
                    _tell(request, status, seconds, remote)

        return observe

    def _hosted(self, handler: Any) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            dialect = self._hosts.get(request.host.rsplit(":", 1)[0].lower())
            if dialect is None:
                return await handler(request)
            return await dialect.handle(request, request.rel_url.raw_path)

        return serve


async def _unrouted(request: web.Request) -> web.StreamResponse:
    """Raises what there is to say about a path that is nobody's, or not by this method."""
    own, allowed = request.match_info.route.resource, set[str]()
    for resource in request.app.router.resources():
        if resource is not own:
            _, methods = await resource.resolve(request)
            allowed |= methods
    if allowed:
        raise web.HTTPMethodNotAllowed(request.method, allowed)
    raise web.HTTPNotFound


def _refused(error: web.HTTPException) -> web.Response:
    response = refusal(error.status, error.reason)
    for header in ("Allow", "Retry-After"):
        if header in error.headers:
            response.headers[header] = error.headers[header]
    return response


def _is_stream(response: web.StreamResponse) -> bool:
    if isinstance(response, _WHOLE):
        return False
    is_socket = isinstance(response, web.WebSocketResponse)
    return is_socket or response.content_type == "text/event-stream"


def _measure(method: str, route: str, status: int, seconds: float | None) -> None:
    # Clients may invent methods.
    answered, took = _figures(method if method in METH_ALL else "-", route, status)
    TALLY.count(answered)
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
