"""Which pages of other origins may read the answers (Fetch standard, CORS protocol)."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from aiohttp import hdrs, web

_ALWAYS_EXPOSED = ("Retry-After", "X-Request-Id")
_PREFLIGHT_SECONDS = 600


def grant(
    response: web.StreamResponse,
    request: web.Request,
    origins: AbstractSet[str],
    exposed: Iterable[str],
) -> None:
    """Let pages of the allowed origins read the answer; says nothing where none is allowed.

    ``*`` among the origins admits every page, without its cookies; a named origin with them.
    """
    if not origins:
        return
    headers = response.headers
    if origins != {"*"}:
        vary = headers.get(hdrs.VARY)
        headers[hdrs.VARY] = f"{vary}, {hdrs.ORIGIN}" if vary else hdrs.ORIGIN
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and origin in origins - {"*"}:
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
    elif "*" in origins:
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
    else:
        return
    names = sorted({*_ALWAYS_EXPOSED, *exposed})
    headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = ", ".join(names)


def preflight(request: web.Request, allow: str) -> Mapping[str, str]:
    """What the answer to ``OPTIONS`` says besides: the methods, and any header that is asked for.

    They help no page whose origin :func:`grant` does not let in.
    """
    if hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers:
        return {hdrs.ALLOW: allow}
    asked = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
    return {
        hdrs.ALLOW: allow,
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: allow,
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: asked,
        hdrs.ACCESS_CONTROL_MAX_AGE: str(_PREFLIGHT_SECONDS),
    }
