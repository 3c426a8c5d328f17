from tests.callers import GraphQL
from tests.kit import Make, gid

CREATE = """mutation ($input: NewBrand!) { createBrand(input: $input) {
  brand { id name slug role website } errors { code field } } }"""
UPDATE = """mutation ($id: ID!, $changes: BrandChanges!) { updateBrand(id: $id, changes: $changes) {
  brand { slug role version } errors { code field } } }"""
DELETE = "mutation ($id: ID!) { deleteBrand(id: $id) { deletedId errors { code field } } }"


async def test_a_slug_is_unique_within_a_store_and_a_role(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    new = {"storeId": gid(store), "name": "Aurora"}

    brand = (await gql.done(CREATE, key=key, input=new))["brand"]
    artist = (await gql.done(CREATE, key=key, input={**new, "role": "ARTIST"}))["brand"]

    assert (brand["slug"], artist["slug"]) == ("aurora", "aurora")
    refusals = await gql.refused(CREATE, key=key, input={**new, "slug": "aurora"})
    assert refusals == ["CONFLICT input.slug"]
    same = await gql.refused(UPDATE, key=key, id=artist["id"], changes={"role": "BRAND"})
    assert same == ["CONFLICT changes.slug"]
    moved = {"role": "LABEL", "slug": "aurora-records"}
    changed = await gql.done(UPDATE, key=key, id=artist["id"], changes=moved)
    assert changed["brand"] == {"slug": "aurora-records", "role": "LABEL", "version": 2}


async def test_products_outlive_their_brand(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    brand = await make.brand(store, slug="aurora")
    product = await make.product(store, brand_id=brand.id)
    query = """query ($id: ID!) { brand(id: $id) { productCount
      products { nodes { brand { id } } } } }"""
    data = await gql.data(query, key=key, id=gid(brand))
    assert data["brand"] == {
        "productCount": 1,
        "products": {"nodes": [{"brand": {"id": gid(brand)}}]},
    }

    await gql.done(DELETE, key=key, id=gid(brand))

    query = "query ($id: ID!) { product(id: $id) { version brand { id } } brands { totalCount } }"
    data = await gql.data(query, key=key, id=gid(product))
    assert data == {"product": {"version": 2, "brand": None}, "brands": {"totalCount": 0}}
    again = {"storeId": gid(store), "name": "Aurora"}
    assert (await gql.done(CREATE, key=key, input=again))["brand"]["slug"] == "aurora"


async def test_brands_are_filtered_and_sorted_by_name(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    for name, role in (("Zeta", "brand"), ("Alpha", "artist"), ("Mu", "artist")):
        await make.brand(store, name=name, role=role, description=f"About {name}")
    query = "query ($filter: BrandFilter) { brands(filter: $filter) { nodes { name } } }"

    for wanted, names in (
        (None, ["Alpha", "Mu", "Zeta"]),
        ({"role": ["ARTIST"]}, ["Alpha", "Mu"]),
        ({"search": "about z"}, ["Zeta"]),
    ):
        data = await gql.data(query, key=key, filter=wanted)
        assert [brand["name"] for brand in data["brands"]["nodes"]] == names
