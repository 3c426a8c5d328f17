"""Documents are parsed, measured and validated once, and refused before anything of them runs."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    StringValueNode,
    ValidationRule,
    parse,
    specified_rules,
)
from strawberry import Schema
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document
from strawberry.types import ExecutionContext

from engine import Operation, operations
from schema.cost import CostTooHigh, cost, variables_that_matter
from schema.limits import Limits, breaches

# Documents are kept whole, and one of many tokens takes a hundred times the space of its text.
MOST_DOCUMENTS = 512
MOST_CHARACTERS = 500_000
MOST_COSTS = 64
DEEPEST_VARIABLES = 64
_NUL = "variables must not hold a NUL character"
_PLAIN = frozenset((str, int, float, bool, type(None)))


@dataclass(slots=True)
class Prepared:
    """A parsed document, what is wrong with it, and what it costs under some variables."""

    document: DocumentNode
    errors: list[GraphQLError]
    matter: frozenset[str]
    costs: dict[Any, int] = field(default_factory=dict[Any, int])
    _operations: dict[str | None, Operation] | None = None

    def operation(self, name: str | None) -> Operation | None:
        """The operation to execute, with its plans. None where the name chooses none, or many."""
        if self._operations is None:
            found = [Operation(self.document, node) for node in operations(self.document)]
            self._operations = {each.name: each for each in found}
            if len(found) == 1:
                self._operations[None] = found[0]
            else:
                self._operations.pop(None, None)
        return self._operations.get(name)


class Documents:
    """The documents that one schema was lately asked. Bounded; those with errors are not kept."""

    def __init__(self, limits: Limits, *, introspection: bool) -> None:
        self.limits = limits
        hidden = () if introspection else (NoSchemaIntrospectionCustomRule,)
        self._rules = (*specified_rules, NoNulCharacters, *hidden)
        self._kept: OrderedDict[str, Prepared] = OrderedDict()
        self._characters = 0

    def prepare(self, schema: Schema, text: str) -> Prepared:
        """Parse, measure, validate. Raises what the parser raises."""
        kept = self._kept.get(text)
        if kept is not None:
            self._kept.move_to_end(text)
            return kept
        document = parse(text, max_tokens=self.limits.tokens)
        errors = breaches(document, self.limits)
        errors = errors or validate_document(core(schema), document, self._rules)
        made = Prepared(document, errors, variables_that_matter(document))
        if not errors and len(text) <= MOST_CHARACTERS // 10:
            self._keep(text, made)
        return made

    def _keep(self, text: str, prepared: Prepared) -> None:
        self._kept[text] = prepared
        self._characters += len(text)
        while len(self._kept) > MOST_DOCUMENTS or self._characters > MOST_CHARACTERS:
            oldest, _ = self._kept.popitem(last=False)
            self._characters -= len(oldest)

    def cost(
        self,
        schema: Schema,
        prepared: Prepared,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> int | None:
        """The operation's cost, or None where it is beyond counting."""
        key: Any = operation.name.value if operation.name else None
        if prepared.matter:
            key = (key, *(_weight(variables.get(each)) for each in sorted(prepared.matter)))
        known = prepared.costs.get(key)
        if known is not None:
            return known
        try:
            counted = cost(core(schema), prepared.document, operation, variables)
        except CostTooHigh:
            return None
        if len(prepared.costs) < MOST_COSTS:
            prepared.costs[key] = counted
        return counted


def core(schema: Schema) -> GraphQLSchema:
    """The schema as graphql-core knows it, which Strawberry gives in no other way."""
    return schema._schema  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _weight(value: Any) -> Any:
    """What of a variable a cost depends on."""
    if isinstance(value, list):
        return len(value)  # pyright: ignore[reportUnknownArgumentType]
    return value if isinstance(value, int | bool | None) else ""


class Checked(SchemaExtension):
    """Puts ``Documents`` between the transport and the execution of each operation."""

    execution_context: ExecutionContext

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._prepared: Prepared | None = None
        self._cost: int | None = None

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        context.parse_options = {"max_tokens": self._documents.limits.tokens}
        # What cannot be parsed Strawberry finds out again, and tells each transport as it should.
        with suppress(GraphQLError):
            self._prepared = self._documents.prepare(context.schema, context.query or "")
            context.graphql_document = self._prepared.document
        yield

    def on_validate(self) -> Iterator[None]:
        if self._prepared is not None:
            self.execution_context.pre_execution_errors = self._errors(self._prepared)
        yield

    def get_results(self) -> dict[str, Any]:
        told: dict[str, Any] = getattr(self.execution_context.context, "extensions", {})
        if self._cost is None:
            return {**told}
        return {"cost": {"requested": self._cost, "limit": self._documents.limits.cost}, **told}

    def _errors(self, prepared: Prepared) -> list[GraphQLError]:
        context = self.execution_context
        if prepared.errors:
            return prepared.errors
        named: str | None = context._provided_operation_name  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        operations = [
            definition
            for definition in prepared.document.definitions
            if isinstance(definition, OperationDefinitionNode)
        ]
        if named is None and len(operations) > 1:
            return [GraphQLError("the document has several operations: give operationName")]
        [operation] = [
            each
            for each in operations
            if named is None or (each.name is not None and each.name.value == named)
        ]
        variables = context.variables or {}
        if problem := unstorable(variables):
            return [GraphQLError(problem)]
        return self._too_expensive(prepared, operation, variables)

    def _too_expensive(
        self, prepared: Prepared, operation: OperationDefinitionNode, variables: dict[str, Any]
    ) -> list[GraphQLError]:
        limit = self._documents.limits.cost
        counted = self._documents.cost(
            self.execution_context.schema, prepared, operation, variables
        )
        if counted is not None and counted <= limit:
            self._cost = counted
            return []
        message = f"this costs {counted or 'far too much'}, at most {limit} is allowed"
        details = {"cost": counted, "limit": limit}
        return [
            GraphQLError(
                message, [operation], extensions={"code": "COST_LIMIT", "details": details}
            )
        ]


class NoNulCharacters(ValidationRule):
    """PostgreSQL stores every character but this one."""

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        if "\x00" in node.value:
            self.report_error(GraphQLError("text must not hold a NUL character", node))


def unstorable(variables: Mapping[str, Any]) -> str | None:
    """What is wrong with variables that no coercion would find; None where nothing is."""
    nested = False
    for name, value in variables.items():
        if "\x00" in name or (isinstance(value, str) and "\x00" in value):
            return _NUL
        nested = nested or type(value) not in _PLAIN
    if not nested:
        return None
    level: list[Any] = [variables]
    for _ in range(DEEPEST_VARIABLES):
        if any(isinstance(value, str) and "\x00" in value for value in level):
            return _NUL
        level = [part for value in level for part in _parts(value)]
        if not level:
            return None
    return f"variables are nested more than {DEEPEST_VARIABLES} deep"


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        members = cast("dict[Any, Any]", value)
        yield from members.keys()
        yield from members.values()
    elif isinstance(value, list):
        yield from cast("list[Any]", value)
