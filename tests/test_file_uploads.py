"""What operations store with their own rows: all of it, or nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from db import models
from resolvers import file_uploads
from resolvers.context import Context
from resolvers.errors import Invalid, TooLarge
from resolvers.services import Services
from resolvers.viewer import system
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.pictures import picture
from tests.state import everything, stored

PDF = b"%PDF-1.7\nnot much of one"


class Incoming:
    """A file as an operation is given it."""

    def __init__(self, content: bytes, filename: str | None = "a.bin") -> None:
        self.content = content
        self.filename = filename
        self.content_type = "application/octet-stream"
        self.size = len(content)

    async def chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), 1000):
            yield self.content[start : start + 1000]


@pytest.fixture
async def shop(make: Make) -> models.Store:
    return await make.store()


@pytest.fixture
def ctx(services: Services, shop: models.Store) -> Context:
    return Context(services, system(shop.organization_id))


async def save(ctx: Context, shop: models.Store, found: Any, product: models.Product) -> None:
    async with ctx.transaction() as tx:
        for place, each in enumerate(found):
            file = file_uploads.add(tx, shop.organization_id, shop.id, each)
            await file_uploads.link(tx, file, "Product", product.id, "image", place)


@pytest.mark.usefixtures("kept")
async def test_an_operation_stores_several_files_with_its_own_rows(
    gql: GraphQL, make: Make, ctx: Context, shop: models.Store
) -> None:
    product, sent = await make.product(shop), [Incoming(picture()), Incoming(picture("WEBP"))]
    async with file_uploads.received(ctx, shop.id, sent, only_images=True) as found:
        await save(ctx, shop, found, product)
    query = "query ($id: ID!) { product(id: $id) { images { contentType } } }"
    data = await gql.data(query, key=await make.key(), id=gid(product))
    assert [image["contentType"] for image in data["product"]["images"]] == [
        "image/png",
        "image/webp",
    ]
    assert len(await stored(ctx.services)) == 4


async def fail(ctx: Context, shop: models.Store, failure: BaseException) -> None:
    async with file_uploads.received(ctx, shop.id, [Incoming(picture()), Incoming(PDF)]) as found:
        assert len(await stored(ctx.services)) == 3
        if isinstance(failure, asyncio.CancelledError):
            raise failure
        async with ctx.transaction() as tx:
            file_uploads.add(tx, shop.organization_id, shop.id, found[0])
            await tx.flush()
            raise failure


@pytest.mark.usefixtures("kept")
async def test_files_of_an_operation_that_fails_do_not_stay(
    ctx: Context, shop: models.Store
) -> None:
    before = await everything(ctx.services)
    for failure in (Invalid("no"), RuntimeError("a bug"), asyncio.CancelledError()):
        with pytest.raises(type(failure)):
            await fail(ctx, shop, failure)
        assert await stored(ctx.services) == []
    assert await everything(ctx.services) == before


async def test_what_is_committed_stays_whatever_happens_then(
    make: Make, ctx: Context, shop: models.Store
) -> None:
    product = await make.product(shop)

    async def commit_and_fail() -> None:
        async with file_uploads.received(ctx, shop.id, [Incoming(picture())]) as found:
            await save(ctx, shop, found, product)
            raise RuntimeError("after the commit")

    with pytest.raises(RuntimeError):
        await commit_and_fail()
    assert len(await stored(ctx.services)) == 2
    assert len((await everything(ctx.services))["file_link"]) == 1


async def test_every_file_that_is_refused_is_named(ctx: Context, shop: models.Store) -> None:
    sent = [Incoming(picture()), Incoming(PDF), Incoming(b"<svg>"), Incoming(b"")]
    with pytest.raises(Invalid) as refused:
        async with file_uploads.received(ctx, shop.id, sent, only_images=True, field="images"):
            pytest.fail("nothing is to be done with them")
    assert [problem.path for problem in refused.value.problems] == [
        ("body", "images", 1),
        ("body", "images", 2),
        ("body", "images", 3),
    ]
    with pytest.raises(TooLarge) as large:
        async with file_uploads.received(
            ctx, shop.id, [Incoming(PDF), Incoming(picture() + bytes(5 << 20))], field="files"
        ):
            pytest.fail("nothing is to be done with them")
    assert large.value.field == ("body", "files", 1)
    assert await stored(ctx.services) == []


@pytest.mark.parametrize(
    ("claimed", "name"),
    [
        (None, "file"),
        ("", "file"),
        ("C:\\pictures\\cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\n\u202egnp.exe", "abgnp.exe"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
        ("  ", "file"),
    ],
)
async def test_names_are_what_can_be_shown(
    ctx: Context, shop: models.Store, claimed: str | None, name: str
) -> None:
    async with file_uploads.received(ctx, shop.id, [Incoming(PDF, claimed)]) as found:
        assert found[0].name == name
