"""Amounts, instants and ids as the contract writes them: JSON numbers, RFC 3339, UUIDs."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from resolvers.errors import NotFound
from resolvers.money import MICRO, decimal


def money(micro: int) -> float:
    """The decimal amount."""
    return float(decimal(micro))


def money_or_none(micro: int | None) -> float | None:
    return None if micro is None else money(micro)


def micro(amount: float) -> int:
    """Micro-units of an amount that a client wrote; what lies beyond six decimals is rounded."""
    return int((Decimal(str(amount)) * MICRO).to_integral_value(ROUND_HALF_UP))


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, by the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_or_none(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def uuid_of(text: str, what: str) -> UUID:
    """The UUID of a path. Raises ``NotFound``: what is no UUID is no id of anything."""
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound(what) from error
