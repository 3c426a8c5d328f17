"""The product of a store."""

from typing import Any

from rest_compat.instxnt.asking import Asking


async def get_product(ctx: Asking, store_id: str) -> Any:
    raise NotImplementedError


async def update_product(ctx: Asking, store_id: str, body: dict[str, Any]) -> Any:
    raise NotImplementedError
