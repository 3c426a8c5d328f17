"""What an operation would cost, told before it runs.

A field costs 1. Below a connection's ``nodes`` and ``edges`` everything counts once per row that
may come (``first`` or ``last``), below any other list ten times; ``totalCount`` costs 1 more, for
it is a statement of its own. Variables and ``@skip``/``@include`` are taken as they are given.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_interface_type,
    is_object_type,
    value_from_ast_untyped,
    visit,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from resolvers.pages import DEFAULT_SIZE, MAX_SIZE
from resolvers.reads import Page
from schema.relations import read_of

LIST_SIZE = 10
_MOST_VISITS = 20_000
_ROWS = ("edges", "nodes")
_SIZES = ("first", "last")
_KEYS = "ids"

Variables = Mapping[str, Any]
Place = tuple[GraphQLNamedType | None, str]


class CostTooHigh(Exception):
    """It is over any limit; nobody needs to know by how much."""


def variables_that_matter(document: DocumentNode) -> frozenset[str]:
    """The names of variables on which a cost in this document depends."""
    finder = _Finder()
    visit(document, finder)
    return frozenset(finder.names)


class _Finder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_argument(self, node: Any, *_: Any) -> None:
        if node.name.value in (*_SIZES, _KEYS, "if"):
            value = node.value
            parts = value.values if isinstance(value, ListValueNode) else [value]
            self.names |= {part.name.value for part in parts if isinstance(part, VariableNode)}


def cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Variables,
) -> int:
    """The cost of a valid operation. Raises ``CostTooHigh`` for what takes too long to add up."""
    root = schema.get_root_type(operation.operation)
    walk = _Walk(schema, document, _with_defaults(operation, variables))
    return walk.below(root, [operation.selection_set], rows=None)


def _with_defaults(operation: OperationDefinitionNode, variables: Variables) -> Variables:
    defaults = {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
    return {**defaults, **variables}


class _Walk:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Variables) -> None:
        self._schema = schema
        self._variables = variables
        self._visits = 0
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }

    def below(
        self,
        parent: GraphQLNamedType | None,
        sets: Sequence[SelectionSetNode],
        *,
        rows: int | None,
    ) -> int:
        """The cost of one parent's selections; ``rows`` where the parent is a connection.

        Selections of one response name are one field, however many fragments ask for it.
        """
        fields: dict[Place, list[FieldNode]] = {}
        self._collect(parent, sets, fields, set())
        total = 0
        for (owner, _), nodes in fields.items():
            self._visits += 1
            if self._visits > _MOST_VISITS:
                raise CostTooHigh
            total += self._field(owner, nodes, rows)
        return total

    def _field(
        self, owner: GraphQLNamedType | None, nodes: Sequence[FieldNode], rows: int | None
    ) -> int:
        node = nodes[0]
        name = node.name.value
        sets = [each.selection_set for each in nodes if each.selection_set]
        field = _field_of(owner, name)
        if rows is not None and name == "totalCount":
            return 2
        if not sets:
            return 1
        if field is None:  # introspection
            return 1 + self.below(None, sets, rows=None)
        kind: Any = cast("Any", get_named_type)(_output(field))
        if rows is not None and name in _ROWS:
            times, inner = rows, None
        elif isinstance(_read(field), Page):
            times, inner = 1, self._size(node)
        else:
            times, inner = (self._length(node) if _is_list(field) else 1), None
        return 1 + (times * self.below(kind, sets, rows=inner) if times else 0)

    def _collect(
        self,
        owner: GraphQLNamedType | None,
        sets: Sequence[SelectionSetNode],
        fields: dict[Place, list[FieldNode]],
        seen: set[str],
    ) -> None:
        for selection in (each for selections in sets for each in selections.selections):
            if not self._is_included(selection):
                continue
            if isinstance(selection, FieldNode):
                name = (selection.alias or selection.name).value
                fields.setdefault((owner, name), []).append(selection)
            elif isinstance(selection, InlineFragmentNode):
                inner = self._narrowed(owner, selection)
                self._collect(inner, [selection.selection_set], fields, seen)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                fragment = self._fragments[selection.name.value]
                inner = self._narrowed(owner, fragment)
                self._collect(inner, [fragment.selection_set], fields, seen)

    def _narrowed(
        self, owner: GraphQLNamedType | None, fragment: InlineFragmentNode | FragmentDefinitionNode
    ) -> GraphQLNamedType | None:
        """The type that a fragment's fields belong to.

        On an object that is the object's own: the same field is not counted for its interface too.
        """
        if owner is None or is_object_type(owner) or fragment.type_condition is None:
            return owner
        return self._schema.get_type(fragment.type_condition.name.value)

    def _is_included(self, selection: Any) -> bool:
        for directive in selection.directives or ():
            name = directive.name.value
            if name in ("skip", "include") and directive.arguments:
                given = self._given(directive.arguments[0].value)
                if isinstance(given, bool) and given == (name == "skip"):
                    return False
        return True

    def _size(self, node: FieldNode) -> int:
        """How many rows a connection may bring."""
        for size in self._arguments(node, *_SIZES):
            if isinstance(size, int) and not isinstance(size, bool):
                return min(max(size, 0), MAX_SIZE)
        return DEFAULT_SIZE

    def _length(self, node: FieldNode) -> int:
        for keys in self._arguments(node, _KEYS):
            if isinstance(keys, list):
                return len(keys)  # pyright: ignore[reportUnknownArgumentType]
        return LIST_SIZE

    def _arguments(self, node: FieldNode, *names: str) -> Iterator[Any]:
        for argument in node.arguments or ():
            if argument.name.value in names:
                yield self._given(argument.value)

    def _given(self, value: ValueNode) -> Any:
        if isinstance(value, VariableNode):
            return self._variables.get(value.name.value)
        if isinstance(value, IntValueNode):
            return int(value.value)
        if isinstance(value, BooleanValueNode):
            return value.value
        return list(value.values) if isinstance(value, ListValueNode) else None


def _field_of(owner: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if is_object_type(owner) or is_interface_type(owner):
        return owner.fields.get(name)
    return None


def _read(field: GraphQLField) -> Any:
    definition = (field.extensions or {}).get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return read_of(definition)


def _is_list(field: GraphQLField) -> bool:
    kind = _output(field)
    if isinstance(kind, GraphQLNonNull):
        kind = cast("Any", kind).of_type
    return isinstance(kind, GraphQLList)


def _output(field: GraphQLField) -> Any:
    """The field's type; graphql-core's own annotations of it are generic without an end."""
    return cast("Any", field).type
