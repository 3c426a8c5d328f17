"""What a compiled operation consists of, and how one request is answered with it."""

from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from time import thread_time
from typing import Any

from engine.fields import Batched, Bound, Kind, Relation, Window
from engine.leaves import irregular
from engine.pace import Pace
from engine.refusals import Irregular
from engine.statements import KEYS, SIZE, AnyBinds, Builder, Shape, Sql

Rows = Sequence[Any]
Row = tuple[Any, ...]
MOST_STATEMENTS = 64
NO_ROWS: list[Any] = []


@dataclass(slots=True)
class Fetch:
    """A step of a run: run this, and send back the rows."""

    text: str
    arguments: tuple[Any, ...]


@dataclass(slots=True)
class Await:
    """A step of a run: await this, and send back the result."""

    load: Callable[[Any], Awaitable[Sequence[Any]]]


Steps = Generator[Fetch | Await, Any, Any]
Maps = list[Any]
ShapeRows = Callable[[Rows, Maps, Window | None], Any]


@dataclass(slots=True, eq=False)
class Shaping:
    """One selection over a batch's rows: what ``function`` makes of them fills map ``slot``."""

    slot: int
    function: ShapeRows
    source: str


@dataclass(slots=True, eq=False)
class Batch:
    """One level of a relation: one statement for the keys of all parents (or for the root).

    ``columns`` are what the statement selects; ``key`` is the place among them of the column that
    leads to the parent, ``parent_key`` that of the parent's column among the parent's.
    """

    name: str
    relation: Relation
    bound: Bound | Callable[[Any], Bound]
    parent: "Batch | None"
    parent_key: int
    columns: list[Any] = field(default_factory=list[Any])
    places: dict[str, int] = field(default_factory=dict[str, int])
    shapings: list[Shaping] = field(default_factory=list[Shaping])
    page: "Page | None" = None
    key: int = 0
    statements: "OrderedDict[Any, Sql]" = field(default_factory=OrderedDict[Any, Sql])
    number: int = 0

    def place(self, name: str, column: Any) -> int:
        """Where among the selected columns this one is; it is selected from now on."""
        found = self.places.get(name)
        if found is None:
            found = self.places[name] = len(self.columns)
            self.columns.append(column)
        return found


@dataclass(slots=True, eq=False)
class Page:
    """What is wanted of a connection beyond its rows; ``slot`` gets a function of the key."""

    slot: int
    build: Callable[["PageOf"], Callable[[Any], Any]] = irregular
    source: str = ""
    looks_ahead: bool = False
    has_cursors: bool = False
    counts: bool = False
    has_rows: bool = False
    sort: int = -1
    id: int = -1
    sorting: Callable[[str], Callable[[Any], Any]] | None = None


class Given(dict[str, Any]):
    """The arguments of a batched field, by their names in Python."""


@dataclass(slots=True, eq=False)
class Deferred:
    """A batched field: values of the parents' columns, and a function of all of them at once."""

    declaration: Batched
    parent: Batch
    places: tuple[int, ...]
    python: tuple[Callable[[Any], Any] | None, ...]
    slot: int
    given: Given | Callable[[Any], Given]
    number: int = 0


@dataclass(slots=True)
class PageOf:
    """One connection field's pages in one run, by the parent's key (None for the root)."""

    maps: Maps
    window: Window
    more: set[Any]
    first: dict[Any, str]
    last: dict[Any, str]
    counts: Mapping[Any, int]


@dataclass(slots=True, eq=False)
class Plan:
    """A compiled operation for one shape of scope. Levels are run in the order of their numbers.

    ``permissions`` are what all its fields ask for: whoever lacks one is not for this plan.
    """

    batches: tuple[Batch, ...]
    deferred: tuple[Deferred, ...]
    slots: int
    root: Callable[[Maps, list[Bound]], dict[str, Any]]
    root_source: str
    permissions: frozenset[str]
    builder: Builder
    binds: AnyBinds
    pace: Pace = field(default_factory=Pace)
    constant: dict[Any, Any] = field(default_factory=dict[Any, Any])
    """What ``bound`` found without any variables."""

    @property
    def levels(self) -> tuple[Batch | Deferred, ...]:
        return (*self.batches, *self.deferred)

    def bound(self, variables: Any) -> tuple[list[Bound], list[Given]]:
        """The arguments of all batches and of all deferred fields; found out once for each."""
        known = self.constant if variables is None else variables.bound
        found = known.get(self)
        if found is None:
            found = known[self] = (
                [
                    level.bound if isinstance(level.bound, Bound) else level.bound(variables)
                    for level in self.batches
                ],
                [
                    level.given if isinstance(level.given, Given) else level.given(variables)
                    for level in self.deferred
                ],
            )
        return found

    def steps(self, variables: Any, scope: Mapping[str, Any]) -> Steps:
        """Answer one request: yields what to run, is sent the rows, returns the ``data``.

        Raises ``Irregular``; any other error also means that the reference executor must answer.
        """
        is_timed = self.pace.is_timed()
        begun = thread_time() if is_timed else 0.0
        run = _Run(self, scope, variables)
        for batch in self.batches:
            if batch.page is not None:
                yield from run.turn(batch, batch.page)
            elif (fetch := run.lookup(batch)) is not None:
                run.rows[batch.number] = yield fetch
        read = thread_time() if is_timed else 0.0
        for level in self.deferred:  # which is not this plan's time, nor of one thread
            yield from run.load(level)
        shaping = thread_time() if is_timed else 0.0
        answer = run.shaped()
        if is_timed:
            self.pace.note(read - begun + thread_time() - shaping)
        return answer


class _Run:
    def __init__(self, plan: Plan, scope: Mapping[str, Any], variables: Any) -> None:
        count = len(plan.batches)
        self._plan = plan
        self._scope = scope
        self._maps: Maps = [None] * plan.slots
        self.rows: list[Rows] = [NO_ROWS] * count
        self._more: list[set[Any]] = [set()] * count
        self._counts: list[Mapping[Any, int]] = [{}] * count
        self._bound, self._given = plan.bound(variables)

    def lookup(self, batch: Batch) -> Fetch | None:
        """All rows of a batch's keys; None where there are no keys."""
        bound = self._bound[batch.number]
        keyed, keys = self._keys(batch, bound)
        if not keys:
            return None
        shape = (keyed, bound.arguments)
        sql = batch.statements.get(shape) or self._built(batch, bound, shape)
        key = keys[0] if keyed == "single" else self._plan.binds.encode(keys)
        return Fetch(sql.text, sql.arguments({**self._scope, KEYS: key}))

    def turn(self, batch: Batch, page: Page) -> Steps:
        """A page of each key's rows, or of the root's."""
        bound = self._bound[batch.number]
        window = bound.window
        keyed, keys = self._keys(batch, bound)
        if window is None or (keys is not None and not keys):
            return
        values: dict[str, Any] = {**self._scope, SIZE: window.size + page.looks_ahead}
        if keys is not None:
            values[KEYS] = keys[0] if keyed == "single" else self._plan.binds.encode(keys)
        for name, position in (("after", window.after), ("before", window.before)):
            if position is not None:
                values[f"{name}_value"], values[f"{name}_key"] = position
        if page.has_rows:
            shape = Shape.of(bound.arguments, window, keyed)
            sql = batch.statements.get(shape) or self._built(batch, bound, shape)
            rows = yield Fetch(sql.text, sql.arguments(values))
            if page.looks_ahead:
                rows = self._cut(batch, rows, window.size, keyed)
            self.rows[batch.number] = rows
        if page.counts:
            if keyed == "single":
                values[KEYS] = self._plan.binds.encode(keys or ())
            counting = self._counting(batch, bound, keyed)
            found = yield Fetch(counting.text, counting.arguments(values))
            self._counts[batch.number] = {None: found[0][0]} if keys is None else dict(found)

    def load(self, level: Deferred) -> Steps:
        rows = self.rows[level.parent.number]
        wanted: dict[Row, Row] = {}
        for row in rows:
            key = tuple(row[place] for place in level.places)
            if key not in wanted:
                wanted[key] = tuple(
                    value if value is None or convert is None else convert(value)
                    for value, convert in zip(key, level.python, strict=True)
                )
        if wanted:
            keys = list(wanted.values())
            given = self._given[level.number - len(self._bound)]
            found = yield Await(lambda context: level.declaration.load(context, keys, **given))
            self._maps[level.slot] = dict(zip(wanted, found, strict=True))
        else:
            self._maps[level.slot] = {}

    def shaped(self) -> dict[str, Any]:
        """The answer, from the deepest level up."""
        for level in reversed(self._plan.batches):
            rows, window = self.rows[level.number], self._bound[level.number].window
            if window is not None and window.backward:
                rows = rows[::-1]
            for shaping in level.shapings:
                self._maps[shaping.slot] = shaping.function(rows, self._maps, window)
            if (page := level.page) is not None and window is not None:
                first, last = self._ends(level, rows, window) if page.has_cursors else ({}, {})
                self._maps[page.slot] = page.build(
                    PageOf(
                        self._maps,
                        window,
                        self._more[level.number],
                        first,
                        last,
                        self._counts[level.number],
                    )
                )
        answer = self._plan.root(self._maps, self._bound)
        # Pages are functions that refer to the maps that they are in: a circle, which would keep
        # all rows until the garbage collector comes by.
        self._maps.clear()
        return answer

    def _keys(self, batch: Batch, bound: Bound) -> tuple[str, Sequence[Any] | None]:
        """How the statement is keyed, and the keys: None for a root list."""
        if batch.parent is None:
            if batch.relation.rows.kind is Kind.PAGE and bound.keys is None:
                return "none", None
            keys = bound.keys or ()
            return ("single" if len(keys) == 1 else "many"), keys
        at, each = batch.parent_key, batch.relation.each
        found = {row[at] for row in self.rows[batch.parent.number]}
        if each is not None:
            found = {key for value in found for key in each(value)}
        found.discard(None)
        # One key is worth a statement of its own: databases plan it better, and it needs no list.
        single = len(found) == 1 and batch.relation.rows.kind is not Kind.VALUE
        return ("single" if single else "many"), list(found)

    def _built(self, batch: Batch, bound: Bound, key: Any) -> Sql:
        """The rows' statement, kept under a key that tells it from the batch's others."""
        shape = key if isinstance(key, Shape) else Shape.of(bound.arguments, None, key[0])
        rows = batch.relation.rows
        found = self._plan.builder.rows(rows, shape, bound.window, batch.columns)
        _keep(batch.statements, key, found)
        return found

    def _counting(self, batch: Batch, bound: Bound, keyed: str) -> Sql:
        shape = Shape.of(bound.arguments, None, "none" if keyed == "none" else "many")
        found = batch.statements.get(("count", shape))
        if found is None:
            found = self._plan.builder.count(batch.relation.rows, shape)
            _keep(batch.statements, ("count", shape), found)
        return found

    def _cut(self, batch: Batch, rows: Rows, size: int, keyed: str) -> Rows:
        """Without the one row too many, by whose being there we know that there are more."""
        if keyed != "many":
            if len(rows) > size:
                key = None if keyed == "none" else rows[0][batch.key]
                self._more[batch.number] = {key}
                return rows[:size]
            return rows
        at, more = batch.key, set[Any]()
        kept: list[Any] = []
        seen: defaultdict[Any, int] = defaultdict(int)
        for row in rows:
            key = row[at]
            seen[key] += 1
            if seen[key] > size:
                more.add(key)
            else:
                kept.append(row)
        self._more[batch.number] = more
        return kept

    def _ends(
        self, batch: Batch, rows: Rows, window: Window
    ) -> tuple[dict[Any, str], dict[Any, str]]:
        """The cursors of the first and of the last row of each key."""
        page, cursor = batch.page, batch.relation.rows.cursor
        if page is None or cursor is None or page.sorting is None:
            raise Irregular("no cursors")
        python = page.sorting(window.sort)
        first: dict[Any, Any] = {}
        last: dict[Any, Any] = {}
        is_root = batch.parent is None
        for row in rows:
            key = None if is_root else row[batch.key]
            first.setdefault(key, row)
            last[key] = row

        def of(row: Any) -> str:
            return cursor(window.sort, python(row[page.sort]), row[page.id])

        return (
            {key: of(row) for key, row in first.items()},
            {key: of(row) for key, row in last.items()},
        )


def _keep(known: "OrderedDict[Any, Sql]", key: Any, made: Sql) -> None:
    known[key] = made
    if len(known) > MOST_STATEMENTS:
        known.popitem(last=False)
