import pytest

from db import models
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.state import events, everything

PAGE = """query ($first: Int, $after: String, $filter: ProductFilter, $sort: ProductSort) {
  products(first: $first, after: $after, filter: $filter, sort: $sort) {
    edges { cursor node { id title price { amount currency } rating } }
    pageInfo { hasNextPage endCursor } totalCount } }"""
CREATE = """mutation ($input: NewProduct!, $once: String) {
  createProduct(input: $input, idempotencyKey: $once) {
    product { id slug title currency stock version minPrice { amount } maxPrice { amount }
      options { name choices } variants { id title sku stock price { amount currency } options } }
    errors { code field message } } }"""
UPDATE = """mutation ($id: ID!, $changes: ProductChanges!, $version: Int) {
  updateProduct(id: $id, changes: $changes, expectedVersion: $version) {
    product { title slug version description brand { name } } errors { code field } } }"""
DELETE = """mutation ($id: ID!, $version: Int) {
  deleteProduct(id: $id, expectedVersion: $version) { deletedId errors { code field } } }"""
OPTIONS = """mutation ($id: ID!, $options: [OptionInput!]!) {
  setProductOptions(productId: $id, options: $options) {
    product { version options { id name choices position } } errors { code field } } }"""


async def test_a_page_of_products_costs_one_statement_and_its_count_another(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    store, key = await make.store(), await make.key()
    for price in ("3", "1", "2"):
        await make.product(store, price=price)
    statements.clear()

    data = await gql.data(PAGE, key=key, first=2, sort="PRICE_ASC")

    page = data["products"]
    assert [e["node"]["price"]["amount"] for e in page["edges"]] == ["1.00", "2.00"]
    assert page["pageInfo"]["hasNextPage"] is True
    assert page["totalCount"] == 3
    assert len(statements) == 3  # the key, the page, the count
    data = await gql.data(
        PAGE, key=key, first=2, sort="PRICE_ASC", after=page["pageInfo"]["endCursor"]
    )
    assert [e["node"]["price"]["amount"] for e in data["products"]["edges"]] == ["3.00"]
    assert data["products"]["pageInfo"]["hasNextPage"] is False


async def test_every_relation_of_a_page_costs_one_statement(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    store, key = await make.store(), await make.key()
    brand, category = await make.brand(store), await make.category(store)
    for n in range(3):
        product = await make.product(store, brand_id=brand.id, category_id=category.id)
        second = await make.variant(product, position=1, title="Second")
        for price in ("3", "1", "2"):
            await make.offer(second, price=price)
            await make.review(product, rating=int(price))
        file = await make.file(store, name=f"{n}.png")
        await make.save(
            models.FileLink(
                organization_id=store.organization_id, store_id=store.id, file_id=file.id,
                subject_type="Product", subject_id=product.id, role="image",
            )
        )  # fmt: skip
    query = """{ products(sort: ID_ASC) { nodes { store { name } brand { name } category { name }
      options { name } variants { title product { id } } images { name }
      offers(first: 2) { nodes { price { amount } variant { title } } totalCount }
      reviews(first: 1, sort: RATING_DESC) { nodes { rating } totalCount } } } }"""
    statements.clear()

    data = await gql.data(query, key=key)

    assert len(statements) == 14, statements
    assert data["products"]["nodes"] == [
        {
            "store": {"name": store.name},
            "brand": {"name": brand.name},
            "category": {"name": category.name},
            "options": [],
            "variants": [
                {"title": title, "product": {"id": gid_of}} for title in ("Default", "Second")
            ],
            "images": [{"name": f"{n}.png"}],
            "offers": {
                "nodes": [
                    {"price": {"amount": amount}, "variant": {"title": "Second"}}
                    for amount in ("1.00", "2.00")
                ],
                "totalCount": 3,
            },
            "reviews": {"nodes": [{"rating": 3}], "totalCount": 3},
        }
        for n, gid_of in enumerate(
            node["variants"][0]["product"]["id"] for node in data["products"]["nodes"]
        )
    ]


async def test_filters_narrow_in_sql(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    above = await make.category(store)
    below = await make.category(store, above)
    brand = await make.brand(store)
    cheap = await make.product(
        store, price="1", title="A 50% lamp", brand_id=brand.id, category_id=below.id
    )
    await make.product(store, price="100", title="A chair", stock=0, status="draft")

    for wanted in (
        {"search": "50% L"},
        {"maxPrice": "1.5"},
        {"inStock": True},
        {"storeId": gid(store), "minStock": 5},
        {"categoryId": [gid(above)]},
        {"brandId": [gid(brand)]},
        {"status": ["ACTIVE"]},
    ):
        data = await gql.data(PAGE, key=key, filter=wanted)
        assert [e["node"]["id"] for e in data["products"]["edges"]] == [gid(cheap)], wanted


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ('{search: "\\u0000"}', "BAD_REQUEST"),
        ('{sku: "\\u0000"}', "BAD_REQUEST"),
        ('{brandId: ["nonsense"]}', "NOT_FOUND"),
        ('{minPrice: "1e30"}', "INVALID"),
    ],
)
async def test_a_filter_that_nothing_can_meet_is_the_callers_fault(
    gql: GraphQL, make: Make, wanted: str, code: str
) -> None:
    query = f"{{ products(filter: {wanted}) {{ totalCount }} }}"

    answer = await gql(query, key=await make.key())

    assert answer["errors"][0]["extensions"]["code"] == code


async def test_a_rating_beyond_all_stars_finds_nothing(gql: GraphQL, make: Make) -> None:
    await make.product(await make.store())

    data = await gql.data(PAGE, key=await make.key(), filter={"minRating": 1e308})

    assert data["products"]["edges"] == []


async def test_products_of_another_tenant_do_not_exist(gql: GraphQL, make: Make) -> None:
    foreign = await make.product(await make.store("Other"))
    key = await make.key("Acme")

    data = await gql.data("query ($id: ID!) { product(id: $id) { id } }", key=key, id=gid(foreign))

    assert data == {"product": None}


async def test_a_product_without_variants_gets_one(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(currency="EUR"), await make.key()

    created = await gql.done(
        CREATE, key=key,
        input={"storeId": gid(store), "title": " Grüne Lampe! ", "price": "12.5", "stock": 3},
    )  # fmt: skip

    product = created["product"]
    assert product["slug"] == "grüne-lampe"
    assert (product["title"], product["currency"], product["stock"]) == ("Grüne Lampe!", "EUR", 3)
    assert product["minPrice"] == product["maxPrice"] == {"amount": "12.50"}
    [variant] = product["variants"]
    assert (variant["title"], variant["stock"]) == ("Default", 3)
    assert variant["price"] == {"amount": "12.50", "currency": "EUR"}
    [event] = await events(make.services, "product.created")
    assert (event.store_id, event.payload["title"]) == (store.id, "Grüne Lampe!")


async def test_options_and_variants_come_in_one_call(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    shirt = {
        "storeId": gid(store),
        "title": "Shirt",
        "options": [
            {"name": "Colour", "choices": ["Red", "Blue"]},
            {"name": "Size", "choices": ["S"]},
        ],
        "variants": [
            {"price": "7", "stock": 1, "options": {"Colour": "Red", "Size": "S"}},
            {"price": "5", "stock": 2, "options": {"Colour": "Blue", "Size": "S"}, "sku": "B"},
        ],
    }

    product = (await gql.done(CREATE, key=key, input=shirt))["product"]

    assert [option["name"] for option in product["options"]] == ["Colour", "Size"]
    assert [variant["title"] for variant in product["variants"]] == ["Red / S", "Blue / S"]
    assert (product["minPrice"], product["maxPrice"]) == ({"amount": "5.00"}, {"amount": "7.00"})
    assert product["stock"] == 3


async def test_every_broken_rule_is_reported_and_nothing_is_created(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(), await make.key()
    before = await everything(make.services)

    refusals = await gql.refused(
        CREATE, key=key,
        input={
            "storeId": gid(store), "title": " ", "slug": "a b", "minQuantity": 0,
            "attributes": [], "variants": [{"price": "1"}, {"price": "-1", "stock": -1}],
        },
    )  # fmt: skip

    assert refusals == [
        "INVALID input.title",
        "INVALID input.slug",
        "INVALID input.minQuantity",
        "INVALID input.attributes",
        "INVALID input.variants.1.price",
        "INVALID input.variants.1.stock",
    ]
    assert await everything(make.services) == before


async def test_a_choice_that_the_product_does_not_offer_is_refused(
    gql: GraphQL, make: Make
) -> None:
    new = {
        "storeId": gid(await make.store()),
        "title": "Shirt",
        "options": [{"name": "Size", "choices": ["S"]}],
        "variants": [{"price": "1", "options": {"Size": "XXL"}}],
    }

    refusals = await gql.refused(CREATE, key=await make.key(), input=new)

    assert refusals == ["INVALID input.variants.0.options"]


async def test_slugs_are_numbered_unless_given(gql: GraphQL, make: Make) -> None:
    key, new = await make.key(), {"storeId": gid(await make.store()), "title": "Lamp"}

    slugs = [(await gql.done(CREATE, key=key, input=new))["product"]["slug"] for _ in range(3)]

    assert slugs == ["lamp", "lamp-2", "lamp-3"]
    given = {**new, "slug": "lamp-2"}
    assert await gql.refused(CREATE, key=key, input=given) == ["CONFLICT input.slug"]
    elsewhere = {**given, "storeId": gid(await make.store())}
    assert (await gql.done(CREATE, key=key, input=elsewhere))["product"]["slug"] == "lamp-2"


async def test_the_same_call_again_creates_nothing_again(gql: GraphQL, make: Make) -> None:
    key, new = await make.key(), {"storeId": gid(await make.store()), "title": "Lamp"}

    first = await gql.done(CREATE, key=key, input=new, once="a")
    again = await gql.done(CREATE, key=key, input=new, once="a")

    assert again == first
    assert len(await events(make.services, "product.created")) == 1
    other = {**new, "title": "Chair"}
    refusals = await gql.refused(CREATE, key=key, input=other, once="a")
    assert refusals == ["CONFLICT idempotencyKey"]


async def test_a_change_keeps_what_it_does_not_name(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    brand = await make.brand(store)
    product = await make.product(store, title="Lamp", description="Bright.", brand_id=brand.id)

    changed = await gql.done(UPDATE, key=key, id=gid(product), changes={"title": "Lantern"})

    assert changed["product"] == {
        "title": "Lantern", "slug": product.slug, "version": 2, "description": "Bright.",
        "brand": {"name": brand.name},
    }  # fmt: skip
    emptied = {"description": None, "brandId": None}
    changed = await gql.done(UPDATE, key=key, id=gid(product), changes=emptied)
    assert changed["product"]["description"] is changed["product"]["brand"] is None
    assert len(await events(make.services, "product.updated")) == 2


async def test_a_change_of_another_version_changes_nothing(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    await gql.done(UPDATE, key=key, id=gid(product), changes={"title": "One"}, version=1)
    before = await everything(make.services)

    refusals = await gql.refused(
        UPDATE, key=key, id=gid(product), changes={"title": "Two"}, version=1
    )

    assert refusals == ["CONFLICT expectedVersion"]
    assert await everything(make.services) == before


async def test_a_change_may_not_empty_the_title_nor_take_anothers_slug(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(), await make.key()
    await make.product(store, slug="taken")
    product = await make.product(store)

    for changes, refusal in (
        ({"title": None}, "INVALID changes.title"),
        ({"slug": "taken"}, "CONFLICT changes.slug"),
        ({"brandId": gid(await make.brand(await make.store()))}, "NOT_FOUND changes.brandId"),
        ({"categoryId": gid(await make.category(await make.store("Other")))},
         "NOT_FOUND changes.categoryId"),
    ):  # fmt: skip
        assert await gql.refused(UPDATE, key=key, id=gid(product), changes=changes) == [refusal]


async def test_a_deleted_product_takes_all_that_is_its_own_and_frees_its_slug(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store, slug="lamp")
    variant = await make.only_variant(product)
    offer, review = await make.offer(variant), await make.review(product)

    deleted = await gql.done(DELETE, key=key, id=gid(product))

    assert deleted["deletedId"] == gid(product)
    for field, row in (
        ("product", product), ("variant", variant), ("offer", offer), ("review", review)
    ):  # fmt: skip
        query = f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}"
        assert await gql.data(query, key=key, id=gid(row)) == {field: None}
    assert await gql.refused(DELETE, key=key, id=gid(product)) == ["NOT_FOUND id"]
    again = {"storeId": gid(store), "title": "New", "slug": "lamp"}
    assert (await gql.done(CREATE, key=key, input=again))["product"]["slug"] == "lamp"
    assert len(await events(make.services, "product.deleted")) == 1


async def test_options_keep_their_ids_and_cannot_go_while_a_variant_needs_them(
    gql: GraphQL, make: Make
) -> None:
    product, key = await make.product(await make.store()), await make.key()
    size, colour = {"name": "Size", "choices": ["S", "L"]}, {"name": "Colour", "choices": ["Red"]}
    first = await gql.done(OPTIONS, key=key, id=gid(product), options=[size, colour])
    await make.variant(product, options={"Size": "L"})

    second = await gql.done(OPTIONS, key=key, id=gid(product), options=[size])

    assert second["product"]["options"] == [first["product"]["options"][0]]
    assert second["product"]["version"] == 3
    for options in ([colour], [{"name": "Size", "choices": ["S"]}]):
        refusals = await gql.refused(OPTIONS, key=key, id=gid(product), options=options)
        assert refusals == ["CONFLICT options"]
    twice = await gql.refused(OPTIONS, key=key, id=gid(product), options=[size, size])
    assert twice == ["INVALID options"]


async def test_who_may_only_look_changes_nothing(gql: GraphQL, make: Make) -> None:
    product = await make.product(await make.store())
    key = await make.key(permissions=frozenset({"product:view"}))
    before = await everything(make.services)

    answer = await gql(DELETE, key=key, id=gid(product))

    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await everything(make.services) == before


async def test_numbers_beyond_64_bits_in_free_form_values_are_read_again(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(), await make.key()
    create = """mutation ($input: NewProduct!) {
      createProduct(input: $input) { product { id attributes } errors { code } } }"""
    wanted = {"storeId": gid(store), "title": "Atoms", "attributes": {"count": 1e22}}

    made = (await gql.data(create, key=key, input=wanted))["createProduct"]

    assert made["errors"] == []
    assert made["product"]["attributes"] == {"count": 1e22}
    read = "query ($id: ID!) { product(id: $id) { attributes } }"
    found = await gql.data(read, key=key, id=made["product"]["id"])
    assert found["product"]["attributes"] == {"count": 1e22}
