"""Reviews: what buyers say about products. Published ones make a product's rating."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import or_
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Customer, Product, Review, ReviewStatus
from resolvers import idempotency
from resolvers.context import Context
from resolvers.events import announce
from resolvers.figures import refresh_reviews
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Between, Text, checked
from resolvers.writes import held, put, referred

STARS = Between(1, 5)
SORTS = sorts(
    "ReviewSort",
    default="created_at_desc",
    id=Review.id,
    created_at=Review.created_at,
    updated_at=Review.updated_at,
    rating=Review.rating,
)


@dataclass(frozen=True, kw_only=True)
class ReviewFilter:
    """Which reviews; all given conditions must hold."""

    search: Annotated[str | None, "Text in the title, the body or the author."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    product_id: Annotated[int | None, KeyOf("Product"), "Only of this product."] = None
    customer_id: Annotated[int | None, KeyOf("Customer"), "Only by this customer."] = None
    status: Annotated[Sequence[ReviewStatus] | None, "Any of these statuses."] = None
    rating: Annotated[Sequence[int] | None, "Exactly any of these numbers of stars."] = None
    min_rating: Annotated[int | None, "At least this many stars."] = None
    max_rating: Annotated[int | None, "At most this many stars."] = None
    created_after: Annotated[datetime | None, "Written at or after."] = None
    created_before: Annotated[datetime | None, "Written before."] = None


CONDITIONS: Conditions = {
    "search": lambda text: or_(
        contains(Review.title, text), contains(Review.body, text), contains(Review.author, text)
    ),
    "store_id": lambda key: Review.store_id == key,
    "product_id": lambda key: Review.product_id == key,
    "customer_id": lambda key: Review.customer_id == key,
    "status": Review.status.in_,
    "rating": Review.rating.in_,
    "min_rating": lambda least: Review.rating >= least,
    "max_rating": lambda most: Review.rating <= most,
    "created_after": lambda at: Review.created_at >= at,
    "created_before": lambda at: Review.created_at < at,
}


@one(Review, by=Review.id, permission="review:view")
def by_id(reviews: Any) -> Any:
    return reviews


@page(Review, sorts=SORTS, permission="review:view")
def listing(reviews: Any, *, filter: ReviewFilter | None = None) -> Any:
    return narrowed(reviews, filter, CONDITIONS)


of_stores = listing.by_column(Review.store_id)
of_products = listing.by_column(Review.product_id)
of_customers = listing.by_column(Review.customer_id)


@dataclass(frozen=True, kw_only=True)
class NewReview:
    """A review to submit; it counts once somebody has published it."""

    product_id: Annotated[int, KeyOf("Product"), "What it is about."]
    customer_id: Annotated[int | None, KeyOf("Customer"), "Who wrote it, if known."] = None
    author: Annotated[str, Text(120), "The name to show."]
    rating: Annotated[int, STARS, "1 to 5 stars."]
    title: Annotated[str | None, Text(255, 0), "A headline."] = None
    body: Annotated[str, Text(10_000), "The words."]


@dataclass(frozen=True, kw_only=True)
class ReviewChanges:
    """What to change about a review. Its status has ``moderateReview``."""

    author: Annotated[str, Text(120), "The name to show."] = ABSENT
    rating: Annotated[int, STARS, "1 to 5 stars."] = ABSENT
    title: Annotated[str | None, Text(255, 0), "A headline."] = ABSENT
    body: Annotated[str, Text(10_000), "The words."] = ABSENT


async def create(ctx: Context, *, input: NewReview, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("review:create")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        product = await referred(
            tx, viewer, Product, input.product_id, field=("input", "product_id")
        )
        if input.customer_id is not None:
            await referred(
                tx, viewer, Customer, input.customer_id,
                field=("input", "customer_id"), store_id=product.store_id,
            )  # fmt: skip
        review = Review(
            organization_id=product.organization_id, store_id=product.store_id, **values
        )
        tx.add(review)
        await tx.flush()
        _tell(tx, "review.created", review)
        return review.id

    return await idempotency.once(ctx, "createReview", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Review"), "The review."],
    changes: ReviewChanges,
    expected_version: int | None = None,
) -> int:
    ctx.require("review:update")
    return await _change(ctx, id, checked(changes, "changes"), expected_version)


async def moderate(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Review"), "The review."],
    status: Annotated[ReviewStatus, "Published reviews are shown and counted, others are not."],
    expected_version: int | None = None,
) -> int:
    ctx.require("review:update")
    return await _change(ctx, id, {"status": status}, expected_version)


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Review"), "The review."],
    expected_version: int | None = None,
) -> int:
    ctx.require("review:delete")
    return await _change(ctx, id, {"deleted_at": ctx.services.clock()}, expected_version)


async def _change(ctx: Context, key: int, values: dict[str, Any], version: int | None) -> int:
    async with ctx.transaction() as tx:
        review = await held(tx, ctx.require(), Review, key, expected_version=version)
        put(review, values)
        await refresh_reviews(tx, [review.product_id])
        _tell(tx, "review.updated", review)
    return key


def _tell(tx: AsyncSession, topic: str, review: Review) -> None:
    announce(
        tx,
        topic,
        organization_id=review.organization_id,
        store_id=review.store_id,
        subject=("review", review.id),
        product_id=review.product_id,
        rating=review.rating,
        status=review.status.value,
        deleted=review.deleted_at is not None,
    )
