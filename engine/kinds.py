"""GraphQL's type system in the few words that compiling needs.

graphql-core's own wrappers are generic without an end, which tells a type checker nothing.
"""

from typing import Any, cast

from graphql import GraphQLList, GraphQLNonNull, get_named_type, is_leaf_type, is_object_type

_named: Any = get_named_type
_is_leaf: Any = is_leaf_type
_is_object: Any = is_object_type


def is_required(kind: Any) -> bool:
    """Whether null must not be."""
    return isinstance(kind, GraphQLNonNull)


def nullable(kind: Any) -> Any:
    """The type without its "must not be null"."""
    return cast("Any", kind).of_type if isinstance(kind, GraphQLNonNull) else kind


def item(kind: Any) -> Any:
    """The type of a list's items; None of what is no list."""
    inner = nullable(kind)
    return cast("Any", inner).of_type if isinstance(inner, GraphQLList) else None


def named(kind: Any) -> Any:
    """The object, enum or scalar beneath all wrappers."""
    return _named(kind)


def is_leaf(kind: Any) -> bool:
    return bool(_is_leaf(kind))


def is_object(kind: Any) -> bool:
    return bool(_is_object(kind))
