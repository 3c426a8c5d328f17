from tests.callers import GraphQL
from tests.kit import Make, gid

CREATE = """mutation ($input: NewOffer!) { createOffer(input: $input) {
  offer { id merchant url inStock price { amount currency } product { id } variant { id } }
  errors { code field } } }"""
UPDATE = """mutation ($id: ID!, $changes: OfferChanges!, $version: Int) {
  updateOffer(id: $id, changes: $changes, expectedVersion: $version) {
    offer { price { amount currency } version } errors { code field } } }"""
DELETE = "mutation ($id: ID!) { deleteOffer(id: $id) { deletedId errors { code field } } }"


async def test_an_offer_is_recorded_changed_and_deleted(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store(currency="EUR")), await make.key()
    variant = await make.only_variant(product)
    new = {
        "variantId": gid(variant),
        "merchant": "Shop",
        "price": "4.5",
        "url": "https://shop.example/1",
    }

    offer = (await gql.done(CREATE, key=key, input=new))["offer"]

    assert offer["price"] == {"amount": "4.50", "currency": "EUR"}
    assert (offer["product"]["id"], offer["variant"]["id"]) == (gid(product), gid(variant))
    changes = {"price": "5", "currency": "USD"}
    changed = await gql.done(UPDATE, key=key, id=offer["id"], changes=changes, version=1)
    assert changed["offer"] == {"price": {"amount": "5.00", "currency": "USD"}, "version": 2}
    stale = await gql.refused(UPDATE, key=key, id=offer["id"], changes=changes, version=1)
    assert stale == ["CONFLICT expectedVersion"]
    assert (await gql.done(DELETE, key=key, id=offer["id"]))["deletedId"] == offer["id"]
    query = "query ($id: ID!) { product(id: $id) { offers { totalCount } } }"
    data = await gql.data(query, key=key, id=gid(product))
    assert data["product"]["offers"]["totalCount"] == 0


async def test_an_offers_address_is_one_of_the_web(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    variant = await make.only_variant(product)

    for url in ("javascript:alert(1)", "https://", "http://[", "https://a b.example", "shop"):
        new = {"variantId": gid(variant), "merchant": "Shop", "price": "1", "url": url}
        assert await gql.refused(CREATE, key=key, input=new) == ["INVALID input.url"], url


async def test_offers_are_filtered_and_come_cheapest_first(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    variant = await make.only_variant(product)
    for price, in_stock in (("3", True), ("1", False), ("2", True)):
        await make.offer(variant, price=price, in_stock=in_stock, merchant=f"M{price}")
    query = """query ($filter: OfferFilter) { offers(filter: $filter) { nodes { merchant } } }"""

    for wanted, merchants in (
        (None, ["M1", "M2", "M3"]),
        ({"inStock": True}, ["M2", "M3"]),
        ({"maxPrice": "2"}, ["M1", "M2"]),
        ({"variantId": gid(variant), "merchant": "M3"}, ["M3"]),
        ({"productId": gid(product), "search": "m1"}, ["M1"]),
    ):
        data = await gql.data(query, key=key, filter=wanted)
        assert [offer["merchant"] for offer in data["offers"]["nodes"]] == merchants, wanted
