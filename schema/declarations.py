"""Declared reads in the engine's terms: how rows are found, and what arguments come to.

Nothing is declared a second time here: all of it is made of what ``resolvers`` declare.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import strawberry

from db.base import Attribute
from engine import Binds, Bound, Kind, Relation, Rows, Scope
from engine import Window as EngineWindow
from resolvers import keys, pages
from resolvers.fetch import freeze
from resolvers.reads import Many, One, Page, Read, Value
from resolvers.viewer import Viewer, visible
from schema.arguments import converted_all

_KINDS: dict[type[Read], Kind] = {
    One: Kind.ONE,
    Many: Kind.MANY,
    Page: Kind.PAGE,
    Value: Kind.VALUE,
}


@cache
def rows_of(read: Read) -> Rows:
    """Where a read's rows come from."""

    def select(viewer: Any, arguments: Any) -> Any:
        return read.build(visible(viewer, read.row), **dict(arguments))

    def ordered(statement: Any, window: EngineWindow, binds: Binds) -> Any:
        by, key = pages.sorted_by(read, window.sort).type, read.row.__mapper__.columns["id"].type
        given = {"after": window.after, "before": window.before}
        positions = {
            name: position and (binds.value(f"{name}_value", by), binds.value(f"{name}_key", key))
            for name, position in given.items()
        }
        return pages.beyond(
            statement, read, sort=window.sort, backward=window.backward, **positions
        )

    return Rows(
        kind=_KINDS[type(read)],
        select=select,
        permission=read.permission,
        key=read.by,
        id=read.row.__mapper__.attrs["id"].class_attribute,
        order=read.order if isinstance(read, Many) else (),
        default=read.default if isinstance(read, Value) else None,
        ordered=ordered if isinstance(read, Page) else None,
        sorted_by=lambda sort: pages.sorted_by(read, sort),
        cursor=pages.encode_cursor,
    )


def of_parents(
    read: One | Many | Value,
    on: Attribute[Any] | None,
    *,
    each: Callable[[Any], Sequence[Any]] | None = None,
) -> Relation | None:
    """A relation of the parent's column ``on``; without it, on payloads and events, nothing."""
    if on is None:
        return None
    declared = {argument.name: argument for argument in read.arguments}

    def bind(given: dict[str, Any]) -> Bound:
        return Bound(freeze(converted_all(declared, given)))

    return Relation(rows=rows_of(read), bind=bind, on=on, each=each)


def of_key(read: One | Many, noun: str, *, argument: str) -> Relation:
    """A root field whose argument is the global id of a ``noun``."""

    def bind(given: dict[str, Any]) -> Bound:
        key = keys.key_of(noun, str(given[argument]))
        return Bound(keys=() if key is None else (key,))

    return Relation(rows=rows_of(read), bind=bind)


def pages_of(read: Page, on: Attribute[Any] | None) -> Relation:
    """A connection: a root list, or with ``on`` a page for each parent."""
    declared = {argument.name: argument for argument in read.arguments}

    def bind(given: dict[str, Any]) -> Bound:
        wanted, arguments = page_arguments(given)
        sort, after, before = pages.positions(read, wanted)
        window = EngineWindow(wanted.size, wanted.backward, sort, after, before)
        return Bound(freeze(converted_all(declared, arguments)), window)

    return Relation(rows=rows_of(read), bind=bind, on=on)


def page_arguments(given: dict[str, Any]) -> tuple[pages.Window, dict[str, Any]]:
    """The window that a connection's arguments describe, and the other arguments."""
    given = {name: value for name, value in given.items() if value is not strawberry.UNSET}
    window = pages.window(
        **{name: given.pop(name, None) for name in ("first", "after", "last", "before")},
        sort=chosen.value if (chosen := given.pop("sort", None)) else None,
    )
    return window, given


def scope_of(viewer: Viewer) -> Scope:
    """What of a viewer the statements depend on."""
    seen = replace(viewer, hides_stores=not viewer.all_stores_live)
    return Scope(seen.shape, seen.bound, seen.values)
