"""An expected failure carries its code to the client; any other carries nothing."""

import re
from collections.abc import Iterator
from typing import Any

import structlog
from graphql import GraphQLError, ValueNode
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from resolvers.errors import StoreError

log = structlog.get_logger()
_CLIENTS = (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError)
_SUGGESTION = re.compile(r" Did you mean .*\?$", re.DOTALL)


class ErrorCodes(SchemaExtension):
    """Masks what nobody expected, and logs it under the request's id.

    Without ``suggestions`` no message names what the caller has not named.
    """

    def __init__(self, *, suggestions: bool = True) -> None:
        self._suggestions = suggestions
        self._streamed = False

    def on_operation(self) -> Iterator[None]:
        yield
        if not self._streamed:
            self._publish(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        # Each result of a stream is on its way to the client before the operation ends.
        self._streamed = True
        self._publish(result)
        yield

    def _publish(self, result: Any) -> None:
        errors = getattr(result, "errors", None)
        if errors:
            request_id = getattr(self.execution_context.context, "request_id", "-")
            result.errors = [
                public(error, request_id, suggestions=self._suggestions) for error in errors
            ]


def public(error: GraphQLError, request_id: str, *, suggestions: bool = True) -> GraphQLError:
    """The error as clients may see it. Errors are never changed: some of them are cached."""
    innermost, cause = error, error.original_error
    while isinstance(cause, GraphQLError):  # located once more on its way up
        innermost, cause = cause, cause.original_error
    if isinstance(cause, StoreError):
        return _shown(error, str(cause), {"code": cause.code, **_figures(cause)})
    if _is_about_the_document(error, innermost, cause):
        message = error.message if suggestions else _SUGGESTION.sub("", error.message)
        return _shown(error, message, {"code": "BAD_REQUEST", **(error.extensions or {})})
    log.error("unhandled_error", request_id=request_id, path=error.path, exc_info=cause or error)
    return _shown(error, "internal error", {"code": "INTERNAL", "requestId": request_id})


def _is_about_the_document(
    error: GraphQLError, innermost: GraphQLError, cause: Exception | None
) -> bool:
    """Whether GraphQL itself complains about what was sent, and not about what we answered."""
    if cause is not None:
        return isinstance(cause, _CLIENTS)
    if error.path is None:
        return True
    return bool(innermost.nodes) and isinstance(innermost.nodes[0], ValueNode)


def _shown(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )


def _figures(error: StoreError) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if error.field:
        shown["field"] = [str(part) for part in error.field]
    if found := {key: value for key, value in error.details.items() if value is not None}:
        shown["details"] = found
    return shown
