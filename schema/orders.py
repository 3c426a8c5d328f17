"""Orders in GraphQL, with their lines and payments."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from db import models
from resolvers import (
    api_keys,
    balances,
    checkouts,
    customers,
    deliveries,
    disputes,
    jobs,
    landing_pages,
    order_lines,
    orders,
    payment_providers,
    placing,
    products,
    recording,
    refunds,
    returns,
    stores,
    variants,
    webhook_deliveries,
)
from resolvers.contacts import BILLING
from resolvers.context import Context
from resolvers.money import decimal
from resolvers.transitions import OPEN
from schema.arguments import graphql_enum
from schema.contacts import Contact, contact_of_order
from schema.payloads import UserError, errors_field, mutation
from schema.relations import (
    Connection,
    Node,
    amount,
    batched,
    column,
    computed,
    connection,
    lookup,
    noun,
    plain,
    relation,
)
from schema.scalars import JSON, Money

if TYPE_CHECKING:
    from schema.api_keys import ApiKey
    from schema.balances import Transfer
    from schema.checkouts import CheckoutSession, Dispute
    from schema.customers import Customer
    from schema.deliveries import Delivery, Refund, Return
    from schema.jobs import Job
    from schema.landing_pages import LandingPage
    from schema.payment_providers import PaymentProvider
    from schema.products import Product
    from schema.stores import Store
    from schema.variants import Variant
    from schema.webhooks import WebhookDelivery

graphql_enum(models.PaymentStatus)
graphql_enum(models.FulfillmentStatus)
graphql_enum(models.PaymentMethod)
_O, _L, _P = models.Order, models.OrderLine, models.Payment


@strawberry.type(description="A digital good that was handed over to the buyer.")
class DeliveredItem:
    content: JSON = strawberry.field(description="What was bought, such as a login and a password.")


async def _items(ctx: Context, lines: Sequence[tuple[Any, ...]]) -> list[list[DeliveredItem]]:
    sealed = await order_lines.delivered(ctx, [key for (key,) in lines])
    return [
        [DeliveredItem(content=ctx.services.vault.open(row.content)) for row in rows]
        for rows in sealed
    ]


@noun(models.OrderLine, order_lines.by_id, "Some units of a variant, in the words of that moment.")
class OrderLine(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    title: str = plain("The product's name when it was bought.")
    sku: str | None = plain("The variant's SKU when it was bought.")
    quantity: int = plain("How many units.")
    unit_price: Money = amount(_L.unit_price, _L.currency, "Price of one unit.")
    total: Money = amount(_L.total, _L.currency, "Price of all units.")
    is_digital: bool = plain("Whether it is handed over as data.")
    options: JSON = plain("What was chosen of each option.")
    delivered_items: list[DeliveredItem] = batched(
        _items, _L.id, about="The digital goods handed over so far."
    )
    order: Annotated["Order", strawberry.lazy("schema.orders")] = relation(
        orders.by_id, to="Order", on=_L.order_id, about="The order it is a line of."
    )
    product: Annotated["Product", strawberry.lazy("schema.products")] | None = relation(
        products.by_id, to="Product", on=_L.product_id, about="The product, if still on sale."
    )
    variant: Annotated["Variant", strawberry.lazy("schema.variants")] | None = relation(
        variants.by_id, to="Variant", on=_L.variant_id, about="The variant, if still on sale."
    )
    delivery: Annotated["Delivery", strawberry.lazy("schema.deliveries")] | None = relation(
        deliveries.by_id, to="Delivery", on=_L.delivery_id, about="The parcel it is in."
    )


@noun(models.Payment, order_lines.payment_by_id, "Money that came in for an order.")
class Payment(Node):
    method: models.PaymentMethod = plain("How it was paid.")
    amount: Money = amount(_P.amount, _P.currency, "How much.")
    reference: str = plain("The provider's reference, or the ledger's.")
    created_at: datetime = plain("When it came in.")
    order: Annotated["Order", strawberry.lazy("schema.orders")] = relation(
        orders.by_id, to="Order", on=_P.order_id, about="The order that was paid."
    )


@noun(models.Order, orders.by_id, "What somebody bought.")
class Order(Node):
    ref: str = plain("Reference that people can read out, unique in the store.")
    uuid: UUID = plain("The id under which old interfaces know it.")
    payment_status: models.PaymentStatus = plain("What became of the money.")
    fulfillment_status: models.FulfillmentStatus = plain("What became of the goods.")
    is_open: bool = computed(
        lambda status: status in OPEN,
        _O.fulfillment_status,
        about="Whether goods may still be handed over.",
    )
    currency: str = plain("Currency or unit of all amounts.")
    subtotal: Money = amount(_O.subtotal, _O.currency, "Sum of the lines.")
    shipping: Money = amount(_O.shipping, _O.currency, "Cost of shipping.")
    shipping_name: str | None = plain("How it is shipped, in words.")
    discount: Money = amount(_O.discount, _O.currency, "What was taken off.")
    discount_code: str | None = plain("The code that took it off.")
    tip: Money = amount(_O.tip, _O.currency, "What was added for the staff.")
    tip_type: str | None = plain('How the buyer put it: "percent", "amount".')
    tip_value: Decimal = computed(decimal, _O.tip_value, about="The number that the buyer put.")
    fee: Money = amount(_O.fee, _O.currency, "What paying in this way cost.")
    bundle_name: str | None = plain("The bundle that was bought.")
    bundle_option_name: str | None = plain("The choice within it.")
    bundle_price: Money | None = amount(_O.bundle_price, _O.currency, "What the bundle cost.")
    total: Money = amount(_O.total, _O.currency, "What was to be paid.")
    refunded_total: Money = amount(
        _O.refunded_total, _O.currency, "What was given back, or is on its way."
    )
    quantity: int = plain("Units over all lines.")
    note: str | None = plain("A remark for the store's people.")
    contact: Contact = contact_of_order("Who bought, and where the goods go.")
    billing: Contact = contact_of_order("Where the bill goes.", prefix=BILLING)
    card_brand: str | None = plain('Whose card paid: "visa".')
    card_last4: str | None = plain("The last four digits of the card.")
    source_link: str | None = plain("The page that it came from.")
    metadata: JSON = column(_O.attributes, "Anything else that was noted about it.")
    webhook_url: str | None = plain("Told of each change of status.")
    failure_reason: str | None = plain("Why it failed, expired or was cancelled.")
    created_at: datetime = plain("When it was placed.")
    updated_at: datetime = plain("When it last changed.")
    paid_at: datetime | None = plain("When it was paid.")
    fulfilled_at: datetime | None = plain("When the last goods were handed over.")
    cancelled_at: datetime | None = plain("When it was cancelled.")
    archived_at: datetime | None = plain("When it was put away.")
    version: int = plain("Raised by every change; see expectedVersion.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_O.store_id, about="Where it was placed."
    )
    customer: Annotated["Customer", strawberry.lazy("schema.customers")] | None = relation(
        customers.by_id, to="Customer", on=_O.customer_id, about="Who bought."
    )
    payment_provider: (
        Annotated["PaymentProvider", strawberry.lazy("schema.payment_providers")] | None
    ) = relation(
        payment_providers.by_id,
        to="PaymentProvider",
        on=_O.payment_provider_id,
        about="The way in which it is paid.",
    )
    landing_page: Annotated["LandingPage", strawberry.lazy("schema.landing_pages")] | None = (
        relation(
            landing_pages.by_id,
            to="LandingPage",
            on=_O.landing_page_id,
            about="The page that it was placed on.",
        )
    )
    lines: list[OrderLine] = relation(
        order_lines.of_orders, to="OrderLine", on=_O.id, about="What was bought."
    )
    payments: list[Payment] = relation(
        order_lines.payments_of_orders, to="Payment", on=_O.id, about="What was paid."
    )
    refunds: list[Annotated["Refund", strawberry.lazy("schema.deliveries")]] = relation(
        refunds.of_orders, to="Refund", on=_O.id, about="What was given back."
    )
    transfers: list[Annotated["Transfer", strawberry.lazy("schema.balances")]] = relation(
        balances.transfers_of_orders,
        to="Transfer",
        on=_O.id,
        about="How its money moved in the books: payment, fee, and what of both was given back.",
    )
    checkout_session: Annotated["CheckoutSession", strawberry.lazy("schema.checkouts")] | None = (
        relation(
            checkouts.of_orders,
            to="CheckoutSession",
            on=_O.id,
            about="Where it is paid by card; null for one that is paid otherwise.",
        )
    )
    disputes: list[Annotated["Dispute", strawberry.lazy("schema.checkouts")]] = relation(
        disputes.of_orders, to="Dispute", on=_O.id, about="What buyers' banks ask back."
    )
    deliveries: list[Annotated["Delivery", strawberry.lazy("schema.deliveries")]] = relation(
        deliveries.of_orders, to="Delivery", on=_O.id, about="Parcels to the buyer."
    )
    returns: list[Annotated["Return", strawberry.lazy("schema.deliveries")]] = relation(
        returns.of_orders, to="Return", on=_O.id, about="What the buyer sends back."
    )
    jobs: Connection[Annotated["Job", strawberry.lazy("schema.jobs")]] = connection(
        jobs.of_orders, to="Job", on=_O.id, about="Work done for this order."
    )
    webhook_deliveries: Connection[
        Annotated["WebhookDelivery", strawberry.lazy("schema.webhooks")]
    ] = connection(
        webhook_deliveries.of_orders,
        to="WebhookDelivery",
        on=_O.id,
        about="What its webhook address was told.",
    )
    api_key: Annotated["ApiKey", strawberry.lazy("schema.api_keys")] | None = relation(
        api_keys.by_id, to="ApiKey", on=_O.api_key_id, about="The key that it was placed with."
    )


@strawberry.type(description="What placing, changing or cancelling an order came to.")
class OrderPayload:
    order: Order | None = relation(orders.by_id, to="Order", about="The order as it is now.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What can be asked about orders.")
class OrderQuery:
    order: Order | None = lookup(orders.by_id, to="Order", about="An order by id.")
    orders: Connection[Order] = connection(
        orders.listing, to="Order", about="Orders of all stores that you may see."
    )


@strawberry.type(description="What can be done about orders.")
class OrderMutation:
    place_order: OrderPayload = mutation(
        placing.place, "Buy from a balance; all of it happens, or nothing."
    )
    record_order: OrderPayload = mutation(
        recording.record, "Take note of an order that was made elsewhere."
    )
    mark_order_paid: OrderPayload = mutation(
        recording.mark_paid, "Note that the money of an order came in elsewhere."
    )
    update_order: OrderPayload = mutation(orders.update, "Correct what is noted on an order.")
    cancel_order: OrderPayload = mutation(
        orders.cancel, "End an open order; goods return to stock, the payment is refunded."
    )
