"""Offers in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models
from resolvers import offers, products, stores, variants
from schema.payloads import UserError, deleted_id, errors_field, mutation
from schema.relations import Connection, Node, amount, connection, lookup, noun, plain, relation
from schema.scalars import Money

if TYPE_CHECKING:
    from schema.products import Product
    from schema.stores import Store
    from schema.variants import Variant

_O = models.Offer


@noun(models.Offer, offers.by_id, "The price at which a merchant elsewhere sells a variant.")
class Offer(Node):
    merchant: str = plain("Who offers it.")
    url: str | None = plain("Where it can be bought.")
    price: Money = amount(_O.price, _O.currency, "What one unit costs there.")
    in_stock: bool = plain("Whether the merchant has it.")
    created_at: datetime = plain("When it was recorded.")
    updated_at: datetime = plain("When it was last changed.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    variant: Annotated["Variant", strawberry.lazy("schema.variants")] = relation(
        variants.by_id, to="Variant", on=_O.variant_id, about="What is offered."
    )
    product: Annotated["Product", strawberry.lazy("schema.products")] = relation(
        products.by_id, to="Product", on=_O.product_id, about="The variant's product."
    )
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_O.store_id, about="The store that compares with it."
    )


@strawberry.type(description="What became of an offer.")
class OfferPayload:
    offer: Offer | None = relation(offers.by_id, to="Offer", about="The offer; null if refused.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of an offer that was to be deleted.")
class DeleteOfferPayload:
    deleted_id: strawberry.ID | None = deleted_id("Offer")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Offers.")
class OfferQuery:
    offer: Offer | None = lookup(offers.by_id, to="Offer", about="An offer by id.")
    offers: Connection[Offer] = connection(
        offers.listing, to="Offer", about="Offers on all products that you may see."
    )


@strawberry.type(description="Changes of offers.")
class OfferMutation:
    create_offer: OfferPayload = mutation(offers.create, "Record an offer on a variant.")
    update_offer: OfferPayload = mutation(offers.update, "Change an offer.")
    delete_offer: DeleteOfferPayload = mutation(offers.delete, "Delete an offer.")
