"""The one way in which an order's two statuses change, and which changes are legal."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FulfillmentStatus as F
from db.models import Order
from db.models import PaymentStatus as P
from resolvers.errors import Conflict
from resolvers.events import ORDER, announce

PAYMENT: Mapping[P, frozenset[P]] = {
    P.PENDING: frozenset({P.PAID, P.ABANDONED}),
    P.ABANDONED: frozenset({P.PAID}),  # money may come after we gave up
    P.PAID: frozenset({P.PARTIALLY_REFUNDED, P.REFUNDED}),
    P.PARTIALLY_REFUNDED: frozenset({P.PARTIALLY_REFUNDED, P.REFUNDED}),
    P.REFUNDED: frozenset(),
}
_ENDINGS = (F.FAILED, F.EXPIRED, F.CANCELLED)
FULFILLMENT: Mapping[F, frozenset[F]] = {
    F.UNFULFILLED: frozenset({F.PROCESSING, F.PARTIAL, F.FULFILLED, *_ENDINGS}),
    F.PROCESSING: frozenset({F.PARTIAL, F.FULFILLED, *_ENDINGS}),
    F.PARTIAL: frozenset({F.FULFILLED, *_ENDINGS}),
    F.FULFILLED: frozenset(),
    F.FAILED: frozenset(),
    F.EXPIRED: frozenset(),
    F.CANCELLED: frozenset(),
}
# Money that was on its way back and never arrived is still there.
REFUND_FAILED: Mapping[P, frozenset[P]] = {
    P.PARTIALLY_REFUNDED: frozenset({P.PARTIALLY_REFUNDED, P.PAID}),
    P.REFUNDED: frozenset({P.PARTIALLY_REFUNDED, P.PAID}),
}
OPEN = frozenset(status for status, following in FULFILLMENT.items() if following)


def move(
    tx: AsyncSession,
    order: Order,
    *,
    at: datetime,
    payment: P | None = None,
    fulfillment: F | None = None,
    reason: str | None = None,
    refund: int | None = None,
) -> None:
    """Change one status or both, as one event. The order must be locked.

    ``refund`` is how much was given back just now (micro-units), where that is why.

    Raises ``Conflict`` for an illegal change; nothing has changed then.
    """
    before = (order.payment_status, order.fulfillment_status)
    if payment is not None and payment not in PAYMENT[order.payment_status]:
        raise Conflict(f"an order that is {order.payment_status} cannot become {payment}")
    if fulfillment is not None and fulfillment not in FULFILLMENT[order.fulfillment_status]:
        raise Conflict(f"an order that is {order.fulfillment_status} cannot become {fulfillment}")
    if payment is not None:
        order.payment_status = payment
        if payment is P.PAID:
            order.paid_at = at
    if fulfillment is not None:
        order.fulfillment_status = fulfillment
        if fulfillment is F.FULFILLED:
            order.fulfilled_at = at
        if fulfillment is F.CANCELLED:
            order.cancelled_at = at
    if reason is not None:
        order.failure_reason = reason
    tell(tx, order, "order.status_changed", before=before, refund=refund)


def reopen(order: Order) -> None:
    """Take up a checkout again that was given up, because its money has come after all.

    ``move`` it at once: nobody is told of this alone.
    """
    if (order.payment_status, order.fulfillment_status) != (P.ABANDONED, F.CANCELLED):
        raise Conflict("only a checkout that was given up can be taken up again")
    order.fulfillment_status = F.UNFULFILLED
    order.cancelled_at = order.failure_reason = None


def refund_failed(tx: AsyncSession, order: Order, payment: P) -> None:
    """Say that money which counted as refunded was not. The order must be locked."""
    if payment not in REFUND_FAILED.get(order.payment_status, ()):
        raise Conflict(f"an order that is {order.payment_status} cannot become {payment}")
    before = (order.payment_status, order.fulfillment_status)
    order.payment_status = payment
    tell(tx, order, "order.status_changed", before=before)


def tell(
    tx: AsyncSession,
    order: Order,
    topic: str,
    *,
    before: tuple[P, F] | None = None,
    refund: int | None = None,
) -> None:
    """Announce the order as it is now; ``before`` are the statuses that it had."""
    announce(
        tx,
        topic,
        organization_id=order.organization_id,
        store_id=order.store_id,
        subject=(ORDER, order.id),
        ref=order.ref,
        payment_status=order.payment_status.value,
        fulfillment_status=order.fulfillment_status.value,
        previous_payment_status=before[0].value if before else None,
        previous_fulfillment_status=before[1].value if before else None,
        refunded_total=order.refunded_total,
        refund_amount=refund,
        api_key_id=order.api_key_id,
    )
