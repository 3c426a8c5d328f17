"""Credentials of the demo: kept in the data folder, readable by its owner only."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.settings import Settings

FILE = "demo-credentials.json"
ADMIN_FILE = "admin.token"


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """API keys of the demo in clear. ``signed`` is the one whose POST requests must be signed."""

    graphql: str
    other_tenant: str
    wholesale: str
    signed: str
    signed_secret: str


def admin_token(settings: Settings) -> str | None:
    """The operators' token: the configured one or, in the demo, a random one of the data folder.

    None where neither exists: the operators' routes are closed then.
    """
    if settings.admin_token or not settings.with_demo:
        return settings.admin_token
    path = settings.data_dir / ADMIN_FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = _private(path, secrets.token_urlsafe(32).encode())
        with suppress(FileExistsError):  # of several processes one wins, and all read its token
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


def keep(settings: Settings, keys: DemoKeys, *, base_url: str | None = None) -> Path:
    """Write the file that tells clients of the demo how to get in. ``base_url``: as served."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return _write(settings, _doors(keys, base_url or settings.base_url, admin_token(settings)))


def refresh(settings: Settings, *, base_url: str | None = None) -> None:
    """Write the addresses and the operators' token anew, where there is such a file.

    The demo may be served from another port than the one it was made for.
    """
    path = settings.data_dir / FILE
    if not path.exists():
        return
    doors = orjson.loads(path.read_bytes())
    keys = DemoKeys(
        graphql=_bearer(doors["graphql"]),
        other_tenant=_bearer(doors["graphql"]["other_tenant"]),
        wholesale=doors["instamarket"]["headers"]["X-API-Key"],
        signed=doors["instamarket"]["signed"]["headers"]["X-API-Key"],
        signed_secret=doors["instamarket"]["signed"]["hmac_secret"],
    )
    current = _doors(keys, base_url or settings.base_url, admin_token(settings))
    if current != doors:
        _write(settings, current)


def _doors(keys: DemoKeys, base_url: str, admin: str | None) -> dict[str, Any]:
    instamarket: dict[str, Any] = {
        "base_url": f"{base_url}/instamarket/api/v1",
        "headers": {"X-API-Key": keys.wholesale},
        "signed": {"headers": {"X-API-Key": keys.signed}, "hmac_secret": keys.signed_secret},
    }
    if admin is not None:
        instamarket["admin"] = {"headers": {"Authorization": f"Bearer {admin}"}}
    return {
        "graphql": {
            "url": f"{base_url}/graphql",
            "ws_url": f"{base_url.replace('http', 'ws', 1)}/graphql",
            "headers": {"Authorization": f"Bearer {keys.graphql}"},
            "other_tenant": {"headers": {"Authorization": f"Bearer {keys.other_tenant}"}},
        },
        "instamarket": instamarket,
    }


def _bearer(door: Mapping[str, Any]) -> str:
    return door["headers"]["Authorization"].removeprefix("Bearer ")


def _write(settings: Settings, doors: Mapping[str, Any]) -> Path:
    path = settings.data_dir / FILE
    text = orjson.dumps(doors, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    _private(path, text).replace(path)
    return path


def _private(path: Path, content: bytes) -> Path:
    """A new file beside ``path`` that nobody else reads, not even for a moment."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return draft
