"""Logging in at Google: there and back again, within the browser that has begun it."""

from urllib.parse import urlencode

from aiohttp import web

from resolvers import identities
from resolvers.errors import StoreError, Unauthenticated
from rest_compat.dialect import Call
from rest_compat.instxnt import cookies, redirects
from rest_compat.instxnt.asking import Asking

CALLBACK = "/instxnt/api/auth/google/callback"
FLOW = "instxnt_google"
NOT_CONFIGURED, REFUSED, FAILED = "google-off", "google-refused", "google-failed"


async def start(ctx: Asking) -> web.Response:
    """To the other service, with a cookie by which the way back is known."""
    provider = ctx.services.google
    if provider is None:
        return _to_login(ctx, NOT_CONFIGURED)
    flow, sealed = identities.begin(ctx.services)
    try:
        address = await provider.address(
            redirect_uri=_callback(ctx),
            state=flow.state,
            nonce=flow.nonce,
            verifier=flow.verifier,
        )
    except StoreError:
        return _to_login(ctx, FAILED)
    response = redirects.to(address)
    cookies.put(response, ctx.services, FLOW, sealed, seconds=identities.LIFETIME)
    return response


async def finish(
    ctx: Asking, call: Call, *, code: str | None, state: str | None, error: str | None
) -> web.Response:
    """Back from there: logged in, or at the log-in page with a word why not."""
    try:
        flow = identities.resumed(ctx.services, call.cookies.get(FLOW), state)
        provider = ctx.services.google
        if provider is None or code is None:
            raise Unauthenticated("nobody has logged in there")
        person = await provider.person(
            code=code, redirect_uri=_callback(ctx), verifier=flow.verifier, nonce=flow.nonce
        )
        opened = await identities.log_in(ctx, person, cookies.browser(call))
    except StoreError:
        response = _to_login(ctx, FAILED if error is None else REFUSED)
    else:
        response = redirects.to(f"{ctx.services.public_url}/account")
        cookies.keep(response, ctx.services, opened.token, opened.expires_at)
    cookies.put(response, ctx.services, FLOW, "", seconds=0)
    return response


def _callback(ctx: Asking) -> str:
    return ctx.services.public_url + CALLBACK


def _to_login(ctx: Asking, notice: str) -> web.Response:
    return redirects.to(f"{ctx.services.public_url}/login?{urlencode({'notice': notice})}")
