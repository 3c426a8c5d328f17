"""What an operation may ask for, refused before anything of it runs."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from app.settings import Settings
from app.web import create_app
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Key, Make


async def refusal(gql: GraphQL, document: str, **variables: Any) -> Any:
    answer = await gql(document, **variables)
    assert "data" not in answer
    [error, *_] = answer["errors"]
    return error["extensions"] | {"message": error["message"]}


async def cost(gql: GraphQL, key: Key, document: str, **variables: Any) -> int:
    answer = await gql(document, key=key, **variables)
    assert "errors" not in answer, answer
    assert answer["extensions"]["cost"]["limit"] == 20_000
    return answer["extensions"]["cost"]["requested"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ products { nodes { " + "store { organization { stores { nodes { " * 4
         + "id" + " } } } } " * 4 + "} } }", "DEPTH_LIMIT"),
        ("{ " + " ".join(f"a{n}: viewer {{ plan }}" for n in range(31)) + " }",
         "ROOT_FIELD_LIMIT"),
        ("{ viewer { " + " ".join(f"a{n}: plan" for n in range(101)) + " } }", "ALIAS_LIMIT"),
        ("{ viewer { plan " + "@include(if: true) " * 51 + "} }", "DIRECTIVE_LIMIT"),
        ("{ viewer { " + "plan " * 21 + "} }", "REPETITION_LIMIT"),
        ("{ viewer { ...F0 } } " + " ".join(
            f"fragment F{n} on Viewer {{ ...F{n + 1} }}" for n in range(101))
         + " fragment F101 on Viewer { plan }", "FRAGMENT_LIMIT"),
    ],
)  # fmt: skip
async def test_a_document_with_too_much_of_something_is_refused(
    gql: GraphQL, statements: list[str], document: str, code: str
) -> None:
    assert (await refusal(gql, document))["code"] == code
    assert statements == []


async def test_too_many_tokens_are_refused_by_the_parser(gql: GraphQL) -> None:
    found = await refusal(gql, "{ viewer { " + "plan " * 5001 + "} }")
    assert found["code"] == "BAD_REQUEST"
    assert "more than 5000 tokens" in found["message"]


async def test_nesting_that_no_parser_survives_is_refused(gql: GraphQL) -> None:
    for document in ("{ a" * 1200 + " }" * 1200, "{ a(x: " + "[" * 2000 + "]" * 2000 + ") }"):
        found = await refusal(gql, document)
        assert found["code"] == "BAD_REQUEST"
        assert "nested too deeply" in found["message"]


async def test_fragments_that_multiply_are_counted_without_being_spread_out(gql: GraphQL) -> None:
    doubled = " ".join(
        f"fragment F{n} on Viewer {{ a: plan ...F{n + 1} b: plan ...F{n + 1} }}" for n in range(60)
    )
    document = "{ viewer { ...F0 } } " + doubled + " fragment F60 on Viewer { plan }"
    assert (await refusal(gql, document))["code"] == "ALIAS_LIMIT"


async def test_a_fragment_within_itself_is_an_error_of_the_document(gql: GraphQL) -> None:
    found = await refusal(gql, "{ viewer { ...F } } fragment F on Viewer { plan ...F }")
    assert found["code"] == "BAD_REQUEST"
    assert "Cannot spread fragment" in found["message"]


async def test_introspection_is_not_too_deep(gql: GraphQL) -> None:
    nested = "ofType { " * 12 + "name" + " }" * 12
    assert await gql.data("{ __schema { types { fields { type { " + nested + " } } } } }")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ viewer { plan } }", 2),
        ("{ products { totalCount } }", 3),
        ("{ products { nodes { title } } }", 1 + 1 + 20),
        ("{ products(first: 5) { nodes { title slug } } }", 1 + 1 + 5 * 2),
        ("{ products(last: 5) { edges { cursor node { title } } } }", 1 + 1 + 5 * 3),
        ("{ products(first: 5) { nodes { store { name } } pageInfo { endCursor } } }",
         1 + (1 + 5 * 2) + 2),
        ("{ stores(first: 2) { nodes { products(first: 3) { nodes { title } } } } }",
         1 + 1 + 2 * (1 + 1 + 3)),
        ("{ products(first: 2) { nodes { variants { sku } } } }", 1 + 1 + 2 * (1 + 10)),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3),
        ("{ products(first: 2) { nodes { ...F ...F title } } } fragment F on Product { title }",
         1 + 1 + 2),
        ("{ products(first: 0) { nodes { title } } }", 2),
        ("{ products(first: 5) @skip(if: true) { nodes { title } } viewer { plan } }", 2),
    ],
)  # fmt: skip
async def test_the_cost_is_counted_per_row_that_may_come(
    gql: GraphQL, make: Make, document: str, expected: int
) -> None:
    assert await cost(gql, await make.key(), document) == expected


async def test_the_cost_follows_variables_and_their_defaults(gql: GraphQL, make: Make) -> None:
    key = await make.key()
    document = """query ($n: Int = 3, $with: Boolean = true) {
      products(first: $n) { nodes { title store @include(if: $with) { name } } } }"""
    assert await cost(gql, key, document) == 2 + 3 * 3
    assert await cost(gql, key, document, n=10) == 2 + 10 * 3
    assert await cost(gql, key, document, n=10, **{"with": False}) == 2 + 10
    assert await cost(gql, key, document) == 2 + 3 * 3


async def test_what_costs_too_much_is_refused_with_the_figures(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    key = await make.key()
    statements.clear()
    answer = await gql(
        """query ($n: Int) { stores(first: $n) { nodes { products(first: $n) { nodes {
           variants { sku } } } } } }""",
        key=key,
        n=250,
    )

    [error] = answer["errors"]
    assert error["extensions"]["code"] == "COST_LIMIT"
    assert error["extensions"]["details"] == {
        "cost": 2 + 250 * (2 + 250 * (1 + 10)),
        "limit": 20_000,
    }
    assert "data" not in answer
    assert len(statements) == 1  # the key


async def test_what_cannot_be_added_up_is_refused(gql: GraphQL) -> None:
    wide = "stores(first: 1) { nodes { organization { ...F%d } } }"
    fragments = " ".join(
        f"fragment F{n} on Organization {{ "
        + " ".join(f"a{m}: " + wide % (n + 1) for m in range(3))
        + " }"
        for n in range(4)
    )
    document = "{ viewer { organization { ...F0 } } } " + fragments
    document += " fragment F4 on Organization { name }"
    assert (await refusal(gql, document))["code"] in ("DEPTH_LIMIT", "ALIAS_LIMIT", "COST_LIMIT")


async def test_limits_are_settings(services: Services, settings: Settings) -> None:
    strict = replace(settings, max_cost=5, max_depth=2)
    async with TestClient(TestServer(create_app(services, strict))) as client:
        gql = GraphQL(client)
        assert (await refusal(gql, "{ products { nodes { id } } }"))["code"] == "DEPTH_LIMIT"
        document = "{ viewer { a: plan b: plan c: plan d: plan e: plan } }"
        assert (await refusal(gql, document))["code"] == "COST_LIMIT"


async def test_without_introspection_nothing_tells_what_there_is(
    services: Services, settings: Settings
) -> None:
    quiet = replace(settings, introspection=False)
    async with TestClient(TestServer(create_app(services, quiet))) as client:
        gql = GraphQL(client)
        assert (await refusal(gql, "{ __schema { types { name } } }"))["code"] == "BAD_REQUEST"
        assert (await gql("{ __typename }"))["data"] == {"__typename": "Query"}
        for document in (
            "{ produts { nodes { id } } }",
            "{ products(frist: 1) { totalCount } }",
            "{ products(sort: PRICE_ASK) { totalCount } }",
            "{ viewer { ... on Viewr { plan } } }",
        ):
            assert "Did you mean" not in (await refusal(gql, document))["message"]


async def test_with_introspection_there_are_suggestions(gql: GraphQL) -> None:
    assert (
        "Did you mean 'products'" in (await refusal(gql, "{ produts { totalCount } }"))["message"]
    )
