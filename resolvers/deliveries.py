"""Deliveries: parcels on their way, and what they mean for their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Delivery, DeliveryStatus, FulfillmentStatus, Order, OrderLine, Return
from resolvers import idempotency, orders, transitions
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.events import announce
from resolvers.inputs import ABSENT, clean, given
from resolvers.keys import KeyOf
from resolvers.outbound import checked_url
from resolvers.reads import many, one
from resolvers.viewer import visible

D = DeliveryStatus
LEGAL: Mapping[D, frozenset[D]] = {
    D.UNFULFILLED: frozenset({D.FULFILLED, D.SHIPPED, D.DELIVERED, D.CANCELLED}),
    D.FULFILLED: frozenset({D.SHIPPED, D.DELIVERED, D.CANCELLED}),
    D.SHIPPED: frozenset({D.DELIVERED, D.CANCELLED}),
    D.DELIVERED: frozenset(),
    D.CANCELLED: frozenset(),
}
LEFT = frozenset({D.FULFILLED, D.SHIPPED, D.DELIVERED})


@one(Delivery, by=Delivery.id, permission="order:view")
def by_id(deliveries: Any) -> Any:
    return deliveries


@many(Delivery, by=Delivery.order_id, order=(Delivery.id,), permission="order:view")
def of_orders(deliveries: Any) -> Any:
    """The parcels to the buyer; those of returns belong to their return."""
    return deliveries.where(_outward())


def _outward() -> Any:
    return ~exists().where(Return.delivery_id == Delivery.id)


@dataclass(frozen=True, kw_only=True)
class NewDelivery:
    """A parcel of some of an order's lines."""

    order_id: Annotated[int, KeyOf("Order"), "The order."]
    line_ids: Annotated[Sequence[int], KeyOf("OrderLine"), "What is in the parcel."]
    carrier: Annotated[str | None, "Who carries it."] = None
    tracking_number: Annotated[str | None, "The carrier's number; needs a carrier."] = None
    tracking_url: Annotated[str | None, "Where buyers follow it."] = None


@dataclass(frozen=True, kw_only=True)
class DeliveryChanges:
    """What changes about a parcel."""

    status: Annotated[DeliveryStatus, "Where it is now."] = ABSENT
    carrier: Annotated[str | None, "Who carries it."] = ABSENT
    tracking_number: Annotated[str | None, "The carrier's number; needs a carrier."] = ABSENT
    tracking_url: Annotated[str | None, "Where buyers follow it."] = ABSENT


async def create(
    ctx: Context,
    *,
    input: NewDelivery,
    idempotency_key: str | None = None,
) -> int:
    """Put lines of an open order into a parcel of their own."""
    call = {"order": input.order_id, "lines": list(input.line_ids)}
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
        _describe(
            delivery,
            {
                "carrier": input.carrier,
                "tracking_number": input.tracking_number,
                "tracking_url": input.tracking_url,
            },
        )
        tx.add(delivery)
        await tx.flush()
        moved = update(OrderLine).where(OrderLine.id.in_(input.line_ids))
        await tx.execute(moved.values(delivery_id=delivery.id))
        _announce(tx, delivery, order)
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
    async with ctx.transaction() as tx:
        of = visible(viewer, Delivery).with_only_columns(Delivery.order_id)
        order_id = await tx.scalar(of.where(Delivery.id == id))
        if order_id is None:
            raise NotFound("delivery", field=("id",))
        order = await orders.locked(tx, ctx, order_id, "order:update")
        delivery = await tx.get_one(Delivery, id, populate_existing=True)
        if expected_version not in (None, delivery.version):
            raise Conflict("somebody else changed this delivery", field=("expectedVersion",))
        values = given(changes)
        status = values.pop("status", None)
        _describe(delivery, values)
        if status is not None and status is not delivery.status:
            await _move(ctx, tx, order, delivery, status)
        _announce(tx, delivery, order)
    return id


def _describe(delivery: Delivery, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name == "tracking_url":
            setattr(delivery, name, checked_url(value, ("changes", "trackingUrl")))
        else:
            setattr(delivery, name, None if value is None else clean(value, name))
    if delivery.tracking_number is not None and delivery.carrier is None:
        raise Invalid("a tracking number needs a carrier", field=("changes", "carrier"))


async def _move(
    ctx: Context, tx: AsyncSession, order: Order, delivery: Delivery, status: DeliveryStatus
) -> None:
    if status not in LEGAL[delivery.status]:
        raise Conflict(f"a delivery that is {delivery.status} cannot become {status}")
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
        Delivery.order_id == order.id, Delivery.status != D.CANCELLED, _outward()
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


def _announce(tx: AsyncSession, delivery: Delivery, order: Order) -> None:
    announce(
        tx,
        "delivery.updated",
        organization_id=order.organization_id,
        store_id=order.store_id,
        subject=("delivery", delivery.id),
        order_id=order.id,
        status=delivery.status.value,
        tracking_number=delivery.tracking_number,
        api_key_id=order.api_key_id,
    )
