"""What clients are told when a request fails before, or outside of, any operation."""

from collections.abc import Mapping

import orjson
from aiohttp import web

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


def refusal(
    status: int, message: str, *, code: str | None = None, request_id: str | None = None
) -> web.Response:
    """A response of the form that GraphQL clients read errors from, whatever was asked."""
    extensions = {"code": code or CODES.get(status, BAD_REQUEST)}
    if request_id is not None:
        extensions["requestId"] = request_id
    body = orjson.dumps({"errors": [{"message": message, "extensions": extensions}]})
    return web.Response(body=body, status=status, content_type="application/json")


def refusal_of(error: StoreError) -> web.Response:
    status = STATUS.get(type(error), 400)
    code = BAD_REQUEST if isinstance(error, Malformed) else error.code
    response = refusal(status, str(error), code=code)
    if status == 401:  # noqa: PLR2004 - everybody knows it
        response.headers["WWW-Authenticate"] = 'Bearer realm="storegraph"'
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.details["allow"])
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    return response
