"""Which fields a selection asks for, with ``@skip`` and ``@include`` decided (GraphQL, 6.3.2)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    is_abstract_type,
    visit,
)

from engine.refusals import Uncompilable

CONDITIONS = ("skip", "include")


class Selections:
    """The selections of one operation, under one truth table of its flags.

    ``flags`` has the values of all variables that conditions depend on.
    """

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, flags: Mapping[str, bool]
    ) -> None:
        self._schema = schema
        self._flags = flags
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }

    def fields(
        self, owner: GraphQLObjectType, sets: Iterable[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """The selected fields of an object by response name, in the order of the answer."""
        found: dict[str, list[FieldNode]] = {}
        self._collect(owner, sets, found, set())
        return found

    def below(
        self, owner: GraphQLObjectType, nodes: Sequence[FieldNode]
    ) -> dict[str, list[FieldNode]]:
        """The fields selected of what one field gives."""
        return self.fields(owner, [node.selection_set for node in nodes if node.selection_set])

    def _collect(
        self,
        owner: GraphQLObjectType,
        sets: Iterable[SelectionSetNode],
        found: dict[str, list[FieldNode]],
        spread: set[str],
    ) -> None:
        for selection in (each for selections in sets for each in selections.selections):
            if not self._is_included(selection):
                continue
            if isinstance(selection, FieldNode):
                found.setdefault((selection.alias or selection.name).value, []).append(selection)
            elif isinstance(selection, InlineFragmentNode):
                if self._applies(owner, selection.type_condition):
                    self._collect(owner, [selection.selection_set], found, spread)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                fragment = self._fragments[name]
                if name not in spread:
                    spread.add(name)
                    if self._applies(owner, fragment.type_condition):
                        self._collect(owner, [fragment.selection_set], found, spread)

    def _applies(self, owner: GraphQLObjectType, condition: Any) -> bool:
        if condition is None or condition.name.value == owner.name:
            return True
        named: Any = self._schema.get_type(condition.name.value)
        return is_abstract_type(named) and self._schema.is_sub_type(named, owner)

    def _is_included(self, selection: Any) -> bool:
        for directive in selection.directives or ():
            if directive.name.value not in CONDITIONS:
                raise Uncompilable("directive", f"@{directive.name.value}")
            if self._given(directive) == (directive.name.value == "skip"):
                return False
        return True

    def _given(self, directive: Any) -> bool:
        [argument] = directive.arguments
        if isinstance(argument.value, VariableNode):
            return self._flags[argument.value.name.value]
        if isinstance(argument.value, BooleanValueNode):
            return argument.value.value
        raise Uncompilable("directive", "a condition that is no boolean")


class _Flags(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: Any, *_: Any) -> None:
        if node.name.value in CONDITIONS:
            values = [argument.value for argument in node.arguments or ()]
            self.names |= {each.name.value for each in values if isinstance(each, VariableNode)}


def flags_of(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """The operation's variables on which conditions in the document depend, in order of name."""
    finder = _Flags()
    visit(document, finder)
    declared = {each.variable.name.value for each in operation.variable_definitions or ()}
    return tuple(sorted(finder.names & declared))


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, *_: Any) -> None:
        self.found = True


def has_variables(node: FieldNode) -> bool:
    """Whether a field's arguments depend on variables."""
    finder = _Variables()
    for argument in node.arguments or ():
        visit(argument, finder)
    return finder.found


def operations(document: DocumentNode) -> Iterator[OperationDefinitionNode]:
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            yield definition
