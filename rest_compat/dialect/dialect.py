"""Serve a contract: route, guard, read, call the handler, answer in the dialect's words."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, Generic, TypeVar

import structlog
from aiohttp import hdrs, web

from resolvers.errors import MethodNotAllowed, NoRoute, RateLimited, StoreError
from rest_compat.dialect import answer as answers
from rest_compat.dialect import cors, route
from rest_compat.dialect.answer import Answer, Internal
from rest_compat.dialect.call import Call
from rest_compat.dialect.contract import Contract
from rest_compat.dialect.form import Limits
from rest_compat.dialect.handler import Handler, bind
from rest_compat.dialect.operation import Operation
from rest_compat.dialect.paper import Papers
from rest_compat.dialect.request import arguments
from rest_compat.dialect.upload import LimitOf

log = structlog.stdlib.get_logger(__name__)

Context = TypeVar("Context")


@dataclass(frozen=True)
class Dialect(Generic[Context]):
    """A contract and the hooks that make it one service's way of speaking.

    ``guard`` admits a request before anything of it is validated, in the dialect's own order of
    checks, and makes the context that handlers get. ``failure`` words every refusal;
    ``call.routed`` is ``None`` there where the path leads nowhere. ``envelope`` wraps what a
    handler returns.

    Limits count bytes: ``max_body`` of a body in memory, ``max_file`` of a file whose contract
    sets none, ``max_form`` of a whole form; ``file_limit`` tells that of a file by how it begins,
    where it is less. ``check_answers`` is for tests: an answer outside the
    contract raises ``AnswerBreaksContract``.

    Construction raises ``HandlersAstray`` where handlers and operations do not match. With
    ``check_answers`` it also raises what :meth:`Operation.compile` does for a contract that is
    broken itself; else operations are compiled as they are asked for.
    """

    name: str
    contract: Contract
    modules: Sequence[ModuleType]
    guard: Callable[[Call], Awaitable[Context]]
    failure: Callable[[Call, StoreError], Answer]
    envelope: Callable[[Operation, Any], Any] = lambda _, data: data
    cors_origins: frozenset[str] = frozenset()
    max_body: int = 1 << 20
    max_file: int = 20 << 20
    max_form: int = 100 << 20
    file_limit: LimitOf | None = None
    check_answers: bool = False

    def __post_init__(self) -> None:
        # What does not match stops the start-up, not a request.
        _ = self._handlers, self._router
        if self.check_answers:
            for operation in self.contract.operations:
                operation.compile()

    @cached_property
    def _handlers(self) -> Mapping[str, Handler]:
        return bind(self.contract.operations, self.modules)

    @cached_property
    def _router(self) -> route.Router:
        return route.Router(self.contract.operations)

    @cached_property
    def _papers(self) -> Papers:
        return Papers(self.contract)

    def routes(self) -> list[web.RouteDef]:
        """The dialect under its path prefix."""
        prefix = self.contract.prefix

        async def serve(request: web.Request) -> web.StreamResponse:
            path = route.below(request.rel_url.raw_path, prefix)
            return await self.handle(request, path, mount=prefix)

        below = r"/{tail:[\s\S]*}"  # a dot would leave out paths with a line feed (%0A)
        return [web.route("*", prefix + tail, serve) for tail in ("", below)]

    async def handle(
        self, request: web.Request, path: str, *, mount: str = ""
    ) -> web.StreamResponse:
        """Answer one request. ``path`` is percent-encoded and below ``mount``.

        A dialect that has a host of its own is served with ``request.rel_url.raw_path`` and no
        mount. Refusals and bugs are answers too; only cancellation and ``AnswerBreaksContract``
        come out as exceptions.
        """
        call = Call(request, path, mount, max_body=self.max_body)
        with call.uploads:
            try:
                response = await self._serve(call)
            except StoreError as error:
                response = self._refuse(call, error)
            except Exception:
                log.exception("unhandled_error", request_id=call.request_id, dialect=self.name)
                details = {"request_id": call.request_id}
                response = self._refuse(call, Internal("Internal error", details=details))
        if not response.prepared:
            response.headers.update(call.answer_headers)
            exposed = self.contract.answer_headers
            cors.grant(response, request, self.cors_origins, exposed)
        if self.check_answers and call.routed:
            answers.check(call.routed, response)
        return response

    async def _serve(self, call: Call) -> web.StreamResponse:
        method = call.request.method
        matches = self._router.find(call.path)
        if not matches and call.path in self._papers:
            allow = "GET, HEAD, OPTIONS"
        elif matches:
            allow = route.allowed(matches)
        else:
            raise NoRoute("There is nothing at this address")
        if method == hdrs.METH_OPTIONS and method not in matches:
            return web.Response(status=204, headers=cors.preflight(call.request, allow))
        if method == hdrs.METH_HEAD and method not in matches:
            method = hdrs.METH_GET
        if method in matches:
            call.routed, call.path_values = matches[method].operation, matches[method].values
            return await self._call(call)
        if matches or method != hdrs.METH_GET:
            raise MethodNotAllowed(f"{method} is not allowed here", details={"allow": allow})
        return self._papers.answer(call)

    async def _call(self, call: Call) -> web.StreamResponse:
        context = await self.guard(call)
        limits = Limits(self.max_file, self.max_form, self.file_limit)
        given = await arguments(call, limits)
        data = await self._handlers[call.operation.id](context, call, given)
        match data:
            case web.StreamResponse():
                return data
            case Answer():
                return answers.response(data)
            case None if not (call.operation.response(call.operation.success) or {}).get("content"):
                return answers.response(Answer(call.operation.success))
            case _:
                body = self.envelope(call.operation, data)
                return answers.response(Answer(call.operation.success, body))

    def _refuse(self, call: Call, error: StoreError) -> web.Response:
        """The failure in the dialect's words, with the headers that HTTP itself asks for."""
        response = answers.response(self.failure(call, error))
        if call.request.content.exception() is not None:
            response.force_close()  # what follows on a connection that lost its place is noise
        match error:
            case RateLimited():
                response.headers.setdefault(hdrs.RETRY_AFTER, str(error.retry_after))
            case MethodNotAllowed():
                response.headers.setdefault(hdrs.ALLOW, error.details["allow"])
            case _:
                pass
        return response
