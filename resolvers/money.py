"""Money inside is an integer number of micro-units (10^-6); decimals exist at the edges only."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, Overflow

MICRO = 1_000_000
LARGEST = 2**63 - 1


def micro(amount: Decimal | int | str) -> int:
    """Micro-units of a decimal amount.

    Raises ``ValueError`` for what is no finite number, has more than six decimals, or does not
    fit in 64 bits: nothing is ever rounded on the way in.
    """
    try:
        value = Decimal(amount) * MICRO
    except (InvalidOperation, Overflow) as error:
        raise ValueError(f"{amount!r} is not a decimal amount") from error
    if not value.is_finite() or abs(value) > LARGEST:
        raise ValueError(f"{amount!r} is out of range")
    if value != value.to_integral_value():
        raise ValueError(f"{amount!r} has more than six decimals")
    return int(value)


def decimal(amount: int) -> Decimal:
    """The decimal amount of micro-units, at least two decimals, no trailing zeros beyond."""
    value = Decimal(amount).scaleb(-6)
    short = value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return short if short == value else value.normalize()
