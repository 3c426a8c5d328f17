"""What the dialect calls the status of an order: one table over the store's two statuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.models import FulfillmentStatus as F
from db.models import PaymentStatus as P

Statuses = tuple[P, F]

PROCESSING = "processing"
COMPLETED = "completed"
PARTIAL = "partial"
FAILED = "failed"
EXPIRED = "expired"
CANCELLED = "cancelled"
REFUNDED = "refunded"

# Delivered goods and endings keep their status whatever becomes of the money, since clients stop
# polling at those. An order that is still open ends with its money: given back, it is refunded;
# never paid, it has expired.
_PAYMENTS = (P.PENDING, P.PAID, P.PARTIALLY_REFUNDED, P.REFUNDED, P.ABANDONED)
_TABLE: Mapping[F, Sequence[str]] = {
    F.UNFULFILLED: (PROCESSING, PROCESSING, PROCESSING, REFUNDED, EXPIRED),
    F.PROCESSING: (PROCESSING, PROCESSING, PROCESSING, REFUNDED, EXPIRED),
    F.PARTIAL: (PARTIAL, PARTIAL, PARTIAL, REFUNDED, EXPIRED),
    F.FULFILLED: (COMPLETED,) * 5,
    F.FAILED: (FAILED,) * 5,
    F.EXPIRED: (EXPIRED,) * 5,
    F.CANCELLED: (CANCELLED,) * 5,
}
TOLD = frozenset({COMPLETED, PARTIAL, FAILED, EXPIRED, CANCELLED, REFUNDED})


@dataclass(frozen=True, slots=True)
class Shown:
    """``refunded``: the whole price went back to the balance."""

    status: str
    refunded: bool


def shown(payment: P, fulfillment: F) -> Shown:
    """How an order that is in these statuses looks."""
    status = _TABLE[fulfillment][_PAYMENTS.index(payment)]
    return Shown(status, payment is P.REFUNDED)


def told(before: Statuses, after: Statuses) -> Shown | None:
    """What a webhook says of a change, or ``None`` where clients are not told of it.

    A refund of an order that has its last status already changes no status that GET shows, but is
    told as ``refunded``.
    """
    was, is_now = shown(*before), shown(*after)
    if is_now.status != was.status and is_now.status in TOLD:
        return is_now
    if is_now.refunded and not was.refunded:
        return Shown(REFUNDED, refunded=True)
    return None
