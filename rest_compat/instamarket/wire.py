"""Amounts and instants as the contract writes them: USDT as JSON numbers, Unix seconds."""

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from resolvers.keys import LARGEST
from resolvers.money import MICRO, decimal


def usdt(micro: int) -> float:
    """The decimal amount; every amount below nine billion keeps its six decimals."""
    return float(decimal(micro))


def unix(instant: datetime) -> int:
    return int(instant.timestamp())


def micro(amount: float, rounding: str = ROUND_HALF_UP) -> int:
    """Micro-units of an amount that a client wrote; what lies beyond six decimals is rounded.

    Too large a figure becomes the largest that a row can hold.
    """
    units = (Decimal(str(amount)) * MICRO).to_integral_value(rounding)
    return min(int(units), LARGEST)


def least_micro(amount: float) -> int:
    """The smallest number of micro-units that is not below an amount."""
    return micro(amount, ROUND_CEILING)


def most_micro(amount: float) -> int:
    """The largest number of micro-units that is not above an amount."""
    return micro(amount, ROUND_FLOOR)
