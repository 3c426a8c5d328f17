"""Pictures of products as the contract shows them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from db.models import File
from resolvers import file_addresses
from resolvers.context import Context
from rest_compat.instxnt.wire import store_id as id_of

COLUMNS = (File.uuid, File.name, File.content_type)
ENDINGS: Mapping[str, str] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
}


def shown(ctx: Context, store: UUID, row: Any) -> dict[str, Any]:
    """A row with ``COLUMNS``, of the store with this uuid.

    The key is a name that never changes. Where the bytes are kept is nobody's business.
    """
    ending = ENDINGS.get(row.content_type, "bin")
    return {
        "url": file_addresses.permanent_url(ctx.services, row.uuid, row.name),
        "r2_key": f"uploads/{id_of(store)}/{row.uuid}.{ending}",
    }
