"""Refunds of payments by card: promised here, made at the payment service, once.

The order counts a refund from the moment in which it was decided, as every refund. A job asks the
service for it. Where the service refuses for good, or the money comes back later, the refund is
FAILED: the order, its books and its customer do not count it any more, and what is left of the
payment can be refunded again. While nobody knows (the service is away), it stays PENDING.
"""

from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import CheckoutSession, Order, PaymentStatus, Refund, RefundStatus
from resolvers import audit, card_ledger, customer_figures, jobs, transitions
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid
from resolvers.payment_service import RefundOutcome, RefundState
from resolvers.services import Services
from resolvers.viewer import system

log = structlog.get_logger()
KIND = "refund_card"
REFUSALS = (Invalid.code, Conflict.code)
FORGOTTEN = timedelta(hours=1)
BATCH = 100


async def paid_session(tx: AsyncSession, order: Order) -> CheckoutSession | None:
    """The checkout session that a payment of the order came of; None where it was not by card."""
    found = select(CheckoutSession).where(
        CheckoutSession.order_id == order.id, CheckoutSession.payment_reference.is_not(None)
    )
    return (await tx.scalars(found.order_by(CheckoutSession.id).limit(1))).one_or_none()


async def promise(
    tx: AsyncSession,
    order: Order,
    session: CheckoutSession,
    amount: int,
    *,
    reason: str | None,
    return_id: int | None,
) -> Refund:
    """Decide on a refund of a locked order, and have a job make it."""
    refund = Refund(
        organization_id=order.organization_id,
        store_id=order.store_id,
        order_id=order.id,
        return_id=return_id,
        amount=amount,
        currency=order.currency,
        reason=reason,
    )
    tx.add(refund)
    await count(tx, order, session, refund)
    await _enqueue(tx, refund)
    return refund


async def _enqueue(tx: AsyncSession, refund: Refund) -> None:
    await jobs.enqueue(
        tx,
        kind=KIND,
        organization_id=refund.organization_id,
        store_id=refund.store_id,
        order_id=refund.order_id,
        input={"refund_id": refund.id},
    )


async def count(tx: AsyncSession, order: Order, session: CheckoutSession, refund: Refund) -> None:
    """Have the locked order and the books count a refund. The caller moves the order's status."""
    refund.transfer_id = await card_ledger.refund(tx, order, refund)
    order.refunded_total += refund.amount
    await tx.flush()
    await card_ledger.settle_fee(tx, order, session)
    transitions.tell(tx, order, "order.refunded")


async def fail(
    tx: AsyncSession, order: Order, session: CheckoutSession, refund: Refund, *, why: str
) -> None:
    """Have the locked order count a refund no more: its money is still, or again, here."""
    await card_ledger.undo_refund(tx, order, refund)
    refund.status = RefundStatus.FAILED
    order.refunded_total -= refund.amount
    left = PaymentStatus.PARTIALLY_REFUNDED if order.refunded_total else PaymentStatus.PAID
    transitions.refund_failed(tx, order, left)
    await tx.flush()
    await card_ledger.settle_fee(tx, order, session)
    await customer_figures.refresh(tx, [order.customer_id])
    audit.write(
        tx, system(order.organization_id), "refund.failed", ("order", order.id),
        refund=str(refund.uuid), amount=refund.amount, currency=refund.currency, why=why,
    )  # fmt: skip


async def run(ctx: Context, job_id: int) -> dict[str, Any]:
    """Make the job's refund at the service, unless it is there already.

    A service forgets keys of idempotency after a while, but never a refund: so that is looked for
    first, and a job that is tried again after days does not pay twice.
    """
    async with ctx.transaction() as tx:
        refund, session = await _of_job(tx, job_id)
    if refund.status is not RefundStatus.PENDING or session.payment_reference is None:
        return {"status": refund.status.value}
    service, account = ctx.services.payments, session.account or ""
    known = await service.session(session.reference or "", account)
    made = known.payment.refunds if known.payment else ()
    state = next((each for each in made if each.uuid == refund.uuid), None)
    if state is None:
        state = await service.refund(
            session.payment_reference,
            account,
            uuid=refund.uuid,
            amount=refund.amount,
            currency=refund.currency,
            with_fee=session.fee > 0,
        )
    async with ctx.transaction() as tx:
        order = await locked_order(tx, refund.order_id)
        refund, session = await _of_job(tx, job_id)
        await adopt(tx, order, session, refund, state)
    return {"status": refund.status.value, "reference": state.reference}


async def adopt(
    tx: AsyncSession, order: Order, session: CheckoutSession, refund: Refund, state: RefundState
) -> None:
    """Have a refund that the locked order counts be what the service says of it."""
    refund.reference = state.reference
    if refund.status is not RefundStatus.PENDING:
        return
    if state.outcome is RefundOutcome.FAILED:
        await fail(tx, order, session, refund, why="the payment service could not pay it out")
    elif state.outcome is RefundOutcome.ARRIVED:
        refund.status = RefundStatus.REFUNDED
        transitions.tell(tx, order, "order.refunded")


async def on_failure(ctx: Context, tx: AsyncSession, job: models.Job) -> None:
    """After a refusal the refund has failed. Nobody calls back one that is under way."""
    if job.status is models.JobStatus.CANCELLED:
        raise Conflict("a refund that is under way cannot be called back", field=("id",))
    if job.error_code not in REFUSALS or job.order_id is None:
        log.error(
            "refund_undecided", job_id=job.id, why=job.error_message, request_id=ctx.request_id
        )
        return
    order = await locked_order(tx, job.order_id)
    refund, session = await _of_job(tx, job.id)
    if refund.status is RefundStatus.PENDING and refund.reference is None:
        await fail(tx, order, session, refund, why=job.error_message or "refused")


async def sweep(services: Services) -> int:
    """Begin afresh with refunds that nobody works on any more; returns how many."""
    refund, session, job = Refund, CheckoutSession, models.Job
    open_job = exists().where(job.order_id == refund.order_id, job.kind == KIND,
                              job.status.in_(jobs.OPEN))  # fmt: skip
    found = (
        select(refund.id, refund.order_id, refund.organization_id)
        .join(session, session.order_id == refund.order_id)
        .where(
            refund.status == RefundStatus.PENDING,
            refund.reference.is_(None),
            refund.transfer_id.is_not(None),
            session.payment_reference.is_not(None),
            session.provider == services.payments.name,
            refund.created_at < services.clock() - FORGOTTEN,
            ~open_job,
        )
        .order_by(refund.id)
        .limit(BATCH)
    )
    gateway, begun = Context(services), 0
    for row in await gateway.rows(found):
        async with gateway.as_system(row.organization_id).transaction() as tx:
            await locked_order(tx, row.order_id)
            again = await tx.get_one(refund, row.id, populate_existing=True)
            if again.status is RefundStatus.PENDING and not await tx.scalar(
                select(job.id).where(job.order_id == row.order_id, job.kind == KIND,
                                     job.status.in_(jobs.OPEN)).limit(1)
            ):  # fmt: skip
                await _enqueue(tx, again)
                begun += 1
    return begun


async def locked_order(tx: AsyncSession, order_id: int) -> Order:
    """An order of anybody's, locked; also of a store that was deleted: its money is still real."""
    found = select(Order).where(Order.id == order_id).with_for_update()
    return (await tx.scalars(found.execution_options(populate_existing=True))).one()


async def _of_job(tx: AsyncSession, job_id: int) -> tuple[Refund, CheckoutSession]:
    job = await tx.get_one(models.Job, job_id)
    refund = await tx.get_one(Refund, job.input["refund_id"], populate_existing=True)
    found = select(CheckoutSession).where(
        CheckoutSession.order_id == refund.order_id,
        CheckoutSession.payment_reference.is_not(None),
    )
    session = (await tx.scalars(found.order_by(CheckoutSession.id).limit(1))).one()
    return refund, session


jobs.register(jobs.Kind(KIND, run, on_failure, max_attempts=20, ends_with_order=False))
