"""Stores in the words of instxnt, and what GraphQL shows of the same rows."""

import asyncio
from typing import Any

from sqlalchemy import func, select

from db import models
from db.models import StoreStatus
from resolvers.services import Services
from rest_compat.instxnt.store_status import SHOWN
from tests.callers import GraphQL, Rest
from tests.kit import Make, gid
from tests.sellers import seller
from tests.state import events, everything

UPDATE = """mutation ($id: ID!, $changes: StoreChanges!) { updateStore(id: $id, changes: $changes) {
  store { status url } errors { code field } } }"""

NO_STORES: list[tuple[Any, str]] = [
    ({}, "name"),
    ({"name": ""}, "name"),
    ({"name": "  "}, "name"),
    ({"name": 5}, "name"),
    ({"name": "x" * 121}, "name"),
    ({"name": "Lamp", "subdomain": "-lamp"}, "subdomain"),
    ({"name": "Lamp", "subdomain": "Lamp"}, "subdomain"),
    ({"name": "Lamp", "subdomain": "x" * 64}, "subdomain"),
    ({"name": "Lamp", "subdomain": "taken"}, "subdomain"),
    ({"name": "Lamp", "slug": "taken"}, "subdomain"),
    ({"name": "a\0b"}, "name"),
]
NO_CHANGES: list[tuple[Any, str]] = [
    ({"name": ""}, "name"),
    ({"settings": 5}, "settings"),
    ({"settings": {"theme": 5}}, "settings.theme"),
    ({"settings": {"theme": "</script>"}}, "settings.theme"),
    ({"settings": {"primary_color": "blue"}}, "settings.primary_color"),
    ({"settings": {"primary_color": "#12345"}}, "settings.primary_color"),
    ({"settings": {"ad_pixels": "1"}}, "settings.ad_pixels"),
    ({"settings": {"ad_pixels": {"meta": "1'); alert(1); ('"}}}, "settings.ad_pixels.meta"),
    ({"settings": {"ad_pixels": {"Meta": "1"}}}, "settings.ad_pixels"),
    ({"settings": {"ad_pixels": {"meta": 1}}}, "settings.ad_pixels.meta"),
    ({"settings": {"banner": "x" * 9000}}, "settings.banner"),
    ({"settings": {"": 1}}, "settings"),
    ({"settings": {str(n): n for n in range(101)}}, "settings"),
    ({"name": "Sun", "settings": {"theme": ""}}, "settings.theme"),
]
OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    ("get_store", {}),
    ("update_store", {"body": {"name": "Mine"}}),
    ("delete_store", {}),
    ("get_product", {}),
    ("update_product", {"body": {"title": "Mine"}}),
    ("get_store_analytics", {}),
]


async def names(services: Services) -> list[str]:
    async with services.database.read() as connection:
        found = select(models.Store.subdomain).order_by(models.Store.id)
        return list((await connection.execute(found)).scalars())


async def test_a_new_store_is_a_draft_and_has_its_product_at_once(
    instxnt: Rest, gql: GraphQL, make: Make
) -> None:
    make.services.store_domain = "instxnt.store"
    key = await seller(make)
    new = {"name": "Magnetic phone mount", "subdomain": "phone-mount-test", "colour": "unknown"}

    reply = await instxnt("create_store", key=key, body=new)

    assert reply.status == 201
    store = reply.body
    assert store == {
        "id": store["id"], "name": "Magnetic phone mount", "subdomain": "phone-mount-test",
        "url": "https://phone-mount-test.instxnt.store", "status": "draft",
    }  # fmt: skip
    product = await instxnt.data("get_product", key=key, store_id=store["id"])
    [variant] = product["variants"]
    assert (product["title"], product["price_cents"]) == ("Magnetic phone mount", 0)
    assert (variant["title"], variant["stock"], variant["in_stock"]) == ("Default", None, True)
    data = await gql.data(
        """{ stores { nodes { name status url primaryProduct { title isPrimary stockTracked
             price { amount } variants { sku } } } } }""", key=key,
    )  # fmt: skip
    assert data["stores"]["nodes"] == [
        {
            "name": "Magnetic phone mount", "status": "DRAFT",
            "url": "https://phone-mount-test.instxnt.store",
            "primaryProduct": {
                "title": "Magnetic phone mount", "isPrimary": True, "stockTracked": False,
                "price": {"amount": "0.00"}, "variants": [{"sku": None}],
            },
        }
    ]  # fmt: skip
    assert len(await events(make.services, "product.created")) == 1
    assert await events(make.services, "store.published") == []


async def test_a_subdomain_comes_from_either_name_or_is_made(instxnt: Rest, make: Make) -> None:
    key = await seller(make)

    async def made(**body: str) -> str:
        return (await instxnt.data("create_store", key=key, body=body))["subdomain"]

    assert await made(name="Test Store", slug="test-store") == "test-store"
    assert await made(name="Lamp", slug="unused", subdomain="wanted") == "wanted"
    assert [await made(name="Zoë's Lamp") for _ in range(3)] == [
        "zo-s-lamp", "zo-s-lamp-2", "zo-s-lamp-3",
    ]  # fmt: skip
    assert await made(name="灯") == "store"


async def test_stores_of_one_name_that_are_opened_at_once_each_get_a_subdomain(
    instxnt: Rest, make: Make
) -> None:
    key = await seller(make)

    made = await asyncio.gather(
        *(instxnt.data("create_store", key=key, body={"name": "Lamp"}) for _ in range(5))
    )

    assert len({store["subdomain"] for store in made}) == 5


async def test_a_store_that_cannot_be_opened_leaves_nothing(instxnt: Rest, make: Make) -> None:
    key = await seller(make)
    await make.store("Other", subdomain="taken")
    before = await everything(make.services)

    for body, field in NO_STORES:
        reply = await instxnt("create_store", key=key, body=body)
        assert (reply.status, reply.body["code"]) == (400, "validation_failed"), body
        assert reply.body["field"] == field, body

    assert await everything(make.services) == before


async def test_a_repeated_call_opens_one_store(instxnt: Rest, make: Make) -> None:
    key, once = await seller(make), {"Idempotency-Key": "1"}

    made = [
        await instxnt.data("create_store", key=key, body={"name": "Lamp"}, headers=once)
        for _ in range(2)
    ]

    assert made[0] == made[1]
    assert await names(make.services) == ["lamp"]
    other = await instxnt("create_store", key=key, body={"name": "Chair"}, headers=once)
    assert other.status == 400


async def test_all_stores_are_listed_at_once_by_one_statement(
    instxnt: Rest, make: Make, statements: list[str]
) -> None:
    key = await seller(make)
    made = [await make.store(status=StoreStatus.LIVE) for _ in range(60)]
    await make.store("Other")
    gone = await make.store()
    body = await instxnt.data("list_stores", key=key)
    await instxnt.data("delete_store", key=key, store_id=body["stores"][0]["id"])
    statements.clear()

    listed = (await instxnt.data("list_stores", key=key))["stores"]

    assert len(statements) == 2  # who asks, the stores
    assert [each["name"] for each in listed] == [each.name for each in reversed(made)]
    assert {each["status"] for each in listed} == {"live"}
    assert gone.name == body["stores"][0]["name"]


def test_every_status_has_its_word() -> None:
    assert dict(SHOWN) == {
        StoreStatus.DRAFT: "draft",
        StoreStatus.LIVE: "live",
        StoreStatus.SUSPENDED: "draft",
    }


async def test_a_store_is_shown_in_its_status(instxnt: Rest, make: Make) -> None:
    key = await seller(make)
    for status in reversed(StoreStatus):
        await make.store(status=status)

    listed = (await instxnt.data("list_stores", key=key))["stores"]

    assert [store["status"] for store in listed] == [SHOWN[status] for status in StoreStatus]
    for store in listed:
        found = await instxnt.data("get_store", key=key, store_id=store["id"])
        assert found["status"] == store["status"]


async def test_settings_are_merged_key_by_key(
    instxnt: Rest, gql: GraphQL, make: Make, statements: list[str]
) -> None:
    key = await seller(make)
    store = await instxnt.data("create_store", key=key, body={"name": "Lamp"})

    async def change(**body: Any) -> Any:
        return await instxnt.data("update_store", key=key, store_id=store["id"], body=body)

    pixels = {"meta": "1234567890", "tiktok": "C7ABCDEF"}
    first = {"theme": "neon", "primary_color": "#0066ff", "ad_pixels": pixels}
    changed = await change(settings=first)
    assert changed == {**store, "settings": first}

    more = {"ad_pixels": {"meta": "2"}, "banner": "Sale", "nested": {"value": 1}, "sizes": [1, 2]}
    changed = await change(name="Sun", settings=more, status="live", id="st_x", url="https://x")

    assert (changed["name"], changed["status"], changed["url"]) == ("Sun", "draft", store["url"])
    assert changed["settings"] == {
        **first, **more, "ad_pixels": {"meta": "2", "tiktok": "C7ABCDEF"},
    }  # fmt: skip
    changed = await change(settings={"banner": None, "ad_pixels": {"tiktok": None}, "theme": None})
    kept = {"primary_color": "#0066ff", "ad_pixels": {"meta": "2"}, "nested": {"value": 1}}
    assert changed["settings"] == {**kept, "sizes": [1, 2]}
    assert await change() == changed
    statements.clear()
    assert await instxnt.data("get_store", key=key, store_id=store["id"]) == changed
    assert len(statements) == 5  # who asks, whose it is, the store, its domain, its settings
    data = await gql.data(
        '{ stores { nodes { settings(group: "storefront") { name } } } }', key=key
    )
    told = data["stores"]["nodes"][0]["settings"]
    assert [each["name"] for each in told] == ["ad_pixels", "nested", "primary_color", "sizes"]


async def test_a_change_that_breaks_a_rule_changes_nothing(instxnt: Rest, make: Make) -> None:
    key = await seller(make)
    await make.store()
    [store] = (await instxnt.data("list_stores", key=key))["stores"]
    before = await everything(make.services)

    for body, field in NO_CHANGES:
        reply = await instxnt("update_store", key=key, store_id=store["id"], body=body)
        assert (reply.status, reply.body["code"]) == (400, "validation_failed"), body
        assert reply.body["field"] == field, body

    assert await everything(make.services) == before


async def test_a_deleted_store_is_nowhere(instxnt: Rest, gql: GraphQL, make: Make) -> None:
    key = await seller(make)
    store = await instxnt.data("create_store", key=key, body={"name": "Lamp"})

    reply = await instxnt("delete_store", key=key, store_id=store["id"])

    assert (reply.status, reply.body) == (204, b"")
    assert (await instxnt.data("list_stores", key=key)) == {"stores": []}
    for operation in ("get_store", "delete_store", "get_product", "get_store_analytics"):
        gone = await instxnt(operation, key=key, store_id=store["id"])
        assert (gone.status, gone.body["code"]) == (404, "not_found"), operation
        assert gone.body["message"] == "Store not found"
    again = await instxnt("update_store", key=key, store_id=store["id"], body={"name": "Sun"})
    assert again.status == 404
    assert await gql.data("{ stores { nodes { id } } }", key=key) == {"stores": {"nodes": []}}
    restored = """mutation ($id: ID!) { restoreStore(id: $id) { errors { code } } }"""
    async with make.services.database.read() as connection:
        found = (await connection.execute(select(func.max(models.Store.id)))).scalar_one()
    row = models.Store(organization_id=1, name="-", subdomain="-")
    row.id = found
    await gql.done(restored, key=key, id=gid(row))
    [back] = (await instxnt.data("list_stores", key=key))["stores"]
    assert back["id"] == store["id"]


async def test_another_accounts_store_is_told_apart_and_left_alone(
    instxnt: Rest, make: Make
) -> None:
    theirs = await instxnt.data(
        "create_store", key=await seller(make, "Other"), body={"name": "Lamp"}
    )
    key = await seller(make)
    before = await everything(make.services)

    for operation, call in OPERATIONS:
        reply = await instxnt(operation, key=key, store_id=theirs["id"], **call)
        unknown = await instxnt(operation, key=key, store_id="st_abc123", **call)
        assert (reply.status, reply.body) == (
            403, {"code": "not_owner", "message": f"You do not own {theirs['id']}"},
        )  # fmt: skip
        assert (unknown.status, unknown.body["code"]) == (404, "not_found")

    assert await everything(make.services) == before


async def test_a_store_that_goes_live_is_published_once(
    instxnt: Rest, gql: GraphQL, make: Make
) -> None:
    key = await seller(make)
    store = await make.store(subdomain="lamp")

    for status in ("LIVE", "LIVE", "DRAFT", "LIVE"):
        await gql.done(UPDATE, key=key, id=gid(store), changes={"status": status})

    told = await events(make.services, "store.published")
    assert [event.payload for event in told] == [
        {"name": store.name, "status": "live", "subdomain": "lamp"}
    ] * 2
    assert len(await events(make.services, "store.updated")) == 4
    [shown] = (await instxnt.data("list_stores", key=key))["stores"]
    assert shown["status"] == "live"
    opened = """mutation { createStore(input: {name: "Sun", status: LIVE}) {
      store { id } errors { code } } }"""
    await gql.done(opened, key=key)
    assert len(await events(make.services, "store.published")) == 3
