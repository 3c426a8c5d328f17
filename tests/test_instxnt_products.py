"""The product of a store in the words of instxnt, and what GraphQL shows of the same rows."""

from typing import Any

from db import models
from rest_compat.instxnt import wire
from tests.callers import GraphQL, Rest
from tests.kit import Make, gid
from tests.sellers import Seller, seller
from tests.state import events, everything

PRIMARY = """mutation ($id: ID!) { setPrimaryProduct(productId: $id) {
  product { id isPrimary } errors { code field } } }"""
OUTPUT = {
    "title": "Magnetic Car Phone Mount",
    "description": "Snap your phone on and drive.",
    "faq": [{"q": "Does it block the vent?", "a": "It covers one slat only."}],
    "seo": {
        "title": "Magnetic car phone mount",
        "description": "Hands-free mount for any vent.",
        "keywords": ["phone mount", "car accessory"],
    },
}
NO_CHANGES: list[tuple[Any, str]] = [
    ({"price_cents": 0}, "price_cents"),
    ({"price_cents": -1}, "price_cents"),
    ({"price_cents": 29.99}, "price_cents"),
    ({"price_cents": "2400"}, "price_cents"),
    ({"price_cents": None}, "price_cents"),
    ({"price_cents": 10**12}, "price_cents"),
    ({"price_cents": 2**63}, "price_cents"),
    ({"title": ""}, "title"),
    ({"title": " "}, "title"),
    ({"title": None}, "title"),
    ({"description_html": 5}, "description_html"),
    ({"description_html": "x" * 50_001}, "description_html"),
    ({"description_html": "&" * 20_000}, "description_html"),
    ({"faq": "?"}, "faq"),
    ({"faq": [{"q": "Why?"}]}, "faq.0.a"),
    ({"faq": [{"q": "Why?", "a": "So."}, {"q": " ", "a": "So."}]}, "faq.1.q"),
    ({"faq": [{"q": "Why?", "a": ""}]}, "faq.0.a"),
    ({"faq": [{"q": "Why?", "a": "So."}] * 51}, "faq"),
    ({"seo": {"title": "x" * 256}}, "seo.title"),
    ({"seo": {"description": "x" * 1001}}, "seo.description"),
    ({"seo": {"keywords": [""]}}, "seo.keywords"),
    ({"seo": {"keywords": "lamp"}}, "seo.keywords"),
    ({"seo": {"keywords": ["lamp"] * 51}}, "seo.keywords"),
    ({"price_cents": 100, "title": "New", "faq": [{"q": "", "a": ""}]}, "faq.0.q"),
]


async def opened(instxnt: Rest, key: Seller) -> str:
    return (await instxnt.data("create_store", key=key, body={"name": "Mount"}))["id"]


def id_of(store: models.Store) -> str:
    return wire.store_id(store.uuid)


async def test_what_the_product_is_can_be_patched_field_by_field(
    instxnt: Rest, gql: GraphQL, make: Make
) -> None:
    key = await seller(make)
    store = await opened(instxnt, key)
    before = await instxnt.data("get_product", key=key, store_id=store)
    assert {name: before[name] for name in ("description", "description_html", "seo")} == {
        "description": None, "description_html": None, "seo": None,
    }  # fmt: skip
    assert (before["faq"], before["images"], before["digital_download"]) == ([], [], None)
    body = {
        "title": "Magnetic Phone Mount for Cars",
        "price_cents": 2400,
        "description_html": "<p>Stays put on <b>rough</b> roads.</p><script>alert(1)</script>",
        "faq": [{"q": "Will it fit?", "a": 'Up to 6.9".'}, {"q": "How?", "a": "Magnets."}],
        "unknown": {"is": "ignored"},
    }

    changed = await instxnt.data("update_product", key=key, store_id=store, body=body)

    [variant] = before["variants"]
    assert changed == {
        **before,
        "title": body["title"],
        "price_cents": 2400,
        "variants": [{**variant, "price_cents": 2400}],
        "description_html": "<p>Stays put on <b>rough</b> roads.</p>",
        "faq": body["faq"],
    }
    assert await instxnt.data("get_product", key=key, store_id=store) == changed
    text = await instxnt.data(
        "update_product", key=key, store_id=store, body={"description": "Text", "faq": []}
    )
    assert text == {**changed, "description": "Text", "faq": []}
    data = await gql.data(
        """{ products(filter: {search: "magnetic cars"}) { nodes { title descriptionHtml
             price { amount } minPrice { amount } variants { price { amount } } } } }""",
        key=key,
    )
    assert data["products"]["nodes"] == [
        {
            "title": body["title"], "descriptionHtml": changed["description_html"],
            "price": {"amount": "24.00"}, "minPrice": {"amount": "24.00"},
            "variants": [{"price": {"amount": "24.00"}}],
        }
    ]  # fmt: skip
    assert len(await events(make.services, "product.updated")) == 2


async def test_the_output_of_a_generation_is_taken_unchanged(
    instxnt: Rest, gql: GraphQL, make: Make
) -> None:
    key = await seller(make)
    store = await opened(instxnt, key)

    written = await instxnt.data("update_product", key=key, store_id=store, body=OUTPUT)

    assert {name: written[name] for name in OUTPUT} == OUTPUT
    data = await gql.data(
        """{ products { nodes { pageTitle metaDescription keywords
             faq { question answer position product { title } } } } }""", key=key,
    )  # fmt: skip
    assert data["products"]["nodes"] == [
        {
            "pageTitle": "Magnetic car phone mount",
            "metaDescription": "Hands-free mount for any vent.",
            "keywords": ["phone mount", "car accessory"],
            "faq": [
                {
                    "question": "Does it block the vent?", "answer": "It covers one slat only.",
                    "position": 0, "product": {"title": "Magnetic Car Phone Mount"},
                }
            ],
        }
    ]  # fmt: skip
    part = {"seo": {"keywords": ["mount"]}}
    written = await instxnt.data("update_product", key=key, store_id=store, body=part)
    assert written["seo"] == {**OUTPUT["seo"], "keywords": ["mount"]}  # type: ignore[dict-item]


async def test_what_breaks_a_rule_is_named_and_changes_nothing(instxnt: Rest, make: Make) -> None:
    key = await seller(make)
    store = await opened(instxnt, key)
    before = await everything(make.services)

    for body, field in NO_CHANGES:
        reply = await instxnt("update_product", key=key, store_id=store, body=body)
        assert (reply.status, reply.body["code"]) == (400, "validation_failed"), body
        assert reply.body["field"] == field, (body, reply.body)
    refused = await instxnt("update_product", key=key, store_id=store, body={"price_cents": 0})

    assert "price_cents" in refused.body["message"]
    assert await everything(make.services) == before


async def test_a_new_price_leaves_variants_alone_that_have_their_own(
    instxnt: Rest, gql: GraphQL, make: Make
) -> None:
    key, store = await seller(make), await make.store()
    create = """mutation ($input: NewProduct!) { createProduct(input: $input) {
      product { id } errors { code field message } } }"""
    prices = {"Red": "10.00", "Coal": "10.00", "Gold": "15.00", "Chalk": "10.00"}
    new = {
        "storeId": gid(store), "title": "Lamp",
        "options": [{"name": "Colour", "choices": list(prices)}],
        "variants": [
            {"price": price, "options": {"Colour": name}} for name, price in prices.items()
        ],
    }  # fmt: skip
    await gql.done(create, key=key, input=new)

    changed = await instxnt.data(
        "update_product", key=key, store_id=id_of(store), body={"price_cents": 1200}
    )

    assert changed["price_cents"] == 1200
    assert {each["title"]: each["price_cents"] for each in changed["variants"]} == {
        "Red": 1200, "Coal": 1200, "Gold": 1500, "Chalk": 1200,
    }  # fmt: skip


async def test_the_primary_product_is_the_marked_one_else_the_oldest(
    instxnt: Rest, gql: GraphQL, make: Make, statements: list[str]
) -> None:
    key = await seller(make)
    stores = [await make.store() for _ in range(3)]
    products = [[await make.product(store) for _ in range(3)] for store in stores[:2]]
    query = "{ stores(sort: ID_ASC) { nodes { primaryProduct { id } } } }"

    async def primary() -> list[Any]:
        data = await gql.data(query, key=key)
        return [node["primaryProduct"] for node in data["stores"]["nodes"]]

    assert await primary() == [{"id": gid(some[0])} for some in products] + [None]
    for chosen in (products[0][2], products[0][1], products[0][1]):
        done = await gql.done(PRIMARY, key=key, id=gid(chosen))
        assert done["product"] == {"id": gid(chosen), "isPrimary": True}
    statements.clear()
    assert await primary() == [{"id": gid(products[0][1])}, {"id": gid(products[1][0])}, None]
    assert len(statements) == 3  # who asks, the stores, their products
    shown = await instxnt.data("get_product", key=key, store_id=id_of(stores[0]))
    assert shown["title"] == products[0][1].title
    none = await instxnt("get_product", key=key, store_id=id_of(stores[2]))
    assert (none.status, none.body) == (404, {"code": "not_found", "message": "Product not found"})
    gone = "mutation ($id: ID!) { deleteProduct(id: $id) { errors { code } } }"
    await gql.done(gone, key=key, id=gid(products[0][1]))
    assert (await primary())[0] == {"id": gid(products[0][0])}
    other = await make.key(permissions=frozenset({"product:view"}))
    answer = await gql(PRIMARY, key=other, id=gid(products[0][2]))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_product_is_read_by_a_fixed_number_of_statements(
    instxnt: Rest, make: Make, statements: list[str]
) -> None:
    key, store = await seller(make), await make.store()
    product = await make.product(store)
    download = {"name": "guide.pdf", "content_type": "application/pdf"}
    for n in range(4):
        variant = await make.variant(product, position=n + 1)
        await make.link(await make.file(store), product, position=n)
        await make.link(await make.file(store, **download), variant, role="download")
    await make.link(await make.file(store, **download), product, role="download")
    statements.clear()

    shown = await instxnt.data("get_product", key=key, store_id=id_of(store))

    # Who asks, whose it is, the product, the store, variants, questions, pictures, downloads of the
    # product, downloads of its variants.
    assert len(statements) == 9
    assert (len(shown["variants"]), len(shown["images"])) == (5, 4)
    files = shown["digital_download"]["files"]
    assert [each["name"] for each in files] == ["guide.pdf"] * 5
    assert {each["size_bytes"] for each in files} == {100}


async def test_graphql_takes_the_same_texts(gql: GraphQL, instxnt: Rest, make: Make) -> None:
    key, store = await seller(make), await make.store()
    create = """mutation ($input: NewProduct!) { createProduct(input: $input) {
      product { id descriptionHtml keywords isPrimary faq { id question answer } }
      errors { code field } } }"""
    update = """mutation ($id: ID!, $changes: ProductChanges!) {
      updateProduct(id: $id, changes: $changes) {
        product { descriptionHtml keywords price { amount } faq { id question answer } }
        errors { code field } } }"""
    new = {
        "storeId": gid(store), "title": "Lamp", "price": "9.99", "keywords": ["lamp", "light"],
        "descriptionHtml": '<p onclick="x()">Bright</p>',
        "faq": [{"question": "Is it bright?", "answer": "Yes."}, {"question": "B", "answer": "C"}],
    }  # fmt: skip

    made = (await gql.done(create, key=key, input=new))["product"]

    assert (made["descriptionHtml"], made["keywords"]) == ("<p>Bright</p>", ["lamp", "light"])
    assert made["isPrimary"] is False
    again = [{"question": "B", "answer": "D"}, {"question": "Is it bright?", "answer": "No."}]
    changes = {"faq": again, "keywords": [], "descriptionHtml": None, "price": "19.99"}
    changed = (await gql.done(update, key=key, id=made["id"], changes=changes))["product"]
    assert changed == {
        "descriptionHtml": None, "keywords": [], "price": {"amount": "19.99"},
        "faq": [
            {"id": made["faq"][1]["id"], "question": "B", "answer": "D"},
            {"id": made["faq"][0]["id"], "question": "Is it bright?", "answer": "No."},
        ],
    }  # fmt: skip
    shown = await instxnt.data("get_product", key=key, store_id=id_of(store))
    assert shown["faq"] == [{"q": each["question"], "a": each["answer"]} for each in again]
    bad = {"faq": [{"question": "", "answer": "x"}], "keywords": ["x" * 81]}
    assert sorted(await gql.refused(update, key=key, id=made["id"], changes=bad)) == [
        "INVALID changes.faq.0.question", "INVALID changes.keywords",
    ]  # fmt: skip
    data = await gql.data(
        "query ($id: ID!) { node(id: $id) { ... on FaqEntry { product { title } } } }",
        key=key, id=made["faq"][0]["id"],
    )  # fmt: skip
    assert data == {"node": {"product": {"title": "Lamp"}}}


async def test_xpage_and_instamarket_show_the_product_as_before(
    xpage: Rest, instxnt: Rest, make: Make
) -> None:
    key, store = await seller(make), await make.store()
    product = await make.product(store, price="10.00")
    app = await make.installed(store)
    url = {"id": str(product.uuid)}
    before = (await xpage.data("get_product", key=app, **url))["data"]["product"]
    body = {"description_html": "<p>Hi</p>", "faq": OUTPUT["faq"], "price_cents": 1250}

    await instxnt.data("update_product", key=key, store_id=id_of(store), body=body)

    after = (await xpage.data("get_product", key=app, **url))["data"]["product"]
    assert after == {**before, "default": {**before["default"], "price": 12.5}}
