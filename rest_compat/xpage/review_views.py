"""Reviews as the contract shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from db.models import Review, ReviewStatus
from resolvers import fetch, files, reviews
from resolvers.context import Context
from rest_compat.xpage import file_views, product_views
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.wire import instant

COLUMNS = (
    Review.uuid,
    Review.product_id,
    Review.body,
    Review.status,
    Review.rating,
    Review.author,
    Review.email,
    Review.created_at,
)
STATUSES: Mapping[str, ReviewStatus] = {
    "pending": ReviewStatus.PENDING,
    "hidden": ReviewStatus.REJECTED,
    "published": ReviewStatus.PUBLISHED,
}
_SHOWN = {status: name for name, status in STATUSES.items()}


async def of_reviews(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The reviews that the viewer may see, by key."""
    rows = await fetch.rows_of(ctx, reviews.by_id, keys, {}, COLUMNS)
    return await shown(ctx, [row for row in rows if row is not None])


async def shown(ctx: Context, rows: Sequence[Any]) -> dict[int, dict[str, Any]]:
    """Rows with ``COLUMNS``, by key; none whose product was deleted in this moment."""
    inside = embedding(ctx)
    links = await fetch.rows_of(inside, files.images_of_reviews, [row.id for row in rows], {}, ())
    images = {row.id: [file.id for file in found] for row, found in zip(rows, links, strict=True)}
    pictures = await file_views.of_files(
        inside, [key for found in images.values() for key in found]
    )
    products = await product_views.of_products(inside, [row.product_id for row in rows])
    return {
        row.id: {
            "id": str(row.uuid),
            "content": row.body,
            "status": _SHOWN[row.status],
            "rating": row.rating,
            "reviewer_name": row.author,
            "reviewer_email": row.email,
            "created_at": instant(row.created_at),
            "images": [pictures[key] for key in images[row.id] if key in pictures],
            "product": products[row.product_id],
        }
        for row in rows
        if row.product_id in products
    }
