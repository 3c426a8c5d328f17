"""Objects that resolvers return, and that are not made of rows: read field by field."""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import FieldNode
from strawberry.schema.schema_converter import GraphQLCoreConverter

from engine import kinds
from engine.leaves import completed, irregular
from engine.refusals import Irregular, Uncompilable
from engine.selections import Selections

Convert = Callable[[Any], Any]


def definition_of(field: Any) -> Any:
    """Strawberry's definition of a field of the executable schema."""
    extensions: dict[str, Any] = field.extensions or {}
    return extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)


def object_completed(selections: Selections, kind: Any, nodes: Sequence[FieldNode]) -> Convert:
    """What makes JSON of a result of any type, with the fields that ``nodes`` select of it.

    Raises ``Uncompilable`` where one of those fields has a resolver of its own.
    """
    if kinds.is_required(kind):
        inner = object_completed(selections, kinds.nullable(kind), nodes)

        def required(value: Any) -> Any:
            found = inner(value)
            return irregular() if found is None else found

        return required
    if (of := kinds.item(kind)) is not None:
        item = object_completed(selections, of, nodes)

        def listed(value: Any) -> Any:
            if value is None:
                return None
            if not isinstance(value, list | tuple):
                raise Irregular("no list")
            return [item(each) for each in value]  # pyright: ignore[reportUnknownVariableType]

        return listed
    if not kinds.is_object(kind):
        return completed(kind)
    return _shaped(selections, kind, nodes)


def _shaped(selections: Selections, kind: Any, nodes: Sequence[FieldNode]) -> Convert:
    parts: list[tuple[str, str, Convert]] = []
    for key, found in selections.below(kind, nodes).items():
        name = found[0].name.value
        if name == "__typename":
            parts.append((key, "", _constant(kind.name)))
            continue
        field = kind.fields[name]
        definition = definition_of(field)
        if definition is None or definition.base_resolver is not None:
            raise Uncompilable("opaque", f"{kind.name}.{name}")
        parts.append((key, definition.python_name, object_completed(selections, field.type, found)))

    def shaped(value: Any) -> Any:
        if value is None:
            return None
        return {
            key: convert(getattr(value, name) if name else value) for key, name, convert in parts
        }

    return shaped


def _constant(name: str) -> Convert:
    return lambda _value: name
