"""Queries by plan: answered whole by ``engine``, or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from graphql import GraphQLError

from engine import Driver, Engine, Irregular, Operation, Uncompilable, Variables
from resolvers.context import Context
from resolvers.errors import StoreError
from resolvers.viewer import Viewer
from schema.declarations import scope_of
from schema.documents import Prepared, core, unstorable
from schema.scalars import fast

log = structlog.get_logger()
COMPILED = "compiled"
REFERENCE = "reference"
_EXPECTED = (GraphQLError, StoreError)
MOST_CALLERS = 1024


@dataclass(slots=True)
class Asked:
    """What was asked, and what was found out about it: it holds for all who ask the same."""

    text: str
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    operation_name: str | None = None
    operation: Operation | None = None
    cost: int = 0
    coerced: Variables | None = None


class _Caller:
    """What of a viewer is needed at every request, found out once."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.scope = scope_of(viewer)
        self._answers: dict[frozenset[str], bool] = {}

    def may(self, permissions: frozenset[str]) -> bool:
        known = self._answers.get(permissions)
        if known is None:
            known = self._answers[permissions] = all(map(self.viewer.may, permissions))
        return known


class Execution:
    """Executes what it can by plan.

    The caller has the reference executor do the rest, from the start: until then nothing has
    happened but reads. ``observe`` is told of each operation which way it went, and why not the
    short one.
    """

    def __init__(
        self, schema: Any, driver: Driver, observe: Callable[[str, str], None], *, explains: bool
    ) -> None:
        self._schema = schema
        self._observe = observe
        self._explains = explains
        self._callers: dict[int, _Caller] = {}
        self.engine = Engine(schema, core(schema), driver, fast)

    async def answer(self, ctx: Context, asked: Asked) -> bytes | None:
        """The response's body, or None where the reference executor must answer.

        With ``explains``, ``extensions.execution`` says so.
        """
        try:
            caller = self._caller(ctx.viewer)
            operation = asked.operation or self._admitted(asked)
            data = await self.engine.execute(
                operation, asked.coerced, caller.scope, ctx, may=caller.may
            )
            body = self._encoded(data, asked.cost)
        except (Uncompilable, Irregular) as refused:
            self._observe(REFERENCE, refused.reason)
            if (cause := refused.__cause__) is not None and not isinstance(cause, _EXPECTED):
                log.warning("compiled_execution_failed", query=asked.text[:200], exc_info=cause)
            if self._explains:
                ctx.extensions["execution"] = {"path": REFERENCE, "reason": str(refused)}
            return None
        self._observe(COMPILED, "")
        return body

    def _caller(self, viewer: Viewer | None) -> _Caller:
        """The same viewer comes again and again: see ``engine.Lookups``."""
        if viewer is None:
            raise Irregular("anonymous")
        found = self._callers.get(id(viewer))
        if found is None or found.viewer is not viewer:
            if len(self._callers) >= MOST_CALLERS:
                self._callers.clear()
            found = self._callers[id(viewer)] = _Caller(viewer)
        return found

    def _admitted(self, asked: Asked) -> Operation:
        """The operation. Raises ``Irregular`` where there is an error to be told."""
        documents, variables = self._schema.documents, asked.variables
        try:
            prepared: Prepared = documents.prepare(self._schema, asked.text)
        except GraphQLError as error:
            raise Irregular("document") from error
        operation = None if prepared.errors else prepared.operation(asked.operation_name)
        if operation is None or (variables and unstorable(variables)):
            raise Irregular("document")
        cost = documents.cost(self._schema, prepared, operation.node, variables)
        if cost is None or cost > documents.limits.cost:
            raise Irregular("cost")
        asked.cost, asked.coerced = cost, self.engine.coerced(operation, variables)
        asked.operation = operation  # last: it says that all is found out
        return operation

    def _encoded(self, data: dict[str, Any], cost: int) -> bytes:
        limit = self._schema.documents.limits.cost
        extensions: dict[str, Any] = {"cost": {"requested": cost, "limit": limit}}
        if self._explains:
            extensions["execution"] = {"path": COMPILED}
        try:
            return orjson.dumps({"data": data, "extensions": extensions})
        except TypeError as error:
            raise Irregular("json") from error
