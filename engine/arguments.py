"""Arguments: coerced by GraphQL's rules, converted by Strawberry's, bound by the field's own.

Most variables are single values of built-in scalars, given as what they are, and most arguments are
such a variable. Those need no more than a look at their type.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import strawberry
from graphql import (
    FieldNode,
    GraphQLSchema,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    VariableNode,
)
from graphql.execution.values import get_argument_values, get_variable_values
from graphql.pyutils import Undefined
from strawberry.types.arguments import convert_arguments

from engine import kinds
from engine.leaves import LARGEST_INT
from engine.objects import definition_of
from engine.refusals import Irregular, Uncompilable
from engine.selections import has_variables

Made = TypeVar("Made")
_PLAIN: Mapping[str, type] = {"ID": str, "String": str, "Boolean": bool, "Int": int}


class Variables:
    """One request's variables. ``coerced`` has the values of those that were given.

    It may also have some that the operation does not declare, and so never asks for. ``bound`` is
    what they came to in plans, for whoever asks with the same ones again.
    """

    __slots__ = ("_whole", "bound", "coerced")

    def __init__(
        self, coerced: Mapping[str, Any], whole: Callable[[Mapping[str, Any]], Any]
    ) -> None:
        self.coerced = coerced
        self.bound: dict[Any, Any] = {}
        self._whole = whole

    def whole(self) -> Any:
        """The same as graphql-core has them."""
        return self._whole(self.coerced)


class Arguments:
    """The arguments and variables of operations on one schema."""

    def __init__(self, schema: strawberry.Schema, core: GraphQLSchema) -> None:
        self._core = core
        self._config = schema.config
        self._scalars = schema.schema_converter.scalar_registry

    def coercion(
        self, operation: OperationDefinitionNode
    ) -> Callable[[Mapping[str, Any]], Variables]:
        """What coerces an operation's variables. It raises ``Irregular`` for what does not fit."""
        definitions = operation.variable_definitions or ()
        plain = {
            each.variable.name.value: _plain_type(each.type)
            for each in definitions
            if each.default_value is None
        }
        is_plain = len(plain) == len(definitions) and all(plain.values())

        def whole(given: Mapping[str, Any]) -> Any:
            found = get_variable_values(self._core, definitions, dict(given), max_errors=1)
            if isinstance(found, list):
                raise Irregular("variables")
            return found

        def coerce(given: Mapping[str, Any]) -> Variables:
            if is_plain:
                for name, kind in plain.items():
                    if not _fits(given.get(name), kind):
                        break
                else:
                    return Variables(given, whole)
            found = whole(given)
            return Variables(found.coerced, lambda _: found)

        return coerce

    def bound(
        self, field: Any, node: FieldNode, make: Callable[[dict[str, Any]], Made]
    ) -> Made | Callable[[Variables], Made]:
        """What ``make`` makes of a field's arguments: at once where no variable is in them."""
        definition = definition_of(field)

        def bind(variables: Any) -> Made:
            given = get_argument_values(field, node, variables)
            arguments = convert_arguments(
                given,
                definition.arguments,
                scalar_registry=cast("Any", self._scalars),
                config=self._config,
            )
            return make(arguments)

        if has_variables(node):
            names = _direct(field, node, definition)
            if names is None:
                return lambda variables: bind(variables.whole())
            return lambda variables: make(
                {
                    name: variables.coerced[variable]
                    for name, variable in names
                    if variable in variables.coerced
                }
            )
        try:
            return bind(None)
        except Exception as error:
            # Whatever is wrong with it, the reference executor finds the words for it.
            raise Uncompilable("argument", str(error)) from error


def _plain_type(node: Any) -> type | None:
    """The Python type of a variable that may not be null and has a built-in scalar's type."""
    if isinstance(node, NonNullTypeNode) and isinstance(node.type, NamedTypeNode):
        return _PLAIN.get(node.type.name.value)
    return None


def _fits(value: Any, kind: type | None) -> bool:
    if type(value) is not kind:
        return False
    return kind is not int or -LARGEST_INT <= value <= LARGEST_INT


def _direct(field: Any, node: FieldNode, definition: Any) -> list[tuple[str, str]] | None:
    """The variable of each argument, where all are just a variable of a built-in scalar's type.

    Variables that may be null or missing, and defaults, are not for here.
    """
    by_name = {argument.name.value: argument.value for argument in node.arguments or ()}
    found: list[tuple[str, str]] = []
    for argument in definition.arguments:
        name = argument.graphql_name or _camel(argument.python_name)
        declared = field.args[name]
        value = by_name.pop(name, None)
        if value is None:
            if declared.default_value is not Undefined:
                return None
            continue
        if not isinstance(value, VariableNode) or not kinds.is_required(declared.type):
            return None
        if kinds.nullable(declared.type).name not in _PLAIN:
            return None
        found.append((argument.python_name, value.name.value))
    return None if by_name else found


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
