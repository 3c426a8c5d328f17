"""Streams to clients: answers that were made once for many are sent to each with little effort.

They are written straight to the connection's transport, each as one whole frame. That is allowed
beside aiohttp, which writes whole frames too: a server's frames are not masked, and here none is
compressed.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from struct import Struct
from typing import Any, ClassVar, cast

import orjson
from aiohttp import HttpVersion11, WSMsgType, web
from aiohttp.web_protocol import RequestHandler
from cross_web import AsyncHTTPRequestAdapter
from strawberry.aiohttp.views import AiohttpWebSocketAdapter, GraphQLView
from strawberry.http import GraphQLRequestData, GraphQLRequestProtocol
from strawberry.http.streaming import SSETransport
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation
from strawberry.types import ExecutionResult

from app import garbage
from app.metrics import STREAMS
from resolvers.context import Context
from resolvers.followers import Sink
from schema.streams import Asked, StreamContext

GONE_CHECK = 1.0
"""Seconds: how often to look for clients that are gone; heartbeats would notice much later."""
_TEXT = 0x81
_SHORT, _MIDDLE = 126, 1 << 16
_HEAD_MIDDLE, _HEAD_LONG = Struct("!BBH"), Struct("!BBQ")


def stream_context(context: Context, asked: Asked, sink: Sink) -> StreamContext:
    """A context for an operation whose answers may be sent past Strawberry."""
    return StreamContext(
        context.services,
        context.viewer,
        context.request_id,
        context.remote,
        asked=asked,
        sink=sink,
    )


def _ready(protocol: RequestHandler) -> asyncio.Transport | None:
    """The connection's transport; None where it is gone, or its client reads too slowly."""
    transport = protocol.transport
    if transport is None or protocol.writing_paused or transport.is_closing():
        return None
    return transport


class SocketSink:
    """``next`` messages of one operation over graphql-transport-ws."""

    def __init__(self, websocket: AiohttpWebSocketAdapter, operation: Operation[Any, Any]) -> None:
        self._socket, self._protocol = websocket.ws, websocket.request.protocol
        self._operation, self._running = operation, operation.handler.operations
        self._head = b'{"id":%b,"type":"next","payload":' % orjson.dumps(operation.id)

    def write(self, answer: bytes) -> bool:
        """Send an answer at once; False, and nothing is sent, where that is not possible."""
        transport = _ready(self._protocol)
        if transport is None or self._socket.closed or not self._is_running:
            return False
        size = len(self._head) + len(answer) + 1
        if size < _SHORT:
            frame = bytes((_TEXT, size))
        elif size < _MIDDLE:
            frame = _HEAD_MIDDLE.pack(_TEXT, _SHORT, size)
        else:
            frame = _HEAD_LONG.pack(_TEXT, _SHORT + 1, size)
        transport.write(b"".join((frame, self._head, answer, b"}")))
        return True

    async def send(self, answer: bytes) -> None:
        if self._is_running:
            with suppress(ConnectionResetError):
                await self._socket.send_frame(self._head + answer + b"}", WSMsgType.TEXT)

    @property
    def _is_running(self) -> bool:
        """Whether the client still waits for it: another operation may have its id by now."""
        return self._running.get(self._operation.id) is self._operation


class EventSink:
    """Server-sent events of one operation, and the response that they are."""

    def __init__(self, request: web.Request, transport: SSETransport) -> None:
        self.response = web.StreamResponse(headers=transport.headers)
        self._protocol, self._encode = request.protocol, transport.encode_event
        self._chunked = request.version >= HttpVersion11
        if self._chunked:
            self.response.enable_chunked_encoding()

    def write(self, answer: bytes) -> bool:
        """Send an answer at once; False, and nothing is sent, where that is not possible."""
        return self.write_text(self._encode("next", answer.decode()))

    def write_text(self, text: str) -> bool:
        """The same with an event or comment as it is."""
        transport = _ready(self._protocol)
        if transport is None:
            return False
        data = text.encode()
        transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        return True

    async def send(self, answer: bytes) -> None:
        with suppress(ConnectionResetError):
            await self.response.write(self._encode("next", answer.decode()).encode())


SINK = web.RequestKey("sink", EventSink)


class LineFeedEvents(SSETransport):
    """Server-sent events whose lines end as those of most servers.

    Carriage returns are allowed before (HTML, 9.2.6), but some clients look for nothing else.
    """

    def encode_event(self, event: str, data: str | None = None) -> str:
        return super().encode_event(event, data).replace("\r\n", "\n")

    def encode_comment(self, comment: str) -> str:
        return super().encode_comment(comment).replace("\r\n", "\n")


class EventStreams(GraphQLView[Context, None]):
    """Strawberry's view; its server-sent events take answers that were made for many."""

    stream_transport_classes_by_protocol: ClassVar[Any] = {
        **GraphQLView.stream_transport_classes_by_protocol,
        GRAPHQL_SSE_PROTOCOL: LineFeedEvents,
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._streams: set[asyncio.Task[None]] = set()

    def cut_streams(self) -> None:
        """End all streams without a "complete": to their clients the connection broke."""
        for task in tuple(self._streams):
            task.cancel()

    async def execute_operation(  # noqa: PLR0917 - Strawberry calls it
        self,
        request: web.Request,
        request_adapter: AsyncHTTPRequestAdapter,
        request_data: GraphQLRequestData | list[GraphQLRequestData],
        context: Context,
        root_value: None,
        sub_response: web.Response,
    ) -> Any:
        if isinstance(request_data, GraphQLRequestData) and request_data.query is not None:
            transport = self._get_stream_transport(request_data.protocol)
            if isinstance(transport, SSETransport):
                asked = Asked(
                    request_data.query, request_data.variables, request_data.operation_name
                )
                request[SINK] = sink = EventSink(request, transport)
                context = stream_context(context, asked, sink)
        return await super().execute_operation(
            request=request,
            request_adapter=request_adapter,
            request_data=request_data,
            context=context,
            root_value=root_value,
            sub_response=sub_response,
        )

    async def _create_streaming_response(
        self,
        request: web.Request,
        result: Any,
        protocol: GraphQLRequestProtocol,
        sub_response: web.Response,
    ) -> web.StreamResponse:
        # Each result is written before the next one is asked for. So whatever the sink is given
        # meanwhile comes in order.
        sink = request[SINK]
        transport = cast("SSETransport", self._get_stream_transport(protocol))
        await sink.response.prepare(request)
        with STREAMS.labels("sse").track_inprogress(), garbage.streams.one():
            sending = asyncio.create_task(self._send(request, result, sink.response, transport))
            self._streams.add(sending)
            try:
                await self._look_after(sending, request, sink, transport)
            finally:
                self._streams.discard(sending)
                sending.cancel()
                with suppress(asyncio.CancelledError, ConnectionResetError):
                    await sending
        return sink.response

    async def _send(
        self,
        request: web.Request,
        result: AsyncGenerator[ExecutionResult],
        response: web.StreamResponse,
        transport: SSETransport,
    ) -> None:
        async with aclosing(result):
            async for each in result:
                shown = await self.process_result(request, each)
                text = transport.encode_next(shown, self.encode_json_string)
                await response.write(text.encode())
        await response.write(transport.encode_complete().encode())
        await response.write_eof()

    async def _look_after(
        self,
        sending: asyncio.Task[None],
        request: web.Request,
        sink: EventSink,
        transport: SSETransport,
    ) -> None:
        """Send heartbeats until all is sent, or the client is gone, of which nobody tells."""
        clock = asyncio.get_running_loop().time
        step = min(GONE_CHECK, transport.heartbeat_interval)
        beat = clock() + transport.heartbeat_interval
        while not (await asyncio.wait({sending}, timeout=step))[0]:
            if request.transport is None or request.transport.is_closing():
                return
            if clock() >= beat:
                sink.write_text(transport.heartbeat_message(self.encode_json_string))
                beat = clock() + transport.heartbeat_interval
