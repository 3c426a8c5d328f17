"""The session's cookie: no script reads it, no form of another site sends it along."""

from datetime import datetime

from aiohttp import hdrs, web

from resolvers.services import Services
from resolvers.sessions import Browser
from rest_compat.dialect import Call

SESSION = "instxnt_session"
_LONGEST = 256


def keep(
    response: web.StreamResponse, services: Services, token: str, expires_at: datetime
) -> None:
    """Have the browser send the session's token along, until the session ends."""
    left = int((expires_at - services.clock()).total_seconds())
    put(response, services, SESSION, token, seconds=left)


def forget(response: web.StreamResponse, services: Services) -> None:
    """Have the browser send it no more."""
    put(response, services, SESSION, "", seconds=0)


def put(
    response: web.StreamResponse, services: Services, name: str, value: str, *, seconds: int
) -> None:
    """Set a cookie of ours for so long; for none at all it is removed.

    Its value needs no quotes: it is of letters, digits, ``-``, ``_`` and ``=``.
    """
    parts = [f"{name}={value}", f"Max-Age={max(0, seconds)}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if is_secure(services):
        parts.append("Secure")
    response.headers.add(hdrs.SET_COOKIE, "; ".join(parts))


def in_header(cookies: str | None) -> str | None:
    """The session's token in a ``Cookie`` header, whatever it is worth."""
    if cookies is None or SESSION not in cookies:
        return None
    pairs = (pair.strip().partition("=") for pair in cookies.split(";"))
    found = [value for name, _, value in pairs if name == SESSION]
    return found[-1] if found and 0 < len(found[-1]) <= _LONGEST else None


def session_of(request: web.BaseRequest) -> str | None:
    """The token that came along with a request."""
    return in_header(request.headers.get(hdrs.COOKIE))


def browser_of(request: web.BaseRequest, remote: str | None) -> Browser:
    """Where somebody logs in."""
    return Browser(request.headers.get(hdrs.USER_AGENT), remote, session_of(request))


def browser(call: Call) -> Browser:
    return browser_of(call.request, call.remote)


def is_secure(services: Services) -> bool:
    """Whether browsers come by https, and are to send cookies no other way."""
    return services.public_url.startswith("https:")
