"""Answers to queries that were executed by plan: whole, in JSON, and always under the same head."""

import time
from email.utils import formatdate
from functools import lru_cache

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.web_request import BaseRequest

_STATUS_LINE = "HTTP/1.1 200 OK"


class JsonAnswer(web.StreamResponse):
    """A response that is complete when it is made, and written at once.

    ``web.Response`` finds out at length what it could be besides: compressed, chunked, empty, a
    file. Nobody is told before it is written (``on_response_prepare``): what all responses get, its
    ``headers`` have to hold already.
    """

    def __init__(self, json: bytes, content_type: str) -> None:
        super().__init__()
        self._json = json
        self._stays = True
        headers = self.headers
        headers[hdrs.CONTENT_TYPE] = content_type
        headers[hdrs.CONTENT_LENGTH] = str(len(json))
        headers[hdrs.DATE] = _date(int(time.time()))
        headers[hdrs.SERVER] = SERVER_SOFTWARE

    @property
    def keep_alive(self) -> bool:
        return self._stays

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter:
        """Write everything. Raises ``ConnectionError`` where the client is gone."""
        self._stays, headers = request.keep_alive, self.headers
        if request.version != HttpVersion11 or not self._stays:
            keeps = self._stays and request.version == HttpVersion10
            headers[hdrs.CONNECTION] = "keep-alive" if keeps else "close"
        writer = request.writer
        await writer.write_headers(_STATUS_LINE, headers)
        await writer.write_eof(self._json)
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """There is nothing more."""


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
