"""Refunds: money that goes back, and the goods of orders that end.

What was paid from a balance is back there at once. What was paid elsewhere goes back elsewhere: its
refund is pending until somebody says that it has arrived, or, where it was paid by card here, the
payment service does (``card_refunds``). An order counts both: its
``refunded_total`` and its payment status follow what was decided, so that money that is promised
back is never promised twice and is nobody's income any more; the refund's own status says whether
it has arrived.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import Order, PaymentStatus, Refund, RefundStatus
from resolvers import (
    card_refunds,
    customer_figures,
    idempotency,
    ledger,
    refund_lines,
    transitions,
)
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.inputs import MicroUnits
from resolvers.keys import KeyOf, global_id
from resolvers.reads import many, one
from resolvers.refund_lines import NewRefundLine
from resolvers.rules import Count, Text, checked
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
        int | None,
        MicroUnits,
        "How much, in the order's currency; by default the sum of the lines, or without lines all "
        "that is left.",
    ] = None
    lines: Annotated[
        Sequence[NewRefundLine], Count(100), "Which units it is for; the rest is for all of it."
    ] = ()
    reason: Annotated[str | None, Text(500), "Why; the buyer may see it."] = None
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
    left of it or of a line.
    """
    viewer = ctx.require("order:refund")
    operation = "refundOrder"
    reason = checked(input, "input")["reason"]
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, operation, idempotency_key, asdict(input))
        if kept is not None:
            return Refunded(kept["order"], kept["refund"])
        found = visible(viewer, Order).where(Order.id == input.order_id).with_for_update()
        order = (await tx.scalars(found)).one_or_none()
        if order is None:
            raise NotFound("order", field=("input", "order_id"))
        if order.payment_status not in REFUNDABLE:
            raise Conflict(f"an order that is {order.payment_status} cannot be refunded")
        await _check_return(tx, order, input.return_id)
        wanted = await refund_lines.expected(tx, order, input.lines)
        amount = _amount(order, input.amount, sum(line.amount for line in wanted))
        refund = await give_back(tx, order, amount, reason=reason, return_id=input.return_id)
        if refund is None:
            raise Conflict("nothing was paid for this order")
        tx.add_all(line.row(refund) for line in wanted)
        whole = order.refunded_total == order.total
        transitions.move(
            tx, order, at=ctx.services.clock(),
            payment=PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED,
            refund=amount,
        )  # fmt: skip
        await customer_figures.refresh(tx, [order.customer_id])
        await idempotency.keep(
            ctx, tx, operation, idempotency_key, {"order": order.id, "refund": refund.id}
        )
    return Refunded(order.id, refund.id)


def _amount(order: Order, wanted: int | None, of_lines: int) -> int:
    amount = (of_lines or left(order)) if wanted is None else wanted
    if not 0 < amount <= left(order):
        raise Invalid(
            "a refund is more than nothing and no more than is left of the payment",
            field=("input", "amount"),
        )
    if amount < of_lines:
        raise Invalid("its lines come to more than the refund", field=("input", "lines"))
    return amount


async def settle(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Refund"), "A refund that is pending."],
    idempotency_key: str | None = None,
) -> Refunded:
    """Note that a refund which goes back elsewhere has arrived. Figures stay: it counted already.

    Raises ``Conflict`` for one that has arrived.
    """
    viewer = ctx.require("order:refund")
    operation = "settleRefund"
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, operation, idempotency_key, {"id": id})
        if kept is not None:
            return Refunded(kept["order"], id)
        mine = visible(viewer, Refund).where(Refund.id == id)
        order_id = await tx.scalar(mine.with_only_columns(Refund.order_id))
        if order_id is None:
            raise NotFound("refund", field=("id",))
        # The order's lock is the one that every change of its refunds takes.
        order = (await tx.scalars(select(Order).filter_by(id=order_id).with_for_update())).one()
        refund = (await tx.scalars(mine)).one()
        if refund.status is not RefundStatus.PENDING:
            raise Conflict(f"this refund is {refund.status} already", field=("id",))
        if await card_refunds.paid_session(tx, order) is not None:
            raise Conflict("the payment service will say when it has arrived", field=("id",))
        refund.status = RefundStatus.REFUNDED
        transitions.tell(tx, order, "order.refunded")
        await idempotency.keep(ctx, tx, operation, idempotency_key, {"order": order.id})
    return Refunded(order_id, id)


async def _check_return(tx: AsyncSession, order: Order, return_id: int | None) -> None:
    if return_id is None:
        return
    belongs = select(models.Return.id).where(
        models.Return.id == return_id, models.Return.order_id == order.id
    )
    if await tx.scalar(belongs) is None:
        raise NotFound("return", field=("input", "return_id"))


def left(order: Order) -> int:
    """What of the payment is not given or promised back (micro-units)."""
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

    The caller moves the payment status and refreshes the customer's figures. References count the
    order's refunds, which the lock keeps right: no repetition of this can give back twice.
    """
    if amount <= 0:
        return None
    if (session := await card_refunds.paid_session(tx, order)) is not None:
        return await card_refunds.promise(
            tx, order, session, amount, reason=reason, return_id=return_id
        )
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
        status=RefundStatus.PENDING if transfer_id is None else RefundStatus.REFUNDED,
        transfer_id=transfer_id,
    )
    tx.add(refund)
    order.refunded_total += amount
    await tx.flush()
    transitions.tell(tx, order, "order.refunded")
    return refund
