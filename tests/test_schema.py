"""The printed schema is what the code says, and it says something of everything in it."""

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
)

from schema import make_schema

SDL = Path(__file__).parent.parent / "schema" / "schema.graphql"
SPECIFIED = {"String", "Int", "Float", "Boolean", "ID"}


def test_the_committed_schema_is_that_of_the_code() -> None:
    """``make schema`` writes it; its difference is to be read like code."""
    assert SDL.read_text() == make_schema().as_str() + "\n"


def test_every_type_field_and_argument_is_described() -> None:
    silent: list[str] = []
    for kind in build_schema(SDL.read_text()).type_map.values():
        if kind.name.startswith("__") or kind.name in SPECIFIED:
            continue
        if not kind.description:
            silent.append(kind.name)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                if not field.description:
                    silent.append(f"{kind.name}.{name}")
                silent += [
                    f"{kind.name}.{name}({argument})"
                    for argument, given in field.args.items()
                    if not given.description
                ]
        elif isinstance(kind, GraphQLInputObjectType):
            silent += [
                f"{kind.name}.{name}"
                for name, given in kind.fields.items()
                if not given.description
            ]
        elif isinstance(kind, GraphQLEnumType):
            assert kind.values
    assert silent == []
