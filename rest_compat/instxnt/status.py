"""What the contract calls the status of an order: one table over the store's two statuses."""

from db.models import FulfillmentStatus as F
from db.models import PaymentStatus as P

PAID = "paid"
FULFILLED = "fulfilled"
REFUNDED = "refunded"

# The contract knows orders from their payment on. What is not paid yet, or never will be, is a
# checkout that is still open or was left: no order.
SHOWN = (P.PAID, P.PARTIALLY_REFUNDED, P.REFUNDED)


def shown(payment: P, fulfillment: F) -> str:
    """How an order looks whose payment status is one of ``SHOWN``."""
    if payment is P.REFUNDED:
        return REFUNDED
    return FULFILLED if fulfillment is F.FULFILLED else PAID
