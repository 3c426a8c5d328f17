"""Proofs against forged requests, and ways to log in elsewhere."""

from typing import Any

from aiohttp import hdrs

from resolvers import connected_accounts, csrf
from resolvers.errors import Unauthenticated
from rest_compat.dialect import Call
from rest_compat.instxnt import cookies, google, redirects
from rest_compat.instxnt.asking import Asking


async def get_csrf_token(ctx: Asking, call: Call) -> Any:
    cookie = cookies.session_of(call.request)
    if cookie is None or ctx.require().session_id is None:
        raise Unauthenticated("a proof is for a session; tokens need none")
    call.answer_headers[hdrs.CACHE_CONTROL] = "no-store"
    return {"token": csrf.new_proof(cookie, ctx.services.clock())}


async def start_google_login(ctx: Asking) -> Any:
    return await google.start(ctx)


async def finish_google_login(
    ctx: Asking, call: Call, code: str | None, state: str | None, error: str | None
) -> Any:
    return await google.finish(ctx, call, code=code, state=state, error=error)


async def start_stripe_onboarding(ctx: Asking, call: Call) -> Any:
    home = ctx.services.public_url
    started = await connected_accounts.start_onboarding(
        ctx, return_url=f"{home}/", refresh_url=f"{call.mount_url}{call.path}"
    )
    return redirects.to(started.url)
