"""Settling: have an order agree with what the payment service says of its checkout session.

One function does it, whoever calls: a message of the service, the page on which somebody has just
paid, a sweep, a person. It asks for the present state and applies all of it under the order's lock,
so that messages may be lost, late, doubled or out of order, and the end is the same.

What it decides:

- Paid after we had given up: the order is taken up again. Where its goods are sold by then, it is
  PAID all the same, without goods; ``failure_reason`` and the audit log say so, and people either
  find some or refund it.
- Paid although people had cancelled the order: the money goes back.
- Paid although it was paid elsewhere: the second payment is noted and left to people (audit log);
  the order and its books count one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import (
    CheckoutSession,
    CheckoutStatus,
    FulfillmentStatus,
    Order,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from resolvers import (
    audit,
    buyers,
    card_ledger,
    card_refunds,
    currencies,
    customer_figures,
    customers,
    disputes,
    fulfillment,
    orders,
    recorded_lines,
    refunds,
    transitions,
)
from resolvers.context import Context
from resolvers.errors import InsufficientStock, Invalid, StoreError, Unavailable
from resolvers.payment_service import Buyer, PaymentState, RefundOutcome, RefundState, SessionState
from resolvers.services import Services
from resolvers.viewer import system
from resolvers.writes import touch

log = structlog.get_logger()
TRIES = 20
NOT_PAID = "It was not paid in time"
NO_GOODS = "Paid after its goods were sold: there are none left for it"
SILENT = timedelta(minutes=5)
"""A session of which nothing was heard for so long is asked about."""
LATE = timedelta(seconds=30)
SETTLED = timedelta(days=1)
REMEMBERED = timedelta(days=60)
"""For how long after a payment the service is asked about refunds and disputes, once a day."""
BATCH = 50


@dataclass(frozen=True, slots=True)
class _Seen:
    """A session as it was before the service was asked."""

    id: int
    organization_id: int
    store_id: int
    order_id: int
    version: int
    uuid: Any
    reference: str | None
    account: str | None
    amount: int
    currency: str


async def settle(services: Services, session_id: int) -> None:
    """Apply the service's present state of a session to its order.

    Raises ``Unavailable`` where the service does not answer, or too many do this at once; it is to
    be tried again then.
    """
    gateway = Context(services)
    for _ in range(TRIES):
        seen = await _seen(gateway, session_id)
        if seen is None:
            return
        state = None
        if seen.reference is not None:
            state = await services.payments.session(seen.reference, seen.account or "")
            if not _is_ours(seen, state):
                await _heard(services, session_id)
                return
        if await _applied(gateway.as_system(seen.organization_id), seen, state):
            if state is not None and state.payment is not None:
                await _return_fee(services, seen, state.payment)
            return
    raise Unavailable("others settle this at the same time; try again")


async def _seen(gateway: Context, session_id: int) -> _Seen | None:
    columns = [getattr(CheckoutSession, name) for name in _Seen.__annotations__]
    rows = await gateway.rows(
        select(*columns).where(
            CheckoutSession.id == session_id,
            CheckoutSession.provider == gateway.services.payments.name,
        )
    )
    return _Seen(*rows[0]) if rows else None


def _is_ours(seen: _Seen, state: SessionState) -> bool:
    """Whether the service speaks of what we have asked for; else nothing is to be believed."""
    same = (state.uuid, state.amount, state.currency) == (seen.uuid, seen.amount, seen.currency)
    if not same:
        log.error("checkout_session_is_another", session=str(seen.uuid), reference=state.reference)
    return same


async def _applied(ctx: Context, seen: _Seen, state: SessionState | None) -> bool:
    """False: somebody has settled it since the service was asked, and may know better."""
    payment = state.payment if state is not None else None
    async with ctx.transaction() as tx:
        if state is not None and payment is not None and state.buyer.email:
            await buyers.wait_for(ctx, tx, seen.store_id, state.buyer.email)
        order = await card_refunds.locked_order(tx, seen.order_id)
        session = await _locked(tx, seen.id)
        if session.version != seen.version:
            return False
        touch(session, ctx.services.clock())
        if state is not None and payment is not None:
            if session.payment_reference is None:
                await _pay(ctx, tx, order, session, payment=payment, buyer=state.buyer)
            if await _is_counted(tx, order, payment):
                await _refunds(ctx, tx, order, session, payment.refunds)
                await customer_figures.refresh(tx, [order.customer_id])
            disputes.apply(tx, order, session, payment.disputes, await disputes.known(tx, order))
        elif _has_ended(ctx, session, state):
            await give_up(ctx, tx, order, session)
    return True


async def _locked(tx: AsyncSession, session_id: int) -> CheckoutSession:
    found = select(CheckoutSession).where(CheckoutSession.id == session_id).with_for_update()
    return (await tx.scalars(found.execution_options(populate_existing=True))).one()


def _has_ended(ctx: Context, session: CheckoutSession, state: SessionState | None) -> bool:
    """One that the service has never heard of ends by our clock."""
    if session.status is not CheckoutStatus.OPEN:
        return False
    if state is None:
        return session.reference is None and session.expires_at <= ctx.services.clock()
    return state.status is CheckoutStatus.EXPIRED


async def give_up(
    ctx: Context, tx: AsyncSession, order: Order, session: CheckoutSession, why: str = NOT_PAID
) -> None:
    """End a session that was not paid: its locked order is abandoned, its goods are for others."""
    session.status = CheckoutStatus.EXPIRED
    is_open = order.fulfillment_status in transitions.OPEN
    if is_open and order.payment_status is PaymentStatus.PENDING:
        await orders.end(ctx, tx, order, FulfillmentStatus.CANCELLED, reason=why)


# Money that has come


async def _pay(
    ctx: Context,
    tx: AsyncSession,
    order: Order,
    session: CheckoutSession,
    *,
    payment: PaymentState,
    buyer: Buyer,
) -> None:
    had_expired = session.status is CheckoutStatus.EXPIRED
    session.status = CheckoutStatus.COMPLETE
    session.payment_reference = payment.reference
    row = models.Payment(
        organization_id=order.organization_id,
        store_id=order.store_id,
        order_id=order.id,
        method=models.PaymentMethod.CARD,
        amount=session.amount,
        currency=session.currency,
        reference=payment.reference,
    )
    tx.add(row)
    if order.payment_status not in (PaymentStatus.PENDING, PaymentStatus.ABANDONED):
        _flag(tx, order, "checkout.paid_twice", payment=payment.reference)
        return
    await _put_buyer(tx, order, payment, buyer)
    was_cancelled = order.fulfillment_status not in transitions.OPEN
    missing = False
    if was_cancelled and had_expired:
        transitions.reopen(order)
        missing = not await _take_again(tx, order)
    is_open = order.fulfillment_status in transitions.OPEN
    started = order.fulfillment_status
    if is_open and not missing:
        started = await fulfillment.begin(tx, order)
    transitions.move(
        tx, order, at=ctx.services.clock(), payment=PaymentStatus.PAID,
        fulfillment=None if started is order.fulfillment_status else started,
        reason=NO_GOODS if missing else None,
    )  # fmt: skip
    row.transfer_id = await card_ledger.pay(tx, order, session)
    if missing:
        _flag(tx, order, "checkout.paid_without_stock", payment=payment.reference)
    if not is_open:
        await refunds.give_back(
            tx, order, order.total, reason="The order had been cancelled before it was paid"
        )
        transitions.move(tx, order, at=ctx.services.clock(), payment=PaymentStatus.REFUNDED)


async def _put_buyer(tx: AsyncSession, order: Order, payment: PaymentState, buyer: Buyer) -> None:
    given, family = customers.given_and_family(buyer.name)
    contact = {
        "first_name": given,
        "last_name": family,
        "email": buyer.email,
        "phone": buyer.phone,
        "address": buyer.address,
        "city": buyer.city,
        "state": buyer.state,
        "postal_code": buyer.postal_code,
        "country": buyer.country,
    }
    for name, text in contact.items():
        if text:
            setattr(order, name, text)
    order.card_brand, order.card_last4 = payment.card_brand, payment.card_last4
    if order.customer_id is None and buyer.email:
        store = await tx.get_one(models.Store, order.store_id)
        order.customer_id = await buyers.known(tx, store, contact)


async def _take_again(tx: AsyncSession, order: Order) -> bool:
    """Take the goods of an order that had been given up; False where others have them."""
    try:
        async with tx.begin_nested():
            await recorded_lines.take_again(tx, order)
    except InsufficientStock:
        lines = select(models.OrderLine).where(models.OrderLine.order_id == order.id)
        for line in (await tx.scalars(lines)).all():
            line.taken = 0  # nothing is put back of what was not taken
        return False
    return True


def _flag(tx: AsyncSession, order: Order, action: str, **details: Any) -> None:
    log.warning(action.replace(".", "_"), order_id=order.id, **details)
    audit.write(tx, system(order.organization_id), action, ("order", order.id), **details)


async def _is_counted(tx: AsyncSession, order: Order, payment: PaymentState) -> bool:
    """Whether it is this payment that the order was paid by."""
    found = select(models.Payment.transfer_id).where(
        models.Payment.order_id == order.id, models.Payment.reference == payment.reference
    )
    return await tx.scalar(found) is not None


# Money that goes back


async def _refunds(
    ctx: Context,
    tx: AsyncSession,
    order: Order,
    session: CheckoutSession,
    states: Sequence[RefundState],
) -> None:
    rows = list(
        await tx.scalars(select(Refund).where(Refund.order_id == order.id).order_by(Refund.id))
    )
    known: list[tuple[RefundState, Refund | None]] = [(each, _row(rows, each)) for each in states]
    for state, row in known:  # what came to nothing makes room for what did not
        if state.outcome is RefundOutcome.FAILED:
            if row is None:
                tx.add(_new(order, state, RefundStatus.FAILED))
            else:
                await _fail(tx, order, session, row, state)
    for state, row in known:
        if state.outcome is RefundOutcome.FAILED:
            continue
        if row is not None and row.status is not RefundStatus.FAILED:
            await card_refunds.adopt(tx, order, session, row, state)
            continue
        if not await _make_room(tx, order, session, rows, state):
            log.error("refund_exceeds_payment", order_id=order.id, reference=state.reference)
            continue
        counted = row or _new(order, state, RefundStatus.PENDING)
        counted.reference = state.reference
        arrived = state.outcome is RefundOutcome.ARRIVED
        counted.status = RefundStatus.REFUNDED if arrived else RefundStatus.PENDING
        tx.add(counted)
        await card_refunds.count(tx, order, session, counted)
        whole = order.refunded_total == order.total
        transitions.move(
            tx, order, at=ctx.services.clock(),
            payment=PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED,
            refund=counted.amount,
        )  # fmt: skip


def _row(rows: Sequence[Refund], state: RefundState) -> Refund | None:
    by_reference = (row for row in rows if row.reference == state.reference)
    by_uuid = (row for row in rows if state.uuid is not None and row.uuid == state.uuid)
    return next(by_reference, None) or next(by_uuid, None)


def _new(order: Order, state: RefundState, status: RefundStatus) -> Refund:
    return Refund(
        organization_id=order.organization_id,
        store_id=order.store_id,
        order_id=order.id,
        amount=state.amount,
        currency=order.currency,
        reason=state.reason,
        reference=state.reference,
        status=status,
    )


async def _fail(
    tx: AsyncSession, order: Order, session: CheckoutSession, row: Refund, state: RefundState
) -> None:
    row.reference = state.reference
    if row.status is not RefundStatus.FAILED:
        await card_refunds.fail(tx, order, session, row, why="the money came back")


async def _make_room(
    tx: AsyncSession,
    order: Order,
    session: CheckoutSession,
    rows: Sequence[Refund],
    state: RefundState,
) -> bool:
    """Drop promises that cannot be kept: their money has gone back in another way."""
    for row in reversed(rows):
        if order.total - order.refunded_total >= state.amount:
            break
        if row.status is RefundStatus.PENDING and row.reference is None:
            await card_refunds.fail(tx, order, session, row, why="refunded in another way")
    return order.total - order.refunded_total >= state.amount


async def _return_fee(services: Services, seen: _Seen, payment: PaymentState) -> None:
    """Have the seller get back the platform's part of refunds that they made by themselves."""
    gone = sum(each.amount for each in payment.refunds if each.outcome is not RefundOutcome.FAILED)
    async with services.database.read() as connection:
        found = select(CheckoutSession.fee).where(CheckoutSession.id == seen.id)
        fee = (await connection.execute(found)).scalar_one()
    share = currencies.fee_share(fee, gone, seen.amount, seen.currency) if fee and gone else 0
    if share <= payment.fee_returned or payment.fee_reference is None:
        return
    try:
        await services.payments.return_fee(
            payment,
            key=f"{seen.uuid}:fee:{payment.fee_returned}:{share}",
            amount=share - payment.fee_returned,
            currency=seen.currency,
        )
    except Invalid:
        log.exception("fee_not_returned", session=str(seen.uuid))


# What nobody told us


async def sweep(services: Services) -> int:
    """Ask about sessions of which nothing was heard; how many were asked about.

    Those that are open every few minutes and at their end, those of cancelled orders at once, those
    that were paid once a day for two months.
    """
    gateway, now, asked = Context(services), services.clock(), 0
    for row in await gateway.rows(_silent(services, now)):
        try:
            cancelled = row.payment_status is PaymentStatus.ABANDONED
            if cancelled and row.status is CheckoutStatus.OPEN and row.reference is not None:
                await services.payments.expire_session(row.reference, row.account or "")
            await settle(services, row.id)
            asked += 1
        except StoreError as error:
            log.warning("checkout_not_settled", session_id=row.id, why=str(error))
            await _heard(services, row.id)
    return asked + await card_refunds.sweep(services)


async def _heard(services: Services, session_id: int) -> None:
    """Let others be asked about first: this one would come to nothing again."""
    looked = update(CheckoutSession).where(CheckoutSession.id == session_id)
    async with services.database.write() as tx:
        await tx.execute(looked.values(updated_at=services.clock()))


def _silent(services: Services, now: datetime) -> Any:
    session = CheckoutSession
    is_open, heard = session.status == CheckoutStatus.OPEN, session.updated_at
    return (
        select(session.id, session.status, session.reference, session.account, Order.payment_status)
        .join(Order, Order.id == session.order_id)
        .where(
            session.provider == services.payments.name,
            or_(
                and_(is_open, heard < now - SILENT),
                and_(is_open, session.expires_at <= now, heard < now - LATE),
                and_(is_open, Order.payment_status == PaymentStatus.ABANDONED),
                and_(
                    session.status == CheckoutStatus.COMPLETE,
                    heard < now - SETTLED,
                    session.created_at > now - REMEMBERED,
                ),
            ),
        )
        .order_by(heard)
        .limit(BATCH)
    )
