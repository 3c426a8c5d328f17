"""Pictures of products."""

from typing import Any

from rest_compat.instxnt.asking import Asking


async def upload_image(ctx: Asking, store_id: str, body: dict[str, Any]) -> Any:
    raise NotImplementedError
