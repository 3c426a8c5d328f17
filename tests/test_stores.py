from datetime import timedelta

import pytest
from sqlalchemy import update

from db import models
from db.base import now
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.state import events, everything

CREATE = """mutation ($input: NewStore!) { createStore(input: $input) {
  store { id name subdomain status currency version } errors { code field } } }"""
UPDATE = """mutation ($id: ID!, $changes: StoreChanges!) { updateStore(id: $id, changes: $changes) {
  store { name subdomain status version } errors { code field } } }"""
DELETE = "mutation ($id: ID!) { deleteStore(id: $id) { deletedId errors { code field } } }"
RESTORE = "mutation ($id: ID!) { restoreStore(id: $id) { store { id } errors { code field } } }"
SETTINGS = """mutation ($id: ID!, $changes: [SettingChange!]!) {
  updateStoreSettings(storeId: $id, changes: $changes) {
    store { settings { group name value } shop: settings(group: "shop") { name } }
    errors { code field } } }"""


async def test_a_store_is_opened_changed_and_told_of(gql: GraphQL, make: Make) -> None:
    key = await make.key()

    store = (await gql.done(CREATE, key=key, input={"name": "Zoë's Lamps"}))["store"]

    assert (store["subdomain"], store["status"], store["currency"]) == (
        "zo-s-lamps",
        "DRAFT",
        "USD",
    )
    again = (await gql.done(CREATE, key=key, input={"name": "Zoë's Lamps"}))["store"]
    assert again["subdomain"] == "zo-s-lamps-2"
    changed = await gql.done(UPDATE, key=key, id=store["id"], changes={"status": "LIVE"})
    assert (changed["store"]["status"], changed["store"]["version"]) == ("LIVE", 2)
    [event] = await events(make.services, "store.updated")
    assert event.payload["status"] == "live"


async def test_a_subdomain_is_taken_once_over_all_tenants(gql: GraphQL, make: Make) -> None:
    await make.store("Other", subdomain="lamps")
    mine, key = await make.store(), await make.key()

    taken = {"name": "Lamps", "subdomain": "lamps"}
    assert await gql.refused(CREATE, key=key, input=taken) == ["CONFLICT input.subdomain"]
    refusals = await gql.refused(UPDATE, key=key, id=gid(mine), changes={"subdomain": "lamps"})
    assert refusals == ["CONFLICT changes.subdomain"]
    bad = {"name": "Lamps", "subdomain": "-Lamps", "currency": "usd"}
    assert await gql.refused(CREATE, key=key, input=bad) == [
        "INVALID input.subdomain", "INVALID input.currency",
    ]  # fmt: skip


async def test_a_deleted_store_vanishes_with_everything_and_comes_back(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    query = "query ($s: ID!, $p: ID!) { store(id: $s) { id } product(id: $p) { id } }"

    await gql.done(DELETE, key=key, id=gid(store))

    gone = await gql.data(query, key=key, s=gid(store), p=gid(product))
    assert gone == {"store": None, "product": None}
    await gql.done(RESTORE, key=key, id=gid(store))
    back = await gql.data(query, key=key, s=gid(store), p=gid(product))
    assert back == {"store": {"id": gid(store)}, "product": {"id": gid(product)}}
    assert await gql.refused(RESTORE, key=key, id=gid(store)) == ["NOT_FOUND id"]


async def test_a_store_comes_back_for_thirty_days_only(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    await gql.done(DELETE, key=key, id=gid(store))
    long_ago = now() - timedelta(days=30, minutes=1)
    async with make.services.database.write() as session:
        await session.execute(update(models.Store).values(deleted_at=long_ago))

    assert await gql.refused(RESTORE, key=key, id=gid(store)) == ["NOT_FOUND id"]


async def test_a_store_whose_subdomain_is_taken_by_now_stays_deleted(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(subdomain="lamps"), await make.key()
    await gql.done(DELETE, key=key, id=gid(store))
    await make.store("Other", subdomain="lamps")
    before = await everything(make.services)

    assert await gql.refused(RESTORE, key=key, id=gid(store)) == ["CONFLICT id"]
    assert await everything(make.services) == before


async def test_settings_are_written_one_by_one(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    first = [
        {"group": "shop", "name": "theme", "value": {"dark": True}},
        {"group": "mail", "name": "from", "value": {"address": "a@example.com"}},
    ]
    await gql.done(SETTINGS, key=key, id=gid(store), changes=first)

    second = [
        {"group": "shop", "name": "theme", "value": {"dark": False}},
        {"group": "mail", "name": "from", "value": None},
    ]
    written = await gql.done(SETTINGS, key=key, id=gid(store), changes=second)

    assert written["store"]["settings"] == [
        {"group": "shop", "name": "theme", "value": {"dark": False}}
    ]
    assert written["store"]["shop"] == [{"name": "theme"}]
    wrong = [{"group": "", "name": "theme", "value": 5}]
    refusals = await gql.refused(SETTINGS, key=key, id=gid(store), changes=wrong)
    assert refusals == ["INVALID changes.0.group", "INVALID changes.0.value"]


async def test_a_key_of_one_store_opens_no_other(gql: GraphQL, make: Make) -> None:
    store = await make.store()
    other = await make.store()
    key = await make.key(store_id=store.id)

    answer = await gql(CREATE, key=key, input={"name": "More"})

    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await gql.refused(DELETE, key=key, id=gid(other)) == ["NOT_FOUND id"]


@pytest.mark.parametrize(
    "noun", ["products", "brands", "categories", "customers", "reviews", "files"]
)
async def test_what_is_in_stores_knows_its_store_by_one_statement_each_way(
    gql: GraphQL, make: Make, statements: list[str], noun: str
) -> None:
    key, stores = await make.key(), [await make.store() for _ in range(2)]
    for store in stores:
        await make.review(await make.product(store))
        await make.brand(store)
        await make.category(store)
        await make.customer(store)
        await make.file(store)
    query = f"{{ stores(sort: ID_ASC) {{ nodes {{ {noun} {{ nodes {{ store {{ id }} }} }} }} }} }}"
    statements.clear()

    data = await gql.data(query, key=key)

    assert data["stores"]["nodes"] == [
        {noun: {"nodes": [{"store": {"id": gid(store)}}]}} for store in stores
    ]
    assert len(statements) == 4  # the key, the stores, what is in them, its stores
