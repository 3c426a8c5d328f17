"""What follows an order in GraphQL: deliveries, returns, refunds."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models
from resolvers import deliveries, order_lines, orders, refunds, returns
from schema.arguments import graphql_enum
from schema.payloads import UserError, errors_field, from_result, mutation
from schema.relations import Node, amount, lookup, noun, plain, relation
from schema.scalars import Money

if TYPE_CHECKING:
    from schema.orders import Order, OrderLine

graphql_enum(models.DeliveryStatus)
graphql_enum(models.RefundStatus)
_D, _R, _T, _TL = models.Delivery, models.Refund, models.Return, models.ReturnLine


@noun(models.Delivery, deliveries.by_id, "A parcel to the buyer, or back.")
class Delivery(Node):
    status: models.DeliveryStatus = plain("Where it is.")
    carrier: str | None = plain("Who carries it.")
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
    reason: str | None = plain("Why, in the buyer's words.")
    created_at: datetime = plain("When it was opened.")
    updated_at: datetime = plain("When it last changed.")
    order: Annotated["Order", strawberry.lazy("schema.orders")] = relation(
        orders.by_id, to="Order", on=_T.order_id, about="The order it is of."
    )
    lines: list[ReturnLine] = relation(
        returns.lines_of_returns, to="ReturnLine", on=_T.id, about="What comes back."
    )
    delivery: Delivery | None = relation(
        deliveries.by_id, to="Delivery", on=_T.delivery_id, about="The parcel on its way back."
    )


@noun(models.Refund, refunds.by_id, "Money that went back to the buyer.")
class Refund(Node):
    amount: Money = amount(_R.amount, _R.currency, "How much.")
    reason: str | None = plain("Why.")
    status: models.RefundStatus = plain("Whether it has arrived.")
    created_at: datetime = plain("When it was decided.")
    order: Annotated["Order", strawberry.lazy("schema.orders")] = relation(
        orders.by_id, to="Order", on=_R.order_id, about="The order it is of."
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


@strawberry.type(description="What can be asked about deliveries.")
class DeliveryQuery:
    delivery: Delivery | None = lookup(deliveries.by_id, to="Delivery", about="A delivery by id.")


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
