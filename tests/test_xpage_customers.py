"""Customers as apps of xPage see and add them."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from db import models
from tests.callers import Rest
from tests.kit import Installed, Make
from tests.state import events, everything

JANE = {
    "email": "Jane@Example.com",
    "name": " Jane  van Doe ",
    "phone": "+15551234567",
    "address": "1 Main St",
    "city": "Springfield",
    "postal_code": "62701",
    "country_id": "us",
    "subscription_status": "subscribed",
}


async def names(xpage: Rest, key: Installed, **query: Any) -> list[str]:
    found = (await xpage.data("list_customers", key=key, **query))["data"]
    return [customer["name"] for customer in found["customers"]]


async def test_a_customer_is_added_with_all_that_is_known(xpage: Rest, make: Make) -> None:
    installed = await make.installed(await make.store())

    made = (await xpage.data("create_customer", key=installed, body=JANE))["data"]["customer"]

    assert {key: made[key] for key in (*JANE, "country", "order_count", "latest_order")} == {
        **JANE,
        "name": "Jane van Doe",
        "country_id": "US",
        "country": {"id": "US", "name": "United States", "code": "US"},
        "order_count": 0,
        "latest_order": None,
    }
    assert made["amount_spent"] == 0
    assert made["created_at"] == made["updated_at"]
    again = await xpage.data("get_customer", key=installed, id=made["id"])
    assert again == {"data": {"customer": made}}
    assert len(await events(make.services, "customer.created")) == 1


async def test_an_address_is_all_that_is_needed(xpage: Rest, make: Make) -> None:
    installed = await make.installed(await make.store())

    body = {"email": "jane@example.com", "unknown": 1}
    made = (await xpage.data("create_customer", key=installed, body=body))["data"]["customer"]

    assert (made["name"], made["email"]) == ("", "jane@example.com")
    assert made["subscription_status"] == "not_subscribed"
    unknown = ("phone", "address", "city", "country_id", "postal_code", "country", "latest_order")
    assert {made[field] for field in unknown} == {None}


async def test_one_word_is_a_given_name(xpage: Rest, make: Make) -> None:
    installed = await make.installed(await make.store())

    body = {"email": "jane@example.com", "name": "Jane"}
    made = (await xpage.data("create_customer", key=installed, body=body))["data"]["customer"]

    assert made["name"] == "Jane"


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        ({"email": None}, {"email": ["The email field"]}),
        ({"email": "jane"}, {"email": ["The email field"]}),
        ({"country_id": "XX"}, {"country_id": ["Country must be a country code"]}),
        ({"name": "x" * 121}, {"name": ["First name must have 0 to 120 characters."]}),
        ({"phone": "1" * 41}, {"phone": ["Phone must have 0 to 40 characters."]}),
        ({"subscription_status": "maybe"}, {"subscription_status": ["The subscription_status"]}),
        (
            {"country_id": "XX", "postal_code": "1" * 41},
            {"country_id": ["Country must be"], "postal_code": ["Postal code must have"]},
        ),
    ],
)
async def test_what_is_wrong_is_said_by_field_and_nobody_is_added(
    xpage: Rest, make: Make, wrong: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    installed = await make.installed(await make.store())
    before = await everything(make.services)

    refused = await xpage("create_customer", key=installed, body={**JANE, **wrong})

    assert (refused.status, refused.body["code"]) == (422, "VALIDATION_ERROR")
    assert set(refused.body["errors"]) == set(errors)
    for field, [start] in errors.items():
        assert refused.body["errors"][field][0].startswith(start)
    assert await everything(make.services) == before


async def test_an_address_that_is_missing_is_required(xpage: Rest, make: Make) -> None:
    installed = await make.installed(await make.store())
    refused = await xpage("create_customer", key=installed, body={"name": "Jane"})
    assert refused.status == 422
    assert refused.body["errors"] == {"email": ["The email field is required."]}


async def test_an_address_is_taken_in_any_case_but_in_its_own_store_only(
    xpage: Rest, make: Make
) -> None:
    store, elsewhere = await make.store(), await make.store()
    installed = await make.installed(store)
    await make.customer(store, email="jane@example.com")
    gone = await make.customer(store, email="gone@example.com")
    gone.deleted_at = datetime.now(UTC)
    await make.save(gone)
    before = await everything(make.services)

    refused = await xpage("create_customer", key=installed, body=JANE)

    assert (refused.status, refused.body["code"]) == (422, "VALIDATION_ERROR")
    assert refused.body["errors"] == {"email": ["Another customer has this e-mail address."]}
    assert await everything(make.services) == before
    body = {"email": "GONE@example.com"}
    await xpage.data("create_customer", key=installed, body=body)
    await xpage.data("create_customer", key=await make.installed(elsewhere), body=JANE)


async def test_of_ten_at_once_with_one_address_one_is_added(xpage: Rest, make: Make) -> None:
    installed = await make.installed(await make.store())

    replies = await asyncio.gather(
        *(
            xpage("create_customer", key=installed, body={"email": f"{start}ane@example.com"})
            for start in "jJ" * 5
        )
    )

    assert sorted(reply.status for reply in replies) == [200] + [422] * 9
    refusals = [reply.body["errors"] for reply in replies if reply.status == 422]
    assert all(set(errors) == {"email"} for errors in refusals)
    assert len(await events(make.services, "customer.created")) == 1


async def test_customers_are_searched_filtered_sorted_and_paged(xpage: Rest, make: Make) -> None:
    store = await make.store()
    installed = await make.installed(store)
    await make.customer(
        store, first_name="Ada", last_name="Lovelace", email="ada@x.example", phone="+44 1",
        address="12 St James", city="London", postal_code="SW1Y", country="GB", order_count=2,
        amount_spent=30_500_000, created_at=datetime(2026, 1, 1, tzinfo=UTC),
        subscription_status=models.SubscriptionStatus.SUBSCRIBED,
    )  # fmt: skip
    await make.customer(
        store, first_name="Bob", last_name=None, email=None, country="US", order_count=7,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    await make.customer(
        store, first_name="Cy", last_name="Ada", email="cy@x.example", city="Ulm", country=None,
        amount_spent=99_000_000, created_at=datetime(2026, 1, 3, tzinfo=UTC),
    )  # fmt: skip

    for wanted, found in (
        ({}, ["Cy Ada", "Bob", "Ada Lovelace"]),
        ({"search": "ada"}, ["Cy Ada", "Ada Lovelace"]),
        ({"search": "a lovE"}, ["Ada Lovelace"]),
        ({"search": "X.EXAMPLE"}, ["Cy Ada", "Ada Lovelace"]),
        ({"search": "+44"}, ["Ada Lovelace"]),
        ({"search": "st james"}, ["Ada Lovelace"]),
        ({"search": "ulm"}, ["Cy Ada"]),
        ({"search": "sw1y"}, ["Ada Lovelace"]),
        ({"search": "%"}, []),
        ({"country": "GB"}, ["Ada Lovelace"]),
        ({"country": "gb"}, ["Ada Lovelace"]),
        ({"country": "nowhere"}, []),
        ({"order_by": "name", "order_direction": "ASC"}, ["Ada Lovelace", "Bob", "Cy Ada"]),
        ({"order_by": "amount_spent"}, ["Cy Ada", "Ada Lovelace", "Bob"]),
        ({"order_by": "order_count"}, ["Bob", "Ada Lovelace", "Cy Ada"]),
        ({"order_by": "email"}, ["Cy Ada", "Ada Lovelace", "Bob"]),
        ({"order_by": "phone", "page_size": 1}, ["Ada Lovelace"]),
        ({"order_by": "address", "page_size": 1}, ["Ada Lovelace"]),
        ({"order_by": "city"}, ["Cy Ada", "Ada Lovelace", "Bob"]),
        ({"order_by": "postal_code", "page_size": 1}, ["Ada Lovelace"]),
        ({"order_by": "subscription_status", "page_size": 1}, ["Ada Lovelace"]),
        ({"page": 2, "page_size": 2}, ["Ada Lovelace"]),
        ({"page": 9}, []),
    ):
        assert await names(xpage, installed, **wanted) == found, wanted
    found = (await xpage.data("list_customers", key=installed, page=2, page_size=2))["data"]
    assert found["pagination"] == {"total": 3, "per_page": 2, "current_page": 2, "last_page": 2}
    assert found["customers"][0]["amount_spent"] == 30.5


@pytest.mark.parametrize(
    "query", [{"order_by": "uuid"}, {"order_direction": "up"}, {"page": 0}, {"page_size": "all"}]
)
async def test_a_list_that_cannot_be_is_refused(
    xpage: Rest, make: Make, query: dict[str, Any]
) -> None:
    installed = await make.installed(await make.store())
    refused = await xpage("list_customers", key=installed, **query)
    assert refused.status == 422
    assert set(refused.body["errors"]) == set(query)


async def test_a_page_costs_the_same_however_long(
    xpage: Rest, make: Make, statements: list[str]
) -> None:
    store = await make.store()
    installed = await make.installed(store)
    order = await make.row(models.Order, "Acme")

    async def cost() -> int:
        await make.customer(store, latest_order_id=order.id)
        statements.clear()
        await xpage.data("list_customers", key=installed)
        return len(statements)

    first = await cost()

    assert [await cost() for _ in range(5)] == [first] * 5


async def test_customers_of_other_stores_do_not_exist(xpage: Rest, make: Make) -> None:
    store = await make.store()
    mine = await make.customer(store)
    installed = await make.installed(store)
    neighbour = await make.customer(await make.store())
    foreign = await make.customer(await make.store("Other"))
    gone = await make.customer(store)
    gone.deleted_at = datetime.now(UTC)
    await make.save(gone)

    found = (await xpage.data("list_customers", key=installed))["data"]

    assert [customer["id"] for customer in found["customers"]] == [str(mine.uuid)]
    assert found["pagination"]["total"] == 1
    for hidden in (neighbour.uuid, foreign.uuid, gone.uuid, uuid4(), "no-uuid"):
        refused = await xpage("get_customer", key=installed, id=hidden)
        assert (refused.status, refused.body["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("operation", "call", "permission"),
    [
        ("list_customers", {}, "customer:view"),
        ("get_customer", {"id": uuid4()}, "customer:view"),
        ("create_customer", {"body": JANE}, "customer:create"),
    ],
)
async def test_each_operation_needs_its_permission_and_no_other(
    xpage: Rest, make: Make, operation: str, call: dict[str, Any], permission: str
) -> None:
    store = await make.store()
    before = await everything(make.services)
    for granted in ((), ("order:view", "product:view")):
        installed = await make.installed(store, permissions=granted)
        refused = await xpage(operation, key=installed, **call)
        assert (refused.status, refused.body["code"]) == (403, "FORBIDDEN")
    assert (await everything(make.services))["customer"] == before["customer"]
    assert (await xpage(operation, **call)).status == 401

    granted = await make.installed(store, permissions=[permission])

    assert (await xpage(operation, key=granted, **call)).status in {200, 404}
