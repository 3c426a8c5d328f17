from dataclasses import fields
from datetime import UTC, datetime, timedelta

from resolvers import file_links
from resolvers.file_links import FileDetachment, NewFileLink
from resolvers.files import FileFilter, FileSubject, NewFile
from resolvers.services import Services
from tests.callers import Client, GraphQL, Part
from tests.kit import Make, gid
from tests.pictures import CAMERA, exif, picture
from tests.state import everything, stored

LINK = """mutation ($input: NewFileLink!) { linkFile(input: $input) {
  fileLink { id role position subjectType subjectId file { id } } errors { code field } } }"""
UNLINK = "mutation ($id: ID!) { unlinkFile(fileLinkId: $id) { deletedId errors { code field } } }"
DELETE = "mutation ($id: ID!) { deleteFile(id: $id) { deletedId errors { code field } } }"
DETACH = """mutation ($input: FileDetachment!) { detachFile(input: $input) {
  file { id links { role subjectId } } errors { code field } } }"""
UPLOAD = """mutation ($input: NewFile!) { uploadFile(input: $input) {
    file { id name alt contentType size sha256 width height url permanentUrl thumbnailUrl
           links { role position subjectType subjectId } }
    errors { code field message } } }"""
AGAIN = UPLOAD.replace("input: $input", 'input: $input, idempotencyKey: "once"')
UPDATE = """mutation ($id: ID!, $changes: FileChanges!) { updateFile(id: $id, changes: $changes) {
  file { name alt } errors { code field } } }"""
PDF = b"%PDF-1.7\nnot much of one"
NOW = datetime(2026, 5, 23, 12, tzinfo=UTC)
IMAGES = "query ($id: ID!) { product(id: $id) { images { id } } }"


async def test_pictures_of_a_product_come_in_their_order(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    first, second, manual = [await make.file(store) for _ in range(3)]
    to = {"productId": gid(product)}
    for file, position in ((second, 1), (first, 0)):
        link = await gql.done(
            LINK, key=key, input={**to, "fileId": gid(file), "position": position}
        )
    await gql.done(LINK, key=key, input={**to, "fileId": gid(manual), "role": "download"})

    data = await gql.data(IMAGES, key=key, id=gid(product))

    assert data["product"]["images"] == [{"id": gid(first)}, {"id": gid(second)}]
    link = link["fileLink"]
    assert (link["subjectType"], link["subjectId"]) == ("Product", gid(product))
    moved = await gql.done(LINK, key=key, input={**to, "fileId": gid(first), "position": 2})
    assert moved["fileLink"]["id"] == link["id"]
    data = await gql.data(IMAGES, key=key, id=gid(product))
    assert data["product"]["images"] == [{"id": gid(second)}, {"id": gid(first)}]


async def test_links_go_with_their_file_or_alone(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    product, files = await make.product(store), [await make.file(store) for _ in range(2)]
    links = [
        await gql.done(LINK, key=key, input={"productId": gid(product), "fileId": gid(file)})
        for file in files
    ]
    query = "query ($id: ID!) { file(id: $id) { links { subjectId } } }"

    await gql.done(UNLINK, key=key, id=links[0]["fileLink"]["id"])

    assert await gql.data(query, key=key, id=gid(files[0])) == {"file": {"links": []}}
    assert await gql.data(query, key=key, id=gid(files[1])) == {
        "file": {"links": [{"subjectId": gid(product)}]}
    }
    await gql.done(DELETE, key=key, id=gid(files[1]))
    assert await gql.data(query, key=key, id=gid(files[1])) == {"file": None}
    data = await gql.data(IMAGES, key=key, id=gid(product))
    assert data["product"]["images"] == []


async def test_a_file_is_linked_to_one_row_of_its_own_store(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    file, elsewhere = await make.file(store), await make.product(await make.store())
    foreign = await make.brand(await make.store("Other"))

    for wanted, refusal in (
        ({}, "INVALID input"),
        ({"storeId": gid(store), "productId": gid(elsewhere)}, "INVALID input"),
        ({"productId": gid(elsewhere)}, "INVALID input.fileId"),
        ({"brandId": gid(foreign)}, "NOT_FOUND input.brandId"),
        ({"storeId": gid(store), "role": "No!"}, "INVALID input.role"),
    ):
        refusals = await gql.refused(LINK, key=key, input={"fileId": gid(file), **wanted})
        assert refusals == [refusal]
    data = await gql.data("{ files { nodes { links { id } } } }", key=key)
    assert data["files"]["nodes"] == [{"links": []}]


async def test_files_are_filtered(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    await make.file(store, name="lamp.png", size=5)
    await make.file(store, name="manual.pdf", content_type="application/pdf", size=9)
    query = """query ($filter: FileFilter) {
      files(filter: $filter, sort: SIZE_DESC) { nodes { name } } }"""

    for wanted, names in (
        (None, ["manual.pdf", "lamp.png"]),
        ({"search": "LAMP"}, ["lamp.png"]),
        ({"contentType": "image/*"}, ["lamp.png"]),
        ({"storeId": gid(store), "contentType": "application/pdf"}, ["manual.pdf"]),
        ({"contentType": ["image/*", "*/pdf"]}, ["manual.pdf", "lamp.png"]),
        ({"contentType": ["image/_ng", "%/*", "text/*"]}, []),
    ):
        data = await gql.data(query, key=key, filter=wanted)
        assert [node["name"] for node in data["files"]["nodes"]] == names


def test_whatever_files_are_linked_to_they_are_found_by() -> None:
    assert {subject.value for subject in FileSubject} == set(file_links.SUBJECTS)
    named = {f"{name}_id" for name in file_links.SUBJECTS}
    for kind in (FileFilter, NewFile, NewFileLink, FileDetachment):
        assert named <= {field.name for field in fields(kind)}


async def test_too_many_media_types_are_refused(gql: GraphQL, make: Make) -> None:
    query = "query ($types: [String!]) { files(filter: {contentType: $types}) { nodes { id } } }"
    answer = await gql(query, key=await make.key(), types=["a/*"] * 21)
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["message"]) == ("INVALID", "at most 20 media types")


async def test_files_are_found_by_their_time_and_what_they_belong_to(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(), await make.key()
    product, review = await make.product(store), await make.review(await make.product(store))
    files = [
        await make.file(store, name=str(n), created_at=NOW + timedelta(days=n)) for n in range(3)
    ]
    await gql.done(LINK, key=key, input={"productId": gid(product), "fileId": gid(files[0])})
    await gql.done(LINK, key=key, input={"reviewId": gid(review), "fileId": gid(files[1])})
    query = """query ($filter: FileFilter) {
      files(filter: $filter, sort: NAME_ASC) { nodes { name } } }"""

    for wanted, names in (
        ({"productId": gid(product)}, "0"),
        ({"reviewId": gid(review)}, "1"),
        ({"linkedTo": "REVIEW"}, "1"),
        ({"linkedTo": "LANDING_PAGE"}, ""),
        ({"createdAfter": (NOW + timedelta(days=1)).isoformat()}, "12"),
        ({"createdBefore": (NOW + timedelta(days=1)).isoformat()}, "0"),
    ):
        data = await gql.data(query, key=key, filter=wanted)
        assert "".join(node["name"] for node in data["files"]["nodes"]) == names, wanted


async def test_a_picture_is_uploaded_and_linked_in_one_go(
    gql: GraphQL, make: Make, client: Client
) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    sent = Part(picture("JPEG", (64, 48), exif=exif()), name="x.html", content_type="text/html")
    wanted = {"storeId": gid(store), "file": sent, "alt": " A cat ", "productId": gid(product)}

    file = (await gql.done(UPLOAD, key=key, input={**wanted, "position": 3}))["file"]

    assert (file["contentType"], file["width"], file["height"]) == ("image/jpeg", 64, 48)
    assert (file["name"], file["alt"]) == ("x.html", "A cat")
    assert file["links"] == [
        {"role": "image", "position": 3, "subjectType": "Product", "subjectId": gid(product)}
    ]
    for name, kind in (
        ("url", "image/jpeg"),
        ("permanentUrl", "image/jpeg"),
        ("thumbnailUrl", "image/webp"),
    ):
        path = file[name].removeprefix(make.services.public_url)
        async with client.get(path) as response:
            assert (response.status, response.content_type) == (200, kind)
            assert CAMERA.encode() not in await response.read()
    data = await gql.data(IMAGES, key=key, id=gid(product))
    assert data["product"]["images"] == [{"id": file["id"]}]


async def test_what_an_upload_may_not_be_is_told_and_leaves_nothing(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(), await make.key()
    product, elsewhere = await make.product(store), await make.product(await make.store())
    fine = {"storeId": gid(store), "file": Part(PDF)}
    before = await everything(make.services)

    for wanted, refusals in (
        ({**fine, "file": Part(b"<html>")}, ["INVALID input.file"]),
        ({**fine, "file": Part(b"")}, ["INVALID input.file"]),
        ({**fine, "alt": "x" * 501}, ["INVALID input.alt"]),
        ({**fine, "productId": gid(elsewhere)}, ["NOT_FOUND input.productId"]),
        ({**fine, "productId": gid(product), "role": "image"}, ["INVALID input.role"]),
        ({**fine, "productId": gid(product), "role": "No!"}, ["INVALID input.role"]),
        (
            {**fine, "productId": gid(product), "brandId": gid(await make.brand(store))},
            ["INVALID input"],
        ),
    ):
        if "brandId" in wanted:
            before = await everything(make.services)
        assert await gql.refused(UPLOAD, key=key, input=wanted) == refusals, wanted
    answer = await gql(UPLOAD, key=key, input={**fine, "file": "text"})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    limited = await make.key(permissions=frozenset({"file:browse"}))
    answer = await gql(UPLOAD, key=limited, input=fine)
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await stored(make.services) == []
    after = await everything(make.services)
    assert (after["file"], after["file_link"]) == (before["file"], before["file_link"])


async def test_an_upload_that_is_too_large_is_refused_as_it_comes(
    gql: GraphQL, make: Make, services: Services
) -> None:
    services.largest_file = 6 << 20
    store, key = await make.store(), await make.key()
    for content in (picture() + bytes(5 << 20), PDF + bytes(6 << 20)):
        sent = {"storeId": gid(store), "file": Part(content)}
        answer = await gql(UPLOAD, key=key, input=sent)
        assert answer["errors"][0]["extensions"]["code"] == "TOO_LARGE"
    assert await stored(services) == []


async def test_an_upload_repeated_with_its_key_is_one_upload(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    wanted = {"storeId": gid(store), "file": Part(picture())}

    first = (await gql.done(UPLOAD, key=key, input=wanted))["file"]["id"]
    once = (await gql.done(AGAIN, key=key, input=wanted))["file"]["id"]
    again = (await gql.done(AGAIN, key=key, input=wanted))["file"]["id"]
    refusals = await gql.refused(AGAIN, key=key, input={**wanted, "file": Part(PDF)})

    assert again == once != first
    assert refusals == ["CONFLICT idempotencyKey"]
    assert len(await stored(make.services)) == 4  # two pictures and their thumbnails


async def test_what_is_said_about_a_file_can_be_changed(gql: GraphQL, make: Make) -> None:
    file, key = await make.file(await make.store()), await make.key()
    done = await gql.done(UPDATE, key=key, id=gid(file), changes={"alt": "A lamp"})
    assert done["file"] == {"name": file.name, "alt": "A lamp"}
    done = await gql.done(UPDATE, key=key, id=gid(file), changes={"name": "lamp.png"})
    assert done["file"] == {"name": "lamp.png", "alt": "A lamp"}
    assert await gql.refused(UPDATE, key=key, id=gid(file), changes={"name": " "}) == [
        "INVALID changes.name"
    ]


async def test_a_file_is_taken_from_a_row_in_one_role_or_all(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    product, other = await make.product(store), await make.product(store)
    file = await make.file(store)
    to = {"productId": gid(product), "fileId": gid(file)}
    for role in ("image", "download", "cover"):
        await gql.done(LINK, key=key, input={**to, "role": role})
    await gql.done(LINK, key=key, input={"productId": gid(other), "fileId": gid(file)})
    kept = {"role": "image", "subjectId": gid(other)}

    done = await gql.done(DETACH, key=key, input={**to, "role": "cover"})
    assert [link["role"] for link in done["file"]["links"]] == ["download", "image", "image"]
    done = await gql.done(DETACH, key=key, input=to)
    assert done["file"]["links"] == [kept]
    assert await gql.refused(DETACH, key=key, input=to) == ["NOT_FOUND input.productId"]
    assert await gql.refused(DETACH, key=key, input={"fileId": gid(file)}) == ["INVALID input"]


async def test_pictures_videos_and_downloads_are_with_what_they_belong_to(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    variant, review = await make.only_variant(product), await make.review(product)
    image, video, manual = (
        await make.file(store),
        await make.file(store, content_type="video/mp4"),
        await make.file(store, content_type="application/pdf"),
    )
    for file, role, to in (
        (image, "image", {"productId": gid(product)}),
        (video, "ugc_video", {"productId": gid(product)}),
        (manual, "download", {"productId": gid(product)}),
        (image, "image", {"variantId": gid(variant)}),
        (manual, "download", {"variantId": gid(variant)}),
        (image, "image", {"reviewId": gid(review)}),
    ):
        await gql.done(LINK, key=key, input={**to, "fileId": gid(file), "role": role})
    query = """query ($id: ID!) { product(id: $id) {
      images { id } ugcVideos { id } downloads { id }
      variants { images { id } downloads { id } } reviews { nodes { images { id url } } } } }"""
    statements.clear()

    found = (await gql.data(query, key=key, id=gid(product)))["product"]

    assert len(statements) == 10  # the key, the product, and one for each relation
    assert found["images"] == [{"id": gid(image)}]
    assert found["ugcVideos"] == [{"id": gid(video)}]
    assert found["downloads"] == [{"id": gid(manual)}]
    [shown] = found["variants"]
    assert shown == {"images": [{"id": gid(image)}], "downloads": [{"id": gid(manual)}]}
    [[picture_]] = [node["images"] for node in found["reviews"]["nodes"]]
    assert picture_["id"] == gid(image)
    for refused in (
        {"fileId": gid(manual), "productId": gid(product), "role": "image"},
        {"fileId": gid(image), "productId": gid(product), "role": "ugc_video"},
    ):
        assert await gql.refused(LINK, key=key, input=refused) == ["INVALID input.role"]


async def test_downloads_are_not_for_everybody_who_sees_the_product(
    gql: GraphQL, make: Make
) -> None:
    product = await make.product(await make.store())
    key = await make.key(permissions=frozenset({"product:view"}))
    answer = await gql(
        "query ($id: ID!) { product(id: $id) { images { id } downloads { id } } }",
        key=key,
        id=gid(product),
    )
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert answer["errors"][0]["path"] == ["product", "downloads"]
