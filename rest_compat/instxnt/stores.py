"""Stores."""

from typing import Any

from rest_compat.instxnt.asking import Asking


async def list_stores(ctx: Asking) -> Any:
    raise NotImplementedError


async def create_store(ctx: Asking, body: dict[str, Any]) -> Any:
    raise NotImplementedError


async def get_store(ctx: Asking, store_id: str) -> Any:
    raise NotImplementedError


async def update_store(ctx: Asking, store_id: str, body: dict[str, Any]) -> Any:
    raise NotImplementedError


async def delete_store(ctx: Asking, store_id: str) -> Any:
    raise NotImplementedError
