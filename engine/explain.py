"""What a plan does, for people to read: its levels, their SQL, and the functions made for it."""

from dataclasses import dataclass
from typing import Any

from engine.arguments import Variables
from engine.engine import Engine, Operation
from engine.fields import Bound, Kind, Scope
from engine.plan import Batch, Deferred, Fetch, Plan, Steps
from engine.statements import Shape


@dataclass(frozen=True, slots=True)
class Level:
    """One field that has rows of its own. ``place`` has the numbers of those above it, and its own.

    ``statements`` are what it runs for many parents (or for the root), ``alone`` what it runs
    instead for a single one; ``functions`` are the source of what makes JSON of the rows. A field
    that a function of the store's loads has nothing of it.
    """

    name: str
    place: tuple[int, ...]
    statements: tuple[str, ...]
    alone: tuple[str, ...]
    functions: tuple[str, ...]

    def runs(self, text: str) -> bool:
        return text in self.statements or text in self.alone


@dataclass(frozen=True, slots=True)
class Examined:
    """A statement that was run: what it was given, how many rows it found, and how."""

    text: str
    arguments: tuple[Any, ...]
    rows: int
    how: tuple[str, ...]


def explained(plan: Plan, variables: Any) -> list[Level]:
    """The levels of a plan in the order in which they run; the last one is the whole answer.

    ``variables`` are coerced ones: statements depend on some of them.
    """
    levels = [_level(plan, level, variables) for level in plan.levels]
    return [*levels, Level("data", (), (), (), (plan.root_source,))]


def _level(plan: Plan, level: Batch | Deferred, variables: Any) -> Level:
    if isinstance(level, Deferred):
        load: Any = level.declaration.load
        name = f"{level.parent.name}: {load.__module__}.{load.__qualname__}"
        return Level(name, (*_place(level.parent), level.number), (), (), ())
    functions = [shaping.source for shaping in level.shapings]
    if level.page is not None:
        functions.append(level.page.source)
    bound = level.bound if isinstance(level.bound, Bound) else level.bound(variables)
    is_page, is_value = (level.relation.rows.kind is kind for kind in (Kind.PAGE, Kind.VALUE))
    if level.parent is None:
        keyed = "none" if is_page else "single" if len(bound.keys or ()) == 1 else "many"
        found = _statements(plan, level, bound, keyed)
        return Level(level.name, _place(level), found, (), tuple(functions))
    only_counts = level.page is not None and not level.page.has_rows
    return Level(
        level.name,
        _place(level),
        _statements(plan, level, bound, "many"),
        () if is_value or only_counts else _statements(plan, level, bound, "single")[:1],
        tuple(functions),
    )


def _place(batch: Batch) -> tuple[int, ...]:
    above = () if batch.parent is None else _place(batch.parent)
    return (*above, batch.number)


def _statements(plan: Plan, batch: Batch, bound: Bound, keyed: str) -> tuple[str, ...]:
    rows, page = batch.relation.rows, batch.page
    shape = Shape.of(bound.arguments, bound.window, keyed)
    found: list[str] = []
    if page is None or page.has_rows:
        found.append(plan.builder.rows(rows, shape, bound.window, batch.columns).text)
    if page is not None and page.counts:
        counting = Shape.of(bound.arguments, None, "none" if keyed == "none" else "many")
        found.append(plan.builder.count(rows, counting).text)
    return tuple(found)


async def examined(
    engine: Engine,
    operation: Operation,
    variables: Variables | None,
    scope: Scope,
    context: Any,
    *,
    explain: str,
) -> list[Examined]:
    """Run an operation, and have the database explain each statement before it is run.

    ``explain`` goes before the statement's text. Raises as ``Engine.execute`` does.
    """
    plan = engine.planned(operation, variables, scope)
    found: list[Examined] = []
    steps = _explaining(plan.steps(variables, engine.known(scope)), explain, found)
    await engine.driver.run(steps, context, light=True)
    return found


def _explaining(steps: Steps, explain: str, found: list[Examined]) -> Steps:
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value
        if not isinstance(step, Fetch):
            answer = yield step
            continue
        lines = yield Fetch(f"{explain} {step.text}", step.arguments)
        answer = yield step
        # The last column is the text, whatever numbers stand before it.
        how = tuple(str(line[-1]) for line in lines)
        found.append(Examined(step.text, step.arguments, len(answer), how))
