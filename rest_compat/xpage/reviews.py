"""Reviews."""

from typing import Any
from uuid import UUID

from db.models import File, Product
from resolvers import fetch, reviews, uuids
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.keys import NOBODY
from resolvers.reads import One
from resolvers.reviews import NewReview, ReviewFilter
from rest_compat.xpage import review_views
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.fields import named
from rest_compat.xpage.pages import listed, sort_of
from rest_compat.xpage.review_views import STATUSES

NAMES = {
    "product_id": "metadata.product_id",
    "body": "metadata.content",
    "rating": "metadata.rating",
    "author": "metadata.reviewer_name",
    "email": "metadata.reviewer_email",
    "image_ids": "metadata.image_ids",
}


async def list_reviews(
    ctx: Context,
    *,
    page: int,
    page_size: int,
    order_direction: str,
    order_by: str,
    product_id: str | None,
    status: str | None,
    rating: int | None,
) -> dict[str, Any]:
    wanted = ReviewFilter(
        product_id=None if product_id is None else await _key(ctx, product_id),
        status=None if status is None else (STATUSES[status],),
        min_rating=rating,
    )
    rows, pagination = await listed(
        ctx,
        reviews.listing,
        wanted,
        page=page,
        page_size=page_size,
        sort=sort_of(order_by, order_direction),
        columns=review_views.COLUMNS,
    )
    found = await review_views.shown(ctx, rows)
    return {"reviews": list(found.values()), "pagination": pagination}


async def create_review(ctx: Context, *, body: dict[str, Any]) -> dict[str, Any]:
    given = body["metadata"]
    images = [UUID(text) for text in given.get("image_ids", ())]
    stored = await uuids.keys_of(ctx, File, images)
    wanted = NewReview(
        product_id=await _key(ctx, given["product_id"]),
        author=given["reviewer_name"],
        rating=given["rating"],
        body=given["content"],
        email=given.get("reviewer_email"),
        status=STATUSES[given["status"]],
        image_ids=tuple(stored.get(uuid, NOBODY) for uuid in images),
    )
    with named(NAMES):
        key = await reviews.create_with(ctx, body.get("images", ()), input=wanted)
    return await _found(embedding(ctx), reviews.by_id, key)


async def get_review(ctx: Context, *, id: str) -> dict[str, Any]:
    return await _found(ctx, reviews.by_uuid, UUID(id))


async def _key(ctx: Context, product_id: str) -> int:
    uuid = UUID(product_id)
    return (await uuids.keys_of(ctx, Product, [uuid])).get(uuid, NOBODY)


async def _found(ctx: Context, read: One, key: Any) -> dict[str, Any]:
    row = await fetch.find(ctx, read, key, review_views.COLUMNS, what="review")
    found = await review_views.shown(ctx, [row])
    if row.id not in found:
        raise NotFound("review")
    return {"review": found[row.id]}
