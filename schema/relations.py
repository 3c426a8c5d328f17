"""Bind fields to declared reads: a relation is one line and never one query per parent.

Each field carries a declaration (``engine.fields``): from it whole selections are compiled, and the
reference executor's resolvers know which columns are needed, so that a list selects just those of
the fields that were asked for.
"""

from asyncio import gather
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Annotated, Any, Generic, TypeVar, cast

import strawberry
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
)
from strawberry.types.field import StrawberryField

from db.base import Attribute, Base
from engine import DECLARATION, Batched, Column, Computed, Encoded, Record, Relation
from resolvers import fetch, keys, pages
from resolvers.context import Context
from resolvers.reads import Many, One, Page, Read, Value
from schema.arguments import converted_all, graphql_enum, parameter
from schema.declarations import of_key, of_parents, page_arguments, pages_of
from schema.scalars import Money, decimal_text, money

Info = strawberry.Info[Context, None]
GlobalId = Annotated[strawberry.ID, strawberry.argument(description="Its global id.")]
T = TypeVar("T")
OfColumns = Callable[[Any], Any] | Callable[[Any, Any], Any] | Callable[[Any, Any, Any], Any]
Columns = tuple[Attribute[Any], ...]
_READ = "read"


@strawberry.interface(description="Anything that has a global id (Relay).")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque id, unique over all types.")

    @classmethod
    def resolve_type(cls, value: Any, *_: Any) -> str:
        return value.typename_


@dataclass(frozen=True, slots=True)
class Noun:
    """A GraphQL type of rows: its row class and what each field needs."""

    row: type[Base]
    by_id: One
    name: str
    type: type
    needs: dict[str, Columns]


NOUNS: dict[str, Noun] = {}


def noun(
    row: type[Base], by_id: One, about: str, *, name: str | None = None
) -> Callable[[type[T]], type[T]]:
    """Make a class the GraphQL type of a row: a ``Node`` whose plain fields are columns."""

    def decorate(cls: type[T]) -> type[T]:
        untyped: Any = cls
        untyped.is_type_of = classmethod(_always)
        made: Any = strawberry.type(untyped, name=name, description=about)
        definition = made.__strawberry_definition__
        needs: dict[str, Columns] = {}
        # The interface lends one and the same ``id`` to all; each noun resolves its own.
        definition.fields = [
            copy(item) if item.python_name == "id" else item for item in definition.fields
        ]
        for item in definition.fields:
            graphql_name = item.graphql_name or _camel(item.python_name)
            needs[graphql_name] = _needs(row, definition.name, item)
        NOUNS[definition.name] = Noun(row, by_id, definition.name, made, needs)
        return made

    return decorate


def _always(_cls: type, _value: Any, _info: Any) -> bool:
    """Rows are plain tuples; which type they have is known from the field, not from them."""
    return True


def _needs(row: type[Base], owner: str, field: StrawberryField) -> Columns:
    item: Any = field
    if item.python_name == "id" and item.base_resolver is None:
        item.base_resolver = _id_resolver(owner)
        encoded = Encoded(keys.encoder(owner), (_column(row, "id"),))
        item.metadata = {DECLARATION: encoded}
    if DECLARATION not in item.metadata:
        if item.base_resolver is not None:
            raise TypeError(f"{owner}.{item.python_name} does not say which columns it needs")
        item.metadata = {**item.metadata, DECLARATION: Column(_column(row, item.python_name))}
    return item.metadata[DECLARATION].needs


def _column(row: type[Base], name: str) -> Attribute[Any]:
    column: Attribute[Any] | None = getattr(row, name, None)
    if column is None:
        raise TypeError(f"{row.__name__} has no column {name}")
    return column


def _id_resolver(noun_name: str) -> Any:
    def resolve(root: Any) -> strawberry.ID:
        return strawberry.ID(keys.global_id(noun_name, root.id))

    made: Any = strawberry.field(resolver=resolve)
    return made.base_resolver


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


# Which columns does a selection need?


def selected(info: Any, type_name: str, *inside: str) -> Columns:
    """The columns that the current field's selection needs of ``type_name``.

    It looks below the fields ``inside`` (``"edges", "node"``). Directives are not weighed: a column
    too many does no harm.
    """
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001 - Strawberry offers no other way
    sets = [node.selection_set for node in raw.field_nodes if node.selection_set]
    for name in inside:
        sets = [
            node.selection_set
            for node in _fields(raw, sets)
            if node.name.value == name and node.selection_set
        ]
    needs = NOUNS[type_name].needs
    found: dict[str, Attribute[Any]] = {}
    for node in _fields(raw, sets):
        for column in needs.get(node.name.value, ()):
            found[column.key] = column
    return tuple(found[key] for key in sorted(found))


def selected_names(info: Any) -> set[str]:
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001 - Strawberry offers no other way
    sets = [node.selection_set for node in raw.field_nodes if node.selection_set]
    return {node.name.value for node in _fields(raw, sets)}


def _fields(info: GraphQLResolveInfo[Any], sets: Iterable[SelectionSetNode]) -> Iterator[FieldNode]:
    for selections in sets:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                yield from _fields(info, [info.fragments[node.name.value].selection_set])
            elif isinstance(node, InlineFragmentNode):
                yield from _fields(info, [node.selection_set])


def read_of(field: Any) -> Read | None:
    """The read that a field was bound to; None for a field of another kind."""
    return field.metadata.get(_READ) if isinstance(field, StrawberryField) else None


# Fields


def plain(about: str) -> Any:
    """A column, as it is."""
    return strawberry.field(description=about)


def column(of: Attribute[Any], about: str) -> Any:
    """A column, as it is, under another name than the row's."""

    def resolve(root: Any) -> Any:
        return getattr(root, of.key)

    return strawberry.field(resolver=resolve, description=about, metadata={DECLARATION: Column(of)})


def computed(function: OfColumns, *needs: Attribute[Any], about: str) -> Any:
    """A value that ``function`` makes of the values of the columns ``needs``."""
    names, made = [need.key for need in needs], cast("Callable[..., Any]", function)

    def resolve(root: Any) -> Any:
        return made(*[getattr(root, name) for name in names])

    return strawberry.field(
        resolver=resolve, description=about, metadata={DECLARATION: Computed(made, needs)}
    )


def batched(
    load: Callable[[Context, Sequence[tuple[Any, ...]]], Awaitable[Sequence[Any]]],
    *needs: Attribute[Any],
    about: str,
    permission: str | None = None,
) -> Any:
    """What ``load`` makes of the values of the columns ``needs`` of all parents at once.

    ``permission`` is what ``load`` insists on, if anything.
    """
    names = [need.key for need in needs]

    async def resolve(root: Any, info: Info) -> Any:
        async def batch(keys: Sequence[Any]) -> Sequence[Any]:
            return await load(info.context, keys)

        return await info.context.load(load, batch, tuple(getattr(root, name) for name in names))

    return strawberry.field(
        resolver=resolve,
        description=about,
        metadata={DECLARATION: Batched(load, needs, permission)},
    )


def amount(column: Attribute[Any], currency: Attribute[Any], about: str) -> Any:
    """A ``Money`` of a column of micro-units and the column of its currency."""
    name, unit = column.key, currency.key

    def resolve(root: Any) -> Money | None:
        return money(getattr(root, name), getattr(root, unit))

    fields = {"amount": Encoded(decimal_text, (column,)), "currency": Column(currency)}
    return strawberry.field(
        resolver=resolve, description=about, metadata={DECLARATION: Record(fields, column)}
    )


def _shaped(resolve: Any, read: Read, *extra: Parameter) -> Any:
    fixed = [
        Parameter("root", Parameter.POSITIONAL_OR_KEYWORD, annotation=Any),
        Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
    ]
    own = [parameter(argument) for argument in read.arguments]
    resolve.__signature__ = Signature([*fixed, *extra, *own])
    resolve.__annotations__ = {p.name: p.annotation for p in [*fixed, *extra, *own]}
    return resolve


def relation(
    read: One | Many,
    *,
    to: str,
    on: Attribute[Any] | None = None,
    name: str | None = None,
    about: str,
) -> Any:
    """The row (or all rows) of noun ``to`` that belong to the parent by its column ``on``.

    Without ``on``, on a payload or an event, the parent's own ``key`` is used. ``name`` is for
    fields whose name is a word of Python's.
    """
    column = on.key if on is not None else "key"
    declared = {argument.name: argument for argument in read.arguments}

    async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
        key = getattr(root, column)
        if key is None:
            return [] if isinstance(read, Many) else None
        columns = selected(info, to)
        return await fetch.load(
            info.context, read, key, converted_all(declared, arguments), columns
        )

    return strawberry.field(
        resolver=_shaped(resolve, read),
        name=name,
        description=about,
        metadata={_READ: read, **_declared(of_parents(read, on))},
    )


def links(
    read: One,
    *,
    to: str,
    on: Attribute[Any],
    each: Callable[[Any], Sequence[Any]],
    about: str,
) -> Any:
    """The rows of noun ``to`` whose keys the parent's column ``on`` holds; ``each`` lists them."""

    async def resolve(root: Any, info: Info) -> Any:
        columns = selected(info, to)
        wanted = each(getattr(root, on.key))
        found = [fetch.load(info.context, read, key, {}, columns) for key in wanted]
        return [row for row in await gather(*found) if row is not None]

    return strawberry.field(
        resolver=resolve,
        description=about,
        metadata={_READ: read, **_declared(of_parents(read, on, each=each))},
    )


def rooted(read: Many, *, to: str, of: str, about: str) -> Any:
    """A root field: all rows of noun ``to`` that belong to the one row of noun ``of``."""
    name = f"{of.lower()}_id"

    async def resolve(info: Info, **given: Any) -> Any:
        info.context.require(read.permission)
        key = keys.key_of(of, str(given[name]))
        if key is None:
            return []
        return await fetch.load(info.context, read, key, {}, selected(info, to))

    kind = Annotated[strawberry.ID, strawberry.argument(description=f"The {of.lower()}.")]
    parameters = [
        Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind),
    ]
    shaped: Any = resolve
    shaped.__signature__ = Signature(parameters)
    shaped.__annotations__ = {item.name: item.annotation for item in parameters}
    return strawberry.field(
        resolver=resolve,
        description=about,
        metadata={_READ: read, **_declared(of_key(read, of, argument=name))},
    )


def _declared(relation: Relation | None) -> dict[str, Any]:
    return {} if relation is None else {DECLARATION: relation}


def value(read: Value, *, on: Attribute[Any], about: str) -> Any:
    """One value of each parent, all by one statement."""
    declared = {argument.name: argument for argument in read.arguments}

    async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
        return await fetch.load(
            info.context, read, getattr(root, on.key), converted_all(declared, arguments)
        )

    return strawberry.field(
        resolver=_shaped(resolve, read),
        description=about,
        metadata={_READ: read, **_declared(of_parents(read, on))},
    )


def lookup(read: One, *, to: str, name: str | None = None, about: str) -> Any:
    """A root field that finds one row by its global id; null where there is none.

    ``name`` is for fields whose name is a word of Python's.
    """

    async def resolve(info: Info, id: GlobalId) -> Any:
        info.context.require(read.permission)
        key = keys.key_of(to, str(id))
        if key is None:
            return None
        return await fetch.load(info.context, read, key, {}, selected(info, to))

    return strawberry.field(
        resolver=resolve,
        name=name,
        description=about,
        metadata={_READ: read, **_declared(of_key(read, to, argument="id"))},
    )


# Connections (Relay cursor connections specification)


@strawberry.type(description="What lies before and after a page.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first row.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last row.")


@strawberry.type(description="A row in a page, with its cursor.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The row.")
    cursor: str = strawberry.field(description="Resume a list after or before this row.")


@dataclass(frozen=True, slots=True)
class _Connection:
    """What a connection's fields are resolved from."""

    page: pages.PageOfRows | None
    count: Callable[[], Any]


@strawberry.type(description="A page of a list (Relay cursor connection).")
class Connection(Generic[T]):
    @strawberry.field(description="The rows with their cursors.", graphql_type=list[Edge[T]])
    def edges(self) -> Any:
        page = _page(self)
        return [Edge(node=row, cursor=page.cursor(row)) for row in page.rows]

    @strawberry.field(description="The rows alone.", graphql_type=list[T])
    def nodes(self) -> Any:
        return _page(self).rows

    @strawberry.field(description="What lies before and after this page.")
    def page_info(self) -> PageInfo:
        page = _page(self)
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursor(page.rows[0]) if page.rows else None,
            end_cursor=page.cursor(page.rows[-1]) if page.rows else None,
        )

    @strawberry.field(description="How many rows the whole list has; counted only when asked for.")
    async def total_count(self) -> int:
        connection: Any = self
        return await connection.count()


def _page(connection: Any) -> pages.PageOfRows:
    return connection.page


_WINDOW = tuple(
    Parameter(
        name,
        Parameter.KEYWORD_ONLY,
        default=strawberry.UNSET,
        annotation=Annotated[kind | None, strawberry.argument(description=about)],
    )
    for name, kind, about in (
        ("first", int, f"Rows from the start, to {pages.MAX_SIZE}; default {pages.DEFAULT_SIZE}."),
        ("after", str, "Only rows after this cursor."),
        ("last", int, f"Rows from the end, 0 to {pages.MAX_SIZE}."),
        ("before", str, "Only rows before this cursor."),
    )
)  # fmt: skip


def connection(read: Page, *, to: str, on: Attribute[Any] | None = None, about: str) -> Any:
    """A connection over a read: a root list, or with ``on`` the rows of each parent."""
    if read.sorts is None:
        raise TypeError(f"{read.name} has no sort orders")
    declared = {argument.name: argument for argument in read.arguments}
    sort = Parameter(
        "sort",
        Parameter.KEYWORD_ONLY,
        default=strawberry.UNSET,
        annotation=Annotated[
            graphql_enum(read.sorts.enum) | None,
            strawberry.argument(
                description=f"The order of the rows; {read.sorts.default.upper()} by default."
            ),
        ],
    )

    async def resolve(root: Any, info: Info, **given: Any) -> Any:
        ctx = info.context
        wanted, given = page_arguments(given)
        arguments = converted_all(declared, given)
        columns = (*selected(info, to, "nodes"), *selected(info, to, "edges", "node"))
        columns = tuple({column.key: column for column in columns}.values())
        needs_rows = not selected_names(info) <= {"totalCount", "__typename"}
        page = None
        if on is None:

            async def count() -> int:
                return await fetch.count(ctx, read, arguments)

            if needs_rows:
                page = await fetch.root_page(ctx, read, arguments, wanted, columns)
        else:
            key = getattr(root, on.key)

            async def count() -> int:
                return await fetch.load_count(ctx, read, key, arguments)

            if needs_rows:
                page = await fetch.load_page(
                    ctx, read, key, arguments=arguments, wanted=wanted, columns=columns
                )
        return _Connection(page, count)

    return strawberry.field(
        resolver=_shaped(resolve, read, *_WINDOW, sort),
        description=about,
        metadata={_READ: read, **_declared(pages_of(read, on))},
    )
