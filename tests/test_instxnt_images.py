"""Pictures of a store's product, uploaded one by one."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData

from providers.memory import MemoryLimiter
from resolvers import product_images
from resolvers.services import Services
from rest_compat.instxnt import contract
from rest_compat.instxnt.images import PER_STORE
from tests.callers import GraphQL, Reply, Rest
from tests.kit import Make
from tests.pictures import CAMERA, exif, picture
from tests.sellers import Seller, seller
from tests.state import everything, stored


def form(content: bytes, *, name: str = "image", file: str = "lamp.png") -> FormData:
    made = FormData()
    made.add_field(name, BytesIO(content), filename=file, content_type="image/png")
    return made


async def opened(instxnt: Rest, key: Seller) -> str:
    return (await instxnt.data("create_store", key=key, body={"name": "Lamp"}))["id"]


async def upload(instxnt: Rest, key: Seller, store: str, content: bytes, **more: Any) -> Reply:
    return await instxnt("upload_image", key=key, store_id=store, form=form(content), **more)


async def test_an_image_is_stored_and_shown_with_the_product(
    instxnt: Rest, gql: GraphQL, make: Make
) -> None:
    key = await seller(make)
    store = await opened(instxnt, key)
    photo = picture("JPEG", exif=exif())

    first = await upload(instxnt, key, store, photo)
    second = await upload(instxnt, key, store, picture())

    assert (first.status, second.status) == (200, 200)
    product = await instxnt.data("get_product", key=key, store_id=store)
    assert product["images"] == [first.body, second.body]
    assert first.body["r2_key"].startswith(f"uploads/{store}/")
    assert first.body["r2_key"].endswith(".jpg")
    assert second.body["r2_key"].endswith(".png")
    # The address is permanent, and what it leads to tells nothing of the camera.
    address = first.body["url"].removeprefix(make.services.public_url)
    make.services.clock = _in_days(make.services, 400)
    answer = await gql.client.get(address)
    assert (answer.status, answer.content_type) == (200, "image/jpeg")
    assert CAMERA.encode() not in await answer.read()
    keys = await stored(make.services)
    assert not any(key in first.body["r2_key"] for key in keys)
    data = await gql.data("{ products { nodes { images { permanentUrl } version } } }", key=key)
    [shown] = data["products"]["nodes"]
    assert [each["permanentUrl"] for each in shown["images"]] == [
        first.body["url"], second.body["url"],
    ]  # fmt: skip


def _in_days(services: Services, days: int) -> Any:
    at = services.clock() + timedelta(days=days)
    return lambda: at


async def test_what_is_no_picture_is_refused_and_nothing_stays(instxnt: Rest, make: Make) -> None:
    key = await seller(make)
    store = await opened(instxnt, key)
    before = await everything(make.services)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    truncated = picture()[:200]
    large = picture() + b"\0" * (6 << 20)

    refused = [
        await upload(instxnt, key, store, content)
        for content in (b"a text", b"", svg, b"%PDF-1.4\n%", truncated, large)
    ]
    refused.append(await instxnt("upload_image", key=key, store_id=store,
                                 form=form(picture(), name="file")))  # fmt: skip

    for reply in refused:
        assert (reply.status, reply.body["code"]) == (400, "validation_failed"), reply.body
        assert reply.body["field"] == "image", reply.body
    json = await instxnt("upload_image", key=key, store_id=store, body={"image": "x"})
    assert (json.status, json.body["code"]) == (400, "validation_failed")
    assert await everything(make.services) == before
    assert await stored(make.services) == []


async def test_a_store_takes_thirty_images_an_hour(
    instxnt: Rest, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = contract().extension("x-rate-limits")["image_upload"]
    assert (PER_STORE.amount, PER_STORE.seconds) == (rule["limit"], rule["window_seconds"])
    key = await seller(make)
    store, other = await opened(instxnt, key), await opened(instxnt, key)
    limiter: Any = MemoryLimiter()
    hit = limiter.hit

    async def images_only(limit: Any, scope: str, cost: int = 1) -> int:
        return await hit(limit, scope, cost) if limit is PER_STORE else 0

    monkeypatch.setattr(limiter, "hit", images_only)
    make.services.limiter = limiter
    small = picture(size=(2, 2))

    # Each with a file in it counts, taken or not; one without is none.
    assert (await upload(instxnt, key, store, b"a text")).status == 400
    assert (await instxnt("upload_image", key=key, store_id=store,
                          form=form(small, name="file"))).status == 400  # fmt: skip
    for _ in range(29):
        assert (await upload(instxnt, key, store, small)).status == 200
    kept = await stored(make.services)
    reply = await upload(instxnt, key, store, small)

    assert (reply.status, reply.body["code"]) == (429, "rate_limited")
    assert 0 < reply.body["retry_after"] <= 3600
    assert reply.headers["Retry-After"] == str(reply.body["retry_after"])
    assert await stored(make.services) == kept
    assert (await upload(instxnt, key, other, small)).status == 200


async def test_a_repeated_upload_is_one(instxnt: Rest, make: Make) -> None:
    key = await seller(make)
    store = await opened(instxnt, key)
    content, once = picture(), {"Idempotency-Key": "1"}

    made = [await upload(instxnt, key, store, content, headers=once) for _ in range(2)]

    assert made[0].body == made[1].body
    assert len(await stored(make.services)) == 2  # the picture and its thumbnail
    other = await upload(instxnt, key, store, picture(), headers=once)
    assert other.status == 400
    assert len(await stored(make.services)) == 2


async def test_nothing_is_stored_where_there_is_no_product_or_too_many_images(
    instxnt: Rest, gql: GraphQL, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await seller(make)
    store = await opened(instxnt, key)
    monkeypatch.setattr(product_images, "MOST", 0)
    full = await upload(instxnt, key, store, picture())
    assert (full.status, full.body["field"]) == (400, "image")
    data = await gql.data("{ products { nodes { id } } }", key=key)
    gone = "mutation ($id: ID!) { deleteProduct(id: $id) { errors { code } } }"
    await gql.done(gone, key=key, id=data["products"]["nodes"][0]["id"])

    none = await upload(instxnt, key, store, picture())

    assert (none.status, none.body["message"]) == (404, "Product not found")
    theirs = await opened(instxnt, await seller(make, "Other"))
    assert (await upload(instxnt, key, theirs, picture())).status == 403
    assert await stored(make.services) == []
