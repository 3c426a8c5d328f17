"""Files of a hosting, as its apps upload, list and link them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData
from PIL import ExifTags

from app.settings import Settings
from db import models
from resolvers.services import Services
from tests.callers import Reply, Rest
from tests.doors import xpage_door
from tests.kit import Installed, Make
from tests.pictures import CAMERA, LYING, animation, exif, picture, pixels, told
from tests.state import everything, stored

PDF = b"%PDF-1.7\nnot much of one"
AT = datetime(2026, 3, 1, 12, 0, 0, 500_000, UTC)
MEGABYTE = 1 << 20
FILEABLES = ("product", "variant", "landing_page", "review")


def form(content: Any = PDF, name: str = "manual.pdf", **fields: Any) -> FormData:
    made = FormData(quote_fields=False)
    for key, value in fields.items():
        made.add_field(key, str(value))
    made.add_field("file", content, filename=name, content_type="image/png")
    return made


async def upload(xpage: Rest, app: Installed, content: Any = PDF, **fields: Any) -> Any:
    name = fields.pop("name", "manual.pdf")
    body = await xpage.data("upload_file", key=app, form=form(content, name, **fields))
    return body["data"]["file"]


async def fileable(make: Make, store: models.Store, kind: str) -> Any:
    product = await make.product(store)
    match kind:
        case "product":
            return product
        case "variant":
            return await make.only_variant(product)
        case "review":
            return await make.review(product)
        case _:
            return await make.save(
                models.LandingPage(
                    organization_id=store.organization_id,
                    store_id=store.id,
                    product_id=product.id,
                    title="Sale",
                    slug=f"sale-{product.id}",
                )
            )


async def fetched(xpage: Rest, make: Make, address: str) -> tuple[int, bytes, str]:
    """The status, the bytes and their type at an address of the gateway."""
    async with xpage.client.get(address.removeprefix(make.services.public_url)) as response:
        return response.status, await response.read(), response.headers["Content-Type"]


def wrong(reply: Reply) -> tuple[int, list[str]]:
    """The status of a refusal, and the fields that are to blame."""
    return reply.status, sorted(reply.body.get("errors", {}))


@pytest.mark.usefixtures("kept")
async def test_an_uploaded_file_is_shown_and_its_bytes_are_where_it_says(
    xpage: Rest, make: Make
) -> None:
    app = await make.installed(await make.store())

    file = await upload(xpage, app, name="C:\\docs\\Größe.pdf", alt="How to hang it")

    assert (file["name"], file["alt"], file["size"]) == ("Größe.pdf", "How to hang it", len(PDF))
    assert (file["mime_type"], file["thumbnail"]) == ("application/pdf", None)
    assert (await xpage.data("get_file", key=app, id=file["id"]))["data"]["file"] == file
    for address in (file["url"], file["permanent_url"]):
        assert await fetched(xpage, make, address) == (200, PDF, "application/pdf")


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_forgets_where_it_was_taken_and_stands_upright(
    xpage: Rest, make: Make, kind: str
) -> None:
    app = await make.installed(await make.store())
    sent = picture(kind, (640, 400), exif=exif(LYING))

    file = await upload(xpage, app, sent, name="cat.exe")

    assert file["mime_type"] == f"image/{kind.lower()}"
    _, content, _ = await fetched(xpage, make, file["url"])
    assert CAMERA.encode() not in content
    assert told(content) == {ExifTags.Base.Orientation: LYING}
    assert pixels(content) == pixels(sent)
    assert file["size"] == len(content)
    _, small, kind = await fetched(xpage, make, file["thumbnail"])
    assert (kind, len(pixels(small))) == ("image/webp", 1)


async def test_an_animation_keeps_moving(xpage: Rest, make: Make) -> None:
    app = await make.installed(await make.store())
    file = await upload(xpage, app, animation("GIF", frames=4))
    _, content, _ = await fetched(xpage, make, file["url"])
    assert len(pixels(content)) == 4


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"",
        b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
        picture("JPEG")[:-200],
        b"GIF89a/*" + bytes(20) + b"*/=alert(1)",
    ],
    ids=["html", "svg", "empty", "no png", "cut off", "script"],
)
async def test_what_is_no_file_to_take_is_refused_and_leaves_nothing(
    xpage: Rest, make: Make, content: bytes
) -> None:
    app = await make.installed(await make.store())
    before = await everything(make.services)

    reply = await xpage("upload_file", key=app, form=form(content, "innocent.png"))

    assert wrong(reply) == (422, ["file"])
    assert await everything(make.services) == before
    assert await stored(make.services) == []


async def endless(start: bytes, sent: list[int]) -> AsyncIterator[bytes]:
    """A file that goes on until nobody takes it any more, or to 64 megabytes."""
    yield start
    for n in range(1024):
        sent.append(n)
        yield bytes(64 * 1024)


@pytest.mark.parametrize(("start", "most"), [(picture(), 5), (PDF, 7), (b"<html>", 5)])
async def test_a_file_is_refused_while_it_streams_in(
    make: Make, services: Services, settings: Settings, start: bytes, most: int
) -> None:
    services.largest_file = 7 * MEGABYTE
    app = await make.installed(await make.store())
    before, sent = await everything(services), list[int]()
    async with xpage_door(services, settings) as xpage:
        reply = await xpage("upload_file", key=app, form=form(endless(start, sent)))

    assert (reply.status, reply.body["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert str(most * MEGABYTE) in reply.body["message"]
    assert len(sent) < 1024
    assert await stored(services) == []
    assert await everything(services) == before


async def test_a_file_of_the_largest_size_is_taken(
    make: Make, services: Services, settings: Settings
) -> None:
    services.largest_file = 6 * MEGABYTE
    app = await make.installed(await make.store())
    async with xpage_door(services, settings) as xpage:
        file = await upload(xpage, app, BytesIO(PDF + bytes(6 * MEGABYTE - len(PDF))))
    assert file["size"] == 6 * MEGABYTE


async def test_a_form_that_breaks_off_leaves_nothing(xpage: Rest, make: Make) -> None:
    app = await make.installed(await make.store())
    before = await everything(make.services)
    start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + PDF
    for body in (start, start + b"\r\n--x", b"", b"nonsense", b"--x--\r\n"):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        reply = await xpage("upload_file", key=app, body=body, headers=headers)
        assert reply.status == 422, body
    assert await stored(make.services) == []
    assert await everything(make.services) == before


@pytest.mark.parametrize("kind", FILEABLES)
async def test_an_upload_is_linked_to_what_it_names(xpage: Rest, make: Make, kind: str) -> None:
    store = await make.store()
    app, row = await make.installed(store), await fileable(make, store, kind)
    other = await fileable(make, store, kind)
    to = {"fileable_type": kind, "fileable_id": row.uuid}
    second = await upload(xpage, app, picture(), **to, order=2)
    await upload(xpage, app, picture(), fileable_type=kind, fileable_id=other.uuid)
    await upload(xpage, app)

    found = await xpage.data("list_files", key=app, **to)
    assert [file["id"] for file in found["data"]["files"]] == [second["id"]]
    assert found["data"]["pagination"]["total"] == 1
    found = await xpage.data("list_files", key=app, fileable_type=kind)
    assert found["data"]["pagination"]["total"] == 2

    body = await xpage.data("unlink_file", key=app, id=second["id"], **to)
    assert body["data"]["file"] == second
    found = await xpage.data("list_files", key=app, **to)
    assert found["data"]["files"] == []
    reply = await xpage("unlink_file", key=app, id=second["id"], **to)
    assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")
    assert (await xpage.data("get_file", key=app, id=second["id"]))["data"]["file"] == second


@pytest.mark.parametrize(
    ("kind", "role", "content", "becomes"),
    [
        ("product", None, picture(), "image"),
        ("product", None, PDF, "download"),
        ("product", "product_images", picture(), "image"),
        ("product", "digital_product", picture(), "download"),
        ("product", "ugc_video", b"\0\0\0\x18ftypisom", "ugc_video"),
        ("variant", "variant_image", picture(), "image"),
        ("variant", "digital_product", PDF, "download"),
        ("landing_page", "landing_page_images", picture(), "image"),
        ("review", "review_images", picture(), "image"),
        ("product", "product_images", PDF, None),
        ("product", "ugc_video", picture(), None),
        ("product", "review_images", picture(), None),
        ("variant", "product_images", picture(), None),
        ("review", "digital_product", PDF, None),
        ("review", None, PDF, None),
        ("product", "no_role", PDF, None),
    ],
)
async def test_roles_are_those_of_the_resource_and_fit_the_file(
    xpage: Rest, make: Make, *, kind: str, role: str | None, content: bytes, becomes: str | None
) -> None:
    store = await make.store()
    app, row = await make.installed(store), await fileable(make, store, kind)
    given: dict[str, Any] = {"fileable_type": kind, "fileable_id": row.uuid}
    if role is not None:
        given["role"] = role

    reply = await xpage("upload_file", key=app, form=form(content, **given))

    links = (await everything(make.services))["file_link"]
    if becomes is None:
        assert wrong(reply) == (422, ["role"])
        assert (links, await stored(make.services)) == ([], [])
    else:
        assert reply.status == 200
        [link] = links
        assert becomes in link


async def test_fields_of_an_upload_are_checked(xpage: Rest, make: Make) -> None:
    store = await make.store()
    app, product = await make.installed(store), await make.product(store)
    before = await everything(make.services)
    to = {"fileable_type": "product", "fileable_id": product.uuid}
    tries: list[tuple[dict[str, Any], list[str]]] = [
        ({"fileable_type": "product"}, ["fileable_id"]),
        ({"fileable_id": product.uuid}, ["fileable_type"]),
        ({"fileable_type": "order", "fileable_id": product.uuid}, ["fileable_type"]),
        ({"fileable_type": "product", "fileable_id": "7"}, ["fileable_id"]),
        ({**to, "order": "first"}, ["order"]),
        ({**to, "order": -1}, ["order"]),
        ({**to, "order": 2**63}, ["order"]),
        ({"alt": "x" * 501}, ["alt"]),
    ]
    for given, fields in tries:
        reply = await xpage("upload_file", key=app, form=form(**given))
        assert wrong(reply) == (422, fields), given
    empty = FormData({"alt": "x"}, default_to_multipart=True)
    assert wrong(await xpage("upload_file", key=app, form=empty)) == (422, ["file"])
    assert await everything(make.services) == before
    assert await stored(make.services) == []


@pytest.mark.parametrize("kind", FILEABLES)
async def test_resources_of_other_hostings_are_not_there(
    xpage: Rest, make: Make, kind: str
) -> None:
    store, sister = await make.store(), await make.store()
    app = await make.installed(store)
    own = await upload(xpage, app)
    foreigners = [await fileable(make, each, kind) for each in (sister, await make.store("Other"))]
    before, kept = await everything(make.services), await stored(make.services)
    for row in foreigners:
        to = {"fileable_type": kind, "fileable_id": row.uuid}
        for reply in (
            await xpage("upload_file", key=app, form=form(picture(), **to)),
            await xpage("unlink_file", key=app, id=own["id"], **to),
        ):
            assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")
        found = await xpage.data("list_files", key=app, **to)
        assert found["data"]["files"] == []
        assert found["data"]["pagination"]["total"] == 0
    assert await everything(make.services) == before
    assert await stored(make.services) == kept


async def test_files_of_other_hostings_are_not_there(xpage: Rest, make: Make) -> None:
    app = await make.installed(await make.store())
    foreigner = await make.installed(await make.store())
    file = await upload(xpage, foreigner)
    before = await everything(make.services)
    for operation in ("get_file", "delete_file"):
        for id_ in (file["id"], "0b5f5c1e-43a7-4c53-a6a5-0d2f3b1c9e77", "7"):
            reply = await xpage(operation, key=app, id=id_)
            assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")
    assert (await xpage.data("list_files", key=app))["data"]["files"] == []
    assert await everything(make.services) == before


async def test_a_deleted_file_is_gone_with_its_links_and_addresses(xpage: Rest, make: Make) -> None:
    store = await make.store()
    app, product = await make.installed(store), await make.product(store)
    to = {"fileable_type": "product", "fileable_id": product.uuid}
    file = await upload(xpage, app, picture(), **to)

    assert await xpage.data("delete_file", key=app, id=file["id"]) == {"data": {}}

    for operation in ("get_file", "delete_file"):
        assert (await xpage(operation, key=app, id=file["id"])).status == 404
    assert (await xpage("unlink_file", key=app, id=file["id"], **to)).status == 404
    assert (await xpage.data("list_files", key=app, **to))["data"]["files"] == []
    for name in ("url", "permanent_url", "thumbnail"):
        assert (await fetched(xpage, make, file[name]))[0] == 404


async def test_lists_are_filtered_sorted_and_cut(xpage: Rest, make: Make) -> None:
    store = await make.store()
    app = await make.installed(store)
    kinds = ["image/png", "image/webp", "application/pdf", "video/mp4"]
    for n, kind in enumerate(kinds):
        await make.file(store, name=str(n), content_type=kind, created_at=AT + timedelta(days=n))

    async def names(**given: Any) -> str:
        body = await xpage.data("list_files", key=app, **given)
        return "".join(file["name"] for file in body["data"]["files"])

    for given, expected in (
        ({}, "3210"),
        ({"order_direction": "ASC"}, "0123"),
        ({"page": 2, "page_size": 3}, "0"),
        ({"page": 9}, ""),
        ({"mime_type": "image/*"}, "10"),
        ({"mime_type": "IMAGE/PNG"}, "0"),
        ({"mime_type": "image/*,application/pdf"}, "210"),
        ({"mime_type": "*/pdf,video/*"}, "32"),
        ({"mime_type": "*/*"}, "3210"),
        ({"mime_type": "imag_/*"}, ""),
        ({"mime_type": "image/%"}, ""),
        ({"from": "2026-03-02"}, "321"),
        ({"from": "2026-03-02T12:00:00Z"}, "321"),
        ({"from": "2026-03-02T12:00:01Z"}, "32"),
        ({"from": "2026-03-02T13:00:00.5+01:00"}, "321"),
        ({"to": "2026-03-02"}, "10"),
        ({"to": "9999-12-31"}, "3210"),
        ({"to": "2026-03-02 12:00:00"}, "10"),
        ({"to": "2026-03-02T11:59:59"}, "0"),
        ({"to": str(int(AT.timestamp()))}, "0"),
        ({"from": str(int(AT.timestamp())), "to": "2026-03-03T12:00:00.500000Z"}, "210"),
    ):
        assert await names(**given) == expected, given


async def test_parameters_of_a_list_are_checked(xpage: Rest, make: Make) -> None:
    app = await make.installed(await make.store())
    tries: list[tuple[dict[str, Any], str]] = [
        ({"mime_type": "image"}, "mime_type.0"),
        ({"mime_type": ",".join(["a/b"] * 21)}, "mime_type"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-13-01"}, "from"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "to"),
        ({"fileable_type": "order"}, "fileable_type"),
        ({"fileable_id": "0b5f5c1e-43a7-4c53-a6a5-0d2f3b1c9e77"}, "fileable_type"),
        ({"fileable_type": "product", "fileable_id": "7"}, "fileable_id"),
        ({"order_by": "name"}, "order_by"),
    ]
    for given, field in tries:
        reply = await xpage("list_files", key=app, **given)
        assert wrong(reply) == (422, [field]), given


async def test_a_list_takes_as_many_statements_however_long_it_is(
    xpage: Rest, make: Make, statements: list[str]
) -> None:
    store = await make.store()
    app, product = await make.installed(store), await make.product(store)
    to = {"fileable_type": "product", "fileable_id": product.uuid}
    for expected in (1, 6):
        for _ in range(1 if expected == 1 else 5):
            await upload(xpage, app, picture(), **to)
        statements.clear()
        body = await xpage.data("list_files", key=app, page_size=expected)
        assert len(body["data"]["files"]) == expected
        assert len(statements) == 4  # the token, its installation, a page and its count
        statements.clear()
        await xpage.data("list_files", key=app, page_size=expected, **to)
        assert len(statements) == 5  # and the product
        statements.clear()
        await xpage.data("list_files", key=app, page_size=expected + 1)
        assert len(statements) == 3  # there is room on the page: it is the last one


@pytest.mark.parametrize(
    ("operation", "permission"),
    [
        ("list_files", "file:browse"),
        ("get_file", "file:browse"),
        ("upload_file", "file:upload"),
        ("delete_file", "file:delete"),
        ("unlink_file", "file:delete"),
    ],
)
async def test_each_operation_needs_its_permission_and_no_other(
    xpage: Rest, make: Make, operation: str, permission: str
) -> None:
    store = await make.store()
    product = await make.product(store)
    to = {"fileable_type": "product", "fileable_id": product.uuid}
    file = await upload(xpage, await make.installed(store), picture(), **to)
    given: dict[str, Any] = {
        "upload_file": {"form": form(picture(), **to)},
        "get_file": {"id": file["id"]},
        "delete_file": {"id": file["id"]},
        "unlink_file": {"id": file["id"], **to},
    }.get(operation, {})
    others = {"file:browse", "file:upload", "file:delete", "product:view"} - {permission}
    before = await everything(make.services)

    reply = await xpage(operation, key=await make.installed(store, permissions=others), **given)
    assert (reply.status, reply.body["code"]) == (403, "FORBIDDEN")
    changed = await everything(make.services)
    assert (changed["file"], changed["file_link"]) == (before["file"], before["file_link"])

    if operation == "upload_file":
        given = {"form": form(picture(), **to)}
    await xpage.data(operation, key=await make.installed(store, permissions=[permission]), **given)


@pytest.mark.usefixtures("kept")
async def test_whatever_fails_after_the_bytes_came_they_are_removed(
    xpage: Rest, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await make.installed(await make.store())
    before = await everything(make.services)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("something nobody expected")

    monkeypatch.setattr("resolvers.files.referred", fail)
    for content in (PDF, picture()):
        reply = await xpage("upload_file", key=app, form=form(content))
        assert (reply.status, reply.body["code"]) == (500, "INTERNAL_ERROR")
    assert await stored(make.services) == []
    assert await everything(make.services) == before
