"""Reads as declarations: which rows of a noun, found by which column, in which orders.

A read is a function from the visible rows (a ``SELECT`` already limited to what the viewer may
see) and its keyword arguments to a narrower ``SELECT``. It runs nothing. The framework adds the
keys of all parents at once, the columns that were asked for, the order and the page, and runs one
statement however many parents there are::

    @page(models.Product, sorts=SORTS, permission="product:view")
    def listing(products, *, filter: Filter | None = None):
        return products if filter is None else narrowed(products, filter)

    of_brands = listing.by_column(models.Product.brand_id)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from inspect import Parameter, signature
from typing import Any, get_type_hints

from sqlalchemy import ColumnElement, Select

from db.base import Attribute, Base

Build = Callable[..., Select[Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """One sort order: an expression that is never null, and its direction."""

    by: Any
    descending: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Sorts:
    """The sort orders of a noun. ``enum`` has NAME_ASC and NAME_DESC of each expression."""

    enum: type[StrEnum]
    orders: Mapping[str, Order]
    default: str

    def __getitem__(self, name: str | None) -> tuple[str, Order]:
        chosen = name or self.default
        return chosen, self.orders[chosen]


def sorts(name: str, /, *, default: str, **expressions: Any) -> Sorts:
    """Declare sort orders; ``default`` is one of the names, as in ``"created_at_desc"``."""
    orders = {
        f"{key}_{direction}": Order(expression, direction == "desc")
        for key, expression in expressions.items()
        for direction in ("asc", "desc")
    }
    members = {key.upper(): key for key in orders}
    enum: Any = StrEnum(name, members)
    return Sorts(enum, orders, default)


@dataclass(frozen=True, slots=True)
class Read:
    """A declared read. ``by`` binds a row to its parent; without it the read is a root list."""

    name: str
    row: type[Base]
    build: Build
    permission: str | None
    by: Attribute[Any] | None = None
    sorts: Sorts | None = None
    arguments: tuple[Parameter, ...] = field(default=(), compare=False)

    @property
    def key(self) -> Attribute[Any]:
        if self.by is None:
            raise TypeError(f"{self.name} has no parent")
        return self.by


@dataclass(frozen=True, slots=True)
class One(Read):
    """At most one row of each key."""


@dataclass(frozen=True, slots=True)
class Many(Read):
    """All rows of each key, in one fixed order: for short lists such as an order's lines."""

    order: tuple[Any, ...] = ()

    def by_column(self, column: Attribute[Any]) -> "Many":
        return replace(self, by=column, name=f"{self.name}.{column.key}")


@dataclass(frozen=True, slots=True)
class Page(Read):
    """A page of the rows (of each key), sorted and cut by the caller's wish."""

    def by_column(self, column: Attribute[Any]) -> "Page":
        """The same rows, as a relation of the parent that ``column`` refers to."""
        return replace(self, by=column, name=f"{self.name}.{column.key}")


@dataclass(frozen=True, slots=True)
class Value(Read):
    """One computed value of each key, ``default`` where there are no rows.

    The function turns the visible rows into a statement of (key, value), grouped by the key.
    """

    default: Any = None


def one(row: type[Base], *, by: Attribute[Any], permission: str | None) -> Callable[[Build], One]:
    def declare(build: Build) -> One:
        return One(_name(build), row, build, permission, by, None, _arguments(build))

    return declare


def many(
    row: type[Base], *, by: Attribute[Any], order: tuple[Any, ...], permission: str | None
) -> Callable[[Build], Many]:
    def declare(build: Build) -> Many:
        return Many(_name(build), row, build, permission, by, None, _arguments(build), order)

    return declare


def page(row: type[Base], *, sorts: Sorts, permission: str | None) -> Callable[[Build], Page]:
    def declare(build: Build) -> Page:
        return Page(_name(build), row, build, permission, None, sorts, _arguments(build))

    return declare


def value(
    row: type[Base], *, by: Attribute[Any], default: Any, permission: str | None
) -> Callable[[Build], Value]:
    def declare(build: Build) -> Value:
        return Value(_name(build), row, build, permission, by, None, _arguments(build), default)

    return declare


def _name(build: Build) -> str:
    return f"{build.__module__}.{build.__qualname__}"


def _arguments(build: Build) -> tuple[Parameter, ...]:
    hints = get_type_hints(build, include_extras=True)
    return tuple(
        parameter.replace(annotation=hints[parameter.name])
        for parameter in signature(build).parameters.values()
        if parameter.kind is Parameter.KEYWORD_ONLY
    )


Conditions = Mapping[str, Callable[[Any], ColumnElement[bool]]]


def narrowed(statement: Select[Any], wanted: Any, conditions: Conditions) -> Select[Any]:
    """Limit to rows that meet every given field of a filter.

    ``conditions`` says for each field of the filter what it means; a field that is None was not
    given.
    """
    if wanted is None:
        return statement
    given = {item.name: getattr(wanted, item.name) for item in fields(wanted)}
    return statement.where(
        *(conditions[name](value) for name, value in given.items() if value is not None)
    )


def contains(column: Any, text: str) -> ColumnElement[bool]:
    """Case-insensitive "contains", with the caller's ``%`` and ``_`` taken as they are."""
    return column.icontains(text, autoescape=True)
