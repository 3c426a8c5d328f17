"""Jobs that write copy."""

from typing import Any

from rest_compat.instxnt.asking import Asking


async def start_generation(ctx: Asking, body: dict[str, Any]) -> Any:
    raise NotImplementedError


async def get_generation_status(ctx: Asking, job_id: str) -> Any:
    raise NotImplementedError
