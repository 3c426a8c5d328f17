"""Reviews as apps of xPage see and add them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiohttp import FormData
from PIL import Image

from db import models
from resolvers.services import Services
from tests.callers import Reply, Rest
from tests.kit import Installed, Make
from tests.state import events, everything


def png(colour: str = "red") -> bytes:
    content = BytesIO()
    Image.new("RGB", (8, 4), colour).save(content, "PNG")
    return content.getvalue()


def form(metadata: Any, images: Sequence[bytes] = ()) -> FormData:
    made = FormData()
    text = metadata if isinstance(metadata, str) else orjson.dumps(metadata).decode()
    made.add_field("metadata", text)
    for n, image in enumerate(images):
        made.add_field("images[]", BytesIO(image), filename=f"{n}.png", content_type="image/png")
    if not images:  # the form stays multipart
        made.add_field("unknown", b"", filename="unknown.txt")
    return made


def written(product: models.Product, **more: Any) -> dict[str, Any]:
    needed = {"product_id": str(product.uuid), "content": "Holds well.", "rating": 5}
    return {**needed, "reviewer_name": "Jane", **more}


async def create(xpage: Rest, key: Installed, metadata: Any, images: Sequence[bytes] = ()) -> Reply:
    return await xpage("create_review", key=key, form=form(metadata, images))


async def stored(services: Services) -> list[str]:
    return [each.key async for each in services.storage.objects()]


async def test_a_review_is_added_and_waits(xpage: Rest, make: Make) -> None:
    store = await make.store()
    product, installed = await make.product(store), await make.installed(store)

    reply = await create(xpage, installed, written(product, reviewer_email="jane@example.com"))

    review = reply.body["data"]["review"]
    assert review["product"]["id"] == str(product.uuid)
    shown = {name: review[name] for name in review if name not in {"id", "created_at", "product"}}
    assert shown == {
        "content": "Holds well.",
        "status": "pending",
        "rating": 5,
        "reviewer_name": "Jane",
        "reviewer_email": "jane@example.com",
        "images": [],
    }
    again = await xpage.data("get_review", key=installed, id=review["id"])
    assert again == {"data": {"review": review}}
    [event] = await events(make.services, "review.created")
    assert event.payload["status"] == "pending"


async def test_pictures_come_along_or_were_there_before(
    xpage: Rest, make: Make, services: Services
) -> None:
    store = await make.store()
    product, installed = await make.product(store), await make.installed(store)
    before = [await make.file(store, name=f"before-{n}.png") for n in range(2)]
    ids = [str(file.uuid) for file in (before[1], before[0], before[1])]

    reply = await create(
        xpage, installed, written(product, image_ids=ids), [png("red"), png("blue")]
    )

    images = reply.body["data"]["review"]["images"]
    names = [image["name"] for image in images]
    assert names == ["before-1.png", "before-0.png", "0.png", "1.png"]
    assert {image["mime_type"] for image in images} == {"image/png"}
    async with services.database.write() as session:
        new = await session.get_one(models.File, before[1].id + 1)
    assert {new.key, new.thumbnail_key} < set(await stored(services))


@pytest.mark.parametrize(
    ("status", "count"), [("published", 1), ("hidden", 0), ("pending", 0), (None, 0)]
)
async def test_a_review_that_is_published_counts_at_once(
    xpage: Rest, make: Make, status: str | None, count: int
) -> None:
    store = await make.store()
    product, installed = await make.product(store), await make.installed(store)

    metadata = written(product, rating=4, **({"status": status} if status else {}))
    reply = await create(xpage, installed, metadata)

    assert reply.body["data"]["review"]["status"] == (status or "pending")
    async with make.services.database.write() as session:
        row = await session.get_one(models.Product, product.id)
        assert (row.review_count, row.rating_average) == (count, 4000 * count)


async def test_what_is_wrong_is_said_by_field_and_nothing_is_kept(
    xpage: Rest, make: Make, services: Services
) -> None:
    store = await make.store()
    product, installed = await make.product(store), await make.installed(store)
    elsewhere, foreign = await make.store(), await make.store("Other")
    manual = await make.file(store, content_type="application/pdf")

    def but(**wrong: Any) -> dict[str, Any]:
        return {**written(product), **wrong}

    unknown = [await make.product(elsewhere), await make.product(foreign)]
    files = [await make.file(elsewhere), await make.file(foreign), manual]
    before = await everything(make.services)
    ids = [uuid4(), *(row.uuid for row in unknown)]
    for metadata, errors in (
        ("{", {"metadata"}),
        (but(rating=0), {"metadata.rating"}),
        (but(rating=6, content=""), {"metadata.rating", "metadata.content"}),
        (but(content=" ", reviewer_name=" "), {"metadata.content", "metadata.reviewer_name"}),
        (but(reviewer_name="x" * 121), {"metadata.reviewer_name"}),
        (but(reviewer_email="jane"), {"metadata.reviewer_email"}),
        (but(status="rejected"), {"metadata.status"}),
        (but(product_id="no-uuid"), {"metadata.product_id"}),
        *((but(product_id=str(each)), {"metadata.product_id"}) for each in ids),
        (but(image_ids=[str(uuid4())]), {"metadata.image_ids.0"}),
        *((but(image_ids=[str(file.uuid)]), {"metadata.image_ids.0"}) for file in files),
        (but(image_ids=[str(uuid4()) for _ in range(51)]), {"metadata.image_ids"}),
    ):
        refused = await create(xpage, installed, metadata, [png()])
        assert (refused.status, refused.body["code"]) == (422, "VALIDATION_ERROR"), metadata
        assert set(refused.body["errors"]) == errors
    for images, status, errors in (
        ([png(), b"no picture", b"%PDF-1.7"], 422, {"images.1", "images.2"}),
        ([png() + b"\0" * (5 << 20)], 413, set[str]()),
    ):
        refused = await create(xpage, installed, written(product), images)
        assert refused.status == status
        assert set(refused.body.get("errors", ())) == errors
    assert (await xpage("create_review", key=installed, body={})).status == 415
    nothing = await xpage("create_review", key=installed, form=form("", [png()]))
    assert set(nothing.body["errors"]) == {"metadata"}
    assert await everything(make.services) == before
    assert await stored(services) == []


async def test_reviews_are_filtered_sorted_and_paged(xpage: Rest, make: Make) -> None:
    store = await make.store()
    lamp, chair = await make.product(store), await make.product(store)
    installed = await make.installed(store)
    for day, (product, rating, status) in enumerate(
        ((lamp, 5, "published"), (chair, 1, "rejected"), (lamp, 3, "pending")), 1
    ):
        at = datetime(2026, 1, day, tzinfo=UTC)
        await make.review(product, rating=rating, status=status, created_at=at)

    for query, ratings in (
        ({}, [3, 1, 5]),
        ({"order_direction": "ASC"}, [5, 1, 3]),
        ({"order_by": "rating"}, [5, 3, 1]),
        ({"order_by": "product_id"}, [1, 3, 5]),
        ({"rating": 3}, [3, 5]),
        ({"status": "published"}, [5]),
        ({"status": "hidden"}, [1]),
        ({"status": "pending"}, [3]),
        ({"product_id": lamp.uuid}, [3, 5]),
        ({"product_id": lamp.uuid, "rating": 4}, [5]),
        ({"product_id": uuid4()}, []),
        ({"page": 2, "page_size": 2}, [5]),
    ):
        found = (await xpage.data("list_reviews", key=installed, **query))["data"]
        assert [review["rating"] for review in found["reviews"]] == ratings, query
    assert found["pagination"] == {"total": 3, "per_page": 2, "current_page": 2, "last_page": 2}


@pytest.mark.parametrize(
    "query", [{"product_id": "x"}, {"status": "rejected"}, {"rating": 6}, {"order_by": "author"}]
)
async def test_a_list_that_cannot_be_is_refused(
    xpage: Rest, make: Make, query: dict[str, Any]
) -> None:
    installed = await make.installed(await make.store())
    refused = await xpage("list_reviews", key=installed, **query)
    assert refused.status == 422
    assert set(refused.body["errors"]) == set(query)


async def test_a_page_costs_the_same_however_long(
    xpage: Rest, make: Make, statements: list[str]
) -> None:
    store = await make.store()
    installed = await make.installed(store)

    async def cost() -> int:
        review = await make.review(await make.product(store))
        await make.link(await make.file(store), review)
        statements.clear()
        found = await xpage.data("list_reviews", key=installed)
        assert found["data"]["reviews"][0]["images"]
        return len(statements)

    first = await cost()

    assert [await cost() for _ in range(5)] == [first] * 5


async def test_reviews_of_other_stores_do_not_exist(xpage: Rest, make: Make) -> None:
    store = await make.store()
    installed = await make.installed(store)
    mine = await make.review(await make.product(store))
    neighbour = await make.product(await make.store())
    hidden = [
        await make.review(neighbour),
        await make.review(await make.product(await make.store("Other"))),
        await make.review(await make.product(store)),
    ]
    hidden[2].deleted_at = datetime.now(UTC)
    await make.save(hidden[2])

    found = (await xpage.data("list_reviews", key=installed))["data"]

    assert [review["id"] for review in found["reviews"]] == [str(mine.uuid)]
    assert found["pagination"]["total"] == 1
    of_neighbour = await xpage.data("list_reviews", key=installed, product_id=neighbour.uuid)
    assert of_neighbour["data"]["reviews"] == []
    for each in (*(row.uuid for row in hidden), uuid4(), "no-uuid"):
        refused = await xpage("get_review", key=installed, id=each)
        assert (refused.status, refused.body["code"]) == (404, "NOT_FOUND")


async def test_each_operation_needs_its_permission_and_no_other(xpage: Rest, make: Make) -> None:
    store = await make.store()
    product = await make.product(store)
    review = await make.review(product)
    calls: list[tuple[str, str, Callable[[], dict[str, Any]]]] = [
        ("list_reviews", "review:view", dict),
        ("get_review", "review:view", lambda: {"id": review.uuid}),
        ("create_review", "review:create", lambda: {"form": form(written(product))}),
    ]
    for operation, permission, call in calls:
        for others in ((), ("product:view", "customer:create", "file:browse")):
            installed = await make.installed(store, permissions=others)
            refused = await xpage(operation, key=installed, **call())
            assert (refused.status, refused.body["code"]) == (403, "FORBIDDEN")
        installed = await make.installed(store, permissions=[permission])
        assert (await xpage(operation, key=installed, **call())).status == 200
    assert len(await events(make.services, "review.created")) == 1
