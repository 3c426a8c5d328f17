"""Files in a local folder, in memory, or in a bucket that speaks S3 (``resolvers.services``).

obstore takes 5 MB of a process, most of which never touch a file: it is imported when it is used.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from resolvers.errors import NotFound, Unavailable
from resolvers.services import OpenedObject, StoredObject

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import LocalStore, MemoryStore, S3Config, S3Store

PIECE = 256 * 1024
"""Bytes at a time on the way out."""
TIMEOUT = "10m"
"""Of one request to a bucket, which lasts as long as a client takes to read a file."""
RETRIES, RETRIED_FOR = 3, timedelta(seconds=10)


class ObjectStorage:
    """What resolvers ask of a storage, of any store of obstore's."""

    def __init__(self, opening: "Callable[[], LocalStore | MemoryStore | S3Store]") -> None:
        self._opening = opening

    @cached_property
    def _store(self) -> "LocalStore | MemoryStore | S3Store":
        return self._opening()

    async def put(self, key: str, content: bytes | AsyncIterator[bytes]) -> None:
        with _reaching():
            await self._store.put_async(key, content, max_concurrency=2)

    async def open(self, key: str, *, start: int = 0, end: int | None = None) -> OpenedObject:
        wanted: GetOptions = {"range": {"offset": start} if end is None else (start, end)}
        with _reaching():
            try:
                found = await self._store.get_async(key, options=wanted)
            except FileNotFoundError as error:
                raise NotFound("file") from error
        return OpenedObject(found.meta["size"], _pieces(found.stream(PIECE)))

    async def delete(self, keys: Sequence[str]) -> None:
        with _reaching():
            for key in keys:
                with suppress(FileNotFoundError):
                    await self._store.delete_async(key)

    async def objects(self) -> AsyncGenerator[StoredObject]:
        with _reaching():
            store: Any = self._store  # its other form needs a library that is not there
            async for some in store.list(chunk_size=1000):
                for each in some:
                    yield StoredObject(each["path"], each["last_modified"])


def local(folder: Path) -> ObjectStorage:
    """A folder, which is made if it is missing. Processes may share it."""

    def opening() -> "LocalStore":
        from obstore.store import LocalStore  # noqa: PLC0415

        return LocalStore(folder)

    folder.mkdir(parents=True, exist_ok=True)
    return ObjectStorage(opening)


def memory() -> ObjectStorage:
    from obstore.store import MemoryStore  # noqa: PLC0415

    return ObjectStorage(MemoryStore)


def bucket(
    url: str,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    key_id: str | None = None,
    secret: str | None = None,
) -> ObjectStorage:
    """``url`` is ``s3://bucket/prefix``. Raises ``ValueError`` where it is not.

    With an ``endpoint``, any server that speaks S3; the bucket is part of the path, not of the
    host name. Without key and secret they come from where AWS' own programs find them.
    """
    from obstore.store import S3Store  # noqa: PLC0415

    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(f"{url!r} is no s3://bucket or s3://bucket/prefix")
    # What is not given may stand in the environment, where AWS' own programs look too.
    config: S3Config = {"virtual_hosted_style_request": False}
    if endpoint:
        config["endpoint"] = endpoint
    if region:
        config["region"] = region
    if key_id and secret:
        config["access_key_id"], config["secret_access_key"] = key_id, secret
    allow_http = (endpoint or "").startswith("http://")
    store = S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=config,
        client_options={"allow_http": allow_http, "timeout": TIMEOUT},
        retry_config={"max_retries": RETRIES, "retry_timeout": RETRIED_FOR},
    )
    return ObjectStorage(lambda: store)


@contextmanager
def _reaching() -> Generator[None]:
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except BaseError as error:
        raise Unavailable("the storage of files does not answer") from error


async def _pieces(stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    with _reaching():
        async for piece in stream:
            yield piece
