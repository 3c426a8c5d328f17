"""How the pages are written, and where they may lead."""

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs, web

if TYPE_CHECKING:
    from jinja2 import Environment

HERE: Final = Path(__file__).parent
HOME: Final = "/account"
TITLES: Final = {
    "login": "Log in",
    "signup": "Sign up",
    "account": "Your account",
    "page": "That did not work",
}
# A path of ours: no host (``//host``, ``/\host``), and nothing that browsers skip or take for one.
_OWN = re.compile(r"/(?![/\\])[!-\[\]-~]*", re.ASCII)
_LONGEST = 2000


def own_path(wanted: str | None) -> str:
    """Where to go on to: a path of this host, or the account for whatever leads elsewhere."""
    if wanted is None or len(wanted) > _LONGEST or _OWN.fullmatch(wanted) is None:
        return HOME
    return wanted


def addressed(path: str) -> web.Response:
    """Send the browser to a path of this host, by GET whatever came before."""
    headers = {hdrs.LOCATION: path, **_headers()}
    return web.Response(status=303, headers=headers)


def rendered(page: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page of that name; all values are escaped."""
    text = (
        _templates()
        .get_template(f"{page}.html")
        .render(title=TITLES[page], style=_style(), **values)
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=_headers())


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - 2 MB, for few

    return Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )


@cache
def _style() -> str:
    return (HERE / "style.css").read_text(encoding="utf-8")


@cache
def _headers() -> dict[str, str]:
    known = b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return {
        hdrs.CACHE_CONTROL: "no-store",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{known}'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
