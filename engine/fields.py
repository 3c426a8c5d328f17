"""How fields say what they need, so that whole selections can be compiled.

A field of a Strawberry type carries one of these in its ``metadata`` under ``DECLARATION``. All
else is opaque: an operation that selects an opaque field runs on the reference executor.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

DECLARATION = "engine"
Attribute = InstrumentedAttribute[Any]
Order = tuple[Any, ...]


class Binds(Protocol):
    """Makes the parameters of a statement that get their values when it runs."""

    def value(self, name: str, kind: Any) -> Any:
        """One value; ``kind`` is ``int``, ``str`` or an SQLAlchemy type."""
        ...

    def values(self, name: str, kind: Any) -> Any:
        """Any number of values, for ``column.in_(...)``."""
        ...

    def within(self, column: Any, name: str) -> Any:
        """The condition that a column is one of the values."""
        ...


@dataclass(slots=True, eq=False)
class Scope:
    """Who is asking, as far as statements depend on it; of one database, and good for many runs.

    ``shape`` is all that changes a statement's text, and part of every plan's key. ``select`` of
    a field is given ``symbols(binds)``; ``values`` has what those parameters are for this caller,
    ``encoded`` the same as the driver takes them, once they have been needed.
    """

    shape: Hashable
    symbols: Callable[[Binds], Any]
    values: Mapping[str, Any]
    encoded: dict[str, Any] | None = None


class Window(NamedTuple):
    """A page: ``size`` rows in the order ``sort``, beyond the positions of cursors.

    ``backward`` takes them from the end. ``after`` and ``before`` are (value, key) of a row.
    """

    size: int
    backward: bool
    sort: str
    after: tuple[Any, int] | None = None
    before: tuple[Any, int] | None = None


class Bound(NamedTuple):
    """A field's arguments: what the statement is made of, and the page or the keys wanted.

    ``keys`` is for root fields alone: other fields have those of their parents. Made anew for each
    request, as windows are: of all that cannot be changed, tuples are made fastest.
    """

    arguments: Hashable = ()
    window: Window | None = None
    keys: tuple[Any, ...] | None = None


class Kind(Enum):
    """What a key finds."""

    ONE = "one"
    MANY = "many"
    PAGE = "page"
    VALUE = "value"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """Where rows come from.

    ``select(symbols, arguments)`` is the statement of all rows that the caller may see and that the
    arguments ask for, in no order; of a ``VALUE`` its columns are (key, value). ``key`` is the
    column that binds a row to its parent. ``ordered(statement, window, binds)`` limits it to what
    lies beyond the cursors; it returns the statement, its ORDER BY, and the expression of which
    ``cursor(sort, value, id)`` makes a row's cursor; ``sorted_by(sort)`` is that expression alone.
    """

    kind: Kind
    select: Callable[[Any, Any], Select[Any]]
    permission: str | None
    key: Attribute | None = None
    id: Attribute | None = None
    order: Order = ()
    default: Any = None
    ordered: Callable[[Select[Any], Window, Binds], tuple[Select[Any], list[Any], Any]] | None = (
        None
    )
    sorted_by: Callable[[str], Any] | None = None
    cursor: Callable[[str, Any, int], str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The value of a column."""

    column: Attribute

    @property
    def needs(self) -> tuple[Attribute, ...]:
        return (self.column,)


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """What a function makes of some columns' values."""

    function: Callable[..., Any]
    needs: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """The same, but the result is the scalar's JSON already, and never null."""

    function: Callable[..., Any]
    needs: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """An object made of columns of its parent; null where the column ``present`` is."""

    fields: Mapping[str, Column | Computed | Encoded]
    present: Attribute

    @property
    def needs(self) -> tuple[Attribute, ...]:
        found = [self.present, *(need for part in self.fields.values() for need in part.needs)]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, eq=False)
class Batched:
    """What an asynchronous function makes of the values of many parents at once.

    ``load(context, keys, **arguments)`` is given distinct tuples of the columns' values, and those
    of the field's arguments that there are, converted; it returns as many results. Who lacks the
    ``permission`` is refused by it; plans need not ask.
    """

    load: Callable[..., Awaitable[Sequence[Any]]]
    needs: tuple[Attribute, ...]
    permission: str | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Relation:
    """Rows of another table (or a value of theirs), found by the parent's column ``on``.

    Without ``on`` it is a field of the root. ``bind`` turns a field's converted arguments into what
    is wanted. With ``each``, the column holds many keys: ``each(value)`` lists them.
    """

    rows: Rows
    bind: Callable[[dict[str, Any]], Bound]
    on: Attribute | None = None
    each: Callable[[Any], Sequence[Any]] | None = None

    @property
    def needs(self) -> tuple[Attribute, ...]:
        return () if self.on is None else (self.on,)


Declaration = Column | Computed | Encoded | Record | Batched | Relation


def name_of(column: Any) -> str:
    """Tells a mapped column from all others."""
    return f"{column.class_.__name__}.{column.key}"
