"""One document on both paths, and what became of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson
from strawberry.http import process_result
from strawberry.types.graphql import OperationType

from resolvers.viewer import Viewer
from schema.execution import COMPILED, Asked
from tests.differential.world import World

REFUSALS = frozenset(
    {
        "opaque",  # fields that say nothing of what they need
        "document", "variables", "cost",  # refused before anything is executed
        "argument", "Invalid", "NotFound",  # arguments that a resolver's rules refuse
        "permission",  # what this viewer may not see
        "null",  # a null in a place where none may be
    }
)  # fmt: skip
"""Why a document may be left to the reference executor. Any other reason is a bug in disguise."""


@dataclass
class Tally:
    """``compiled`` and ``refused`` count answers, each document once for each viewer."""

    compiled: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])

    @property
    def total(self) -> int:
        return self.compiled + self.refused.total()

    def share(self, *but: str) -> float:
        """How much ran compiled of what was not refused for one of these reasons."""
        return self.compiled / (self.total - sum(self.refused[reason] for reason in but))

    def __str__(self) -> str:
        return f"{self.compiled} of {self.total} compiled; {dict(self.refused.most_common())}"


class Difference(AssertionError):
    """The two paths do not say the same."""


async def compare(
    world: World,
    viewer: Viewer,
    text: str,
    variables: dict[str, Any],
    operation: str | None = None,
    *,
    tally: Tally,
) -> None:
    """Answer on both paths. Raises ``Difference``."""
    world.ways.clear()
    body = await world.execution.answer(world.context(viewer), Asked(text, variables, operation))
    [(path, reason)] = world.ways
    if body is None:
        tally.refused[reason] += 1
        if reason not in REFUSALS:
            raise Difference(f"left to the reference executor because of: {reason}")
        return
    assert path == COMPILED
    tally.compiled += 1
    insist(body, await reference(world, viewer, text, variables, operation))


def insist(body: bytes, expected: dict[str, Any]) -> None:
    """Raises ``Difference`` unless a compiled answer is the expected one."""
    if "errors" in expected:
        raise Difference(f"the reference executor finds errors: {expected['errors']}")
    # JSON columns pass through one path as text, so both are read and written once more.
    one, other = orjson.dumps(orjson.loads(body)), _rewritten(expected)
    if one != other:
        raise Difference(f"compiled:  {_shown(one, other)}\nreference: {_shown(other, one)}")


async def reference(
    world: World,
    viewer: Viewer,
    text: str,
    variables: dict[str, Any],
    operation: str | None = None,
) -> dict[str, Any]:
    """What the gateway answers without the engine, see ``app.graphql.View``."""
    result: Any = await world.schema.execute(
        text,
        variable_values=variables,
        context_value=world.context(viewer),
        operation_name=operation,
        allowed_operation_types=[OperationType.QUERY],
    )
    return dict(process_result(result))


def _rewritten(answer: Any) -> bytes:
    return orjson.dumps(orjson.loads(orjson.dumps(answer)))


def _shown(one: bytes, other: bytes) -> str:
    """A text from a little before the place where it begins to differ."""
    least = min(len(one), len(other))
    at = next((n for n in range(least) if one[n] != other[n]), least)
    return f"… {one[max(0, at - 80) : at + 120].decode(errors='replace')} …"
