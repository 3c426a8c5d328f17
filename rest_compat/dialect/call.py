"""One request on its way to a handler: what guards, handlers and failures may look at."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from urllib.parse import unquote_to_bytes

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from resolvers.errors import Malformed, TooLarge, UnsupportedMedia
from rest_compat.dialect import media
from rest_compat.dialect.names import bare
from rest_compat.dialect.operation import Operation
from rest_compat.dialect.upload import Uploads

REQUEST_ID = web.RequestKey("request_id", str)
REMOTE = web.RequestKey("remote", str)
"""What is known in front of a dialect of a request: its id, and whom it comes from."""


@contextmanager
def reading() -> Generator[None]:
    """Whatever goes wrong while a request's bytes arrive is ``Malformed``."""
    try:
        yield
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise Malformed("The body could not be read") from error


class Call:
    """The request as it came, and where it was routed."""

    def __init__(self, request: web.Request, path: str, mount: str, *, max_body: int) -> None:
        """``path`` is percent-encoded and below ``mount``; ``max_body`` counts bytes."""
        self.request = request
        self.path = path
        self.mount = mount
        self.path_values: Mapping[str, str] = {}
        self.answer_headers: dict[str, str] = {}
        self.uploads = Uploads()
        self.max_body = max_body
        self.routed: Operation | None = None
        self._body: bytes | None = None

    @property
    def operation(self) -> Operation:
        """Where the request leads; ``LookupError`` where the path or the method leads nowhere.

        Guards and handlers always have one, ``failure`` may look at ``routed`` instead.
        """
        if self.routed is None:
            raise LookupError(f"{self.request.method} {self.path} is no operation")
        return self.routed

    @property
    def request_id(self) -> str:
        return self.request.get(REQUEST_ID, "-")

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in any case; of a repeated header the first."""
        return self.request.headers

    @property
    def cookies(self) -> Mapping[str, str]:
        return self.request.cookies

    @property
    def remote(self) -> str | None:
        """The caller's address; without word from a middleware, that of the nearest peer."""
        return self.request.get(REMOTE, self.request.remote)

    @property
    def host(self) -> str:
        return self.request.host

    @property
    def mount_url(self) -> str:
        """The absolute address that the contract's paths follow, without a trailing slash."""
        return f"{self.request.scheme}://{self.request.host}{self.mount}"

    @property
    def media_type(self) -> str:
        """The claimed media type of the body without its parameters; empty where none is given."""
        return media.base(self.request.headers.get(hdrs.CONTENT_TYPE, ""))

    @cached_property
    def query(self) -> Mapping[str, Sequence[str | None]]:
        """Values by name (``name[]`` and ``name[0]`` count as ``name``) in the order sent.

        ``None`` stands for a value that is no UTF-8.
        """
        return pairs(self.request.rel_url.raw_query_string.encode())

    async def body(self) -> bytes:
        """The raw bytes, however often asked. ``TooLarge`` once they pass the limit.

        A multipart body is streamed to where its parts belong and cannot be had as bytes; asking
        for one that the operation does not take is ``UnsupportedMedia``.
        """
        if self._body is None:
            if self.media_type.startswith("multipart/"):
                if media.choose(self.operation.bodies, self.media_type) is None:
                    raise UnsupportedMedia(f"{self.media_type} is not taken here")
                raise RuntimeError("a multipart body is streamed, ask for no bytes of it")
            self._body = await self._read()
        return self._body

    async def _read(self) -> bytes:
        too_large = TooLarge(
            f"The body is larger than {self.max_body} bytes", details={"limit": self.max_body}
        )
        if (self.request.content_length or 0) > self.max_body:
            raise too_large
        body = bytearray()
        with reading():
            async for chunk in self.request.content.iter_any():
                body += chunk
                if len(body) > self.max_body:
                    raise too_large
        return bytes(body)


def pairs(encoded: bytes) -> Mapping[str, Sequence[str | None]]:
    """The values of an urlencoded text by bare name; ``None`` for one that is no UTF-8."""
    found: dict[str, list[str | None]] = {}
    for pair in encoded.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            found.setdefault(bare(_decoded(name) or ""), []).append(_decoded(value))
    return found


def _decoded(encoded: bytes) -> str | None:
    try:
        return unquote_to_bytes(encoded.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None
