"""Queries by plan: answered whole by ``engine``, or not at all."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from graphql import GraphQLError

from engine import Driver, Engine, Irregular, Uncompilable
from resolvers.context import Context
from schema.declarations import scope_of
from schema.documents import Prepared, core, unstorable
from schema.scalars import fast

COMPILED = "compiled"
REFERENCE = "reference"


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
        self.engine = Engine(schema, core(schema), driver, fast)

    async def answer(
        self,
        ctx: Context,
        text: str,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
    ) -> bytes | None:
        """The response's body, or None where the reference executor must answer.

        With ``explains``, ``extensions.execution`` says so.
        """
        try:
            body = await self._answer(ctx, text, variables or {}, operation_name)
        except (Uncompilable, Irregular) as refused:
            self._observe(REFERENCE, refused.reason)
            if self._explains:
                ctx.extensions["execution"] = {"path": REFERENCE, "reason": str(refused)}
            return None
        self._observe(COMPILED, "")
        return body

    async def _answer(
        self, ctx: Context, text: str, variables: Mapping[str, Any], name: str | None
    ) -> bytes:
        documents = self._schema.documents
        viewer = ctx.viewer
        if viewer is None:
            raise Irregular("anonymous")
        try:
            prepared: Prepared = documents.prepare(self._schema, text)
        except GraphQLError as error:
            raise Irregular("document") from error
        operation = None if prepared.errors else prepared.operation(name)
        if operation is None or (variables and unstorable(variables)):
            raise Irregular("document")
        limit = documents.limits.cost
        cost = documents.cost(self._schema, prepared, operation.node, variables)
        if cost is None or cost > limit:
            raise Irregular("cost")
        data = await self.engine.execute(
            operation, variables, scope_of(viewer), ctx, may=viewer.may
        )
        extensions: dict[str, Any] = {"cost": {"requested": cost, "limit": limit}}
        if self._explains:
            extensions["execution"] = {"path": COMPILED}
        try:
            return orjson.dumps({"data": data, "extensions": extensions})
        except TypeError as error:
            raise Irregular("json") from error
