"""Where something is wrong, the answer is the reference executor's, and nothing happens twice."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.settings import Settings
from app.web import DRIVER
from db import models
from db.base import now
from resolvers.keys import global_id
from resolvers.services import Services
from tests.differential.doors import Doors, doors
from tests.kit import Key, Make, gid


@pytest.fixture
async def both(services: Services, settings: Settings) -> AsyncGenerator[Doors]:
    with capture_logs():  # nobody has to read of errors that are asked for
        async with doors(services, settings) as opened:
            yield opened


async def change(make: Make, statement: str, **values: Any) -> None:
    async with make.services.database.write() as session:
        await session.execute(text(statement), values)


async def test_a_number_that_is_no_int_is_an_error_in_its_place(both: Doors, make: Make) -> None:
    store = await make.store()
    product = await make.product(store, title="Fine")
    large = await make.file(store, size=2**31)
    await make.file(store, size=2**31 - 1)
    key = await make.key()
    one = """query ($file: ID!, $product: ID!) {
      file(id: $file) { size } product(id: $product) { title } }"""

    partly = await both.ask(one, key=key, file=gid(large), product=gid(product))
    all_gone = await both.ask("{ files { nodes { name size } } }", key=key)
    fine = await both.ask("{ files { nodes { name } } }", key=key)

    assert partly.body["data"] == {"file": None, "product": {"title": "Fine"}}
    assert partly.body["errors"][0]["path"] == ["file", "size"]
    assert all_gone.body["data"] is None
    assert (partly.reason, all_gone.reason, fine.reason) == ("null", "null", "")


async def test_a_row_that_is_gone_where_one_must_be_is_an_error_in_its_place(
    both: Doors, make: Make
) -> None:
    store = await make.store()
    variant = await make.only_variant(await make.product(store))
    offer = await make.offer(variant)
    async with make.services.database.write() as session:
        (await session.get_one(models.Variant, variant.id)).deleted_at = now()
    key = await make.key()

    answers = [
        await both.ask(document, key=key, **({"id": gid(offer)} if "$id" in document else {}))
        for document in (
            "query ($id: ID!) { offer(id: $id) { variant { id } } }",
            "{ offers { nodes { merchant variant { id } } } }",
            "{ stores { nodes { id } } offers { edges { node { variant { sku } } } } }",
        )
    ]

    assert [answer.reason for answer in answers] == ["null"] * 3
    assert answers[0].body["data"] == {"offer": None}
    assert answers[1].body["data"] is None
    assert answers[1].body["errors"][0]["path"] == ["offers", "nodes", 0, "variant"]


async def test_a_row_that_is_gone_where_none_has_to_be_is_left_out(both: Doors, make: Make) -> None:
    store = await make.store()
    root = await make.category(store, name="Root")
    gone = await make.category(store, root, name="Gone")
    leaf = await make.category(store, gone, name="Leaf")
    brand = await make.brand(store)
    await make.product(store, title="Lamp", category_id=leaf.id, brand_id=brand.id)
    async with make.services.database.write() as session:
        for kind, row in ((models.Category, gone), (models.Brand, brand)):
            found: Any = await session.get_one(kind, row.id)
            found.deleted_at = now()
    document = """{ products { nodes {
      brand { name } category { name parent { name } ancestors { name } } } } }"""

    answer = await both.ask(document, key=await make.key())

    category = {"name": "Leaf", "parent": None, "ancestors": [{"name": "Root"}]}
    assert answer.data == {"products": {"nodes": [{"brand": None, "category": category}]}}
    assert answer.reason == ""


async def test_a_null_in_json_is_no_error_where_null_may_be(both: Doors, make: Make) -> None:
    store = await make.store()
    product = await make.product(store)
    await change(make, "UPDATE product SET attributes = 'null' WHERE id = :id", id=product.id)
    key = await make.key()
    job = await make.row(models.Job, "Acme")

    needed = await both.ask("{ products { nodes { attributes } } }", key=key)
    optional = "query ($id: ID!) { job(id: $id) { output } }"
    stored = await both.ask(optional, key=key, id=gid(job))
    await change(make, "UPDATE job SET output = NULL WHERE id = :id", id=job.id)
    absent = await both.ask(optional, key=key, id=gid(job))

    assert needed.reason == "null"
    assert needed.body["errors"][0]["path"] == ["products", "nodes", 0, "attributes"]
    assert stored.data == absent.data == {"job": {"output": None}}
    assert (stored.reason, absent.reason) == ("", "")


LIST = "{ products(first: 1) { nodes { title } } }"
FILTERED = "query ($f: ProductFilter) { products(filter: $f) { totalCount } }"
SIZED = "query ($n: Int) { products(first: $n) { totalCount } }"
SORTED = "query ($s: ProductSort) { products(sort: $s) { totalCount } }"


@pytest.mark.parametrize(
    ("document", "variables", "reason", "code"),
    [
        ("{ products(first: 251) { totalCount } stores { totalCount } }", {}, "argument",
         "INVALID"),
        ("{ products(first: -1) { totalCount } }", {}, "argument", "INVALID"),
        ("{ products(first: 1, last: 1) { totalCount } }", {}, "argument", "INVALID"),
        ('{ products(after: "x") { nodes { id } } }', {}, "argument", "INVALID"),
        ('{ products(filter: {storeId: "x"}) { totalCount } }', {}, "argument", "NOT_FOUND"),
        ('{ products(filter: {minPrice: "1.0000001"}) { totalCount } }', {}, "argument",
         "INVALID"),
        (SIZED, {"n": 251}, "Invalid", "INVALID"),
        (SIZED, {"n": 2**31}, "variables", "BAD_REQUEST"),
        (SIZED, {"n": "1"}, "variables", "BAD_REQUEST"),
        (SIZED.replace("Int", "Int!"), {}, "variables", "BAD_REQUEST"),
        ("query ($c: String) { products(before: $c) { nodes { id } } }", {"c": "x"}, "Invalid",
         "INVALID"),
        (FILTERED, {"f": {"brandId": ["x"]}}, "NotFound", "NOT_FOUND"),
        (FILTERED, {"f": {"brand": "x"}}, "variables", "BAD_REQUEST"),
        (FILTERED, {"f": {"search": "\x00"}}, "document", "BAD_REQUEST"),
        (SORTED, {"s": "NO"}, "variables", "BAD_REQUEST"),
        ("query ($i: Boolean = true) { products @include(if: $i) { totalCount } }",
         {"i": None}, "variables", "BAD_REQUEST"),
        ("query ($i: Boolean = true) { products { nodes { id @skip(if: $i) } } }",
         {"i": None}, "variables", "BAD_REQUEST"),
        ("{ products { nothing } }", {}, "document", "BAD_REQUEST"),
        ("{ products {", {}, "document", "BAD_REQUEST"),
        ("{ products(first: 250) { nodes { orderLines(first: 250) { nodes { id } } } } }",
         {}, "cost", "COST_LIMIT"),
        ("query A { stores { totalCount } } query B { users { totalCount } }",
         {}, "document", "BAD_REQUEST"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_arguments_is_told_in_the_same_words(  # noqa: PLR0917
    both: Doors, make: Make, document: str, variables: dict[str, Any], reason: str, code: str
) -> None:
    await make.product(await make.store())

    answer = await both.ask(document, key=await make.key(), **variables)

    assert answer.codes[:1] == [code]
    assert answer.reason == reason


TAKING = {
    "Int!": "products(first: $v) { totalCount }",
    "ID!": "product(id: $v) { id }",
    "Boolean!": "products(filter: {inStock: $v}) { totalCount @include(if: $v) }",
    "String!": "products(filter: {search: $v}) { totalCount }",
    "Float!": "products(filter: {minRating: $v}) { totalCount }",
    "Decimal!": "products(filter: {minPrice: $v}) { totalCount }",
    "DateTime!": "products(filter: {createdAfter: $v}) { totalCount }",
    "[ID!]!": "products(filter: {brandId: $v}) { totalCount }",
    "ProductSort!": "products(sort: $v) { totalCount }",
    "ProductFilter!": "products(filter: $v) { totalCount }",
}


@pytest.mark.parametrize("kind", TAKING)
async def test_values_of_variables_are_taken_alike(both: Doors, make: Make, kind: str) -> None:
    await make.product(await make.store())
    key = await make.key()
    taken: dict[str, list[Any]] = {}
    values = (True, 1, 0, -1, 1.0, 1.5, "1", "x", "", "ID_ASC", None, [], ["x"], {}, 2**31, 1e30)
    for value in (*values, "2026-01-01T00:00:00+01:00", {"inStock": False}, {"nothing": 1}):
        answer = await both.ask(f"query ($v: {kind}) {{ {TAKING[kind]} }}", key=key, v=value)
        taken.setdefault(answer.reason, []).append(value)

    assert taken[""], "some value fits"
    assert taken["variables"], "some value does not"
    assert taken.keys() <= {"", "variables", "Invalid", "NotFound"}


async def test_an_argument_that_is_wrong_hurts_only_where_it_is_looked_at(
    both: Doors, make: Make
) -> None:
    await make.store()
    key = await make.key()
    nothing = global_id("Product", 999)
    document = "query ($id: ID!) { product(id: $id) { reviews(first: 999) { totalCount } } }"

    answer = await both.ask(document, key=key, id=nothing)

    assert answer.data == {"product": None}


async def test_what_may_not_be_seen_is_refused_field_by_field(both: Doors, make: Make) -> None:
    product = await make.product(await make.store(), title="Seen")
    key = await make.key(permissions=frozenset({"product:view"}))
    document = """query ($id: ID!) {
      product(id: $id) { title } order(id: "x") { ref } hidden: product(id: $id) { store { name } }
    }"""

    answer = await both.ask(document, key=key, id=gid(product))

    assert answer.reason == "permission"
    assert answer.codes == ["FORBIDDEN", "FORBIDDEN"]
    assert answer.body["data"] == {"product": {"title": "Seen"}, "order": None, "hidden": None}


async def test_nobody_in_particular_is_told_to_say_who_they_are(both: Doors) -> None:
    answer = await both.ask("{ products { totalCount } }")

    assert answer.codes == ["UNAUTHENTICATED"]
    assert answer.reason == "anonymous"


@pytest.mark.parametrize(
    ("document", "data", "reason"),
    [
        ("{ __typename }", {"__typename": "Query"}, ""),
        ("{ stores @skip(if: true) { totalCount } }", {}, ""),
        ("{ stores { nodes @include(if: false) { id } } }", {"stores": {}}, ""),
        ("{ stores { nodes { __typename } } }", {"stores": {"nodes": [{"__typename": "Store"}]}},
         ""),
        ("{ stores { pageInfo { hasNextPage } } }",
         {"stores": {"pageInfo": {"hasNextPage": False}}}, ""),
        ("{ stores(first: 0) { pageInfo { hasNextPage startCursor } nodes { id } } }",
         {"stores": {"pageInfo": {"hasNextPage": True, "startCursor": None}, "nodes": []}}, ""),
        ('{ store(id: "") { id } categoryTree(storeId: "x") { id } }',
         {"store": None, "categoryTree": []}, ""),
        ("{ __schema { queryType { name } } }", {"__schema": {"queryType": {"name": "Query"}}},
         "introspection"),
        ("{ viewer { ownOnly } }", {"viewer": {"ownOnly": False}}, "opaque"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_little_is_answered_alike_too(  # noqa: PLR0917
    both: Doors, make: Make, document: str, data: Any, reason: str, accept: str
) -> None:
    await make.store()

    answer = await both.send({"query": document}, key=await make.key(), accept=accept)

    assert answer.data == data
    assert answer.reason == reason


async def test_a_driver_that_fails_is_not_noticed(
    both: Doors, make: Make, failed_reads: list[Exception]
) -> None:
    await make.product(await make.store(), title="Lamp")
    key = await make.key()
    driver = both.compiling.app[DRIVER]  # type: ignore[union-attr]

    async def fail(*_: Any, **__: Any) -> None:
        raise OSError("the line is dead")

    driver.run = fail
    broken = await both.ask(LIST, key=key)
    del driver.run
    mended = await both.ask(LIST, key=key)

    assert broken.data == mended.data == {"products": {"nodes": [{"title": "Lamp"}]}}
    assert (broken.reason, mended.reason) == ("OSError", "")
    assert [str(failed_reads.pop())] == ["the line is dead"]


async def test_a_database_that_fails_is_an_error_like_any_other(
    both: Doors, make: Make, failed_reads: list[Exception]
) -> None:
    await make.product(await make.store(), title="Lamp")
    key = await make.key()
    document = "{ products { nodes { title offers { totalCount } } } }"
    before = await both.ask(document, key=key)
    await change(make, "ALTER TABLE offer RENAME TO offer_away")
    try:
        broken = await both.ask(document, key=key)
    finally:
        await change(make, "ALTER TABLE offer_away RENAME TO offer")
    mended = await both.ask(document, key=key)

    assert broken.codes == ["INTERNAL"]
    assert broken.body["errors"][0]["path"] == ["products", "nodes", 0, "offers", "totalCount"]
    assert "offer" in str(failed_reads.pop())
    assert broken.reason not in ("", "unknown")
    assert before.data == mended.data
    assert (before.reason, mended.reason) == ("", "")


async def test_a_mutation_happens_once(both: Doors, make: Make) -> None:
    store = await make.store()
    key = await make.key()
    document = """
    mutation Do($input: NewBrand!) {
      createBrand(input: $input) {
        brand { name products(first: 251) { totalCount } } errors { code }
      }
    }
    query Look { brands { nodes { name } } }"""
    given = {"input": {"storeId": gid(store), "name": "Once"}}

    async def send(operation: str | None) -> Any:
        message = {"query": document, "variables": given, "operationName": operation}
        response = await both.compiling.post("/graphql", json=message, headers=key.headers)
        return await response.json()

    undecided, done, seen = await send(None), await send("Do"), await send("Look")

    assert "several operations" in undecided["errors"][0]["message"]
    assert done["extensions"]["execution"]["reason"] == "operation: mutation"
    # The selection fails once the brand is there, and it is not made again for that.
    assert [error["extensions"]["code"] for error in done["errors"]] == ["INVALID"]
    assert seen["extensions"]["execution"] == {"path": "compiled"}
    assert seen["data"] == {"brands": {"nodes": [{"name": "Once"}]}}


async def test_what_is_no_query_is_refused_as_ever(both: Doors, make: Make) -> None:
    key: Key = await make.key()
    answer = await both.ask("subscription { orders { id } }", key=key)
    assert answer.status == 400
    for client in (both.compiling, both.plain):
        document = {"query": "mutation { deleteStore(id: 1) { deletedId } }"}
        response = await client.get(
            "/graphql", params=document, headers=key.headers | {"X-Requested-With": "x"}
        )
        assert response.status == 405
        document = {"query": "{ stores { totalCount } }"}
        response = await client.get(
            "/graphql", params=document, headers=key.headers | {"X-Requested-With": "x"}
        )
        assert (await response.json())["data"] == {"stores": {"totalCount": 0}}
