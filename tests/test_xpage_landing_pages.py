"""Landing pages as apps of xPage see them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from db import models
from tests.callers import Rest
from tests.kit import Make
from tests.state import everything


async def test_a_landing_page_is_shown_with_its_product_and_address(
    xpage: Rest, make: Make
) -> None:
    store = await make.store()
    product, domain = await make.product(store), await make.domain(store, name="lamp.example")
    installed = await make.installed(store)
    page = await make.landing_page(
        product, title="The Lamp", slug="lamp", domain_id=domain.id, language="en",
        meta_description="Light.", cod_type=models.CodType.POPUP,
        screenshot_url="https://cdn.example/a.png",
        created_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    )  # fmt: skip

    found = (await xpage.data("get_landing_page", key=installed, id=page.uuid))["data"]

    shown = found["landing_page"]
    assert shown.pop("product")["id"] == str(product.uuid)
    assert shown.pop("updated_at")
    assert shown == {
        "id": str(page.uuid), "title": "The Lamp", "slug": "lamp", "meta_description": "Light.",
        "product_id": str(product.uuid), "domain_id": str(domain.uuid),
        "created_at": "2026-01-01T12:00:00Z", "url": "https://lamp.example/lamp",
        "screenshot_url": "https://cdn.example/a.png", "lang": "en", "cod_type": "popup",
    }  # fmt: skip
    listed = (await xpage.data("list_landing_pages", key=installed))["data"]["landingPages"]
    assert [each["id"] for each in listed] == [str(page.uuid)]


async def test_without_a_domain_a_page_is_at_the_stores_address(xpage: Rest, make: Make) -> None:
    store = await make.store()
    installed = await make.installed(store)
    page = await make.landing_page(await make.product(store), slug="lamp")

    async def shown() -> tuple[Any, Any]:
        found = await xpage.data("get_landing_page", key=installed, id=page.uuid)
        return found["data"]["landing_page"]["domain_id"], found["data"]["landing_page"]["url"]

    assert await shown() == (None, f"https://{store.subdomain}.localhost/lamp")
    await make.domain(store, name="main.example", is_primary=True)
    assert await shown() == (None, "https://main.example/lamp")


async def test_landing_pages_are_filtered_sorted_and_paged(xpage: Rest, make: Make) -> None:
    store = await make.store()
    installed = await make.installed(store)
    lamp, chair, desk = [await make.product(store) for _ in range(3)]
    domain = await make.domain(store)
    for day, (product, kind, host) in enumerate(
        ((lamp, "checkout", None), (chair, "popup", domain), (desk, "embedded", domain)), 1
    ):
        await make.landing_page(
            product, title=kind, cod_type=kind, domain_id=host and host.id,
            created_at=datetime(2026, 1, day, tzinfo=UTC),
            published_at=datetime(2026, 1, day, tzinfo=UTC) if host else None,
        )  # fmt: skip

    for query, kinds in (
        ({}, ["embedded", "popup", "checkout"]),
        ({"order_direction": "ASC"}, ["checkout", "popup", "embedded"]),
        ({"order_by": "updated_at"}, ["embedded", "popup", "checkout"]),
        ({"product_id": lamp.uuid}, ["checkout"]),
        ({"product_id": f"{lamp.uuid},{desk.uuid}"}, ["embedded", "checkout"]),
        ({"product_id": f"{lamp.uuid},{uuid4()}"}, ["checkout"]),
        ({"product_id": uuid4()}, []),
        ({"domain_id": domain.uuid}, ["embedded", "popup"]),
        ({"domain_id": uuid4()}, []),
        ({"cod_type": "popup"}, ["popup"]),
        ({"cod_type": "popup", "product_id": lamp.uuid}, []),
        ({"page": 2, "page_size": 2}, ["checkout"]),
    ):
        found = (await xpage.data("list_landing_pages", key=installed, **query))["data"]
        assert [page["cod_type"] for page in found["landingPages"]] == kinds, query
    assert found["pagination"] == {"total": 3, "per_page": 2, "current_page": 2, "last_page": 2}


@pytest.mark.parametrize(
    "query",
    [{"product_id": "x"}, {"domain_id": "x"}, {"cod_type": "cash"}, {"order_by": "title"}],
)
async def test_a_list_that_cannot_be_is_refused(
    xpage: Rest, make: Make, query: dict[str, Any]
) -> None:
    installed = await make.installed(await make.store())
    refused = await xpage("list_landing_pages", key=installed, **query)
    assert (refused.status, refused.body["code"]) == (422, "VALIDATION_ERROR")


async def test_a_page_of_pages_costs_the_same_however_long(
    xpage: Rest, make: Make, statements: list[str]
) -> None:
    store = await make.store()
    installed = await make.installed(store)

    async def cost() -> int:
        domain = await make.domain(store)
        await make.landing_page(await make.product(store), domain_id=domain.id)
        statements.clear()
        await xpage.data("list_landing_pages", key=installed)
        return len(statements)

    first = await cost()

    assert [await cost() for _ in range(5)] == [first] * 5


async def test_landing_pages_of_other_stores_do_not_exist(xpage: Rest, make: Make) -> None:
    store = await make.store()
    installed = await make.installed(store)
    mine = await make.landing_page(await make.product(store))
    neighbour, foreign = await make.store(), await make.store("Other")
    product, domain = await make.product(neighbour), await make.domain(neighbour)
    hidden = [
        await make.landing_page(product, domain_id=domain.id),
        await make.landing_page(await make.product(foreign)),
        await make.landing_page(await make.product(store)),
    ]
    hidden[2].deleted_at = datetime.now(UTC)
    await make.save(hidden[2])

    found = (await xpage.data("list_landing_pages", key=installed))["data"]

    assert [page["id"] for page in found["landingPages"]] == [str(mine.uuid)]
    assert found["pagination"]["total"] == 1
    for query in ({"product_id": product.uuid}, {"domain_id": domain.uuid}):
        found = await xpage.data("list_landing_pages", key=installed, **query)
        assert found["data"]["landingPages"] == []
    for each in (*(page.uuid for page in hidden), uuid4(), "no-uuid"):
        refused = await xpage("get_landing_page", key=installed, id=each)
        assert (refused.status, refused.body["code"]) == (404, "NOT_FOUND")


async def test_looking_at_pages_needs_their_permission_and_no_other(
    xpage: Rest, make: Make
) -> None:
    store = await make.store()
    page = await make.landing_page(await make.product(store), domain_id=None)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("list_landing_pages", {}),
        ("get_landing_page", {"id": page.uuid}),
    ]
    others = ("product:view", "domain:view", "landing_page:create")
    for operation, call in calls:
        for granted in ((), others):
            installed = await make.installed(store, permissions=granted)
            refused = await xpage(operation, key=installed, **call)
            assert (refused.status, refused.body["code"]) == (403, "FORBIDDEN")
        installed = await make.installed(store, permissions=["landing_page:view"])
        before = await everything(make.services)
        await xpage.data(operation, key=installed, **call)
        assert await everything(make.services) == before
