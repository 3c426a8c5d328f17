"""What clients are told when a request fails before, or outside of, any operation."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from strawberry.http.streaming import HTTPStreamTransport

from app.persisted import DocumentRefused
from resolvers.errors import (
    Forbidden,
    Malformed,
    MethodNotAllowed,
    NoRoute,
    RateLimited,
    StoreError,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)

STATUS: Mapping[type[StoreError], int] = {
    Unauthenticated: 401,
    Forbidden: 403,
    NoRoute: 404,
    MethodNotAllowed: 405,
    TooLarge: 413,
    UnsupportedMedia: 415,
    RateLimited: 429,
    Unavailable: 503,
}
CODES = {
    401: Unauthenticated.code,
    403: Forbidden.code,
    404: NoRoute.code,
    405: MethodNotAllowed.code,
    413: TooLarge.code,
    415: UnsupportedMedia.code,
    503: Unavailable.code,
}
BAD_REQUEST = "BAD_REQUEST"
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


def refusal(
    status: int, message: str, *, code: str | None = None, request_id: str | None = None
) -> web.Response:
    """A response of the form that GraphQL clients read errors from, whatever was asked."""
    extensions = {"code": code or CODES.get(status, BAD_REQUEST)}
    if request_id is not None:
        extensions["requestId"] = request_id
    body = orjson.dumps({"errors": [{"message": message, "extensions": extensions}]})
    return web.Response(body=body, status=status, content_type=JSON)


def code_of(error: StoreError) -> str:
    """The code that GraphQL clients see."""
    return BAD_REQUEST if isinstance(error, Malformed) else error.code


def refusal_of(error: StoreError) -> web.Response:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)
    response = refusal(status, str(error), code=code_of(error))
    if status == 401:  # noqa: PLR2004 - everybody knows it
        response.headers["WWW-Authenticate"] = 'Bearer realm="storegraph"'
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.details["allow"])
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def refusal_of_document(
    error: DocumentRefused, accepted: str, stream: HTTPStreamTransport | None
) -> web.Response:
    """The response of a request error: in a stream, or with the status of its media type.

    ``accepted`` is the request's Accept header, ``stream`` the transport it asks for. What clients
    answer by themselves is application/json and 200 to whoever takes that, as from Apollo Server:
    Apollo iOS looks no further where the status is another.
    """
    body: Any = {"errors": [error.formatted]}
    if stream is not None and JSON not in accepted:
        parts = (stream.encode_next(body, _encoded), stream.encode_complete())
        return web.Response(text="".join(parts), headers=stream.headers)
    modern = GRAPHQL_JSON in accepted
    if error.retried and (JSON in accepted or "*/*" in accepted):
        modern = False
    response = web.Response(
        body=orjson.dumps(body),
        status=400 if modern else 200,
        content_type=GRAPHQL_JSON if modern else JSON,
    )
    # The same request may well be answered after the next one: nobody is to remember this.
    response.headers["Cache-Control"] = "no-store"
    return response


def _encoded(data: object) -> str:
    return orjson.dumps(data).decode()
