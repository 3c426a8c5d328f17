"""What inputs are declared with. The edges read these marks; resolvers get plain values."""

from dataclasses import fields
from typing import Any, Final

from resolvers.errors import Invalid


class MicroUnits:
    """Marks an ``int`` as micro-units of money: decimals outside, integers inside."""


class _Absent:
    """The type of ``ABSENT``."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final[Any] = _Absent()
"""The default of a field of a change that leaves the column as it is (None empties it)."""


def is_absent(value: Any) -> bool:
    return value is ABSENT


def given(change: Any) -> dict[str, Any]:
    """The fields of a change that were given, by name."""
    return {
        item.name: getattr(change, item.name)
        for item in fields(change)
        if getattr(change, item.name) is not ABSENT
    }


def required(change: dict[str, Any], *names: str) -> None:
    """Raise ``Invalid`` where one of ``names`` was given as null."""
    for name in names:
        if name in change and change[name] is None:
            raise Invalid(f"{name} cannot be empty", field=(name,))


def clean(text: str, name: str, *, most: int = 255, least: int = 1) -> str:
    """``text`` without surrounding space. Raises ``Invalid`` for too short, too long, NUL."""
    text = text.strip()
    if not least <= len(text) <= most:
        raise Invalid(f"{name} has {least} to {most} characters", field=(name,))
    if "\x00" in text:
        raise Invalid(f"{name} holds a character that cannot be stored", field=(name,))
    return text
