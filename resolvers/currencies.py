"""Currencies: how many decimals their amounts have, and the platform's part of a payment.

After ISO 4217, and what card processors make of it: the krona of Iceland and Uganda's shilling have
no decimals any more, and of three decimals the last one is always 0.
"""

from db.models import Plan
from resolvers.money import MICRO

WHOLE = frozenset(
    {
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND",
        "VUV", "XAF", "XOF", "XPF",
    }
)  # fmt: skip
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
FEE_PERCENT = {Plan.FREE: 3, Plan.PRO: 0}


def least(currency: str) -> int:
    """Micro-units of the smallest amount that a card pays; every other is a multiple of it."""
    return MICRO if currency in WHOLE else MICRO // 100


def rounded(numerator: int, denominator: int, currency: str) -> int:
    """A fraction of micro-units (both positive), as the nearest payable amount, half up."""
    unit = least(currency) * denominator
    return (2 * numerator + unit) // (2 * unit) * least(currency)


def fee(amount: int, currency: str, plan: Plan) -> int:
    """The platform's part of a payment (micro-units)."""
    return rounded(amount * FEE_PERCENT[plan], 100, currency)


def fee_share(fee: int, refunded: int, total: int, currency: str) -> int:
    """What of the platform's part goes back when ``refunded`` of ``total`` has, in all."""
    return fee if refunded >= total else min(fee, rounded(fee * refunded, total, currency))
