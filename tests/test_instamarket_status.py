"""InstaMarket: the table of statuses, row by row."""

from itertools import product

import pytest

from db.models import FulfillmentStatus as F
from db.models import PaymentStatus as P
from rest_compat.instamarket import contract
from rest_compat.instamarket.status import Shown, shown, told

# payment, fulfilment -> status, refunded
ROWS = """
pending             unfulfilled  processing  no
pending             processing   processing  no
pending             partial      partial     no
pending             fulfilled    completed   no
pending             failed       failed      no
pending             expired      expired     no
pending             cancelled    cancelled   no
paid                unfulfilled  processing  no
paid                processing   processing  no
paid                partial      partial     no
paid                fulfilled    completed   no
paid                failed       failed      no
paid                expired      expired     no
paid                cancelled    cancelled   no
partially_refunded  unfulfilled  processing  no
partially_refunded  processing   processing  no
partially_refunded  partial      partial     no
partially_refunded  fulfilled    completed   no
partially_refunded  failed       failed      no
partially_refunded  expired      expired     no
partially_refunded  cancelled    cancelled   no
refunded            unfulfilled  refunded    yes
refunded            processing   refunded    yes
refunded            partial      refunded    yes
refunded            fulfilled    completed   yes
refunded            failed       failed      yes
refunded            expired      expired     yes
refunded            cancelled    cancelled   yes
abandoned           unfulfilled  expired     no
abandoned           processing   expired     no
abandoned           partial      expired     no
abandoned           fulfilled    completed   no
abandoned           failed       failed      no
abandoned           expired      expired     no
abandoned           cancelled    cancelled   no
"""
TABLE = {
    (P(payment), F(fulfillment)): Shown(status, refunded == "yes")
    for payment, fulfillment, status, refunded in map(str.split, ROWS.strip().splitlines())
}


@pytest.mark.parametrize(("payment", "fulfillment"), list(product(P, F)))
def test_every_pair_of_statuses_has_one_in_the_dialect(payment: P, fulfillment: F) -> None:
    assert shown(payment, fulfillment) == TABLE[payment, fulfillment]
    assert contract().schema("OrderStatus").problems(shown(payment, fulfillment).status) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((P.PAID, F.UNFULFILLED), (P.PAID, F.PROCESSING), None),
        ((P.PAID, F.PROCESSING), (P.PAID, F.PARTIAL), Shown("partial", refunded=False)),
        ((P.PAID, F.PROCESSING), (P.PAID, F.FULFILLED), Shown("completed", refunded=False)),
        ((P.PAID, F.PARTIAL), (P.PAID, F.FULFILLED), Shown("completed", refunded=False)),
        ((P.PAID, F.PROCESSING), (P.REFUNDED, F.FAILED), Shown("failed", refunded=True)),
        ((P.PAID, F.PROCESSING), (P.REFUNDED, F.EXPIRED), Shown("expired", refunded=True)),
        ((P.PAID, F.PARTIAL), (P.REFUNDED, F.CANCELLED), Shown("cancelled", refunded=True)),
        ((P.PAID, F.FULFILLED), (P.PARTIALLY_REFUNDED, F.FULFILLED), None),
        ((P.PAID, F.FULFILLED), (P.REFUNDED, F.FULFILLED), Shown("refunded", refunded=True)),
        ((P.PAID, F.PROCESSING), (P.REFUNDED, F.PROCESSING), Shown("refunded", refunded=True)),
        ((P.REFUNDED, F.PROCESSING), (P.REFUNDED, F.FAILED), Shown("failed", refunded=True)),
        ((P.PAID, F.FULFILLED), (P.PAID, F.FULFILLED), None),
    ],
)
def test_clients_are_told_of_changes_that_they_can_see(
    before: tuple[P, F], after: tuple[P, F], expected: Shown | None
) -> None:
    assert told(before, after) == expected


def test_whatever_clients_are_told_the_webhook_may_say() -> None:
    pairs = list(product(P, F))
    body = contract().webhook("order.status_changed").flat["properties"]
    assert {
        change.status for before in pairs for after in pairs if (change := told(before, after))
    } == set(body["status"]["enum"])
