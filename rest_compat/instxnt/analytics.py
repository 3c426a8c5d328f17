"""Figures of a store."""

from typing import Any

from rest_compat.instxnt.asking import Asking


async def get_store_analytics(ctx: Asking, store_id: str) -> Any:
    raise NotImplementedError
