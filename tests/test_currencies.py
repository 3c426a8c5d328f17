"""The platform's part of a payment, to the cent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.models import Plan
from resolvers import currencies
from resolvers.money import micro

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "ISK", "KWD"])


@pytest.mark.parametrize(
    ("amount", "currency", "part"),
    [
        ("10.00", "USD", "0.30"),
        ("9.99", "USD", "0.30"),
        ("0.50", "USD", "0.02"),  # 1.5 cents
        ("0.49", "USD", "0.01"),
        ("0.16", "USD", "0"),
        ("1550", "JPY", "47"),  # 46.5 yen
        ("16", "JPY", "0"),
        ("12.340", "KWD", "0.370"),  # the last of three decimals is always 0
        ("12.500", "KWD", "0.380"),
        ("1000000000", "USD", "30000000"),
    ],
)
def test_three_percent_on_the_plan_free_and_nothing_on_pro(
    amount: str, currency: str, part: str
) -> None:
    assert currencies.fee(micro(amount), currency, Plan.FREE) == micro(part)
    assert currencies.fee(micro(amount), currency, Plan.PRO) == 0


@given(CURRENCIES, st.integers(1, 10**9), st.lists(st.integers(1, 10**6), max_size=8))
def test_parts_that_go_back_add_up_to_the_whole_part(
    currency: str, units: int, refunds: list[int]
) -> None:
    least = currencies.least(currency)
    total = units * least
    fee, refunded, back = currencies.fee(total, currency, Plan.FREE), 0, 0
    assert 0 <= fee <= total
    for refund in refunds:
        refunded = min(total, refunded + refund * least)
        share = currencies.fee_share(fee, refunded, total, currency)
        assert back <= share <= fee
        assert share % least == 0
        back = share
    assert currencies.fee_share(fee, total, total, currency) == fee
    assert currencies.fee_share(fee, 0, total, currency) == 0
