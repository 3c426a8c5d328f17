"""Deliveries: parcels on their way, and what they mean for their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import (
    Delivery,
    DeliveryStatus,
    FulfillmentStatus,
    Order,
    OrderLine,
    ShippingCarrier,
)
from resolvers import idempotency, orders, shipping_carriers, transitions
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.events import DELIVERY, announce
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.order_filters import outward
from resolvers.outbound import checked_url
from resolvers.reads import many, one
from resolvers.rules import Count, Text, checked
from resolvers.viewer import Viewer, visible
from resolvers.writes import put

D = DeliveryStatus
LEGAL: Mapping[D, frozenset[D]] = {
    D.UNFULFILLED: frozenset({D.FULFILLED, D.SHIPPED, D.DELIVERED, D.CANCELLED}),
    D.FULFILLED: frozenset({D.SHIPPED, D.DELIVERED, D.CANCELLED}),
    D.SHIPPED: frozenset({D.DELIVERED, D.CANCELLED}),
    D.DELIVERED: frozenset(),
    D.CANCELLED: frozenset(),
}
MOST_LINES = 100
DESCRIPTION = ("carrier", "shipping_carrier_id", "tracking_number", "tracking_url")
LEFT = frozenset({D.FULFILLED, D.SHIPPED, D.DELIVERED})


@one(Delivery, by=Delivery.id, permission="order:view")
def by_id(deliveries: Any) -> Any:
    return deliveries


@many(Delivery, by=Delivery.order_id, order=(Delivery.id,), permission="order:view")
def of_orders(deliveries: Any) -> Any:
    """The parcels to the buyer; those of returns belong to their return."""
    return deliveries.where(outward())


@dataclass(frozen=True, kw_only=True)
class NewDelivery:
    """A parcel of some of an order's lines."""

    order_id: Annotated[int, KeyOf("Order"), "The order."]
    line_ids: Annotated[
        Sequence[int], KeyOf("OrderLine"), Count(MOST_LINES, 1), "What is in the parcel."
    ]
    carrier: Annotated[str | None, Text(), "Who carries it, in words."] = None
    shipping_carrier_id: Annotated[
        int | None, KeyOf("ShippingCarrier"), "Who carries it, of the platform's carriers."
    ] = None
    tracking_number: Annotated[str | None, Text(), "The carrier's number; needs a carrier."] = None
    tracking_url: Annotated[
        str | None, "Where buyers follow it; made from the number where the carrier has such pages."
    ] = None


@dataclass(frozen=True, kw_only=True)
class DeliveryChanges:
    """What changes about a parcel."""

    status: Annotated[DeliveryStatus, "Where it is now."] = ABSENT
    carrier: Annotated[str | None, Text(), "Who carries it, in words."] = ABSENT
    shipping_carrier_id: Annotated[
        int | None, KeyOf("ShippingCarrier"), "Who carries it, of the platform's carriers."
    ] = ABSENT
    tracking_number: Annotated[str | None, Text(), "The carrier's number; needs a carrier."] = (
        ABSENT
    )
    tracking_url: Annotated[
        str | None,
        "Where buyers follow it; left out, it follows the number where the carrier has such pages.",
    ] = ABSENT


async def create(
    ctx: Context,
    *,
    input: NewDelivery,
    idempotency_key: str | None = None,
) -> int:
    """Put lines of an open order into a parcel of their own."""
    call = {"order": input.order_id, "lines": list(input.line_ids)}
    values = checked(input, "input")
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, "createDelivery", idempotency_key, call)
        if kept is not None:
            return kept["delivery"]
        order = await orders.locked(tx, ctx, input.order_id, "order:update")
        if order.fulfillment_status not in transitions.OPEN:
            raise Conflict(f"an order that is {order.fulfillment_status} has nothing to deliver")
        mine = select(OrderLine.id).where(
            OrderLine.order_id == order.id, OrderLine.id.in_(input.line_ids)
        )
        if not input.line_ids or len((await tx.scalars(mine)).all()) != len(set(input.line_ids)):
            raise NotFound("line", field=("input", "lineIds"))
        delivery = Delivery(
            organization_id=order.organization_id, store_id=order.store_id, order_id=order.id
        )
        described = {name: value for name in DESCRIPTION if (value := values[name]) is not None}
        await _describe(tx, ctx.require(), delivery, described, within="input")
        tx.add(delivery)
        await tx.flush()
        moved = update(OrderLine).where(OrderLine.id.in_(input.line_ids))
        await tx.execute(moved.values(delivery_id=delivery.id))
        tell(tx, delivery, order)
        await idempotency.keep(
            ctx, tx, "createDelivery", idempotency_key, {"delivery": delivery.id}
        )
        return delivery.id


async def change(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Delivery"), "The parcel."],
    changes: DeliveryChanges,
    expected_version: int | None = None,
) -> int:
    """Change a parcel; its order is fulfilled once every parcel has left.

    Raises ``Conflict`` for an illegal change of status, ``Invalid`` for a number without carrier.
    """
    viewer = ctx.require("order:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        of = visible(viewer, Delivery).with_only_columns(Delivery.order_id)
        order_id = await tx.scalar(of.where(Delivery.id == id))
        if order_id is None:
            raise NotFound("delivery", field=("id",))
        order = await orders.locked(tx, ctx, order_id, "order:update")
        delivery = await tx.get_one(Delivery, id, populate_existing=True)
        if expected_version not in (None, delivery.version):
            raise Conflict("somebody else changed this delivery", field=("expectedVersion",))
        status = values.pop("status", None)
        await _describe(tx, viewer, delivery, values, within="changes")
        if status is not None and status is not delivery.status:
            await _move(ctx, tx, order, delivery, status)
        tell(tx, delivery, order)
    return id


async def _describe(
    tx: AsyncSession,
    viewer: Viewer,
    delivery: Delivery,
    values: Mapping[str, Any],
    *,
    within: str,
) -> None:
    """Put down who carries a parcel and where it is followed.

    A carrier in words is another one than that of the platform's list, unless both are given; and
    an address for following the parcel ends with the number or the carrier that it was for.
    """
    listed: ShippingCarrier | None = None
    if (key := values.get("shipping_carrier_id")) is not None:
        field = (within, "shipping_carrier_id")
        listed = await shipping_carriers.offered(tx, viewer, key, field=field)
        delivery.shipping_carrier_id, delivery.carrier = listed.id, listed.name
    elif values.keys() & {"shipping_carrier_id", "carrier"}:
        delivery.shipping_carrier_id = None
    elif delivery.shipping_carrier_id is not None:
        listed = await tx.get(ShippingCarrier, delivery.shipping_carrier_id)
    put(delivery, {name: values[name] for name in ("carrier", "tracking_number") if name in values})
    if delivery.tracking_number is not None and delivery.carrier is None:
        raise Invalid("a tracking number needs a carrier", field=(within, "carrier"))
    if "tracking_url" in values:
        delivery.tracking_url = checked_url(values["tracking_url"], (within, "tracking_url"))
    elif values:
        delivery.tracking_url = shipping_carriers.tracking_url(listed, delivery.tracking_number)


async def _move(
    ctx: Context, tx: AsyncSession, order: Order, delivery: Delivery, status: DeliveryStatus
) -> None:
    if status not in LEGAL[delivery.status]:
        raise Conflict(
            f"a delivery that is {delivery.status} cannot become {status}",
            field=("changes", "status"),
        )
    delivery.status, at = status, ctx.services.clock()
    if status is D.SHIPPED:
        delivery.shipped_at = at
    if status is D.DELIVERED:
        delivery.delivered_at = at
    await tx.flush()
    fulfillment = await _fulfillment(tx, order)
    if fulfillment not in (None, order.fulfillment_status):
        transitions.move(tx, order, at=at, fulfillment=fulfillment)


async def _fulfillment(tx: AsyncSession, order: Order) -> FulfillmentStatus | None:
    """What the parcels make of an open order: all have left, some have, or none (None)."""
    if order.fulfillment_status not in transitions.OPEN:
        return None
    found = select(Delivery.status).where(
        Delivery.order_id == order.id, Delivery.status != D.CANCELLED, outward()
    )
    statuses = set((await tx.scalars(found)).all())
    if not statuses & LEFT:
        return None
    waiting = select(OrderLine.id).where(
        OrderLine.order_id == order.id,
        OrderLine.is_digital.is_(False),
        OrderLine.delivery_id.is_(None),
    )
    digital_open = order.fulfillment_status is not FulfillmentStatus.PARTIAL and await tx.scalar(
        select(OrderLine.id)
        .where(OrderLine.order_id == order.id, OrderLine.is_digital.is_(True))
        .limit(1)
    )
    if statuses <= LEFT and await tx.scalar(waiting.limit(1)) is None and not digital_open:
        return FulfillmentStatus.FULFILLED
    return FulfillmentStatus.PARTIAL


def tell(tx: AsyncSession, delivery: Delivery, order: Order) -> None:
    """Announce the parcel as it is now."""
    announce(
        tx,
        "delivery.updated",
        organization_id=order.organization_id,
        store_id=order.store_id,
        subject=(DELIVERY, delivery.id),
        order_id=order.id,
        status=delivery.status.value,
        tracking_number=delivery.tracking_number,
        api_key_id=order.api_key_id,
    )
