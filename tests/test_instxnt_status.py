"""instxnt: the table of statuses, row by row."""

from itertools import product

import pytest

from db.models import FulfillmentStatus as F
from db.models import PaymentStatus as P
from rest_compat.instxnt import contract
from rest_compat.instxnt.status import SHOWN, shown

# payment, fulfilment -> status
ROWS = """
paid                unfulfilled  paid
paid                processing   paid
paid                partial      paid
paid                fulfilled    fulfilled
paid                failed       paid
paid                expired      paid
paid                cancelled    paid
partially_refunded  unfulfilled  paid
partially_refunded  processing   paid
partially_refunded  partial      paid
partially_refunded  fulfilled    fulfilled
partially_refunded  failed       paid
partially_refunded  expired      paid
partially_refunded  cancelled    paid
refunded            unfulfilled  refunded
refunded            processing   refunded
refunded            partial      refunded
refunded            fulfilled    refunded
refunded            failed       refunded
refunded            expired      refunded
refunded            cancelled    refunded
"""
TABLE = {
    (P(payment), F(fulfillment)): status
    for payment, fulfillment, status in map(str.split, ROWS.strip().splitlines())
}


def test_the_contract_knows_orders_from_their_payment_on() -> None:
    assert {payment for payment, _ in TABLE} == set(SHOWN) == set(P) - {P.PENDING, P.ABANDONED}


@pytest.mark.parametrize(("payment", "fulfillment"), list(product(SHOWN, F)))
def test_every_pair_of_statuses_has_one_in_the_dialect(payment: P, fulfillment: F) -> None:
    order = {"status": shown(payment, fulfillment)}
    assert order["status"] == TABLE[payment, fulfillment]
    problems = contract().schema("Order").problems(order)
    assert not [each for each in problems if "status" in each.path]
