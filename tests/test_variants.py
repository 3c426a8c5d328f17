import asyncio

from sqlalchemy import select

from db import models
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.state import everything

FIELDS = """variant { id title sku stock position version available dynamicPricing
  price { amount currency } basePrice { amount } repricedAt options
  product { stock minPrice { amount } maxPrice { amount } version } }
  errors { code field }"""
CREATE = f"mutation ($input: NewVariant!) {{ createVariant(input: $input) {{ {FIELDS} }} }}"
UPDATE = f"""mutation ($id: ID!, $changes: VariantChanges!, $version: Int) {{
  updateVariant(id: $id, changes: $changes, expectedVersion: $version) {{ {FIELDS} }} }}"""
DELETE = """mutation ($id: ID!) { deleteVariant(id: $id) { deletedId errors { code field } } }"""
ADJUST = f"""mutation ($input: StockAdjustment!, $once: String) {{
  adjustStock(input: $input, idempotencyKey: $once) {{ {FIELDS} }} }}"""
ITEMS = f"""mutation ($input: NewStockItems!, $once: String) {{
  addStockItems(input: $input, idempotencyKey: $once) {{ {FIELDS} }} }}"""


async def test_a_new_variant_widens_the_products_price_range_and_raises_its_stock(
    gql: GraphQL, make: Make
) -> None:
    product, key = await make.product(await make.store(), price="10", stock=1), await make.key()

    created = await gql.done(
        CREATE, key=key,
        input={"productId": gid(product), "price": "12.34", "stock": 5, "sku": "X"},
    )  # fmt: skip

    variant = created["variant"]
    assert variant["price"] == {"amount": "12.34", "currency": "USD"}
    assert (variant["position"], variant["title"]) == (1, "Default")
    assert variant["product"] == {
        "stock": 6, "minPrice": {"amount": "10.00"}, "maxPrice": {"amount": "12.34"}, "version": 1
    }  # fmt: skip


async def test_a_new_price_restarts_dynamic_pricing(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    new = {"productId": gid(product), "price": "5", "dynamicPricing": True}
    variant = (await gql.done(CREATE, key=key, input=new))["variant"]
    assert variant["basePrice"] == {"amount": "5.00"}

    changed = (await gql.done(UPDATE, key=key, id=variant["id"], changes={"price": "8"}))["variant"]

    assert (changed["price"]["amount"], changed["basePrice"]) == ("8.00", {"amount": "8.00"})
    assert changed["repricedAt"] > variant["repricedAt"]
    renamed = {"title": "Other"}
    kept = (await gql.done(UPDATE, key=key, id=variant["id"], changes=renamed))["variant"]
    assert kept["repricedAt"] == changed["repricedAt"]
    fixed = {"dynamicPricing": False}
    fixed = (await gql.done(UPDATE, key=key, id=variant["id"], changes=fixed))["variant"]
    assert fixed["basePrice"] is fixed["repricedAt"] is None
    assert fixed["price"]["amount"] == "8.00"
    assert fixed["dynamicPricing"] is False


async def test_a_product_keeps_at_least_one_variant(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store(), price="10"), await make.key()
    second = await make.variant(product, price="20", stock=4)
    offer = await make.offer(second)

    await gql.done(DELETE, key=key, id=gid(second))

    data = await gql.data(
        """query ($product: ID!, $offer: ID!) { offer(id: $offer) { id }
        product(id: $product) { stock maxPrice { amount } variants { id } } }""",
        key=key, product=gid(product), offer=gid(offer),
    )  # fmt: skip
    first = gid(await first_of(make, product))
    assert data == {
        "offer": None,
        "product": {"stock": 10, "maxPrice": {"amount": "10.00"}, "variants": [{"id": first}]},
    }
    assert await gql.refused(DELETE, key=key, id=first) == ["CONFLICT"]


async def test_two_variants_deleted_at_once_leave_one(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    ids = [gid(await first_of(make, product)), gid(await make.variant(product))]

    answers = await asyncio.gather(*(gql.data(DELETE, key=key, id=one) for one in ids))

    codes = sorted(len(answer["deleteVariant"]["errors"]) for answer in answers)
    assert codes == [0, 1]


async def test_stock_moves_by_some_units_or_to_a_count(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store(), stock=10), await make.key()
    variant = gid(await first_of(make, product))

    for change, left in (({"by": -4}, 6), ({"to": 9}, 9), ({"by": 1}, 10)):
        adjusted = await gql.done(ADJUST, key=key, input={"variantId": variant, **change})
        assert adjusted["variant"]["stock"] == adjusted["variant"]["product"]["stock"] == left
    before = await everything(make.services)
    for change, refusal in (
        ({"by": -11}, "INSUFFICIENT_STOCK"),
        ({"to": -1}, "INVALID input.to"),
        ({}, "INVALID input"),
        ({"by": 1, "to": 1}, "INVALID input"),
    ):
        assert await gql.refused(ADJUST, key=key, input={"variantId": variant, **change}) == [
            refusal
        ]
    assert await everything(make.services) == before


async def test_adjustments_of_all_variants_at_once_add_up(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store(), stock=0), await make.key()
    ids = [gid(await make.variant(product)) for _ in range(4)]

    async def add(variant: str) -> None:
        await gql.done(ADJUST, key=key, input={"variantId": variant, "by": 1})

    await asyncio.gather(*(add(one) for one in ids * 5))

    data = await gql.data(
        "query ($id: ID!) { product(id: $id) { stock variants { stock } } }",
        key=key, id=gid(product),
    )  # fmt: skip
    assert data["product"]["stock"] == 20
    assert sorted(variant["stock"] for variant in data["product"]["variants"]) == [0, 5, 5, 5, 5]


async def test_a_repeated_adjustment_counts_once(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store(), stock=10), await make.key()
    new = {"variantId": gid(await first_of(make, product)), "by": 5}

    answers = [await gql.done(ADJUST, key=key, input=new, once="delivery-7") for _ in range(2)]

    assert [answer["variant"]["stock"] for answer in answers] == [15, 15]


async def test_stock_items_are_sealed_and_never_read_back(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store(), stock=0), await make.key()
    variant = await first_of(make, product)
    contents = [{"login": f"u{n}", "password": "hunter2"} for n in range(3)]

    added = await gql.done(ITEMS, key=key, input={"variantId": gid(variant), "contents": contents})

    assert added["variant"]["stock"] == added["variant"]["product"]["stock"] == 3
    async with make.services.database.read() as connection:
        found = select(models.StockItem.content).order_by(models.StockItem.id)
        sealed = [row.content for row in await connection.execute(found)]
    assert not any("hunter2" in content for content in sealed)
    assert [make.services.vault.open(content) for content in sealed] == contents
    for wrong in ([], ["text"]):
        new = {"variantId": gid(variant), "contents": wrong}
        [refusal] = await gql.refused(ITEMS, key=key, input=new)
        assert refusal == "INVALID input.contents"


async def test_what_json_cannot_say_is_no_stock_item(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store(), stock=0), await make.key()
    variant = gid(await make.only_variant(product))
    deep = "[" * 40 + "]" * 40

    for literal in ("1e400", "9007199254740993", deep):
        new = f'{{variantId: "{variant}", contents: [{{n: {literal}}}]}}'
        document = f"mutation {{ addStockItems(input: {new}) {{ errors {{ code field }} }} }}"
        assert await gql.refused(document, key=key) == ["INVALID input.contents.0"], literal


async def test_variants_are_found_by_sku_stock_and_price(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store(), stock=50), await make.key()
    red = await make.variant(product, sku="RED-1", title="Red", stock=2, price="3")
    query = "query ($f: VariantFilter) { variants(filter: $f) { nodes { id } totalCount } }"

    for wanted in (
        {"search": "red"}, {"sku": "RED-1"}, {"maxStock": 5}, {"maxPrice": "4"},
        {"productId": gid(product), "search": "Red"},
    ):  # fmt: skip
        data = await gql.data(query, key=key, f=wanted)
        assert data["variants"] == {"nodes": [{"id": gid(red)}], "totalCount": 1}, wanted


async def first_of(make: Make, product: models.Product) -> models.Variant:
    async with make.services.database.write() as session:
        found = select(models.Variant).where(models.Variant.product_id == product.id)
        return (await session.scalars(found.order_by(models.Variant.id).limit(1))).one()
