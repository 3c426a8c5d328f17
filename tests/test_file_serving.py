"""The bytes of files over HTTP, at addresses that only the gateway can make."""

import asyncio
import logging
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

import pytest
import structlog
from aiohttp import ClientResponse

from app import observation
from db import models
from db.base import now
from providers import storage
from resolvers import file_addresses
from resolvers.services import Services
from resolvers.vault import Vault
from tests.callers import Client
from tests.kit import Make
from tests.pictures import picture

TEXT = bytes(range(256)) * 4000
CURIOUS = 'Größe "1/2" {a}; b\'.txt'


@pytest.fixture
def database_kind() -> str:
    """What is tried here is the same whichever database is behind it."""
    return "sqlite"


@dataclass
class Served:
    """A file and its address, ``path`` on the gateway."""

    row: models.File
    services: Services

    @property
    def path(self) -> str:
        return self._below(
            file_addresses.permanent_url(self.services, self.row.uuid, self.row.name)
        )

    @property
    def expiring(self) -> str:
        return self._below(file_addresses.url(self.services, self.row.uuid, self.row.name))

    @property
    def thumbnail(self) -> str:
        found = file_addresses.thumbnail_url(self.services, self.row.uuid, self.row.thumbnail_key)
        assert found is not None
        return self._below(found)

    def _below(self, address: str) -> str:
        start = self.services.public_url
        assert address.startswith(f"{start}/files/")
        return address.removeprefix(start)


async def served(
    make: Make,
    content: bytes = TEXT,
    *,
    content_type: str = "text/plain",
    name: str = "a.txt",
    small: bytes | None = None,
    store: models.Store | None = None,
) -> Served:
    row = await make.file(
        store or await make.store(),
        name=name,
        content_type=content_type,
        size=len(content),
        sha256="ab" * 32,
        thumbnail_key="1/small" if small else None,
    )
    await make.services.storage.put(row.key, content)
    if small:
        await make.services.storage.put("1/small", small)
    return Served(row, make.services)


async def answer(
    client: Client, path: str, *, method: str = "GET", **headers: str
) -> tuple[ClientResponse, bytes]:
    """Underscores in the names of headers are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.request(method, path, headers=named) as response:
        return response, await response.read()


@pytest.mark.usefixtures("kept")
async def test_bytes_come_whole_or_in_part_from_every_storage(client: Client, make: Make) -> None:
    file = await served(make)
    size = len(TEXT)

    response, content = await answer(client, file.path)
    assert (response.status, content) == (200, TEXT)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Length"] == str(size)
    for asked, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=-{size * 2}", 0, size),
        (f"bytes=100-{size * 2}", 100, size),
    ):
        response, content = await answer(client, file.path, Range=asked)
        assert (response.status, content) == (206, TEXT[start:end]), asked
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
    for asked in ("bytes=5-4", "bytes=0-1,3-4", "bytes=-", "lines=1-2", "bytes=" + "9" * 40 + "-"):
        response, content = await answer(client, file.path, Range=asked)
        assert (response.status, content) == (200, TEXT), asked
    for asked in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0"):
        response, content = await answer(client, file.path, Range=asked)
        assert (response.status, content) == (416, b""), asked
        assert response.headers["Content-Range"] == f"bytes */{size}"


async def test_only_the_headers_are_sent_for_head(client: Client, make: Make) -> None:
    file = await served(make)
    response, content = await answer(client, file.path, method="HEAD")
    assert (response.status, content) == (200, b"")
    assert response.headers["Content-Length"] == str(len(TEXT))
    for method in ("POST", "PUT", "DELETE"):
        response, _ = await answer(client, file.path, method=method)
        assert response.status == 405


async def test_who_has_the_bytes_gets_none_again(client: Client, make: Make) -> None:
    file = await served(make)
    response, _ = await answer(client, file.path)
    tag = response.headers["ETag"]

    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        response, content = await answer(client, file.path, If_None_Match=known)
        assert (response.status, content) == (304, b""), known
        assert response.headers["ETag"] == tag
    response, _ = await answer(client, file.path, If_None_Match='"other"')
    assert response.status == 200
    response, content = await answer(client, file.path, Range="bytes=1-2", If_Range=tag)
    assert (response.status, content) == (206, TEXT[1:3])
    response, content = await answer(client, file.path, Range="bytes=1-2", If_Range='"other"')
    assert (response.status, content) == (200, TEXT)


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("image/png", True),
        ("video/mp4", True),
        ("audio/mpeg", True),
        ("application/pdf", True),
        ("text/plain", False),
        ("text/html", False),
        ("image/svg+xml", False),
        ("application/zip", False),
        ("application/octet-stream", False),
    ],
)
async def test_nothing_becomes_a_page_of_the_gateway(
    client: Client, make: Make, content_type: str, *, shown: bool
) -> None:
    file = await served(make, b"<script>alert(1)</script>", content_type=content_type)

    response, _ = await answer(client, file.path)

    assert response.headers["Content-Type"] == content_type
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert ("sandbox" in policy) == (content_type != "application/pdf")
    kind = response.headers["Content-Disposition"].partition(";")[0]
    assert kind == ("inline" if shown else "attachment")


async def test_the_name_is_told_as_rfc_6266_says(client: Client, make: Make) -> None:
    file = await served(make, name=CURIOUS)
    response, _ = await answer(client, file.path)
    assert response.status == 200
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="Gr__e _1_2_ _a__ b_.txt"; '
        "filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%2F2%22%20%7Ba%7D%3B%20b%27.txt"
    )


async def test_a_thumbnail_has_an_address_and_a_type_of_its_own(client: Client, make: Make) -> None:
    file = await served(make, picture(), content_type="image/png", name="a.png", small=b"small")
    response, content = await answer(client, file.thumbnail)
    assert (content, response.headers["Content-Type"]) == (b"small", "image/webp")
    assert 'filename="a.webp"' in response.headers["Content-Disposition"]
    whole, _ = await answer(client, file.path)
    assert whole.headers["ETag"] != response.headers["ETag"]
    _, content = await answer(client, file.thumbnail, Range="bytes=0-1")
    assert content == b"small"


async def test_an_address_ends_at_its_time_unless_it_is_permanent(
    client: Client, make: Make, services: Services
) -> None:
    file = await served(make)
    at = now()
    services.clock = lambda: at
    expiring, permanent = file.expiring, file.path
    services.clock = lambda: at + timedelta(seconds=services.link_lifetime - 1)

    response, _ = await answer(client, expiring)
    assert response.status == 200
    assert response.headers["Cache-Control"].startswith("private, max-age=")
    latest = services.link_lifetime + file_addresses.SAME_FOR
    services.clock = lambda: at + timedelta(seconds=latest)
    response, _ = await answer(client, expiring)
    assert response.status == 404
    services.clock = lambda: at + timedelta(days=9999)
    response, _ = await answer(client, permanent)
    assert response.status == 200
    assert response.headers["Cache-Control"] == "public, max-age=600"


async def test_an_address_stays_the_same_for_a_while(make: Make, services: Services) -> None:
    file = await served(make)
    at = now().replace(minute=10, second=1)
    services.clock = lambda: at
    first = file.expiring
    services.clock = lambda: at + timedelta(minutes=9)
    assert file.expiring == first
    services.clock = lambda: at + timedelta(minutes=10)
    assert file.expiring != first


async def test_nobody_can_make_an_address(client: Client, make: Make, services: Services) -> None:
    file, other = await served(make, small=b"x"), await served(make, name="b.txt")
    _, _, uuid, token, name = file.path.split("/")
    until = file.expiring.split("/")[3]
    later = f"{int(until[1:].partition('.')[0], 16) + 600:x}"
    own, services.vault = services.vault, Vault([Vault.new_key()])
    foreign = file.path.split("/")[3]
    services.vault = own
    for wrong in (
        f"/files/{uuid}/{token[:-1]}/{name}",
        f"/files/{uuid}/{token}!/{name}",
        f"/files/{uuid}/{token[:4]}/{name}",
        f"/files/{uuid}/p./{name}",
        f"/files/{uuid}/p/{name}",
        f"/files/{uuid}/%00/{name}",
        f"/files/{uuid}/ß.ß/{name}",
        f"/files/{uuid}/t{token[1:]}/{name}",
        f"/files/{uuid}/u{later}.{until.partition('.')[2]}/{name}",
        f"/files/{uuid}/{foreign}/{name}",
        f"/files/{other.row.uuid}/{token}/{name}",
        f"/files/{uuid.upper()}/{token}/{name}",
        f"/files/1/{token}/{name}",
    ):
        response, _ = await answer(client, wrong)
        assert response.status == 404, wrong
        assert await response_code(response) == "NO_ROUTE"
    response, _ = await answer(client, f"/files/{uuid}/{token}/another-name")
    assert response.status == 200


async def response_code(response: ClientResponse) -> str:
    return (await response.json())["errors"][0]["extensions"]["code"]


async def test_addresses_outlive_the_key_that_signed_them_while_it_is_listed(
    client: Client, make: Make, services: Services
) -> None:
    old, new = Vault.new_key(), Vault.new_key()
    services.vault = Vault([old])
    file = await served(make)
    before = file.path
    services.vault = Vault([new, old])
    assert file.path != before
    assert (await answer(client, before))[0].status == 200
    assert (await answer(client, file.path))[0].status == 200
    services.vault = Vault([new])
    assert (await answer(client, before))[0].status == 404


async def test_logs_do_not_open_files(
    client: Client, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, paths = await served(make), asyncio.Queue[str]()

    def tell(_logger: object, _method: str, line: MutableMapping[str, str]) -> NoReturn:
        if line["event"] == "request":
            paths.put_nowait(line["path"])
        raise structlog.DropEvent

    telling = structlog.make_filtering_bound_logger(logging.INFO)
    logger = structlog.wrap_logger(None, processors=[tell], wrapper_class=telling)
    monkeypatch.setattr(observation, "log", logger)
    assert (await answer(client, file.path))[0].status == 200
    path = await asyncio.wait_for(paths.get(), 10)  # a stream is logged once all of it is sent
    assert path == f"/files/{file.row.uuid}/***/a.txt"


async def test_what_is_deleted_is_gone_at_once(client: Client, make: Make) -> None:
    store = await make.store()
    deleted, orphaned = await served(make), await served(make, store=store)
    bare = Served(await make.file(await make.store()), make.services)
    async with make.services.database.write() as tx:
        (await tx.get_one(models.File, deleted.row.id)).deleted_at = now()
        (await tx.get_one(models.Store, store.id)).deleted_at = now()
    for file in (deleted, orphaned, bare):  # of the last the bytes are missing
        for path in (file.path, file.expiring):
            assert (await answer(client, path))[0].status == 404


async def test_a_storage_that_is_away_is_told_as_such(
    client: Client, make: Make, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await served(make)
    monkeypatch.setattr(storage, "RETRIES", 0)
    services.storage = storage.bucket(
        "s3://x", endpoint="http://127.0.0.1:9", key_id="x", secret="x"
    )
    response, _ = await answer(client, file.path)
    assert (response.status, await response_code(response)) == (503, "UNAVAILABLE")
