"""A file that came with a form; it is gone when its request ends."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile

from resolvers.errors import TooLarge

_IN_MEMORY = 256 * 1024
_CHUNK = 64 * 1024
_HEAD = 4096
LimitOf = Callable[[bytes], int]
"""The largest size in bytes of a file that begins with these bytes (the first four thousand)."""
_FOLDERS = re.compile(r".*[/\\]", re.DOTALL)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)


class Upload:
    """One file. ``filename`` (without folders) and ``content_type`` are what the client claims."""

    def __init__(
        self,
        name: str,
        filename: str | None,
        content_type: str,
        limit: int,
        *,
        limit_of: LimitOf | None = None,
    ) -> None:
        """``name`` is the form field's, ``limit`` the largest size in bytes of any content."""
        claimed = _MEDIA_TYPE.match(content_type)
        self.name = name
        self.filename = filename and _storable(_FOLDERS.sub("", filename))
        self.content_type = claimed[0].lower() if claimed else "application/octet-stream"
        self.size = 0
        self._limit = limit
        self._limit_of = limit_of
        self._head = b""
        self._file = SpooledTemporaryFile[bytes](max_size=_IN_MEMORY)

    async def write(self, chunk: bytes) -> None:
        """Append; ``TooLarge`` as soon as the limit is passed."""
        self.size += len(chunk)
        if self._limit_of is not None and len(self._head) < _HEAD:
            self._head = (self._head + chunk)[:_HEAD]
            if len(self._head) == _HEAD:
                self._limit = min(self._limit, self._limit_of(self._head))
        if self.size > self._limit:
            raise TooLarge(
                f"{self.name} is larger than {self._limit} bytes",
                field=("body", self.name),
                details={"limit": self._limit},
            )
        if self.size > _IN_MEMORY:
            await asyncio.to_thread(self._file.write, chunk)
        else:
            self._file.write(chunk)

    async def read(self) -> bytes:
        """All of it."""
        return await asyncio.to_thread(self._read_at, 0, -1)

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it from the start, piece by piece."""
        position = 0
        while chunk := await asyncio.to_thread(self._read_at, position, _CHUNK):
            position += len(chunk)
            yield chunk

    def _read_at(self, position: int, size: int) -> bytes:
        self._file.seek(position)
        return self._file.read(size)

    def close(self) -> None:
        """Remove the file. Closing twice is harmless."""
        self._file.close()


def _storable(name: str) -> str:
    """A file name without what no database holds as text."""
    return name.replace("\0", "").encode(errors="replace").decode()


class Uploads(ExitStack):
    """The files of one request; leaving it removes them."""

    def open(
        self,
        name: str,
        filename: str | None,
        content_type: str,
        limit: int,
        *,
        limit_of: LimitOf | None = None,
    ) -> Upload:
        upload = Upload(name, filename, content_type, limit, limit_of=limit_of)
        self.callback(upload.close)
        return upload
