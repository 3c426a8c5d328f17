"""Signing up, logging in and out, for programs that keep a cookie. People have pages for it."""

from typing import Any

import orjson
from aiohttp import hdrs, web

from resolvers import accounts, csrf, sessions
from resolvers.context import Context
from resolvers.sessions import Opened
from rest_compat.dialect import Call
from rest_compat.instxnt import cookies
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.wire import instant

JSON = "application/json"


async def sign_up(ctx: Asking, call: Call, body: dict[str, Any]) -> Any:
    wanted = accounts.NewAccount(
        email=body["email"],
        password=body["password"],
        name=body.get("name"),
        organization=body.get("organization"),
    )
    opened = await accounts.sign_up(ctx, input=wanted, browser=cookies.browser(call))
    return await _welcome(ctx, opened, status=201)


async def log_in(ctx: Asking, call: Call, body: dict[str, Any]) -> Any:
    opened = await accounts.log_in(
        ctx, email=body["email"], password=body["password"], browser=cookies.browser(call)
    )
    return await _welcome(ctx, opened, status=200)


async def log_out(ctx: Asking) -> Any:
    await sessions.log_out(ctx)
    return _farewell(ctx)


async def log_out_everywhere(ctx: Asking) -> Any:
    await sessions.revoke_all(ctx)
    return _farewell(ctx)


async def _welcome(ctx: Asking, opened: Opened, *, status: int) -> web.Response:
    """Who has come in, with the cookie; and a proof, so that the next request may be a write."""
    viewer = await sessions.viewer_of(ctx.services, opened.token)
    who = await accounts.profile(Context(ctx.services, viewer, ctx.request_id))
    body = {
        "email": who.email,
        "name": who.name,
        "organization": who.organization,
        "plan": who.plan.value,
        "expires_at": instant(opened.expires_at),
        "token": csrf.new_proof(opened.token, ctx.services.clock()),
    }
    response = web.Response(status=status, body=orjson.dumps(body), content_type=JSON)
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    cookies.keep(response, ctx.services, opened.token, opened.expires_at)
    return response


def _farewell(ctx: Asking) -> web.Response:
    response = web.Response(status=204)
    cookies.forget(response, ctx.services)
    return response
