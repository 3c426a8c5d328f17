"""Visits of storefronts in GraphQL."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import stores, visits
from schema.payloads import UserError, errors_field, mutation
from schema.relations import relation

if TYPE_CHECKING:
    from schema.stores import Store


@strawberry.type(description="What became of a visit that was to be recorded.")
class RecordVisitPayload:
    store: Annotated["Store", strawberry.lazy("schema.stores")] | None = relation(
        stores.by_id, to="Store", about="The store that was visited; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="Changes of visits.")
class VisitMutation:
    record_visit: RecordVisitPayload = mutation(
        visits.record, "Count that somebody has looked at a page of a storefront."
    )
