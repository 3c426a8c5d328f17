"""Proofs against forged requests, and ways to log in elsewhere."""

from typing import Any

from rest_compat.instxnt.asking import Asking


async def get_csrf_token(ctx: Asking) -> Any:
    raise NotImplementedError


async def start_google_login(ctx: Asking) -> Any:
    raise NotImplementedError


async def start_stripe_onboarding(ctx: Asking) -> Any:
    raise NotImplementedError
