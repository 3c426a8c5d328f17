"""GraphQL over HTTP, graphql-transport-ws and server-sent events, on aiohttp."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, cast
from weakref import WeakSet

import orjson
from aiohttp import WSCloseCode, hdrs, web
from cross_web import AiohttpHTTPRequestAdapter, AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData, process_result
from strawberry.http.websocket_origin import is_same_origin
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from app import incoming, uploads
from app.answers import JsonAnswer
from app.authentication import COOKIE, credentials, viewer_of
from app.persisted import DocumentRefused, PersistedDocuments
from app.recent import Recent
from app.refusals import refusal, refusal_of, refusal_of_document
from app.sockets import MESSAGE_SIZE, Handler, SocketContext
from app.streams import EventStreams
from resolvers.context import Context
from resolvers.errors import Malformed, MethodNotAllowed, StoreError
from resolvers.services import Services
from rest_compat.dialect import REMOTE, REQUEST_ID
from rest_compat.instxnt.cookies import keep
from schema import Schema
from schema.execution import Asked, Execution

JSON = "application/json"
EVENTS = "text/event-stream"
GRAPHQL_JSON = "application/graphql-response+json"
SUBSCRIPTIONS_PER_SOCKET = 100
CLOSING = 3.0
"""Seconds: how long to wait for the goodbye of clients."""
_DATA = web.RequestKey("data", GraphQLRequestData)
_CONTEXT = web.RequestKey("context", Context)
Page = Callable[[web.Request], web.Response]
Complete = Callable[[web.Request, web.StreamResponse], None]


class View(EventStreams):
    """Strawberry's view with our context, JSON and checks.

    WebSocket clients may send their credential in ``connection_init`` (browsers cannot set
    headers there): ``{"Authorization": "Bearer …"}`` or ``{"X-API-Key": "…"}``.
    """

    graphql_transport_ws_handler_class = Handler

    def __init__(
        self,
        schema: Schema,
        services: Services,
        *,
        allowed_origins: Sequence[str],
        page: Page | None,
        complete: Complete = lambda _request, _response: None,
        execution: Execution | None = None,
        documents: PersistedDocuments | None = None,
        init_timeout: float = 10,
    ) -> None:
        """Without ``documents`` every request sends its own.

        ``complete`` adds to a response what all have, where aiohttp does not see to it.
        ``init_timeout``: seconds in which a WebSocket must begin with ``connection_init``.
        """
        super().__init__(
            schema=schema,
            graphql_ide="graphiql" if page else None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=timedelta(seconds=init_timeout),
            max_subscriptions_per_connection=SUBSCRIPTIONS_PER_SOCKET,
            allowed_origins=allowed_origins,
        )
        self._graph = schema
        self._services = services
        self._page = page
        self._complete = complete
        self._execution = execution
        self._documents = documents or PersistedDocuments()
        self._recent = Recent()
        self._sockets: WeakSet[web.WebSocketResponse] = WeakSet()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": "GET, POST, OPTIONS"})
        try:
            if request.method == "POST" or not self._is_other(request):
                incoming.refuse_forgery(request)
                if (answer := await self._compiled(request)) is not None:
                    return answer
            return await self.run(request=request)
        except StoreError as error:
            return refusal_of(error)
        except DocumentRefused as error:
            stream = self._get_stream_transport_from_headers(request.headers)
            return refusal_of_document(error, request.headers.get("Accept", ""), stream)
        except HTTPException as error:
            return refusal(error.status_code, error.reason)
        finally:
            if request.headers.get(hdrs.CONTENT_TYPE) != JSON:  # files come in forms
                uploads.close(request)

    def _is_other(self, request: web.Request) -> bool:
        """Whether it opens a WebSocket, or asks for the page for people."""
        if "Upgrade" in request.headers and self.is_websocket_request(request):
            return True
        if request.method not in incoming.METHODS:
            raise MethodNotAllowed(
                f"{request.method} is not allowed", details={"allow": incoming.METHODS}
            )
        return self._wants_page(request)

    async def _compiled(self, request: web.Request) -> web.StreamResponse | None:
        """The response, where there is a plan for it; past all that Strawberry's view would do."""
        accepted = request.headers.get(hdrs.ACCEPT, "")
        if self._execution is None or (EVENTS in accepted and _takes_events_alone(accepted)):
            return None
        remote = request.get(REMOTE)
        viewer = await viewer_of(self._services, request.headers, remote=remote)
        context = Context(self._services, viewer, request[REQUEST_ID], remote)
        body = incoming.whole(request) if request.method == "POST" else None
        asked, fields = self._recent.find(body), None
        if asked is None:
            fields = await incoming.fields(request, self._services, body)
            text = await self._documents.document_text(fields)
            name = fields.get("operationName") or None
            asked = Asked(text, fields.get("variables") or {}, name)
        if EVENTS not in accepted or not self._is_subscription(asked.text, asked.operation_name):
            json = await self._execution.answer(context, asked)
            if json is not None:
                if fields is not None:
                    self._recent.keep(body, asked, fields)
                answer = JsonAnswer(json, GRAPHQL_JSON if GRAPHQL_JSON in accepted else JSON)
                self._complete(request, answer)
                return answer
        request[_CONTEXT] = context
        request[_DATA] = self._data(request, fields or _fields(asked), asked.text)
        return None

    async def drain(self) -> None:
        """End all streams in a way that makes their clients come back, to another process."""
        self.cut_streams()
        closing = [
            socket.close(code=WSCloseCode.SERVICE_RESTART, message=b"restarting")
            for socket in tuple(self._sockets)
        ]
        await asyncio.gather(*closing, return_exceptions=True)

    # Who is asking

    async def get_context(
        self, request: web.Request, response: web.Response | web.WebSocketResponse
    ) -> Context:
        name, remote = request[REQUEST_ID], request.get(REMOTE)
        if isinstance(response, web.WebSocketResponse):
            given = credentials(request.headers)
            if not _is_of_own_page(request):
                given.pop(COOKIE, None)
            return SocketContext(
                self._services,
                request_id=name,
                remote=remote,
                headers=given,
                documents=self._documents,
            )
        if self._wants_page(request):
            return Context(self._services, None, name, remote)
        known = request.get(_CONTEXT)
        if known is None:
            viewer = await viewer_of(self._services, request.headers, remote=remote)
            known = Context(self._services, viewer, name, remote)
        # Streams have a context of their own, without this: their head is sent before anything is
        # executed.
        known.keep_session = partial(keep, response, self._services)
        return known

    async def on_ws_connect(self, context: Context) -> Any:
        try:
            await cast("SocketContext", context).renewed()
        except StoreError as error:
            raise ConnectionRejectionError from error
        return await super().on_ws_connect(context)

    # What is asked

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        raw = cast("AiohttpHTTPRequestAdapter", request).request
        known = raw.get(_DATA)
        if known is not None:
            return known
        fields = await incoming.fields(raw, self._services)
        return self._data(raw, fields, await self._documents.document_text(fields))

    def _data(
        self, request: web.Request, fields: Mapping[str, Any], text: str
    ) -> GraphQLRequestData:
        """The request, and whether its answer is to be one JSON or a stream of events.

        Clients that take both, such as urql, send all operations in one way: they get what fits.
        """
        accepted, name = request.headers.get(hdrs.ACCEPT, ""), fields.get("operationName") or None
        streams = EVENTS in accepted and (
            _takes_events_alone(accepted) or self._is_subscription(text, name)
        )
        return GraphQLRequestData(
            query=text,
            variables=fields.get("variables"),
            operation_name=name,
            extensions=fields.get("extensions"),
            protocol="sse" if streams else "http",
        )

    def _is_subscription(self, text: str, operation_name: str | None) -> bool:
        try:
            prepared = self._graph.documents.prepare(self._graph, text)
        except GraphQLError:
            return False
        found = prepared.operation(operation_name)
        return found is not None and found.is_subscription

    async def execute_single(  # noqa: PLR0917 - Strawberry calls it
        self,
        request: web.Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: web.Response,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        allowed = [OperationType.QUERY]
        if request.method == "POST":
            allowed.append(OperationType.MUTATION)
        try:
            return await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=allowed,
            )
        except CannotGetOperationTypeError as error:
            raise Malformed(error.as_http_error_reason()) from error
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.MUTATION:
                raise MethodNotAllowed(
                    "mutations need POST", details={"allow": ["POST"]}
                ) from error
            raise Malformed(
                "subscriptions need a WebSocket, or Accept: text/event-stream"
            ) from error

    # What is answered

    async def get_sub_response(self, request: web.Request) -> web.Response:
        accepted = request.headers.get("Accept", "")
        return web.Response(content_type=GRAPHQL_JSON if GRAPHQL_JSON in accepted else JSON)

    async def process_result(
        self, request: web.Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        response = process_result(result)
        if is_request_error(result):
            response.pop("data", None)
        return response

    def create_response(
        self,
        response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse],
        sub_response: web.Response,
    ) -> web.Response:
        sub_response.body = orjson.dumps(response_data)
        if "data" not in response_data and sub_response.content_type == GRAPHQL_JSON:
            sub_response.set_status(400)
        return sub_response

    async def create_websocket_response(
        self, request: web.Request, subprotocol: str | None
    ) -> web.WebSocketResponse:
        protocols = [subprotocol] if subprotocol else []
        socket = web.WebSocketResponse(
            protocols=protocols,
            heartbeat=25,
            timeout=CLOSING,
            max_msg_size=MESSAGE_SIZE,
            # Each connection would compress the same answer anew, with a window of its own.
            compress=False,
            # A message to a client that reads slowly waits until it has read the one before.
            writer_limit=0,
        )
        await socket.prepare(request)
        self._sockets.add(socket)
        return socket

    async def reject_websocket(self, request: web.Request) -> web.Response:
        return refusal(403, "this origin may not open WebSockets here")

    def should_render_graphql_ide(self, request: Any) -> bool:
        return self._page is not None and _is_for_people(
            request.method, request.headers, request.query_params
        )

    async def render_graphql_ide(self, request: web.Request) -> web.Response:
        if self._page is None:
            raise web.HTTPNotFound
        return self._page(request)

    def _wants_page(self, request: web.Request) -> bool:
        return self._page is not None and _is_for_people(
            request.method, request.headers, request.query
        )

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)


def _is_of_own_page(request: web.Request) -> bool:
    """Whether a socket is opened by a page of this very host, or by no page at all.

    Browsers send cookies along whatever page it is; pages of other allowed origins have no part in
    that, as they have none by HTTP.
    """
    origin = request.headers.get("Origin")
    return origin is None or is_same_origin(origin, request.host)


def _fields(asked: Asked) -> dict[str, Any]:
    return {"variables": asked.variables, "operationName": asked.operation_name}


def _takes_events_alone(accepted: str) -> bool:
    return EVENTS in accepted and "json" not in accepted and "*/*" not in accepted


def _is_for_people(method: str, headers: Mapping[str, str], query: Mapping[str, Any]) -> bool:
    asks = any(name in query for name in ("query", "documentId", "extensions"))
    return method == "GET" and not asks and "text/html" in headers.get("Accept", "")


def is_request_error(result: ExecutionResult) -> bool:
    """Whether nothing was executed: the response has no ``data`` then (GraphQL, 7.1)."""
    return result.data is None and all(error.path is None for error in result.errors or ())
