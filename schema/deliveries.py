"""What follows an order in GraphQL: deliveries, returns, refunds."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import (
    deliveries,
    order_lines,
    orders,
    refund_lines,
    refunds,
    returns,
    shipping_carriers,
)
from schema.arguments import graphql_enum
from schema.payloads import UserError, errors_field, from_result, mutation
from schema.relations import Node, amount, lookup, noun, plain, relation
from schema.scalars import Money

if TYPE_CHECKING:
    from schema.orders import Order, OrderLine
    from schema.shipping_carriers import ShippingCarrier

graphql_enum(models.DeliveryStatus)
graphql_enum(models.RefundStatus)
_D, _R, _RL = models.Delivery, models.Refund, models.RefundLine
_T, _TL = models.Return, models.ReturnLine


@noun(models.Delivery, deliveries.by_id, "A parcel to the buyer, or back.")
class Delivery(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    status: models.DeliveryStatus = plain("Where it is.")
    carrier: str | None = plain("Who carries it, in words.")
    tracking_number: str | None = plain("The carrier's number.")
    tracking_url: str | None = plain("Where buyers follow it.")
    shipped_at: datetime | None = plain("When it left.")
    delivered_at: datetime | None = plain("When it arrived.")
    created_at: datetime = plain("When it was planned.")
    updated_at: datetime = plain("When it last changed.")
    version: int = plain("Raised by every change; see expectedVersion.")
    order: Annotated["Order", strawberry.lazy("schema.orders")] = relation(
        orders.by_id, to="Order", on=_D.order_id, about="The order it belongs to."
    )
    shipping_carrier: (
        Annotated["ShippingCarrier", strawberry.lazy("schema.shipping_carriers")] | None
    ) = relation(
        shipping_carriers.by_id,
        to="ShippingCarrier",
        on=_D.shipping_carrier_id,
        about="Who carries it, where that is one of the platform's carriers.",
    )
    lines: list[Annotated["OrderLine", strawberry.lazy("schema.orders")]] = relation(
        order_lines.of_deliveries, to="OrderLine", on=_D.id, about="What is in it."
    )


@noun(models.ReturnLine, returns.line_by_id, "Some units of a line that come back.")
class ReturnLine(Node):
    quantity: int = plain("How many units.")
    line: Annotated["OrderLine", strawberry.lazy("schema.orders")] = relation(
        order_lines.by_id, to="OrderLine", on=_TL.order_line_id, about="Of which line."
    )


@noun(models.Return, returns.by_id, "Goods that the buyer sends back.")
class Return(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    reason: str | None = plain("Why, in the buyer's words.")
    created_at: datetime = plain("When it was opened.")
    updated_at: datetime = plain("When it last changed.")
    version: int = plain("Raised by every change.")
    order: Annotated["Order", strawberry.lazy("schema.orders")] = relation(
        orders.by_id, to="Order", on=_T.order_id, about="The order it is of."
    )
    lines: list[ReturnLine] = relation(
        returns.lines_of_returns, to="ReturnLine", on=_T.id, about="What comes back."
    )
    delivery: Delivery | None = relation(
        deliveries.by_id, to="Delivery", on=_T.delivery_id, about="The parcel on its way back."
    )


@noun(models.RefundLine, refund_lines.by_id, "Some units of a line that are paid back.")
class RefundLine(Node):
    quantity: int = plain("How many units.")
    amount: Money = amount(_RL.amount, _RL.currency, "How much for them.")
    line: Annotated["OrderLine", strawberry.lazy("schema.orders")] = relation(
        order_lines.by_id, to="OrderLine", on=_RL.order_line_id, about="Of which line."
    )


@noun(models.Refund, refunds.by_id, "Money that goes back to the buyer.")
class Refund(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    amount: Money = amount(_R.amount, _R.currency, "How much.")
    reason: str | None = plain("Why.")
    status: models.RefundStatus = plain("Whether it has arrived.")
    reference: str | None = plain("The name that the payment service has given it.")
    created_at: datetime = plain("When it was decided.")
    order: Annotated["Order", strawberry.lazy("schema.orders")] = relation(
        orders.by_id, to="Order", on=_R.order_id, about="The order it is of."
    )
    lines: list[RefundLine] = relation(
        refund_lines.of_refunds, to="RefundLine", on=_R.id, about="Which units it is for."
    )
    return_: Return | None = relation(
        returns.by_id,
        to="Return",
        on=_R.return_id,
        name="return",
        about="The return it is for.",
    )


@strawberry.type(description="What a refund came to.")
class RefundPayload:
    order: Annotated["Order", strawberry.lazy("schema.orders")] | None = relation(
        orders.by_id, to="Order", about="The order as it is now."
    )
    refund_id: strawberry.ID | None = from_result("global_id", "The refund's id.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What a change of a delivery came to.")
class DeliveryPayload:
    delivery: Delivery | None = relation(
        deliveries.by_id, to="Delivery", about="The delivery as it is now."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What opening a return came to.")
class ReturnPayload:
    return_: Return | None = relation(
        returns.by_id, to="Return", name="return", about="The return."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What can be asked about deliveries, returns and refunds.")
class DeliveryQuery:
    delivery: Delivery | None = lookup(deliveries.by_id, to="Delivery", about="A delivery by id.")
    return_: Return | None = lookup(
        returns.by_id, to="Return", name="return", about="A return by id."
    )
    refund: Refund | None = lookup(refunds.by_id, to="Refund", about="A refund by id.")


@strawberry.type(description="What can be done about deliveries, returns and refunds.")
class DeliveryMutation:
    create_delivery: DeliveryPayload = mutation(
        deliveries.create, "Put lines of an order into a parcel of their own."
    )
    update_delivery: DeliveryPayload = mutation(
        deliveries.change, "Say where a parcel is; the order follows."
    )
    create_return: ReturnPayload = mutation(returns.create, "Open a return of some units.")
    refund_order: RefundPayload = mutation(
        refunds.create, "Give back the payment of an order, wholly or partly."
    )
    settle_refund: RefundPayload = mutation(
        refunds.settle, "Note that a refund which goes back elsewhere has arrived."
    )
