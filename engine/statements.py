"""From a declared read to SQL: built by SQLAlchemy once, run by the driver many times."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    Select,
    String,
    Uuid,
    any_,
    bindparam,
    func,
    select,
    true,
)

from engine.fields import Kind, Rows, Scope, Window
from engine.refusals import Uncompilable

KEYS, SIZE = "keys", "size"
POSITIONS = ("after_value", "after_key", "before_value", "before_key")
RUNTIME = frozenset((KEYS, SIZE, *POSITIONS))
_KINDS: Mapping[Any, Any] = {int: BigInteger(), str: String()}


class ArrayBinds:
    """Parameters where one parameter can hold an array (PostgreSQL)."""

    lateral = True

    def value(self, name: str, kind: Any) -> Any:
        return bindparam(name, None, type_=_KINDS.get(kind, kind))

    def values(self, name: str, kind: Any) -> Any:
        return select(func.unnest(self._array(name, kind)))

    def within(self, column: Any, name: str) -> Any:
        return column == any_(self._array(name, column.type))

    def each(self, name: str, kind: Any) -> Any:
        """The values as a table of one column, ``key``."""
        unnested = func.unnest(self._array(name, kind)).table_valued("key", name="parent")
        return unnested.render_derived()

    def _array(self, name: str, kind: Any) -> Any:
        return bindparam(name, None, type_=ARRAY(_KINDS.get(kind, kind)))

    def encode(self, values: Sequence[Any]) -> Any:
        return list(values)


class JsonBinds:
    """Parameters where a list goes as JSON text (SQLite)."""

    lateral = False

    def value(self, name: str, kind: Any) -> Any:
        return bindparam(name, None, type_=_KINDS.get(kind, kind))

    def values(self, name: str, kind: Any) -> Any:
        return select(self._table(name).c.value)

    def within(self, column: Any, name: str) -> Any:
        value: Any = self._table(name).c.value
        if isinstance(column.type, Uuid):  # SQLAlchemy stores them without dashes there
            value = func.replace(value, "-", "")
        return column.in_(select(value))

    def each(self, name: str, kind: Any) -> Any:
        """The values as a table of one column, ``value``."""
        return self._table(name).alias("parent")

    def _table(self, name: str) -> Any:
        return func.json_each(bindparam(name, None, type_=String())).table_valued("value")

    def encode(self, values: Sequence[Any]) -> Any:
        return orjson.dumps(list(values)).decode()


AnyBinds = ArrayBinds | JsonBinds


@dataclass(frozen=True, slots=True)
class Slot:
    """A parameter: a value known since the statement was built, or the name of one to come.

    ``late`` gives a value that is another in every run, such as the present moment.
    """

    name: str | None
    value: Any
    process: Callable[[Any], Any] | None
    late: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement as the driver takes it.

    ``arguments`` makes what goes with its text of the values that are known by now.
    """

    text: str
    arguments: Callable[[Mapping[str, Any]], tuple[Any, ...]]

    @classmethod
    def of(cls, text: str, slots: Sequence[Slot]) -> "Sql":
        """With ``slots`` for its parameters, in their order."""
        names = [slot.name for slot in slots if slot.name is not None and slot.process is None]
        if len(names) == len(slots) > 1:
            return cls(text, cast("Any", itemgetter(*names)))

        def arguments(values: Mapping[str, Any]) -> tuple[Any, ...]:
            found: list[Any] = []
            for slot in slots:
                if slot.name is not None:
                    value = values[slot.name]
                elif slot.late is not None:
                    value = slot.late()
                else:
                    found.append(slot.value)
                    continue
                found.append(value if slot.process is None else slot.process(value))
            return tuple(found)

        return cls(text, arguments)


class Shape(NamedTuple):
    """What a statement's text depends on, besides the field and the caller's scope.

    ``keyed`` tells by which keys: none (a root list), a single one, or many.
    """

    arguments: Any
    sort: str | None
    backward: bool
    after: bool
    before: bool
    keyed: str

    @classmethod
    def of(cls, arguments: Any, window: Window | None, keyed: str) -> "Shape":
        if window is None:
            return cls(arguments, None, False, False, False, keyed)  # noqa: FBT003
        return cls(
            arguments,
            window.sort,
            window.backward,
            window.after is not None,
            window.before is not None,
            keyed,
        )


class Builder:
    """Builds statements for one database and one scope."""

    def __init__(self, dialect: Any, binds: AnyBinds, scope: Scope) -> None:
        self._dialect = dialect
        self._binds = binds
        self._symbols = scope.symbols(binds)
        self._known = frozenset(scope.values)

    def rows(self, rows: Rows, shape: Shape, window: Window | None, columns: Sequence[Any]) -> Sql:
        """The rows of all keys (or of the root), with just these columns.

        A column may be the string ``"sort"``: the expression that cursors are made of.
        """
        found = rows.select(self._symbols, shape.arguments)
        if rows.kind is Kind.VALUE:
            return self._sql(found.where(self._binds.within(rows.key, KEYS)))
        if window is None:
            found = found.where(self._of_keys(rows, shape))
            return self._sql(_only(found, columns).order_by(*_in_order(rows)))
        if rows.ordered is None:
            raise Uncompilable("no order")
        found, order, by = rows.ordered(found, window, self._binds)
        chosen = [by if isinstance(column, str) else column for column in columns]
        size: Any = self._binds.value(SIZE, Integer())
        if shape.keyed == "none":
            return self._sql(_only(found, chosen).order_by(*order).limit(size))
        if shape.keyed == "single":
            found = found.where(self._of_keys(rows, shape))
            return self._sql(_only(found, chosen).order_by(*order).limit(size))
        paged = self._lateral if self._binds.lateral else self._found_by_id
        return self._sql(paged(rows, found, order, chosen, size))

    def _of_keys(self, rows: Rows, shape: Shape) -> Any:
        key: Any = rows.key
        if shape.keyed == "single":
            return key == self._binds.value(KEYS, key.type)
        return self._binds.within(key, KEYS)

    def count(self, rows: Rows, shape: Shape) -> Sql:
        """(key, number of rows) of all keys, or just the number for the root."""
        found: Any = rows.select(self._symbols, shape.arguments).order_by(None)
        if shape.keyed == "none":
            return self._sql(found.with_only_columns(func.count(), maintain_column_froms=True))
        found = found.where(self._binds.within(rows.key, KEYS))
        counted = found.with_only_columns(rows.key, func.count(), maintain_column_froms=True)
        return self._sql(counted.group_by(rows.key))

    def _lateral(
        self, rows: Rows, found: Select[Any], order: list[Any], columns: list[Any], size: Any
    ) -> Select[Any]:
        """The first rows of each key, as far as an index gives them in order: few are read."""
        key: Any = rows.key
        parent = self._binds.each(KEYS, key.type)
        own = _only(found.where(key == parent.c.key), columns, labelled=True)
        child = own.order_by(*order).limit(size).lateral("child")
        return select(*child.c).select_from(parent.join(child, true()))

    def _found_by_id(
        self, rows: Rows, found: Select[Any], order: list[Any], columns: list[Any], size: Any
    ) -> Select[Any]:
        """The same where there is no LATERAL: the ids first, of each key by its own index."""
        key: Any = rows.key
        if rows.id is None or any(not _is_of(rows.id, column) for column in columns):
            return self._ranked(rows, found, order, columns, size)
        parent = self._binds.each(KEYS, key.type)
        ids: Any = found.where(key == parent.c.value).with_only_columns(
            rows.id, maintain_column_froms=True
        )
        first = ids.order_by(*order).limit(size).correlate(parent).scalar_subquery()
        table = rows.id.class_.__table__
        own: Any = select(*columns).select_from(parent.join(table, rows.id.in_(first)))
        return own.order_by(*order)

    def _ranked(
        self, rows: Rows, found: Select[Any], order: list[Any], columns: list[Any], size: Any
    ) -> Select[Any]:
        """The same for rows of several tables: all rows of the keys are numbered first."""
        key: Any = rows.key
        place = func.row_number().over(partition_by=key, order_by=order).label("place")
        own = _only(found.where(self._binds.within(key, KEYS)), columns, labelled=True)
        ranked = own.add_columns(place).subquery("ranked")
        chosen = [column for column in ranked.c if column.key != "place"]
        return select(*chosen).where(ranked.c.place <= size).order_by(ranked.c.place)

    def _sql(self, statement: Select[Any]) -> Sql:
        return compiled(statement, self._dialect, self._known | RUNTIME)


def compiled(statement: Select[Any], dialect: Any, runtime: Container[str]) -> Sql:
    """A statement for the driver. Parameters of the names ``runtime`` get their values later."""
    done: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    names: list[str] = done.positiontup
    return Sql.of(done.string, [_slot(done, dialect, name, runtime) for name in names])


def _slot(done: Any, dialect: Any, name: str, runtime: Container[str]) -> Slot:
    # ``x_1_2`` is the second of the values that ``x_1`` was given for an IN (...).
    bind = done.binds.get(name)
    if bind is None:
        bind = done.binds[name.rpartition("_")[0]]
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if name in runtime:
        # A list goes to the driver as it is.
        return Slot(name, None, None if isinstance(bind.type, ARRAY) else process)
    if bind.callable is not None:
        return Slot(None, None, process, bind.callable)
    value = done.params[name]
    return Slot(None, value if process is None else process(value), None)


def _is_of(id: Any, column: Any) -> bool:
    return getattr(column, "class_", None) is id.class_


def _in_order(rows: Rows) -> tuple[Any, ...]:
    """The rows of each key in order, and the keys one after another, as an index has them."""
    return (rows.key, *rows.order) if rows.order else ()


def _only(found: Select[Any], columns: Sequence[Any], *, labelled: bool = False) -> Select[Any]:
    named = [c.label(f"c{at}") for at, c in enumerate(columns)] if labelled else columns
    only: Any = found.with_only_columns(*named, maintain_column_froms=True)
    return only
