"""Checkout sessions."""

from typing import Any

from rest_compat.instxnt.asking import Asking


async def create_checkout_session(ctx: Asking, body: dict[str, Any]) -> Any:
    raise NotImplementedError
