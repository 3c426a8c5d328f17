"""Orders of a store."""

from typing import Any

from rest_compat.instxnt.asking import Asking


async def list_orders(ctx: Asking, store_id: str, limit: int, cursor: str | None = None) -> Any:
    raise NotImplementedError


async def get_order(ctx: Asking, order_id: str) -> Any:
    raise NotImplementedError
