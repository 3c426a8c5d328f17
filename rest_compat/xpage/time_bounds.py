"""Bounds of time as filters take them: an ISO date, an ISO date and time, or Unix seconds."""

from datetime import UTC, datetime, timedelta

from resolvers.errors import Invalid, Problem

_LAST = datetime.max.replace(tzinfo=UTC)
_DATE = len("2024-01-01")


def lower(text: str | None, name: str) -> datetime | None:
    """The first moment that is meant. Raises ``Invalid`` for what is no time; ``name`` it is in."""
    return None if text is None else _read(text, name)[0]


def upper(text: str | None, name: str) -> datetime | None:
    """The first moment that is not meant any more.

    Bounds are inclusive, as far as they are written out: a date means that whole day, and a time
    without fractions that whole second, in which answers show it.
    """
    if text is None:
        return None
    at, length = _read(text, name)
    try:
        return at + length
    except OverflowError:
        return _LAST


def _read(text: str, name: str) -> tuple[datetime, timedelta]:
    """The moment, and how long what was written lasts. Times without an offset are in UTC."""
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text), UTC), timedelta(seconds=1)
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        problem = Problem(("query", name), "must be an ISO date, a date and time, or Unix seconds")
        raise Invalid("The given data was invalid.", problems=[problem]) from error
    if len(text) == _DATE:
        return at, timedelta(days=1)
    return at, timedelta(microseconds=1) if at.microsecond else timedelta(seconds=1)
