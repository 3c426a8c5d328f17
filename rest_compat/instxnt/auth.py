"""Proofs against forged requests, and ways to log in elsewhere."""

from typing import Any

from aiohttp import hdrs

from resolvers import connected_accounts
from resolvers.errors import RateLimited
from resolvers.services import Limit
from rest_compat.dialect import Answer, Call
from rest_compat.instxnt.asking import Asking

ONBOARDING = Limit("instxnt.auth", 10, 60)
"""By address; an older page of the interface says so."""


async def get_csrf_token(ctx: Asking) -> Any:
    raise NotImplementedError


async def start_google_login(ctx: Asking) -> Any:
    raise NotImplementedError


async def start_stripe_onboarding(ctx: Asking, call: Call) -> Any:
    wait = await ctx.services.limiter.hit(ONBOARDING, call.remote or "-")
    if wait:
        raise RateLimited("Slow down", retry_after=wait, limit=ONBOARDING.amount)
    home = ctx.services.public_url
    started = await connected_accounts.start_onboarding(
        ctx, return_url=f"{home}/", refresh_url=f"{call.mount_url}{call.path}"
    )
    return Answer(302, headers={hdrs.LOCATION: started.url})
