"""Order histories of people: every legal pair of statuses, and all that belongs to each.

No order is left ``processing``: the sweep of late orders would expire it at the next start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from app.seed import people
from app.seed.catalogue import Ware
from app.seed.parcels import Parcels
from app.seed.sowing import CENT, Sowing, of
from db import models
from db.models import Customer, Order, OrderLine, PaymentMethod, RefundStatus, Store
from db.models import FulfillmentStatus as F
from db.models import PaymentStatus as P
from resolvers import contacts

Statuses = tuple[P, F]
# How often orders that are days old stand where. The oldest orders of a store show each once.
SETTLED: dict[Statuses, float] = {
    (P.PAID, F.FULFILLED): 78, (P.PAID, F.PARTIAL): 2, (P.PAID, F.UNFULFILLED): 1,
    (P.PENDING, F.UNFULFILLED): 1, (P.PENDING, F.FULFILLED): 1, (P.PENDING, F.PARTIAL): 0.3,
    (P.ABANDONED, F.UNFULFILLED): 1, (P.ABANDONED, F.CANCELLED): 3, (P.ABANDONED, F.EXPIRED): 1.5,
    (P.ABANDONED, F.FAILED): 0.2,
    (P.PARTIALLY_REFUNDED, F.FULFILLED): 4, (P.PARTIALLY_REFUNDED, F.PARTIAL): 0.6,
    (P.PARTIALLY_REFUNDED, F.UNFULFILLED): 0.3,
    (P.REFUNDED, F.FULFILLED): 2, (P.REFUNDED, F.CANCELLED): 3, (P.REFUNDED, F.UNFULFILLED): 0.3,
    (P.REFUNDED, F.FAILED): 0.4, (P.REFUNDED, F.EXPIRED): 0.4,
}  # fmt: skip
FRESH: dict[Statuses, float] = {
    (P.PAID, F.UNFULFILLED): 60, (P.PENDING, F.UNFULFILLED): 15, (P.PAID, F.FULFILLED): 14,
    (P.PAID, F.PARTIAL): 6, (P.REFUNDED, F.CANCELLED): 3, (P.ABANDONED, F.CANCELLED): 2,
}  # fmt: skip
PAID = frozenset({P.PAID, P.PARTIALLY_REFUNDED, P.REFUNDED})
REASONS = {
    F.CANCELLED: ("Ordered by mistake", "Found it elsewhere", "Takes too long", "Changed my mind"),
    F.FAILED: ("Damaged in the warehouse", "The carrier lost the parcel"),
    F.EXPIRED: ("Not paid in time", "Not delivered in time"),
}
COMPLAINTS = ("Arrived damaged", "Not as described", "Wrong size", "Does not fit the room")
NOTES = ("Please leave it with the neighbour.", "It is a gift: no invoice in the box, please.")
SHIPPING = (4_90 * CENT, 6_90 * CENT, 12_00 * CENT)
FREE_SHIPPING = 75_00 * CENT
REF = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Placed:
    order: Order
    lines: Sequence[OrderLine]


def orders(
    sowing: Sowing,
    store: Store,
    wares: Sequence[Ware],
    customers: Sequence[Customer],
    *,
    count: int,
    days: float,
) -> None:
    """``count`` orders over the last ``days``, more of late than before; oldest first."""
    popular = list(accumulate(1 / (rank + 8) for rank in range(len(wares))))
    # The square root bends evenly spread chance towards the present.
    ages = sorted((days * (1 - sowing.rng.random() ** 0.6) for _ in range(count)), reverse=True)
    for number, age in enumerate(ages):
        at = sowing.ago(days=age, minutes=20).replace(microsecond=0)
        statuses = _statuses(sowing, number, age)
        customer = sowing.pick(customers)
        customer.created_at = min(customer.created_at, at)  # the first order brought them
        bought = sowing.rng.choices(wares, cum_weights=popular, k=_line_count(sowing, statuses))
        placed = _place(sowing, store, customer, bought, statuses=statuses, at=at)
        _settle(sowing, placed, customer)


def _line_count(sowing: Sowing, statuses: Statuses) -> int:
    least = 2 if statuses[1] is F.PARTIAL else 1
    return max(least, sowing.rng.choices((1, 2, 3, 4, 6), (52, 26, 12, 7, 3))[0])


def _statuses(sowing: Sowing, number: int, age: float) -> Statuses:
    settled = list(SETTLED)
    if number < len(settled) and age > 5:  # noqa: PLR2004 - days
        return settled[number]
    table = SETTLED if age > 2.5 else FRESH  # noqa: PLR2004
    return sowing.rng.choices(list(table), list(table.values()))[0]


def ref(sowing: Sowing) -> str:
    return "".join(sowing.rng.choices(REF, k=10))


def _place(
    sowing: Sowing,
    store: Store,
    customer: Customer,
    bought: Sequence[Ware],
    *,
    statuses: Statuses,
    at: datetime,
) -> Placed:
    payment, fulfillment = statuses
    chosen = list(
        {id(one): one for one in (sowing.pick(ware.variants) for ware in bought)}.values()
    )
    titles = {ware.product.id: ware.product.title for ware in bought}
    if len(chosen) == 1 and fulfillment is F.PARTIAL:  # one line cannot be sent in part
        fulfillment = F.UNFULFILLED
    quantities = [sowing.rng.choices((1, 2, 3, 4), (72, 18, 6, 4))[0] for _ in chosen]
    pairs = list(zip(chosen, quantities, strict=True))
    subtotal = sum(variant.price * quantity for variant, quantity in pairs)
    shipping = 0 if subtotal >= FREE_SHIPPING else sowing.pick(SHIPPING)
    discount = subtotal // 10 // CENT * CENT if sowing.chance(0.12) else 0
    paid_at = sowing.after(at, hours=(0.01, 0.4)) if payment in PAID else None
    sent_to = people.contact(customer)
    order = Order(
        **of(store),
        ref=ref(sowing),
        customer_id=customer.id,
        payment_status=payment,
        fulfillment_status=fulfillment,
        currency=store.currency,
        subtotal=subtotal,
        shipping=shipping,
        discount=discount,
        total=subtotal + shipping - discount,
        quantity=sum(quantities),
        **sent_to,
        **(contacts.columns(sent_to, contacts.BILLING) if sowing.chance(0.8) else {}),
        note=sowing.pick(NOTES) if sowing.chance(0.06) else None,
        paid_at=paid_at,
        created_at=at,
    )
    sowing.rows.add(order)
    lines = [
        sowing.rows.add(
            OrderLine(
                **of(store),
                order_id=order.id,
                product_id=variant.product_id,
                variant_id=variant.id,
                title=titles[variant.product_id],
                sku=variant.sku,
                quantity=quantity,
                unit_price=variant.price,
                total=variant.price * quantity,
                currency=variant.currency,
                created_at=at,
            )
        )
        for variant, quantity in pairs
    ]
    return Placed(order, lines)


def _settle(sowing: Sowing, placed: Placed, customer: Customer) -> None:
    """What followed: the payment, parcels, refunds, and the customer's figures."""
    order = placed.order
    if order.paid_at is not None:
        _pay(sowing, order, order.paid_at)
    began = order.paid_at or order.created_at
    ended = sowing.after(began, hours=(4, 60))
    if order.fulfillment_status in REASONS:
        order.failure_reason = sowing.pick(REASONS[order.fulfillment_status])
    if order.fulfillment_status is F.CANCELLED:
        order.cancelled_at = ended
    if order.fulfillment_status is F.FULFILLED:
        order.fulfilled_at = ended
        if sowing.chance(0.3):
            order.archived_at = sowing.after(ended, hours=(24, 240))
    parcels = Parcels(sowing, order, placed.lines)
    parcels.send(left_at=ended)
    last = order.archived_at or ended
    if order.payment_status in (P.PARTIALLY_REFUNDED, P.REFUNDED):
        last = sowing.after(ended, hours=(1, 200))
        _give_back(sowing, placed, parcels, last)
    sent = order.fulfillment_status is not F.UNFULFILLED
    refunded = order.refunded_total > 0
    order.updated_at = last if sent or refunded else began
    if order.payment_status is not P.ABANDONED:
        customer.order_count += 1
    if order.payment_status in PAID:
        customer.amount_spent += order.total - order.refunded_total
    customer.updated_at = max(customer.updated_at, order.updated_at)


def _pay(sowing: Sowing, order: Order, at: datetime) -> None:
    card = sowing.chance(0.85)
    number = f"{sowing.rng.getrandbits(64):016x}"
    sowing.rows.add(
        models.Payment(
            organization_id=order.organization_id,
            store_id=order.store_id,
            order_id=order.id,
            method=PaymentMethod.CARD if card else PaymentMethod.EXTERNAL,
            amount=order.total,
            currency=order.currency,
            reference=f"pi_{number}" if card else f"bank-transfer-{number}",
            created_at=at,
        )
    )


def _give_back(sowing: Sowing, placed: Placed, parcels: Parcels, at: datetime) -> None:
    order = placed.order
    whole = order.payment_status is P.REFUNDED
    part = min(placed.lines[0].unit_price, order.total // 2 // CENT * CENT)
    amount = order.total if whole else part
    sent = order.fulfillment_status is F.FULFILLED
    back = parcels.come_back(at, whole=whole) if sent and sowing.chance(0.7) else None
    order.refunded_total = amount
    sowing.rows.add(
        models.Refund(
            organization_id=order.organization_id,
            store_id=order.store_id,
            order_id=order.id,
            return_id=back.id if back else None,
            amount=amount,
            currency=order.currency,
            reason=back.reason if back else order.failure_reason or sowing.pick(COMPLAINTS),
            status=RefundStatus.REFUNDED,
            created_at=at,
        )
    )
