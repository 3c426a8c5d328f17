"""What the contract calls the status of an order: one table over the store's two statuses."""

from collections.abc import Mapping
from dataclasses import dataclass

from db.models import FulfillmentStatus as F
from db.models import PaymentStatus as P

PENDING = "pending"
PAID = "paid"
ABANDONED = "abandoned"

# The status tells whether money came in. That some of it went back is told by the refunds.
_STATUS: Mapping[P, str] = {
    P.PENDING: PENDING,
    P.PAID: PAID,
    P.PARTIALLY_REFUNDED: PAID,
    P.REFUNDED: PAID,
    P.ABANDONED: ABANDONED,
}
# The contract knows one way in which an order ends without its goods. Whoever reads it must not
# send any of these; ``cancelled_at`` is given only where somebody did cancel.
_CANCELLED: Mapping[F, bool] = {
    F.UNFULFILLED: False,
    F.PROCESSING: False,
    F.PARTIAL: False,
    F.FULFILLED: False,
    F.FAILED: True,
    F.EXPIRED: True,
    F.CANCELLED: True,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """``status`` and ``is_cancelled`` of the contract."""

    status: str
    is_cancelled: bool


def shown(payment: P, fulfillment: F) -> Shown:
    """How an order that is in these statuses looks."""
    return Shown(_STATUS[payment], _CANCELLED[fulfillment])


def payments(status: str) -> tuple[P, ...]:
    """The payment statuses that look so."""
    return tuple(each for each, name in _STATUS.items() if name == status)


def fulfillments(*, is_cancelled: bool) -> tuple[F, ...]:
    """The fulfilment statuses that look so."""
    return tuple(each for each, ended in _CANCELLED.items() if ended is is_cancelled)
