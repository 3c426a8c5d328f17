"""Handing over digital goods: a job that completes the order, or fails and refunds it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import FulfillmentStatus, Order, OrderLine, PaymentStatus
from resolvers import jobs, orders, stock, transitions
from resolvers.context import Context
from resolvers.errors import Conflict
from resolvers.services import Services

KIND = "fulfill_order"
PAID = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED)
SWEEP_BATCH = 100


async def begin(tx: AsyncSession, order: Order) -> FulfillmentStatus:
    """Start the fulfilment of an open order that is paid in this transaction.

    Digital goods are handed over by a job; others wait in a delivery for people to send them.
    Answers with the status that the order has from now on.
    """
    await pack(tx, order)
    digital = (await tx.scalars(_lines(order).with_only_columns(OrderLine.is_digital))).all()
    if any(digital):
        await jobs.enqueue(
            tx,
            kind=KIND,
            organization_id=order.organization_id,
            store_id=order.store_id,
            order_id=order.id,
        )
    if digital and all(digital) and order.fulfillment_status is FulfillmentStatus.UNFULFILLED:
        return FulfillmentStatus.PROCESSING
    return order.fulfillment_status


async def pack(tx: AsyncSession, order: Order) -> None:
    """Put what is to be sent, and is in no parcel yet, into one that waits for people."""
    await tx.flush()
    waiting = _lines(order).where(OrderLine.is_digital.is_(False), OrderLine.delivery_id.is_(None))
    lines = (await tx.scalars(waiting)).all()
    if not lines:
        return
    delivery = models.Delivery(
        organization_id=order.organization_id, store_id=order.store_id, order_id=order.id
    )
    tx.add(delivery)
    await tx.flush()
    for line in lines:
        line.delivery_id = delivery.id


def _lines(order: Order) -> Select[OrderLine]:
    return select(OrderLine).where(OrderLine.order_id == order.id).order_by(OrderLine.id)


async def run(ctx: Context, job_id: int) -> dict[str, Any]:
    """Hand over what the job's order still lacks, in one transaction.

    Everything is decided from rows under the order's lock, so that running it again, after a crash
    or beside another runner, hands over nothing twice. Raises ``Conflict`` when goods have run out
    or the order has ended: the job fails then, and what was paid is given back.
    """
    async with ctx.transaction() as tx:
        order = await _order_of(tx, job_id)
        if order.fulfillment_status is FulfillmentStatus.FULFILLED:
            return {"status": order.fulfillment_status.value}
        if order.fulfillment_status not in transitions.OPEN or order.payment_status not in PAID:
            raise Conflict(f"the order is {order.fulfillment_status} and {order.payment_status}")
        lines = (await tx.scalars(_lines(order))).all()
        for line in lines:
            if line.is_digital and (lacking := await stock.hand_over(tx, line)):
                raise Conflict(f"{lacking} of {line.quantity} units are not available")
        everything = all(line.is_digital for line in lines)
        transitions.move(
            tx,
            order,
            at=ctx.services.clock(),
            fulfillment=FulfillmentStatus.FULFILLED if everything else FulfillmentStatus.PARTIAL,
        )
        return {"status": order.fulfillment_status.value, "units": order.quantity}


async def on_failure(ctx: Context, tx: AsyncSession, job: models.Job) -> None:
    """Fail (or cancel, with its job) the order and give back what was paid, if it is still open."""
    order = await _order_of(tx, job.id)
    if order.fulfillment_status not in transitions.OPEN:
        return
    cancelled = job.status is models.JobStatus.CANCELLED
    ending = FulfillmentStatus.CANCELLED if cancelled else FulfillmentStatus.FAILED
    await orders.end(ctx, tx, order, ending, reason=job.error_message or "Delivery failed")


async def sweep(services: Services) -> int:
    """End and refund orders that have been in processing too long; returns how many."""
    limit = services.clock() - timedelta(seconds=services.wholesale.fulfillment_timeout)
    late = (
        select(Order.id, Order.organization_id)
        .where(
            Order.fulfillment_status == FulfillmentStatus.PROCESSING,
            Order.created_at < limit,
            func.coalesce(Order.paid_at, Order.created_at) < limit,  # some are paid much later
        )
        .order_by(Order.created_at)
        .limit(SWEEP_BATCH)
    )
    gateway, ended = Context(services), 0
    for row in await gateway.rows(late):
        ctx = gateway.as_system(row.organization_id)
        async with ctx.transaction() as tx:
            order = await orders.locked(tx, ctx, row.id, "order:update")
            if order.fulfillment_status is not FulfillmentStatus.PROCESSING:
                continue
            await orders.end(
                ctx, tx, order, FulfillmentStatus.EXPIRED, reason="Not delivered in time"
            )
            ended += 1
    return ended


async def _order_of(tx: AsyncSession, job_id: int) -> Order:
    found = (
        select(Order)
        .join(models.Job, models.Job.order_id == Order.id)
        .where(models.Job.id == job_id)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    )
    return (await tx.scalars(found)).one()


jobs.register(jobs.Kind(KIND, run, on_failure))
