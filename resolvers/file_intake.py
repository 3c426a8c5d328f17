"""Files on their way into the storage: what they are, how large they may be, what is kept."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from resolvers import file_contents, pictures
from resolvers.errors import Invalid, Problem, TooLarge
from resolvers.services import Services

LONGEST_NAME = 255
KEY = re.compile(r"[0-9]+/[0-9a-f]{32}(-small)?")
"""What the keys look like under which files are stored: of their store, and a random number."""
Path = tuple[str | int, ...]
_FOLDERS = re.compile(r".*[/\\]", re.DOTALL)


@runtime_checkable
class IncomingFile(Protocol):
    """A file on its way in. Its name and its type are what the client claims."""

    @property
    def filename(self) -> str | None: ...
    @property
    def content_type(self) -> str: ...
    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """All of it from the start, as often as asked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """Bytes in the storage that no row refers to yet. Of pictures with their size as shown."""

    name: str
    key: str
    content_type: str
    size: int
    sha256: str
    thumbnail_key: str | None = None
    width: int | None = None
    height: int | None = None


def limit_of(kind: str, services: Services) -> int:
    """How many bytes a file of this media type may have."""
    return pictures.LARGEST if kind in pictures.KINDS else services.largest_file


def limit_by_head(head: bytes, services: Services) -> int:
    """The same, told by its first bytes; for those who receive it and may stop early."""
    try:
        return limit_of(file_contents.kind(head), services)
    except ValueError:  # whoever stores it says why not
        return pictures.LARGEST


class Intake:
    """Stores files, and knows under which ``keys``."""

    def __init__(self, services: Services, store_id: int) -> None:
        self._services = services
        self._store_id = store_id
        self.keys: list[str] = []

    async def take_all(
        self, files: Sequence[IncomingFile], paths: Sequence[Path], *, only_images: bool
    ) -> list[ReceivedFile]:
        found: list[ReceivedFile] = []
        problems: list[Problem] = []
        for file, path in zip(files, paths, strict=True):
            try:
                found.append(await self._take(file, path, only_images=only_images))
            except ValueError as error:
                problems.append(Problem(path, str(error), "content"))
        if problems:
            raise Invalid(problems[0].message, field=problems[0].path, problems=problems)
        return found

    async def _take(self, file: IncomingFile, path: Path, *, only_images: bool) -> ReceivedFile:
        """Raises ``ValueError`` for what is not taken: the end of a sentence ("must …")."""
        async with aclosing(_chunks(file)) as chunks:
            head = await _head(chunks)
            kind = file_contents.kind(head)
            if only_images and kind not in pictures.KINDS:
                raise ValueError("must be a JPEG, PNG, WebP or GIF picture")
            limit = limit_of(kind, self._services)
            content = _limited(head, chunks, path, limit)
            if kind in pictures.KINDS:
                return await self._take_picture(file, kind, content)
            return await self._take_other(file, kind, content)

    async def _take_picture(
        self, file: IncomingFile, kind: str, content: AsyncIterator[bytes]
    ) -> ReceivedFile:
        data = b"".join([chunk async for chunk in content])
        picture = await pictures.cleaned(data, kind)
        key = self._new_key()
        small = f"{key}-small"
        self.keys.append(small)
        await self._services.storage.put(key, picture.content)
        await self._services.storage.put(small, picture.thumbnail)
        return ReceivedFile(
            name=_name(file.filename),
            key=key,
            content_type=kind,
            size=len(picture.content),
            sha256=hashlib.sha256(picture.content).hexdigest(),
            thumbnail_key=small,
            width=picture.width,
            height=picture.height,
        )

    async def _take_other(
        self, file: IncomingFile, kind: str, content: AsyncIterator[bytes]
    ) -> ReceivedFile:
        measured = _Measured(content)
        key = self._new_key()
        await self._services.storage.put(key, measured.chunks())
        return ReceivedFile(
            name=_name(file.filename),
            key=key,
            content_type=kind,
            size=measured.size,
            sha256=measured.digest.hexdigest(),
        )

    def _new_key(self) -> str:
        key = f"{self._store_id}/{secrets.token_hex(16)}"
        self.keys.append(key)
        return key


class _Measured:
    """Counts and hashes what goes through."""

    def __init__(self, content: AsyncIterator[bytes]) -> None:
        self._content = content
        self.size = 0
        self.digest = hashlib.sha256()

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._content:
            self.size += len(chunk)
            self.digest.update(chunk)
            yield chunk


async def _chunks(file: IncomingFile) -> AsyncGenerator[bytes]:
    async for chunk in file.chunks():
        yield chunk


async def _head(chunks: AsyncIterator[bytes]) -> bytes:
    """The first bytes, at least as many as tell the kind of a file, or all that there are."""
    found = bytearray()
    async for chunk in chunks:
        found += chunk
        if len(found) >= file_contents.HEAD:
            break
    if not found:
        raise ValueError("is empty")
    return bytes(found)


async def _limited(
    head: bytes, chunks: AsyncIterator[bytes], path: Path, limit: int
) -> AsyncIterator[bytes]:
    yield head
    size = len(head)
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(path, limit)
        yield chunk


def _too_large(path: Path, limit: int) -> TooLarge:
    return TooLarge(
        f"{path[-1]} is larger than {limit} bytes", field=path, details={"limit": limit}
    )


def _name(claimed: str | None) -> str:
    """A name to show: without folders and characters that nobody sees, the end of a long one."""
    bare = _FOLDERS.sub("", claimed or "").encode(errors="replace").decode()
    shown = "".join(each for each in bare if unicodedata.category(each)[0] != "C").strip()
    return shown[-LONGEST_NAME:] or "file"
