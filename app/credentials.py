"""Credentials of the demo: kept in the data folder, readable by its owner only."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.settings import Settings
from resolvers import accounts, app_tokens, sessions
from resolvers.context import Context
from resolvers.errors import StoreError, Unauthenticated
from resolvers.services import Services
from resolvers.sessions import Browser
from rest_compat.instxnt.cookies import SESSION

ADMIN_FILE = "admin.token"
AGENT = "the demo"
RENEWED_WITHIN = timedelta(hours=20)
"""A token of the demo's app, or a session, is replaced at a start so long before its end."""


@dataclass(frozen=True, slots=True)
class DemoApp:
    """The app of the demo: what it gets tokens with, where it is installed, and a token."""

    client_id: str
    client_secret: str
    install_id: str
    token: str


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Somebody of the demo who can log in, and the cookie of a session of theirs."""

    email: str
    password: str
    session: str


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """API keys of the demo in clear. ``signed`` is the one whose POST requests must be signed."""

    graphql: str
    other_tenant: str
    wholesale: str
    signed: str
    signed_secret: str
    app: DemoApp | None = None
    account: DemoAccount | None = None


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
    if (doors := _kept(settings)) is None:
        return
    current = _doors(_keys(doors), base_url or settings.base_url, admin_token(settings))
    if current != doors:
        _write(settings, current)


async def renew(settings: Settings, services: Services) -> None:
    """Get the demo's app and person fresh credentials where theirs have ended, or soon will.

    Nothing changes where they have been given other secrets, or are gone.
    """
    if (doors := _kept(settings)) is None:
        return
    if "xpage" in doors:
        await _renew_app(settings, services, doors)
    if "instxnt" in doors:
        await _renew_session(settings, services, doors)


async def _renew_session(settings: Settings, services: Services, doors: dict[str, Any]) -> None:
    account = _account(doors["instxnt"])
    try:
        viewer = await sessions.viewer_of(services, account.session)
        ends = viewer.expires_at
        if ends is None or ends - services.clock() > RENEWED_WITHIN:
            return
    except Unauthenticated:
        pass
    try:
        opened = await accounts.log_in(
            Context(services),
            email=account.email,
            password=account.password,
            browser=Browser(AGENT, former=account.session),
        )
    except StoreError:
        return
    doors["instxnt"]["headers"] = {"Cookie": f"{SESSION}={opened.token}"}
    _write(settings, doors)


async def _renew_app(settings: Settings, services: Services, doors: dict[str, Any]) -> None:
    app = _app(doors["xpage"])
    try:
        holder = await app_tokens.token_holder(services, app.token)
        if holder.expires_at - services.clock() > RENEWED_WITHIN:
            return
    except Unauthenticated:
        pass
    try:
        issued = await app_tokens.issue(
            Context(services),
            client_id=app.client_id,
            client_secret=app.client_secret,
            installation=UUID(app.install_id),
            ttl=app_tokens.LONGEST,
        )
    except StoreError:
        return
    doors["xpage"]["headers"] = {"Authorization": f"Bearer {issued.token}"}
    _write(settings, doors)


def _kept(settings: Settings) -> dict[str, Any] | None:
    path = settings.credentials_file
    return orjson.loads(path.read_bytes()) if path.exists() else None


def _keys(doors: Mapping[str, Any]) -> DemoKeys:
    return DemoKeys(
        graphql=_bearer(doors["graphql"]),
        other_tenant=_bearer(doors["graphql"]["other_tenant"]),
        wholesale=doors["instamarket"]["headers"]["X-API-Key"],
        signed=doors["instamarket"]["signed"]["headers"]["X-API-Key"],
        signed_secret=doors["instamarket"]["signed"]["hmac_secret"],
        app=_app(doors["xpage"]) if "xpage" in doors else None,
        account=_account(doors["instxnt"]) if "instxnt" in doors else None,
    )


def _app(door: Mapping[str, Any]) -> DemoApp:
    return DemoApp(door["client_id"], door["client_secret"], door["install_id"], _bearer(door))


def _account(door: Mapping[str, Any]) -> DemoAccount:
    session = door["headers"]["Cookie"].removeprefix(f"{SESSION}=")
    return DemoAccount(door["email"], door["password"], session)


def _doors(keys: DemoKeys, base_url: str, admin: str | None) -> dict[str, Any]:
    instamarket: dict[str, Any] = {
        "base_url": f"{base_url}/instamarket/api/v1",
        "headers": {"X-API-Key": keys.wholesale},
        "signed": {"headers": {"X-API-Key": keys.signed}, "hmac_secret": keys.signed_secret},
    }
    if admin is not None:
        instamarket["admin"] = {"headers": {"Authorization": f"Bearer {admin}"}}
    doors: dict[str, Any] = {
        "graphql": {
            "url": f"{base_url}/graphql",
            "ws_url": f"{base_url.replace('http', 'ws', 1)}/graphql",
            "headers": {"Authorization": f"Bearer {keys.graphql}"},
            "other_tenant": {"headers": {"Authorization": f"Bearer {keys.other_tenant}"}},
        },
        "instamarket": instamarket,
    }
    if keys.app is not None:
        doors["xpage"] = {
            "base_url": f"{base_url}/xpage/api/apps/v1",
            "client_id": keys.app.client_id,
            "client_secret": keys.app.client_secret,
            "install_id": keys.app.install_id,
            "headers": {"Authorization": f"Bearer {keys.app.token}"},
        }
    if keys.account is not None:
        doors["instxnt"] = {
            "base_url": f"{base_url}/instxnt",
            "headers": {"Cookie": f"{SESSION}={keys.account.session}"},
            "email": keys.account.email,
            "password": keys.account.password,
        }
    return doors


def _bearer(door: Mapping[str, Any]) -> str:
    return door["headers"]["Authorization"].removeprefix("Bearer ")


def _write(settings: Settings, doors: Mapping[str, Any]) -> Path:
    path = settings.credentials_file
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
