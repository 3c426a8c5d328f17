"""Auth: an app's credentials for a short-lived token."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import hdrs

from resolvers import app_tokens
from resolvers.context import Context
from resolvers.errors import Invalid, Problem, Unauthenticated
from rest_compat.dialect import Call
from rest_compat.xpage.wire import instant


async def create_access_token(
    ctx: Context, *, body: Mapping[str, Any], call: Call
) -> dict[str, Any]:
    client_id, client_secret = _credentials(body, call)
    installation: str | None = body.get("install_id")
    issued = await app_tokens.issue(
        ctx,
        client_id=client_id,
        client_secret=client_secret,
        installation=None if installation is None else UUID(installation),
        ttl=body["ttl"],
    )
    return {
        "app": {"id": str(issued.app_uuid), "name": issued.app_name},
        "token": issued.token,
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.ttl,
        "expires_at": instant(issued.expires_at),
    }


def _credentials(body: Mapping[str, Any], call: Call) -> tuple[str, str]:
    """Those of the body or, where it has none, of HTTP Basic."""
    if "client_id" in body:
        return body["client_id"], body["client_secret"]
    scheme, _, encoded = call.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "basic":
        return _basic(encoded.strip())
    raise Invalid(
        "The given data was invalid.",
        problems=[
            Problem(("body", name), "is required", "required")
            for name in ("client_id", "client_secret")
        ],
    )


def _basic(encoded: str) -> tuple[str, str]:
    try:
        name, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("The client credentials are wrong.") from error
    if not colon:
        raise Unauthenticated("The client credentials are wrong.")
    return name, password
