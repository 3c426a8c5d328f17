"""Another tenant's rows do not exist, whatever the noun and whichever the door.

The schema itself says what there is to try, so a new noun, lookup or mutation is tried at once.
"""

import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from inspect import Parameter, signature
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from graphql import (
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_leaf_type,
)
from strawberry.types import get_object_definition

from db import models
from resolvers import keys
from resolvers.file_uploads import IncomingFile
from resolvers.inputs import MicroUnits
from resolvers.keys import KeyOf
from schema import Mutation, make_schema
from schema.relations import NOUNS
from tests.callers import GraphQL, Part
from tests.kit import Make
from tests.state import everything


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


# The platform's, the same for all tenants.
SHARED = {"ShippingCarrier"}
# A person's: nobody else's, not even their organization's. See ``tests/test_cookies.py``.
PERSONAL = {"Session"}
SCHEMA = build_schema(make_schema().as_str())
QUERY, MUTATION = SCHEMA.query_type, SCHEMA.mutation_type
OPERATIONS: Mapping[str, Callable[..., Any]] = {
    _camel(field.python_name): field.metadata["operation"]
    for field in get_object_definition(Mutation, strict=True).fields
    if "operation" in field.metadata
}

# Inputs with a rule of their own: from one that breaks it to one that does not.
INPUTS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "adjustStock": lambda given: {**given, "by": 1},
    "createApiKey": lambda given: {**given, "permissions": ["product:view"]},
    "createDomain": lambda given: {**given, "name": "shop.example"},
    "createProduct": lambda given: {
        key: value for key, value in given.items() if key != "defaultVariant"
    },
    "createWebhookEndpoint": lambda given: {**given, "topics": ["order.created"]},
    "creditDeposit": lambda given: {**given, "balanceId": None},
    "recordVisit": lambda given: {**given, "path": "/"},
    "updateDomain": lambda given: {**given, "name": "shop.example"},
    "detachFile": lambda given: {key: given[key] for key in ("fileId", "productId")},
    "linkFile": lambda given: {key: given[key] for key in ("fileId", "productId")},
    "uploadFile": lambda given: {key: given[key] for key in ("storeId", "file")},
}


def lookups() -> Iterator[str]:
    """The root fields that find one row by ``id``."""
    assert isinstance(QUERY, GraphQLObjectType)
    for name, field in QUERY.fields.items():
        if get_named_type(field.type).name in NOUNS.keys() - PERSONAL and _needs_only_an_id(field):
            yield name


def _needs_only_an_id(field: GraphQLField) -> bool:
    required = [
        name for name, given in field.args.items() if isinstance(given.type, GraphQLNonNull)
    ]
    return required == ["id"]


def is_in_a_store(field: str) -> bool:
    assert isinstance(QUERY, GraphQLObjectType)
    noun = get_named_type(QUERY.fields[field].type).name
    return noun == "Store" or "store_id" in NOUNS[noun].row.__mapper__.columns


def nouns_of(operation: Callable[..., Any]) -> set[str]:
    """The nouns whose ids a mutation takes, wherever in its arguments."""
    return {noun for kind in arguments(operation).values() for noun in _nouns_in(kind)}


def arguments(operation: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(operation, include_extras=True)
    return {
        name: hints[name]
        for name, declared in signature(operation).parameters.items()
        if declared.kind is Parameter.KEYWORD_ONLY
    }


def _nouns_in(kind: Any) -> Iterator[str]:
    if get_origin(kind) is Annotated:
        yield from (mark.noun for mark in get_args(kind) if isinstance(mark, KeyOf))
    if dataclasses.is_dataclass(kind):
        for hint in get_type_hints(kind, include_extras=True).values():
            yield from _nouns_in(hint)
    for part in get_args(kind):
        yield from _nouns_in(part)


class Foreign:
    """Values of arguments in which every id, required or not, is another tenant's."""

    def __init__(self, make: Make) -> None:
        self._make = make

    async def id(self, noun: str) -> str:
        kind = NOUNS[noun].row if noun in NOUNS else getattr(models, noun)
        row: Any = await self._make.row(kind, "Other")
        return keys.global_id(noun, row.id)

    async def value(self, kind: Any) -> Any:  # noqa: PLR0911 - one for each kind of type
        origin, parts = get_origin(kind), get_args(kind)
        if origin is Annotated:
            for mark in parts[1:]:
                if isinstance(mark, KeyOf):
                    found = await self.id(mark.noun)
                    return [found] if get_origin(parts[0]) is Sequence else found
            return "1" if MicroUnits in parts else await self.value(parts[0])
        if origin in (Union, types.UnionType):
            return await self.value(next(part for part in parts if part is not type(None)))
        if origin in (list, Sequence):
            return [await self.value(parts[0])]
        if origin in (dict, Mapping) or kind is Any:
            return {"a": 1}
        if kind is IncomingFile:
            return Part(b"a text")
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return await self.input(kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return next(iter(kind)).name
        return {str: "https://shop.example", int: 1, bool: True}[kind]

    async def input(self, kind: type) -> dict[str, Any]:
        """What must be given, and all ids; of a change that needs neither, its first field."""
        hints, fields = get_type_hints(kind, include_extras=True), dataclasses.fields(kind)
        wanted = [
            field for field in fields if _is_required(field) or list(_nouns_in(hints[field.name]))
        ]
        return {
            _camel(field.name): await self.value(hints[field.name])
            for field in wanted or fields[:1]
        }


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


@pytest.mark.parametrize("noun", sorted(NOUNS.keys() - SHARED - PERSONAL))
async def test_node_finds_no_row_of_another_tenant(gql: GraphQL, make: Make, noun: str) -> None:
    row: Any = await make.row(NOUNS[noun].row, "Other")
    query = "query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }"
    id_ = keys.global_id(noun, row.id)

    own = await gql.data(query, key=await make.key("Other"), id=id_)
    foreign = await gql.data(query, key=await make.key("Acme"), id=id_)

    assert own == {"node": {"id": id_}, "nodes": [{"id": id_}]}
    assert foreign == {"node": None, "nodes": [None]}


@pytest.mark.parametrize("field", sorted(lookups()))
async def test_no_lookup_finds_a_row_of_another_tenant(
    gql: GraphQL, make: Make, field: str
) -> None:
    assert isinstance(QUERY, GraphQLObjectType)
    noun = get_named_type(QUERY.fields[field].type).name
    row: Any = await make.row(NOUNS[noun].row, "Other")
    query = f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}"
    id_ = keys.global_id(noun, row.id)

    assert await gql.data(query, key=await make.key("Other"), id=id_) == {field: {"id": id_}}
    key = await make.key("Acme")
    for wrong in (id_, keys.global_id(noun, 2**63 - 1), keys.global_id("Nothing", 1), "", "?"):
        assert await gql.data(query, key=key, id=wrong) == {field: None}, wrong


@pytest.mark.parametrize("field", sorted(filter(is_in_a_store, lookups())))
async def test_a_key_of_one_store_finds_nothing_of_another(
    gql: GraphQL, make: Make, field: str
) -> None:
    assert isinstance(QUERY, GraphQLObjectType)
    noun = get_named_type(QUERY.fields[field].type).name
    row: Any = await make.row(NOUNS[noun].row, "Acme")
    key = await make.key("Acme", store_id=(await make.store("Acme")).id)
    query = f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}"

    data = await gql.data(query, key=key, id=keys.global_id(noun, row.id))

    assert data == {field: None}


@pytest.mark.parametrize(
    "name", sorted(name for name, operation in OPERATIONS.items() if nouns_of(operation))
)
async def test_a_mutation_that_is_given_foreign_ids_changes_nothing(
    gql: GraphQL, make: Make, name: str
) -> None:
    assert isinstance(MUTATION, GraphQLObjectType)
    field, operation, foreign = MUTATION.fields[name], OPERATIONS[name], Foreign(make)
    given = {
        _camel(argument): await foreign.value(kind)
        for argument, kind in arguments(operation).items()
        if argument not in ("idempotency_key", "expected_version")
    }
    if name in INPUTS:
        [inside] = {"input", "changes"} & set(given)
        given[inside] = INPUTS[name](given[inside])
    key, before = await make.key("Acme"), await everything(make.services)
    declared = ", ".join(f"${argument}: {field.args[argument].type}" for argument in given)
    passed = ", ".join(f"{argument}: ${argument}" for argument in given)
    document = f"""mutation ({declared}) {{
      {name}({passed}) {{ errors {{ code field message }} }} }}"""

    payload = (await gql.data(document, key=key, **given))[name]

    assert [error["code"] for error in payload["errors"]] == ["NOT_FOUND"], payload["errors"]
    assert await everything(make.services) == before


def test_every_mutation_that_takes_an_id_is_tried_above() -> None:
    assert isinstance(MUTATION, GraphQLObjectType)
    with_ids = {
        name
        for name, field in MUTATION.fields.items()
        if any(_takes_id(argument.type) for argument in field.args.values())
    }

    assert with_ids <= {name for name, operation in OPERATIONS.items() if nouns_of(operation)}


def _takes_id(kind: Any) -> bool:
    named = get_named_type(kind)
    if is_leaf_type(named):
        return named.name == "ID"
    return any(_takes_id(field.type) for field in named.fields.values())
