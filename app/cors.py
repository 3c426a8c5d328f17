"""Which pages of other sites may read answers of /graphql."""

from collections.abc import Callable, Sequence

from aiohttp import web

from app.incoming import PREFLIGHT_HEADERS

HEADERS = ("Content-Type", "Authorization", "X-API-Key", "X-Request-Id", *PREFLIGHT_HEADERS)
REMEMBERED = 86_400


def granting(
    path: str, allowed_origins: Sequence[str]
) -> Callable[[web.Request, web.StreamResponse], None]:
    """What adds the headers of CORS to every response of ``path``.

    No credentials are allowed along: none of ours is sent by browsers on their own.
    """
    allowed = {origin.lower().rstrip("/") for origin in allowed_origins}

    def grant(request: web.Request, response: web.StreamResponse) -> None:
        if not allowed or request.path != path:
            return
        origin = request.headers.get("Origin")
        response.headers.add("Vary", "Origin")
        if origin is None or ("*" not in allowed and origin.lower() not in allowed):
            return
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "X-Request-Id"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = ", ".join(HEADERS)
            response.headers["Access-Control-Max-Age"] = str(REMEMBERED)

    return grant
