"""How a query is answered: its plan, the SQL and the functions made for it, and how it ran."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from graphql import GraphQLError

from engine import Irregular, Operation, Uncompilable, driver_for
from engine.explain import Examined, Level, examined, explained
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.services import Services
from resolvers.viewer import Viewer
from schema import Schema
from schema.declarations import scope_of
from schema.execution import Execution

SQLITE = "EXPLAIN QUERY PLAN"
POSTGRES = "EXPLAIN"
POSTGRES_ANALYZED = "EXPLAIN (ANALYZE, BUFFERS)"


@dataclass(frozen=True, slots=True)
class Question:
    """A document with all that its plan depends on."""

    text: str
    variables: Mapping[str, Any]
    operation: str | None
    viewer: Viewer


async def explain(
    services: Services, schema: Schema, question: Question, *, analyze: bool = False
) -> str:
    """Run a query by its plan and tell all of it. Raises ``Invalid`` where there is no plan.

    With ``analyze`` PostgreSQL measures each statement. Nothing is written.
    """
    operation = _operation(schema, question)
    driver = driver_for(services.database.url, connections=1)
    engine = Execution(schema, driver, _unheard, explains=False).engine
    scope = scope_of(question.viewer)
    command = SQLITE if services.database.is_sqlite else POSTGRES
    try:
        coerced = engine.coerced(operation, question.variables)
        plan = engine.planned(operation, coerced, scope)
        ran = await examined(
            engine,
            operation,
            coerced,
            scope,
            Context(services, question.viewer),
            explain=POSTGRES_ANALYZED if analyze and command == POSTGRES else command,
        )
        return told(explained(plan, coerced), sorted(plan.permissions), ran)
    except (Uncompilable, Irregular) as refused:
        raise Invalid(f"this is left to the reference executor: {refused}") from refused
    finally:
        await driver.close()


def _unheard(_path: str, _reason: str) -> None: ...


def _operation(schema: Schema, question: Question) -> Operation:
    try:
        prepared = schema.documents.prepare(schema, question.text)
    except GraphQLError as error:
        raise Invalid(error.message) from error
    if prepared.errors:
        raise Invalid("; ".join(error.message for error in prepared.errors))
    operation = prepared.operation(question.operation)
    if operation is None:
        raise Invalid("say which operation with --operation")
    return operation


def told(levels: Sequence[Level], permissions: Sequence[str], ran: Sequence[Examined]) -> str:
    """Everything as text: the tree of levels first, then one after the other."""
    placed = sorted((level for level in levels if level.place), key=lambda level: level.place)
    parts = ["Plan", *(f"{'  ' * len(level.place)}{level.name}" for level in placed)]
    parts.append(f"Needs {', '.join(permissions) or 'no permission'}")
    left = deque(ran)
    for number, level in enumerate(levels, 1):
        parts += ["", f"{number}. {level.name}", *_level(level, left)]
    return "\n".join(parts)


def _level(level: Level, left: deque[Examined]) -> Iterator[str]:
    count = 0
    while left and level.runs(left[0].text):
        count += 1
        yield indent(_statement(left.popleft()), "   ")
    if not count:
        for statement in level.statements:
            yield indent(f"\n{statement}\n\nnot run: nothing leads here", "   ")
    for function in level.functions:
        yield indent(f"\n{function.rstrip()}", "   ")


def _statement(each: Examined) -> str:
    given = ", ".join(f"{value!r}" for value in each.arguments)
    how = indent("\n".join(each.how), "  ")
    return f"\n{each.text}\n\nwith {given}\n{how}\n{each.rows} rows"
