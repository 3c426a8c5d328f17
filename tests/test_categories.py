import asyncio

from db import models
from tests.callers import GraphQL
from tests.kit import Key, Make, gid
from tests.state import everything

CREATE = """mutation ($input: NewCategory!) { createCategory(input: $input) {
  category { id slug ancestors { name } } errors { code field } } }"""
UPDATE = """mutation ($id: ID!, $changes: CategoryChanges!) {
  updateCategory(id: $id, changes: $changes) {
    category { slug parent { name } ancestors { name } } errors { code field } } }"""
DELETE = "mutation ($id: ID!) { deleteCategory(id: $id) { deletedId errors { code field } } }"
TRAILS = "{ categories(sort: NAME_ASC) { nodes { name ancestors { name } } } }"


async def trails(gql: GraphQL, key: Key) -> dict[str, str]:
    data = await gql.data(TRAILS, key=key)
    return {
        node["name"]: "/".join(above["name"] for above in node["ancestors"])
        for node in data["categories"]["nodes"]
    }


async def chain(make: Make, store: models.Store, names: str) -> dict[str, models.Category]:
    """Categories each below the one before."""
    made: dict[str, models.Category] = {}
    parent = None
    for name in names:
        parent = made[name] = await make.category(store, parent, name=name)
    return made


async def test_the_tree_comes_in_order_with_one_statement_a_level(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    store, key = await make.store(), await make.key()
    for root in ("B", "A"):
        above = await make.category(store, name=root, position=ord(root))
        for leaf, position in (("y", 2), ("x", 1)):
            await make.category(store, above, name=root + leaf, position=position)
    query = """query ($id: ID!) { categoryTree(storeId: $id) {
      name children { name ancestors { name } children { name } } } }"""
    statements.clear()

    data = await gql.data(query, key=key, id=gid(store))

    assert data["categoryTree"] == [
        {
            "name": root,
            "children": [
                {"name": root + leaf, "ancestors": [{"name": root}], "children": []}
                for leaf in "xy"
            ],
        }
        for root in "AB"
    ]
    assert len(statements) == 5, statements  # the key, three levels, the ancestors


async def test_another_tenants_tree_is_empty(gql: GraphQL, make: Make) -> None:
    store = await make.store("Other")
    await make.category(store)
    query = "query ($id: ID!) { categoryTree(storeId: $id) { id } }"

    for wrong in (gid(store), "nonsense"):
        assert await gql.data(query, key=await make.key(), id=wrong) == {"categoryTree": []}


async def test_a_new_category_knows_its_ancestors(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    root = (await gql.done(CREATE, key=key, input={"storeId": gid(store), "name": "Home"}))[
        "category"
    ]
    new = {"storeId": gid(store), "name": "Lamps", "parentId": root["id"]}

    created = await gql.done(CREATE, key=key, input=new)

    assert created["category"]["ancestors"] == [{"name": "Home"}]
    below = {**new, "name": "LED", "parentId": created["category"]["id"]}
    created = await gql.done(CREATE, key=key, input=below)
    assert created["category"]["ancestors"] == [{"name": "Home"}, {"name": "Lamps"}]
    elsewhere = {**new, "storeId": gid(await make.store())}
    assert await gql.refused(CREATE, key=key, input=elsewhere) == ["NOT_FOUND input.parentId"]


async def test_a_moved_category_takes_all_below_along(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    made = await chain(make, store, "abcd")
    other = await make.category(store, name="z")

    await gql.done(UPDATE, key=key, id=gid(made["b"]), changes={"parentId": gid(other)})

    assert await trails(gql, key) == {"a": "", "b": "z", "c": "z/b", "d": "z/b/c", "z": ""}
    await gql.done(UPDATE, key=key, id=gid(made["c"]), changes={"parentId": None})
    assert await trails(gql, key) == {"a": "", "b": "z", "c": "", "d": "c", "z": ""}


async def test_a_category_cannot_lie_below_itself(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    made = await chain(make, store, "abc")
    before = await everything(make.services)

    for parent in "abc":
        refusals = await gql.refused(
            UPDATE, key=key, id=gid(made["a"]), changes={"parentId": gid(made[parent])}
        )
        assert refusals == ["CONFLICT changes.parentId"]
    assert await everything(make.services) == before


async def test_two_moves_at_once_make_no_circle(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    a, b = await make.category(store, name="a"), await make.category(store, name="b")

    answers = await asyncio.gather(
        gql.data(UPDATE, key=key, id=gid(a), changes={"parentId": gid(b)}),
        gql.data(UPDATE, key=key, id=gid(b), changes={"parentId": gid(a)}),
    )

    refused = [answer["updateCategory"]["errors"] for answer in answers]
    assert sorted(len(errors) for errors in refused) == [0, 1]
    assert await trails(gql, key) in ({"a": "b", "b": ""}, {"a": "", "b": "a"})


async def test_a_tree_is_at_most_twenty_deep(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    made = await chain(make, store, "abcdefghijklmnopqrs")
    pair = await chain(make, store, "yz")
    deepest = gid(made["s"])

    refusals = await gql.refused(UPDATE, key=key, id=gid(pair["y"]), changes={"parentId": deepest})

    assert refusals == ["CONFLICT changes.parentId"]
    await gql.done(UPDATE, key=key, id=gid(pair["z"]), changes={"parentId": deepest})


async def test_what_a_deleted_category_held_moves_up(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    made = await chain(make, store, "abc")
    product = await make.product(store, category_id=made["b"].id)

    await gql.done(DELETE, key=key, id=gid(made["b"]))

    assert await trails(gql, key) == {"a": "", "c": "a"}
    query = """query ($id: ID!) { category(id: $id) { productCount children { name }
      products { nodes { id } } } }"""
    data = await gql.data(query, key=key, id=gid(made["a"]))
    assert data["category"] == {
        "productCount": 1,
        "children": [{"name": "c"}],
        "products": {"nodes": [{"id": gid(product)}]},
    }


async def test_categories_are_filtered(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    made = await chain(make, store, "abc")
    query = """query ($filter: CategoryFilter) {
      categories(filter: $filter, sort: NAME_ASC) { nodes { name } } }"""

    for wanted, names in (
        ({"isRoot": True}, "a"),
        ({"isRoot": False}, "bc"),
        ({"parentId": gid(made["a"])}, "b"),
        ({"below": [gid(made["b"])]}, "bc"),
        ({"slug": made["c"].slug}, "c"),
    ):
        data = await gql.data(query, key=key, filter=wanted)
        assert "".join(node["name"] for node in data["categories"]["nodes"]) == names, wanted
