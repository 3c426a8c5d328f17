"""Refunds: money that goes back, and the goods of orders that end."""

from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import Order, PaymentStatus, Refund, RefundStatus
from resolvers import idempotency, ledger, transitions
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.inputs import MicroUnits, clean
from resolvers.keys import KeyOf, global_id
from resolvers.reads import many, one
from resolvers.viewer import visible

REFUNDABLE = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED)


@one(Refund, by=Refund.id, permission="order:view")
def by_id(refunds: Any) -> Any:
    return refunds


@many(Refund, by=Refund.order_id, order=(Refund.id,), permission="order:view")
def of_orders(refunds: Any) -> Any:
    return refunds


@dataclass(frozen=True, kw_only=True)
class NewRefund:
    """Money to give back for a paid order."""

    order_id: Annotated[int, KeyOf("Order"), "The order."]
    amount: Annotated[
        int | None, MicroUnits, "How much, in the order's currency; all that is left by default."
    ] = None
    reason: Annotated[str | None, "Why; the buyer may see it."] = None
    return_id: Annotated[int | None, KeyOf("Return"), "The return that it is for."] = None


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund that was made. ``key`` is the order's."""

    key: int
    refund_id: int

    @property
    def global_id(self) -> str:
        return global_id("Refund", self.refund_id)


async def create(
    ctx: Context,
    *,
    input: NewRefund,
    idempotency_key: str | None = None,
) -> Refunded:
    """Refund a paid order, wholly or partly.

    Raises ``Conflict`` for one that is not paid or refunded already, ``Invalid`` for more than is
    left of it.
    """
    viewer = ctx.require("order:refund")
    operation = "refundOrder"
    call = {"order": input.order_id, "amount": input.amount, "reason": input.reason}
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, operation, idempotency_key, call)
        if kept is not None:
            return Refunded(kept["order"], kept["refund"])
        found = visible(viewer, Order).where(Order.id == input.order_id).with_for_update()
        order = (await tx.scalars(found)).one_or_none()
        if order is None:
            raise NotFound("order", field=("input", "orderId"))
        if order.payment_status not in REFUNDABLE:
            raise Conflict(f"an order that is {order.payment_status} cannot be refunded")
        await _check_return(tx, order, input.return_id)
        amount = left(order) if input.amount is None else input.amount
        if not 0 < amount <= left(order):
            raise Invalid(
                "a refund is more than nothing and no more than is left of the payment",
                field=("input", "amount"),
            )
        reason = clean(input.reason, "reason", most=500) if input.reason is not None else None
        refund = await give_back(tx, order, amount, reason=reason, return_id=input.return_id)
        if refund is None:
            raise Conflict("nothing was paid for this order")
        whole = order.refunded_total == order.total
        transitions.move(
            tx, order, at=ctx.services.clock(),
            payment=PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED,
        )  # fmt: skip
        await idempotency.keep(
            ctx, tx, operation, idempotency_key, {"order": order.id, "refund": refund.id}
        )
    return Refunded(order.id, refund.id)


async def _check_return(tx: AsyncSession, order: Order, return_id: int | None) -> None:
    if return_id is None:
        return
    belongs = select(models.Return.id).where(
        models.Return.id == return_id, models.Return.order_id == order.id
    )
    if await tx.scalar(belongs) is None:
        raise NotFound("return", field=("input", "returnId"))


def left(order: Order) -> int:
    """What of the payment has not been given back (micro-units)."""
    return order.total - order.refunded_total if order.payment_status in REFUNDABLE else 0


async def give_back(
    tx: AsyncSession,
    order: Order,
    amount: int,
    *,
    reason: str | None,
    return_id: int | None = None,
) -> Refund | None:
    """Refund ``amount`` of a locked order to where it came from; None for nothing to refund.

    The caller moves the payment status. References count the order's refunds, which the lock keeps
    right: no repetition of this can give back twice.
    """
    if amount <= 0:
        return None
    earlier = await tx.scalar(select(func.count()).where(Refund.order_id == order.id)) or 0
    paid = select(models.Payment).where(models.Payment.order_id == order.id)
    payment = (await tx.scalars(paid.order_by(models.Payment.id).limit(1))).one_or_none()
    transfer_id = None
    if payment is not None and payment.transfer_id is not None:
        moved = await ledger.reverse(
            tx,
            payment.transfer_id,
            amount=amount,
            reference=f"order:{order.id}:refund:{earlier + 1}",
            memo=reason,
        )
        transfer_id = moved.id
    refund = Refund(
        organization_id=order.organization_id,
        store_id=order.store_id,
        order_id=order.id,
        return_id=return_id,
        amount=amount,
        currency=order.currency,
        reason=reason,
        status=RefundStatus.REFUNDED,
        transfer_id=transfer_id,
    )
    tx.add(refund)
    order.refunded_total += amount
    if order.customer_id is not None:
        await tx.execute(
            update(models.Customer)
            .where(models.Customer.id == order.customer_id)
            .values(amount_spent=models.Customer.amount_spent - amount)
        )
    await tx.flush()
    transitions.tell(tx, order, "order.refunded")
    return refund
