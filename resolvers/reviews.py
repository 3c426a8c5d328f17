"""Reviews: what buyers say about products. Published ones make a product's rating."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, or_
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Customer, File, FileLink, Product, Review, ReviewStatus
from resolvers import file_uploads, idempotency, pictures
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.events import announce
from resolvers.figures import refresh_reviews
from resolvers.file_uploads import IMAGE, IncomingFile, ReceivedFile
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Between, Count, Email, Text, checked
from resolvers.viewer import Viewer, visible
from resolvers.writes import held, put, referred

MOST_IMAGES = 50
PRODUCT = ("input", "product_id")
STARS = Between(1, 5)
SORTS = sorts(
    "ReviewSort",
    default="created_at_desc",
    id=Review.id,
    created_at=Review.created_at,
    updated_at=Review.updated_at,
    rating=Review.rating,
    product_id=Review.product_id,
)


@dataclass(frozen=True, kw_only=True)
class ReviewFilter:
    """Which reviews; all given conditions must hold."""

    search: Annotated[str | None, "Text in the title, the body or the author."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    product_id: Annotated[int | None, KeyOf("Product"), "Only of this product."] = None
    customer_id: Annotated[int | None, KeyOf("Customer"), "Only by this customer."] = None
    email: Annotated[str | None, "Exactly this e-mail address, in any case."] = None
    status: Annotated[tuple[ReviewStatus, ...] | None, "Any of these statuses."] = None
    rating: Annotated[tuple[int, ...] | None, "Exactly any of these numbers of stars."] = None
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
    "email": lambda address: func.lower(Review.email) == address.lower(),
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


@one(Review, by=Review.uuid, permission="review:view")
def by_uuid(reviews: Any) -> Any:
    return reviews


@page(Review, sorts=SORTS, permission="review:view")
def listing(reviews: Any, *, filter: ReviewFilter | None = None) -> Any:
    return narrowed(reviews, filter, CONDITIONS)


of_stores = listing.by_column(Review.store_id)
of_products = listing.by_column(Review.product_id)
of_customers = listing.by_column(Review.customer_id)


@dataclass(frozen=True, kw_only=True)
class NewReview:
    """A review to submit; it counts once it is published."""

    product_id: Annotated[int, KeyOf("Product"), "What it is about."]
    customer_id: Annotated[int | None, KeyOf("Customer"), "Who wrote it, if known."] = None
    author: Annotated[str, Text(120), "The name to show."]
    rating: Annotated[int, STARS, "1 to 5 stars."]
    title: Annotated[str | None, Text(255, 0), "A headline."] = None
    body: Annotated[str, Text(10_000), "The words."]
    email: Annotated[str | None, Email, "The author's e-mail address; buyers do not see it."] = None
    status: Annotated[ReviewStatus, "How it begins; any but PENDING needs `review:update`."] = (
        ReviewStatus.PENDING
    )
    image_ids: Annotated[
        Sequence[int], KeyOf("File"), Count(MOST_IMAGES), "Pictures of the store, in order."
    ] = ()


@dataclass(frozen=True, kw_only=True)
class ReviewChanges:
    """What to change about a review. Its status has ``moderateReview``."""

    author: Annotated[str, Text(120), "The name to show."] = ABSENT
    rating: Annotated[int, STARS, "1 to 5 stars."] = ABSENT
    title: Annotated[str | None, Text(255, 0), "A headline."] = ABSENT
    body: Annotated[str, Text(10_000), "The words."] = ABSENT
    email: Annotated[str | None, Email, "The author's e-mail address."] = ABSENT


async def create(ctx: Context, *, input: NewReview, idempotency_key: str | None = None) -> int:
    """Whoever may not moderate reviews submits them, and others decide."""
    viewer = ctx.require("review:create")
    if input.status is not ReviewStatus.PENDING:
        ctx.require("review:update")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        return await _add(tx, viewer, values)

    return await idempotency.once(ctx, "createReview", idempotency_key, input, work)


async def create_with(ctx: Context, images: Sequence[IncomingFile], *, input: NewReview) -> int:
    """Create a review with pictures that come along with it, after those of ``image_ids``.

    Whether its author may say its status is the caller's to decide.
    """
    viewer = ctx.require("review:create")
    values = checked(input, "input")
    if len(input.image_ids) + len(images) > MOST_IMAGES:
        raise Invalid(f"a review has at most {MOST_IMAGES} images", field=("input", "images"))
    store_id = await _store_of(ctx, viewer, input.product_id)
    storing = file_uploads.received(ctx, store_id, images, only_images=True, field="images")
    async with storing as received, ctx.transaction() as tx:
        return await _add(tx, viewer, values, received)


async def _store_of(ctx: Context, viewer: Viewer, product_id: int) -> int:
    found = visible(viewer, Product).where(Product.id == product_id)
    rows = await ctx.rows(found.with_only_columns(Product.store_id))
    if not rows:
        raise NotFound("product", field=PRODUCT)
    return rows[0].store_id


async def _add(
    tx: AsyncSession,
    viewer: Viewer,
    values: dict[str, Any],
    received: Sequence[ReceivedFile] = (),
) -> int:
    chosen: list[int] = values.pop("image_ids")
    counts = values["status"] is ReviewStatus.PUBLISHED
    # One whose figures will change is locked for that at once: two who share it would both wait.
    hold = held if counts else referred
    product = await hold(tx, viewer, Product, values["product_id"], field=PRODUCT)
    store_id = product.store_id
    if (customer := values["customer_id"]) is not None:
        field = ("input", "customer_id")
        await referred(tx, viewer, Customer, customer, field=field, store_id=store_id)
    review = Review(organization_id=product.organization_id, store_id=store_id, **values)
    tx.add(review)
    await tx.flush()
    files = [
        await _picture(tx, viewer, key, at, store_id)
        for at, key in enumerate(chosen)
        if key not in chosen[:at]
    ]
    files += [file_uploads.add(tx, review.organization_id, store_id, each) for each in received]
    for place, file in enumerate(files):
        await file_uploads.link(tx, file, "Review", review.id, IMAGE, place)
    if counts:
        await refresh_reviews(tx, [product.id])
    _tell(tx, "review.created", review)
    return review.id


async def _picture(tx: AsyncSession, viewer: Viewer, key: int, at: int, store_id: int) -> File:
    field = ("input", "image_ids", at)
    file = await referred(tx, viewer, File, key, field=field, store_id=store_id)
    if file.content_type not in pictures.KINDS:
        raise Invalid("the file is no picture", field=field)
    return file


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
        if review.deleted_at is not None:
            mine = (FileLink.subject_type == "Review", FileLink.subject_id == key)
            await tx.execute(sql_delete(FileLink).where(*mine))
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
