"""From what the driver gives to what stands in JSON: scalars, enums, and lists of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from graphql import (
    GraphQLEnumType,
    GraphQLLeafType,
)
from sqlalchemy import JSON, BigInteger, Boolean, Enum, Float, Integer, String, TypeDecorator, Uuid

from engine import kinds
from engine.refusals import Irregular, Uncompilable

Convert = Callable[[Any], Any]
LARGEST_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Fast:
    """A scalar's JSON straight from what the driver gives for a column.

    None: it is that already. ``gives_null`` where it may make null of what is none in SQL.
    """

    convert: Convert | None
    gives_null: bool = False


# (name of the GraphQL scalar, type of the column, name of the database) -> how, or None
Scalars = Callable[[str, Any, str], Fast | None]


def no_short_cuts(*_: object) -> None:
    """``Scalars`` where nobody asks for JSON."""


def irregular(*_: Any) -> Any:
    """A null where none may be: the reference executor tells what is to be said of it."""
    raise Irregular("null")


class Leaves:
    """Conversions for one database. ``scalars`` knows short cuts of the schema's own scalars."""

    def __init__(self, dialect: Any, scalars: Scalars) -> None:
        self._dialect = dialect
        self._scalars = scalars

    def fast(self, column: Any, leaf: GraphQLLeafType) -> tuple[str, Fast]:
        """An expression of ``{v}`` for a value that is not null, and the function ``{f}`` in it.

        Without a short cut the value is made what the ORM would give, and serialised as always.
        """
        kind = column.type
        if isinstance(leaf, GraphQLEnumType) and isinstance(kind, Enum):
            return "{f}({v})", Fast(_enum_names(leaf).__getitem__)
        plain = _plain(kind, leaf.name, self._dialect.name)
        if plain is not None:
            return plain, Fast(None)
        found = self._scalars(leaf.name, kind, self._dialect.name)
        if found is not None:
            return ("{v}" if found.convert is None else "{f}({v})"), found
        python, serialize = self.python(column), leaf.serialize
        if python is None:
            return "{f}({v})", Fast(serialize, gives_null=True)
        return "{f}({v})", Fast(lambda value: serialize(python(value)), gives_null=True)

    def python(self, column: Any) -> Convert | None:
        """What makes of the driver's value (not null) what the ORM would give; None if nothing."""
        kind = column.type
        if isinstance(kind, Uuid):
            return UUID
        if isinstance(kind, JSON):
            return orjson.loads
        if isinstance(kind, Enum):
            members: Any = kind.enum_class
            return members if members is not None else None
        if isinstance(kind, Boolean):
            return bool if self._dialect.name == "sqlite" else None
        if isinstance(kind, Integer | BigInteger | String | Float):
            return None
        return kind.dialect_impl(self._dialect).result_processor(self._dialect, None)


def _plain(kind: Any, scalar: str, database: str) -> str | None:
    if isinstance(kind, TypeDecorator):
        return None
    if scalar in ("String", "ID") and isinstance(kind, String) and not isinstance(kind, Enum):
        return "{v}"
    if scalar == "ID" and isinstance(kind, Integer):
        return "str({v})"
    if scalar == "Boolean" and isinstance(kind, Boolean):
        return "({v} != 0)" if database == "sqlite" else "{v}"
    if scalar == "Int" and isinstance(kind, Integer):
        return f"({{v}} if -{LARGEST_INT + 1} <= {{v}} <= {LARGEST_INT} else irregular())"
    return None


def _enum_names(leaf: GraphQLEnumType) -> dict[Any, str]:
    """The name of each value. Strawberry's enums hold members, and columns their values."""
    names: dict[Any, str] = {}
    for name, value in leaf.values.items():
        member = getattr(value.value, "value", value.value)
        names[member] = name
    return names


def completed(kind: Any) -> Convert:
    """What makes JSON of a resolver's result, as the reference executor would; null included.

    Raises ``Irregular`` where that would report an error.
    """
    if kinds.is_required(kind):
        inner = completed(kinds.nullable(kind))

        def required(value: Any) -> Any:
            found = inner(value)
            return irregular() if found is None else found

        return required
    if (of := kinds.item(kind)) is not None:
        item = completed(of)

        def listed(value: Any) -> Any:
            if value is None:
                return None
            if not isinstance(value, list | tuple):
                raise Irregular("no list")
            return [item(each) for each in value]  # pyright: ignore[reportUnknownVariableType]

        return listed
    if not kinds.is_leaf(kind):
        raise Uncompilable("object", str(kind))
    serialize = kind.serialize

    def leaf(value: Any) -> Any:
        return None if value is None else serialize(value)

    return leaf
