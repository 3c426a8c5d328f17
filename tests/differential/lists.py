"""What the schema says of its connections."""

from typing import Any

from graphql import get_named_type

from engine.objects import definition_of
from resolvers.reads import Page, Sorts
from schema.relations import read_of


def sorts_of(field: Any) -> Sorts | None:
    """The orders of a connection; None for any other field."""
    read = read_of(definition_of(field))
    return read.sorts if isinstance(read, Page) else None


def noun_of(field: Any) -> str:
    """The noun that a connection lists, or the type that another field gives."""
    return get_named_type(field.type).name.removesuffix("Connection")
