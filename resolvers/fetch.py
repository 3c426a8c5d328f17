"""Run declared reads: one statement each, for all keys at once, with only the columns asked for."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import Row

from db.base import Attribute
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.keys import LARGEST
from resolvers.pages import PageOfRows, Window, cut, paged
from resolvers.reads import Many, One, Page, Read, Value
from resolvers.viewer import visible

Columns = tuple[Attribute[Any], ...]
Arguments = Mapping[str, Any]


def statement(ctx: Context, read: Read, arguments: Arguments) -> Any:
    """The read's rows for this viewer, whole; raises ``Forbidden`` where they may not look."""
    viewer = ctx.require(read.permission)
    found: Any = read.build(visible(viewer, read.row), **arguments)
    return found


def _only(found: Any, columns: Sequence[Any]) -> Any:
    """Limit to ``columns``; each is named as its attribute."""
    named = {column.key: column for column in columns}
    return found.with_only_columns(*named.values(), maintain_column_froms=True)


def _with_key(read: Read, columns: Columns) -> list[Any]:
    return [*columns, read.row.__mapper__.attrs["id"].class_attribute]


async def rows_of(
    ctx: Context, read: One | Many, keys: Sequence[Any], arguments: Arguments, columns: Columns
) -> list[Any]:
    """Of each key: its row or None (``One``), or its list of rows (``Many``)."""
    found = statement(ctx, read, arguments).where(read.key.in_(set(keys)))
    found = _only(found, [*_with_key(read, columns), read.key])
    if isinstance(read, Many):
        found = found.order_by(*read.order)
    grouped: defaultdict[Any, list[Row[Any]]] = defaultdict(list)
    for row in await ctx.rows(found):
        grouped[getattr(row, read.key.key)].append(row)
    if isinstance(read, One):
        return [next(iter(grouped[key]), None) for key in keys]
    return [grouped[key] for key in keys]


async def values_of(
    ctx: Context, read: Value, keys: Sequence[Any], arguments: Arguments
) -> list[Any]:
    found = statement(ctx, read, arguments).where(read.key.in_(set(keys)))
    rows: Sequence[Any] = await ctx.rows(found)
    values = {row[0]: row[1] for row in rows}
    return [values.get(key, read.default) for key in keys]


async def root_page(
    ctx: Context, read: Page, arguments: Arguments, wanted: Window, columns: Columns
) -> PageOfRows:
    found, sort, order, by = paged(statement(ctx, read, arguments), read, wanted)
    found = _only(found, _with_key(read, columns)).add_columns(by.label("sort_"))
    return cut(await ctx.rows(found.order_by(*order).limit(wanted.size + 1)), wanted, sort)


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
    found, sort, order, by = paged(statement(ctx, read, arguments), read, wanted)
    found = _only(found.where(read.key.in_(set(keys))), [*_with_key(read, columns), read.key])
    place = func.row_number().over(partition_by=read.key, order_by=order).label("place_")
    ranked = found.add_columns(by.label("sort_"), place).subquery()
    chosen = select(ranked).where(ranked.c.place_ <= wanted.size + 1).order_by(ranked.c.place_)
    grouped: defaultdict[Any, list[Row[Any]]] = defaultdict(list)
    for row in await ctx.rows(chosen):
        grouped[getattr(row, read.key.key)].append(row)
    return [cut(grouped[key], wanted, sort) for key in keys]


async def count(ctx: Context, read: Page, arguments: Arguments) -> int:
    found = statement(ctx, read, arguments).order_by(None)
    [[total]] = await ctx.rows(found.with_only_columns(func.count(), maintain_column_froms=True))
    return int(total)


async def counts_of(
    ctx: Context, read: Page, keys: Sequence[Any], arguments: Arguments
) -> list[int]:
    found = statement(ctx, read, arguments).order_by(None).where(read.key.in_(set(keys)))
    counted = found.with_only_columns(read.key, func.count(), maintain_column_froms=True)
    rows: Sequence[Any] = await ctx.rows(counted.group_by(read.key))
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
    found, _, order, by = paged(statement(ctx, read, arguments), read, Window(sort=sort))
    found = _only(found, _with_key(read, columns)).add_columns(by.label("sort_"))
    skipped = min((page - 1) * size, LARGEST)  # no list is longer, and databases count so far
    return await ctx.rows(found.order_by(*order).limit(size).offset(skipped))


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
