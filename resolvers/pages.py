"""Keyset pages: which rows lie after a cursor, and the cursor of a row (Relay connections)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.engine import Row

from db.base import UtcDateTime
from resolvers.errors import Invalid, Problem
from resolvers.keys import LARGEST
from resolvers.reads import Order, Read, Sorts

DEFAULT_SIZE = 20
MAX_SIZE = 250


@dataclass(frozen=True, slots=True)
class Window:
    """What part of a list is wanted: ``size`` rows after or before a cursor."""

    size: int = DEFAULT_SIZE
    backward: bool = False
    after: str | None = None
    before: str | None = None
    sort: str | None = None


def window(
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    sort: str | None = None,
) -> Window:
    """The window that Relay's four arguments describe. Raises ``Invalid``."""
    if first is not None and last is not None:
        raise Invalid("use first or last, not both", field=("last",))
    name, size = ("last", last) if last is not None else ("first", first)
    if size is not None and not 0 <= size <= MAX_SIZE:
        message = f"{name} must be between 0 and {MAX_SIZE}"
        raise Invalid(message, problems=[Problem((name,), message, "range", MAX_SIZE)])
    return Window(DEFAULT_SIZE if size is None else size, last is not None, after, before, sort)


@dataclass(frozen=True, slots=True)
class PageOfRows:
    """Rows in the list's own order, and what lies beyond them."""

    rows: Sequence[Row[Any]]
    has_next: bool
    has_previous: bool
    sort: str

    def cursor(self, row: Row[Any]) -> str:
        return encode_cursor(self.sort, row.sort_, row.id)


def encode_cursor(sort: str, value: Any, key: int) -> str:
    if isinstance(value, datetime):
        value = value.isoformat()
    elif isinstance(value, Enum):
        value = value.value
    return urlsafe_b64encode(orjson.dumps([sort, value, key])).decode().rstrip("=")


def _decode_cursor(text: str, name: str, sort: str, order: Order) -> tuple[Any, int]:
    wrong = Invalid("this is no cursor of this list in this order", field=(name,))
    try:
        padded = text + "=" * (-len(text) % 4)
        decoded: Any = orjson.loads(urlsafe_b64decode(padded.encode("ascii")))
        found, value, key = decoded
    except ValueError as error:  # covers encoding, base64, JSON and unpacking
        raise wrong from error
    except TypeError as error:
        raise wrong from error
    if found != sort or not _is_key(key):
        raise wrong
    if isinstance(order.by.type, UtcDateTime):
        try:
            value = datetime.fromisoformat(value)
        except (ValueError, TypeError) as error:
            raise wrong from error
        if value.tzinfo is None:
            raise wrong
        return value, key
    if order.by.type.python_type is int and not (isinstance(value, int) and abs(value) <= LARGEST):
        raise wrong
    if order.by.type.python_type is str and not (isinstance(value, str) and "\x00" not in value):
        raise wrong
    return value, key


def _is_key(key: Any) -> bool:
    return isinstance(key, int) and 0 <= key <= LARGEST


Position = tuple[Any, Any]
"""The sort value and the key of a row, or the parameters of a statement that stand for them."""


def positions(
    read: Read, wanted: Window
) -> tuple[str, tuple[Any, int] | None, tuple[Any, int] | None]:
    """The sort's name, and what the cursors after and before point at. Raises ``Invalid``."""
    name, order = _sorts(read)[wanted.sort]
    after = None if wanted.after is None else _decode_cursor(wanted.after, "after", name, order)
    before = None if wanted.before is None else _decode_cursor(wanted.before, "before", name, order)
    return name, after, before


def sorted_by(read: Read, sort: str) -> Any:
    """The expression of a sort order."""
    return _sorts(read)[sort][1].by


def beyond(
    statement: Select[Any],
    read: Read,
    *,
    sort: str,
    backward: bool,
    after: Position | None,
    before: Position | None,
) -> tuple[Select[Any], list[Any], Any]:
    """The statement limited to what lies beyond positions, its ORDER BY, and its expression."""
    _, order = _sorts(read)[sort]
    key = read.row.__mapper__.columns["id"]
    for position, is_before in ((after, False), (before, True)):
        if position is not None:
            upward = order.descending == is_before
            statement = statement.where(_beyond(order.by, key, *position, upward=upward))
    descending = order.descending != backward
    terms = [key] if order.by.key == key.key else [order.by, key]
    by = [term.desc() if descending else term.asc() for term in terms]
    return statement, by, order.by


def _sorts(read: Read) -> Sorts:
    if read.sorts is None:
        raise TypeError(f"{read.name} has no sort orders")
    return read.sorts


def _beyond(by: Any, key: Any, value: Any, last: Any, *, upward: bool) -> ColumnElement[bool]:
    if by.key == key.key:
        return key > last if upward else key < last
    # Not "beyond, or equal and": the first part alone says where in an index to begin.
    if upward:
        return and_(by >= value, or_(by > value, key > last))
    return and_(by <= value, or_(by < value, key < last))


def cut(rows: Sequence[Row[Any]], wanted: Window, sort: str) -> PageOfRows:
    """The page in rows of which one more than wanted was fetched."""
    more = len(rows) > wanted.size
    kept = list(rows[: wanted.size])
    if wanted.backward:
        return PageOfRows(kept[::-1], wanted.before is not None, more, sort)
    return PageOfRows(kept, more, wanted.after is not None, sort)
