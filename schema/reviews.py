"""Reviews in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import customers, files, products, reviews, stores
from schema.arguments import graphql_enum
from schema.payloads import UserError, deleted_id, errors_field, mutation
from schema.relations import Connection, Node, connection, lookup, noun, plain, relation

if TYPE_CHECKING:
    from schema.customers import Customer
    from schema.files import File
    from schema.products import Product
    from schema.stores import Store

graphql_enum(models.ReviewStatus)
_R = models.Review


@noun(models.Review, reviews.by_id, "A buyer's verdict on a product.")
class Review(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    author: str = plain("The name to show.")
    email: str | None = plain("The author's e-mail address; buyers do not see it.")
    rating: int = plain("1 to 5 stars.")
    title: str | None = plain("A headline.")
    body: str = plain("The words.")
    status: models.ReviewStatus = plain("Published reviews are shown and counted, others are not.")
    created_at: datetime = plain("When it was written.")
    updated_at: datetime = plain("When it was last changed.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    product: Annotated["Product", strawberry.lazy("schema.products")] = relation(
        products.by_id, to="Product", on=_R.product_id, about="What it is about."
    )
    customer: Annotated["Customer", strawberry.lazy("schema.customers")] | None = relation(
        customers.by_id, to="Customer", on=_R.customer_id, about="Who wrote it, if known."
    )
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_R.store_id, about="The store of the product."
    )
    images: list[Annotated["File", strawberry.lazy("schema.files")]] = relation(
        files.images_of_reviews, to="File", on=_R.id, about="Pictures that came with it, in order."
    )


@strawberry.type(description="What became of a review.")
class ReviewPayload:
    review: Review | None = relation(
        reviews.by_id, to="Review", about="The review; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a review that was to be deleted.")
class DeleteReviewPayload:
    deleted_id: strawberry.ID | None = deleted_id("Review")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Reviews.")
class ReviewQuery:
    review: Review | None = lookup(reviews.by_id, to="Review", about="A review by id.")
    reviews: Connection[Review] = connection(
        reviews.listing, to="Review", about="Reviews in all stores that you may see."
    )


@strawberry.type(description="Changes of reviews.")
class ReviewMutation:
    create_review: ReviewPayload = mutation(
        reviews.create,
        "Submit a review; unless a moderator says otherwise it waits for one to publish it.",
    )
    update_review: ReviewPayload = mutation(reviews.update, "Correct a review.")
    moderate_review: ReviewPayload = mutation(reviews.moderate, "Publish or reject a review.")
    delete_review: DeleteReviewPayload = mutation(reviews.delete, "Delete a review.")
