"""The door: validated operations in, their ``data`` out, by plans that are made once."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import strawberry
from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, OperationType

from engine.arguments import Arguments, Variables
from engine.compiler import Compiler
from engine.drivers import Driver
from engine.fields import Scope
from engine.leaves import Leaves, Scalars
from engine.plan import Plan
from engine.refusals import Irregular, Uncompilable
from engine.selections import Selections, flags_of

MOST_PLANS = 32


@dataclass(slots=True)
class Operation:
    """One operation of a document that was found valid, with the plans made of it so far.

    Bounded: flags (``@skip`` and ``@include``) and kinds of callers multiply them.
    """

    document: DocumentNode
    node: OperationDefinitionNode
    flags: tuple[str, ...] = ()
    coerce: Callable[[Mapping[str, Any]], Variables] | None = None
    plans: OrderedDict[Any, Plan | Uncompilable] = field(
        default_factory=OrderedDict[Any, Plan | Uncompilable]
    )

    @property
    def name(self) -> str | None:
        return self.node.name.value if self.node.name else None

    @property
    def is_subscription(self) -> bool:
        return self.node.operation is OperationType.SUBSCRIPTION

    def __post_init__(self) -> None:
        self.flags = flags_of(self.document, self.node)


class Engine:
    """Compiled execution over one schema and one database."""

    def __init__(
        self, schema: strawberry.Schema, core: GraphQLSchema, driver: Driver, scalars: Scalars
    ) -> None:
        self.driver = driver
        self._core = core
        self._arguments = Arguments(schema, core)
        self._leaves = Leaves(driver.dialect, scalars)

    def plan(self, operation: Operation, flags: Mapping[str, bool], scope: Scope) -> Plan:
        """The plan for one truth table of flags and one shape of scope. Raises ``Uncompilable``."""
        # Documents outlive an engine where a schema does: a plan is of one database.
        key = (self.driver.dialect.name, scope.shape, tuple(flags.values()))
        found = operation.plans.get(key)
        if found is None:
            try:
                found = self._compiled(operation, flags, scope)
            except Uncompilable as refused:
                found = refused
            except Exception as error:  # noqa: BLE001
                # The reference executor may know better; that it was asked is counted and told.
                found = Uncompilable("error", repr(error))
            operation.plans[key] = found
            if len(operation.plans) > MOST_PLANS:
                operation.plans.popitem(last=False)
        if isinstance(found, Uncompilable):
            raise found.with_traceback(None)
        return found

    def coerced(self, operation: Operation, variables: Mapping[str, Any]) -> Variables | None:
        """A request's variables as plans take them, again and again. Raises ``Irregular``."""
        if not operation.node.variable_definitions:
            return None
        if operation.coerce is None:
            operation.coerce = self._arguments.coercion(operation.node)
        return operation.coerce(variables)

    def planned(self, operation: Operation, variables: Variables | None, scope: Scope) -> Plan:
        """The plan for a request. Raises as ``execute`` does."""
        if variables is None:
            return self.plan(operation, {}, scope)
        given = variables.coerced
        flags = {name: given[name] for name in operation.flags}
        if None in flags.values():  # a default does not help where null is given
            raise Irregular("variables")
        return self.plan(operation, flags, scope)

    def known(self, scope: Scope) -> dict[str, Any]:
        """What the statements of a plan are to know of the caller."""
        if scope.encoded is None:
            encode = self.driver.binds.encode
            scope.encoded = {
                name: encode(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value
                for name, value in scope.values.items()
            }
        return scope.encoded

    async def execute(
        self,
        operation: Operation,
        variables: Variables | None,
        scope: Scope,
        context: Any,
        *,
        may: Callable[[frozenset[str]], bool],
    ) -> dict[str, Any]:
        """The ``data`` of a query with ``coerced`` variables.

        ``may`` tells whether the caller has all of some permissions.

        Raises ``Uncompilable`` or ``Irregular``: then the reference executor must answer, from the
        start. Nothing has happened but reads.
        """
        plan = self.planned(operation, variables, scope)
        if not may(plan.permissions):
            raise Irregular("permission")
        try:
            return await self.driver.run(
                plan.steps(variables, self.known(scope)), context, light=plan.pace.is_light
            )
        except Irregular:
            raise
        except Exception as error:
            raise Irregular(type(error).__name__) from error

    async def close(self) -> None:
        await self.driver.close()

    def _compiled(self, operation: Operation, flags: Mapping[str, bool], scope: Scope) -> Plan:
        selections = Selections(self._core, operation.document, flags)
        compiler = Compiler(self._core, selections, self._arguments, self._leaves)
        return compiler.plan(operation.node, scope, self.driver.dialect, self.driver.binds)
