"""Run declared reads: one statement each, for all keys at once, with only the columns asked for."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, func, select
from sqlalchemy.engine import Row

from db.base import Attribute, Key
from resolvers import pages
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.keys import LARGEST
from resolvers.pages import PageOfRows, Position, Window, cut
from resolvers.reads import Many, One, Page, Read, Value
from resolvers.viewer import Binds, visible

Columns = tuple[Attribute[Any], ...]
Arguments = Mapping[str, Any]
Narrow = Callable[[Any, Binds], Any]
KEYS, SIZE, SKIPPED = "keys", "size", "skipped"


async def _rows(
    ctx: Context,
    read: Read,
    arguments: Arguments,
    narrow: Narrow,
    *,
    how: Hashable = (),
    values: Mapping[str, Any],
) -> Sequence[Row[Any]]:
    """The rows that ``narrow`` leaves of those that the read finds for the viewer.

    ``narrow`` is told by its name and ``how``; ``values`` are those of its parameters. Raises
    ``Forbidden`` where the viewer may not look.
    """
    viewer = ctx.require(read.permission)

    def build(binds: Binds) -> Any:
        found: Any = read.build(visible(viewer.bound(binds), read.row), **arguments)
        return narrow(found, binds)

    key = (narrow.__qualname__, how, read, freeze(arguments), viewer.shape)
    return await ctx.services.reader.rows(key, build, {**viewer.values, **values})


def _only(found: Any, columns: Sequence[Any]) -> Any:
    """Limit to ``columns``; each is named as its attribute."""
    named = {column.key: column for column in columns}
    return found.with_only_columns(*named.values(), maintain_column_froms=True)


def _with_key(read: Read, columns: Columns) -> list[Any]:
    return [*columns, read.row.__mapper__.attrs["id"].class_attribute]


def _keys(keys: Sequence[Any]) -> Mapping[str, Any]:
    return {KEYS: tuple(dict.fromkeys(keys))}


async def rows_of(
    ctx: Context, read: One | Many, keys: Sequence[Any], arguments: Arguments, columns: Columns
) -> list[Any]:
    """Of each key: its row or None (``One``), or its list of rows (``Many``)."""

    def of_keys(found: Any, binds: Binds) -> Any:
        found = found.where(binds.within(read.key, KEYS))
        found = _only(found, [*_with_key(read, columns), read.key])
        return found.order_by(*read.order) if isinstance(read, Many) else found

    rows = await _rows(ctx, read, arguments, of_keys, how=columns, values=_keys(keys))
    grouped: defaultdict[Any, list[Row[Any]]] = defaultdict(list)
    name = read.key.key
    for row in rows:
        grouped[getattr(row, name)].append(row)
    if isinstance(read, One):
        return [next(iter(grouped[key]), None) for key in keys]
    return [grouped[key] for key in keys]


async def values_of(
    ctx: Context, read: Value, keys: Sequence[Any], arguments: Arguments
) -> list[Any]:
    def of_keys(found: Any, binds: Binds) -> Any:
        return found.where(binds.within(read.key, KEYS))

    rows: Sequence[Any] = await _rows(ctx, read, arguments, of_keys, values=_keys(keys))
    values = {row[0]: row[1] for row in rows}
    return [values.get(key, read.default) for key in keys]


class _Beyond:
    """The part of a list that lies beyond the cursors of a window, in its order."""

    def __init__(self, read: Page, wanted: Window) -> None:
        self._read, self._backward = read, wanted.backward
        self.sort, after, before = pages.positions(read, wanted)
        self._positions = {"after": after, "before": before}
        self.how = (self.sort, self._backward, after is not None, before is not None)
        self.values: dict[str, Any] = {}
        for name, position in self._positions.items():
            if position is not None:
                self.values[f"{name}_value"], self.values[f"{name}_key"] = position

    def of(self, found: Any, binds: Binds) -> tuple[Any, list[Any], Any]:
        by = pages.sorted_by(self._read, self.sort).type

        def bound(name: str) -> Position | None:
            if self._positions[name] is None:
                return None
            return binds.value(f"{name}_value", by), binds.value(f"{name}_key", Key)

        return pages.beyond(
            found, self._read, sort=self.sort, backward=self._backward,
            after=bound("after"), before=bound("before"),
        )  # fmt: skip


async def root_page(
    ctx: Context, read: Page, arguments: Arguments, wanted: Window, columns: Columns
) -> PageOfRows:
    beyond = _Beyond(read, wanted)

    def page(found: Any, binds: Binds) -> Any:
        found, order, by = beyond.of(found, binds)
        found = _only(found, _with_key(read, columns)).add_columns(by.label("sort_"))
        return found.order_by(*order).limit(binds.value(SIZE, Integer()))

    rows = await _rows(
        ctx, read, arguments, page,
        how=(columns, beyond.how), values={SIZE: wanted.size + 1, **beyond.values},
    )  # fmt: skip
    return cut(rows, wanted, beyond.sort)


async def pages_of(
    ctx: Context,
    read: Page,
    keys: Sequence[Any],
    *,
    arguments: Arguments,
    wanted: Window,
    columns: Columns,
) -> list[PageOfRows]:
    """A page of each key's rows, by one statement with a window function."""
    beyond = _Beyond(read, wanted)

    def of_keys(found: Any, binds: Binds) -> Any:
        found, order, by = beyond.of(found, binds)
        found = found.where(binds.within(read.key, KEYS))
        found = _only(found, [*_with_key(read, columns), read.key])
        place = func.row_number().over(partition_by=read.key, order_by=order).label("place_")
        ranked = found.add_columns(by.label("sort_"), place).subquery()
        size = binds.value(SIZE, Integer())
        return select(ranked).where(ranked.c.place_ <= size).order_by(ranked.c.place_)

    rows = await _rows(
        ctx, read, arguments, of_keys,
        how=(columns, beyond.how),
        values={SIZE: wanted.size + 1, **_keys(keys), **beyond.values},
    )  # fmt: skip
    grouped: defaultdict[Any, list[Row[Any]]] = defaultdict(list)
    name = read.key.key
    for row in rows:
        grouped[getattr(row, name)].append(row)
    return [cut(grouped[key], wanted, beyond.sort) for key in keys]


async def count(ctx: Context, read: Page, arguments: Arguments) -> int:
    def number(found: Any, _binds: Binds) -> Any:
        counted = found.order_by(None)
        return counted.with_only_columns(func.count(), maintain_column_froms=True)

    [[total]] = await _rows(ctx, read, arguments, number, values={})
    return int(total)


async def counts_of(
    ctx: Context, read: Page, keys: Sequence[Any], arguments: Arguments
) -> list[int]:
    def of_keys(found: Any, binds: Binds) -> Any:
        found = found.order_by(None).where(binds.within(read.key, KEYS))
        counted = found.with_only_columns(read.key, func.count(), maintain_column_froms=True)
        return counted.group_by(read.key)

    rows: Sequence[Any] = await _rows(ctx, read, arguments, of_keys, values=_keys(keys))
    totals = {row[0]: row[1] for row in rows}
    return [int(totals.get(key, 0)) for key in keys]


async def numbered_page(
    ctx: Context,
    read: Page,
    arguments: Arguments,
    *,
    page: int,
    size: int,
    sort: str | None,
    columns: Columns,
) -> Sequence[Row[Any]]:
    """Page number ``page`` (from 1) of a list, for the dialects that have page numbers."""
    beyond = _Beyond(read, Window(sort=sort))

    def numbered(found: Any, binds: Binds) -> Any:
        found, order, by = beyond.of(found, binds)
        found = _only(found, _with_key(read, columns)).add_columns(by.label("sort_"))
        limited = found.order_by(*order).limit(binds.value(SIZE, Integer()))
        return limited.offset(binds.value(SKIPPED, Key))

    skipped = min((page - 1) * size, LARGEST)  # no list is longer, and databases count so far
    return await _rows(
        ctx, read, arguments, numbered,
        how=(columns, beyond.how), values={SIZE: size, SKIPPED: skipped},
    )  # fmt: skip


async def total(
    ctx: Context, read: Page, arguments: Arguments, *, page: int, size: int, found: int
) -> int:
    """How many rows there are on all pages, of which this one has ``found``.

    A page that is not full is the last one, and tells by itself, unless it is beyond that.
    """
    if found < size and (found or page == 1):
        return (page - 1) * size + found
    return await count(ctx, read, arguments)


async def find(
    ctx: Context, read: One, key: Any, columns: Columns, *, what: str, **arguments: Any
) -> Row[Any]:
    """The row of a key. Raises ``NotFound``: there is none, or it is not the viewer's."""
    [row] = await rows_of(ctx, read, [key], arguments, columns)
    if row is None:
        raise NotFound(what)
    return row


async def load(
    ctx: Context, read: One | Many | Value, key: Any, arguments: Arguments, columns: Columns = ()
) -> Any:
    """The rows or value of one key, fetched together with all keys asked for in this tick."""

    async def batch(keys: Sequence[Any]) -> Sequence[Any]:
        if isinstance(read, Value):
            return await values_of(ctx, read, keys, arguments)
        return await rows_of(ctx, read, keys, arguments, columns)

    return await ctx.load((read, freeze(arguments), columns), batch, key)


async def load_page(
    ctx: Context,
    read: Page,
    key: Any,
    *,
    arguments: Arguments,
    wanted: Window,
    columns: Columns,
) -> PageOfRows:
    async def batch(keys: Sequence[Any]) -> Sequence[Any]:
        return await pages_of(ctx, read, keys, arguments=arguments, wanted=wanted, columns=columns)

    return await ctx.load((read, freeze(arguments), wanted, columns), batch, key)


async def load_count(ctx: Context, read: Page, key: Any, arguments: Arguments) -> int:
    async def batch(keys: Sequence[Any]) -> Sequence[Any]:
        return await counts_of(ctx, read, keys, arguments)

    return await ctx.load((read, freeze(arguments), "count"), batch, key)


def freeze(arguments: Arguments) -> Hashable:
    """A key of equal arguments (filters are frozen dataclasses, so that they can be compared)."""
    return tuple(sorted(arguments.items(), key=lambda item: item[0]))
