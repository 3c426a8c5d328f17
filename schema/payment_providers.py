"""Payment providers in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import payment_providers, stores
from schema.payloads import UserError, errors_field, mutation
from schema.relations import Connection, Node, connection, lookup, noun, plain, relation

if TYPE_CHECKING:
    from schema.stores import Store


@noun(models.PaymentProvider, payment_providers.by_id, "A way to pay that a store offers.")
class PaymentProvider(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    name: str = plain("Its name, as buyers see it.")
    payment_types: list[str] = plain('What it takes: "card", "cod".')
    active: bool = plain("Whether it is offered to buyers.")
    connected: bool = plain("Whether it is set up with the provider.")
    created_at: datetime = plain("When it was added.")
    updated_at: datetime = plain("When it was last changed.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id,
        to="Store",
        on=models.PaymentProvider.store_id,
        about="The store that offers it.",
    )


@strawberry.type(description="What became of a payment provider.")
class PaymentProviderPayload:
    payment_provider: PaymentProvider | None = relation(
        payment_providers.by_id, to="PaymentProvider", about="The provider; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="Payment providers.")
class PaymentProviderQuery:
    payment_provider: PaymentProvider | None = lookup(
        payment_providers.by_id, to="PaymentProvider", about="A payment provider by id."
    )
    payment_providers: Connection[PaymentProvider] = connection(
        payment_providers.listing,
        to="PaymentProvider",
        about="Ways to pay in all stores that you may see.",
    )


@strawberry.type(description="Changes of payment providers.")
class PaymentProviderMutation:
    create_payment_provider: PaymentProviderPayload = mutation(
        payment_providers.create, "Add a way to pay."
    )
    update_payment_provider: PaymentProviderPayload = mutation(
        payment_providers.update, "Change a way to pay."
    )
