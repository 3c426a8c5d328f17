"""Where files are kept: in memory, in a folder, in a bucket; all of them keep the same promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.assembly import open_services
from app.settings import Settings
from providers import storage
from resolvers.errors import NotFound, Unavailable
from resolvers.services import Storage
from tests.s3 import PREFIX, S3

LARGE = 6_000_000


class BrokenOff(Exception):
    """What a client does in the middle of an upload."""


async def pieces(size: int, *, breaks: bool = False) -> AsyncIterator[bytes]:
    for start in range(0, size, 100_000):
        yield bytes([start % 251]) * min(100_000, size - start)
    if breaks:
        raise BrokenOff


async def content(kept: Storage, key: str, **part: int) -> bytes:
    return b"".join([piece async for piece in (await kept.open(key, **part)).pieces])


async def keys(kept: Storage) -> list[str]:
    return sorted([each.key async for each in kept.objects()])


async def test_what_is_stored_comes_back_whole_or_in_part(kept: Storage) -> None:
    await kept.put("1/small", b"0123456789")
    await kept.put("1/large", pieces(LARGE))

    assert await content(kept, "1/small") == b"0123456789"
    assert await content(kept, "1/small", start=2, end=5) == b"234"
    assert await content(kept, "1/small", start=7) == b"789"
    assert (await kept.open("1/small", start=2, end=5)).size == 10
    assert await content(kept, "1/large") == b"".join([piece async for piece in pieces(LARGE)])
    assert await keys(kept) == ["1/large", "1/small"]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.glob("**/*") if path.is_file()]


@pytest.mark.parametrize("size", [100, LARGE])
async def test_what_breaks_off_leaves_nothing(kept: Storage, size: int, tmp_path: Path) -> None:
    with pytest.raises(BrokenOff):
        await kept.put("1/broken", pieces(size, breaks=True))
    assert await keys(kept) == []
    assert files_in(tmp_path / "files") == []


async def test_what_is_not_there_is_not_found_and_may_be_deleted(kept: Storage) -> None:
    await kept.put("1/there", b"x")
    with pytest.raises(NotFound):
        await kept.open("1/nowhere")
    await kept.delete(["1/nowhere", "1/there", "2/nowhere"])
    assert await keys(kept) == []


async def test_a_bucket_is_used_below_its_prefix_alone(s3: S3) -> None:
    bucket = s3.new_bucket()
    await s3.storage(bucket).put("1/a", b"x")
    assert s3.keys(bucket) == [f"{PREFIX}/1/a"]


async def test_a_storage_that_does_not_answer_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage, "RETRIES", 0)
    away = storage.bucket(
        "s3://files", endpoint="http://127.0.0.1:9", region="x", key_id="x", secret="x"
    )
    with pytest.raises(Unavailable):
        await away.put("1/a", b"x")
    with pytest.raises(Unavailable):
        await away.open("1/a")
    with pytest.raises(Unavailable):
        await away.delete(["1/a"])
    with pytest.raises(Unavailable):
        await keys(away)


@pytest.mark.parametrize("url", ["files", "http://files", "s3:///prefix"])
async def test_an_address_of_no_bucket_stops_the_start(url: str, embedded_folder: Path) -> None:
    settings = Settings(data_dir=embedded_folder, files_url=url)
    with pytest.raises(ValueError, match="s3://bucket"):
        async with open_services(settings, background=False):
            pass


async def test_settings_choose_the_folder_or_the_bucket(s3: S3, embedded_folder: Path) -> None:
    bucket = s3.new_bucket()
    inside = Settings(data_dir=embedded_folder)
    outside = Settings(
        data_dir=embedded_folder,
        files_url=f"s3://{bucket}",
        files_endpoint=s3.endpoint,
        files_region="us-east-1",
        files_key_id="id",
        files_secret="secret",
        files_largest=7,
        files_link_lifetime=90,
    )
    async with open_services(inside, background=False) as services:
        await services.storage.put("1/a", b"x")
    async with open_services(outside, background=False) as services:
        await services.storage.put("1/b", b"x")
        assert (services.largest_file, services.link_lifetime) == (7, 90)
    assert (embedded_folder / "files/1/a").read_bytes() == b"x"
    assert s3.keys(bucket) == ["1/b"]
