"""Paying by card in GraphQL: checkout sessions, disputes, and where the money goes."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import checkouts, connected_accounts, disputes, orders, stores
from schema.arguments import graphql_enum
from schema.payloads import UserError, errors_field, from_result, mutation
from schema.relations import Connection, Node, amount, connection, lookup, noun, plain, relation
from schema.scalars import Money

if TYPE_CHECKING:
    from schema.orders import Order
    from schema.stores import Store

graphql_enum(models.CheckoutStatus)
_S, _D = models.CheckoutSession, models.Dispute


@noun(models.CheckoutSession, checkouts.by_id, "A page on which one buyer may pay one order.")
class CheckoutSession(Node):
    uuid: UUID = plain("Its name in what the payment service keeps of it.")
    provider: str = plain("The payment service: stripe, or simulated, where no money moves.")
    account: str | None = plain("The connected account that the money goes to.")
    reference: str | None = plain("The service's name of it; null until it has answered.")
    url: str | None = plain("Where the buyer pays; null until the service has answered.")
    status: models.CheckoutStatus = plain("Whether it can be paid, was paid, or neither.")
    application_fee: Money = amount(_S.fee, _S.currency, "The platform's part of it.")
    amount: Money = amount(_S.amount, _S.currency, "What is to be paid.")
    success_url: str = plain("Where the buyer goes after having paid.")
    cancel_url: str = plain("Where the buyer goes without having paid.")
    payment_reference: str | None = plain("The payment that came of it, as the service calls it.")
    expires_at: datetime = plain("Until when its goods are kept.")
    created_at: datetime = plain("When it was opened.")
    updated_at: datetime = plain("When the service was last asked about it.")
    version: int = plain("Raised by every change.")
    order: Annotated["Order", strawberry.lazy("schema.orders")] = relation(
        orders.by_id, to="Order", on=_S.order_id, about="What is paid there."
    )
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_S.store_id, about="Where it is bought."
    )


@noun(models.Dispute, disputes.by_id, "A buyer's bank asks for a payment back (a chargeback).")
class Dispute(Node):
    provider: str = plain("The payment service.")
    reference: str = plain("The service's name of it.")
    amount: Money = amount(_D.amount, _D.currency, "How much is asked for.")
    reason: str | None = plain("Why, in the service's words.")
    status: str = plain("What has become of it, in the service's words.")
    created_at: datetime = plain("When we heard of it.")
    updated_at: datetime = plain("When it last changed.")
    version: int = plain("Raised by every change.")
    order: Annotated["Order", strawberry.lazy("schema.orders")] = relation(
        orders.by_id, to="Order", on=_D.order_id, about="What was paid."
    )


@noun(
    models.ConnectedAccount,
    connected_accounts.by_id,
    "An organization's own account with a payment service.",
)
class ConnectedAccount(Node):
    provider: str = plain("The payment service.")
    reference: str = plain("The service's name of it.")
    charges_enabled: bool = plain("Whether it may take payments.")
    payouts_enabled: bool = plain("Whether its money is paid out.")
    details_submitted: bool = plain("Whether its owner has said who they are.")
    created_at: datetime = plain("When it was connected.")
    updated_at: datetime = plain("When it last changed.")
    version: int = plain("Raised by every change.")


@strawberry.type(description="What became of a checkout session.")
class CheckoutSessionPayload:
    checkout_session: CheckoutSession | None = relation(
        checkouts.by_id, to="CheckoutSession", about="The session; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="The beginning of a seller's way to an account that takes payments.")
class OnboardingPayload:
    connected_account: ConnectedAccount | None = relation(
        connected_accounts.by_id, to="ConnectedAccount", about="The account; null if refused."
    )
    url: str | None = from_result("url", "Where the seller goes; good for minutes, and once.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What can be asked about payments by card.")
class CheckoutQuery:
    checkout_session: CheckoutSession | None = lookup(
        checkouts.by_id, to="CheckoutSession", about="A checkout session by id."
    )
    checkout_sessions: Connection[CheckoutSession] = connection(
        checkouts.listing,
        to="CheckoutSession",
        about="Checkout sessions of all stores that you may see.",
    )


@strawberry.type(description="What can be done about payments by card.")
class CheckoutMutation:
    create_checkout_session: CheckoutSessionPayload = mutation(
        checkouts.create_session, "Keep goods for a buyer, and open the page on which they pay."
    )
    expire_checkout_session: CheckoutSessionPayload = mutation(
        checkouts.expire_session, "Let nobody pay there any more; its goods are for sale again."
    )
    start_onboarding: OnboardingPayload = mutation(
        connected_accounts.start_onboarding,
        "Begin to connect an account with the payment service.",
    )
