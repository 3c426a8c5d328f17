"""graphql-transport-ws: Strawberry's protocol, with stricter messages and fresh authorisation."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, cast

from graphql import GraphQLError
from strawberry.aiohttp.views import AiohttpWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message

from app import garbage
from app.authentication import credentials, viewer_of
from app.metrics import STREAMS
from app.persisted import DocumentRefused, PersistedDocuments, names_document
from app.refusals import code_of
from app.streams import SocketSink, stream_context
from resolvers.context import Context
from resolvers.errors import StoreError
from schema.streams import Asked

MESSAGE_SIZE = 1 << 20
NORMAL_MESSAGES = ("connection_init", "ping", "pong")


@dataclass(slots=True)
class SocketContext(Context):
    """A connection: its credential, of which every operation makes a context of its own."""

    headers: Mapping[str, object] = field(default_factory=dict[str, object])
    documents: PersistedDocuments = field(default_factory=PersistedDocuments)

    async def renewed(self) -> Context:
        """A context of the viewer as they are now. Raises ``Unauthenticated``, ``Forbidden``."""
        given: Mapping[str, object] = {}
        if isinstance(self.connection_params, dict):
            given = cast("Mapping[str, object]", self.connection_params)
        named = credentials({**given, **self.headers})
        viewer = await viewer_of(self.services, named, remote=self.remote)
        return Context(self.services, viewer, self.request_id, self.remote)


class Handler(BaseGraphQLTransportWSHandler[Context, None]):
    async def handle_message(self, message: Message) -> None:
        if problem := _problem(message):
            await self.handle_invalid_message(problem)
        else:
            if message["type"] == "subscribe":
                # Whole, for an operation is made of the query alone. Its text is found when it
                # runs, for looking it up may take time, and other messages are to go on.
                message["payload"]["query"] = cast("Any", dict(message["payload"]))
            await super().handle_message(message)

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        with STREAMS.labels("websocket").track_inprogress(), garbage.streams.one():
            connection = cast("SocketContext", self.context)
            try:
                context = await connection.renewed()
                asked = cast("Mapping[str, Any]", operation.query)
                operation.query = await connection.documents.document_text(asked)
            except StoreError as error:
                refused = GraphQLError(str(error), extensions={"code": code_of(error)})
                await operation.send_initial_errors([refused])
                return
            except DocumentRefused as refused:
                await operation.send_initial_errors([refused])
                return
            # All that a connection shares, but for the context, which is this operation's own.
            alone = copy(self)
            alone.context = stream_context(
                context,
                Asked(operation.query, operation.variables, operation.operation_name),
                SocketSink(cast("AiohttpWebSocketAdapter", self.websocket), operation),
            )
            try:
                await super(Handler, alone).run_operation(operation)
            except WebSocketDisconnected:
                return  # nobody is left to be told


def _problem(message: Any) -> str | None:
    """What breaks the protocol, which Strawberry would stumble over; None where nothing does."""
    if not isinstance(message, dict):
        return "a message must be an object"
    fields = cast("dict[str, Any]", message)
    kind = fields.get("type")
    if kind in NORMAL_MESSAGES:
        return None
    if kind not in ("subscribe", "complete"):
        return "unknown message type"
    if not isinstance(fields.get("id"), str) or not fields["id"]:
        return "id must be a string that is not empty"
    payload = fields.get("payload")
    if kind == "subscribe" and not _is_request(payload):
        return "payload must hold a query, or name one, and further members of the right types"
    return None


def _is_request(payload: Any) -> bool:
    if not isinstance(payload, dict):
        return False
    fields = cast("dict[str, Any]", payload)
    query = fields.get("query")
    return (
        (isinstance(query, str) or (query is None and names_document(fields)))
        and isinstance(fields.get("extensions"), dict | None)
        and isinstance(fields.get("variables"), dict | None)
        and isinstance(fields.get("operationName"), str | None)
    )
