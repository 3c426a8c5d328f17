"""Serve the contract itself, and a Postman collection of it."""

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import hdrs, web

from rest_compat import postman
from rest_compat.dialect import media
from rest_compat.dialect.call import Call
from rest_compat.dialect.contract import Contract


class Papers:
    """The documents of a contract by path: ``/openapi.json`` and ``/postman_collection.json``."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._printed: dict[tuple[str, str], tuple[bytes, str]] = {}
        self._made: dict[str, Callable[[Call], Any]] = {
            "/openapi.json": self._openapi,
            "/postman_collection.json": self._collection,
        }

    def __contains__(self, path: str) -> bool:
        return path in self._made

    def answer(self, call: Call) -> web.Response:
        """The document with its ``ETag``; 304 without it for a client that has it already."""
        # The collection names this host; a client may claim any, so those are not kept.
        if call.path == "/openapi.json":
            key = (call.path, call.mount)
            if key not in self._printed:
                self._printed[key] = _print(self._openapi(call))
            content, tag = self._printed[key]
        else:
            content, tag = _print(self._made[call.path](call))
        headers = {hdrs.ETAG: f'"{tag}"', hdrs.CACHE_CONTROL: "no-cache"}
        known = call.request.if_none_match or ()
        if any(each.value in {tag, "*"} for each in known):
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, content_type=media.JSON, headers=headers)

    def _openapi(self, call: Call) -> Any:
        """The contract, its server being the address at which it was asked for."""
        return {**self._contract.spec, "servers": [{"url": call.mount or "/"}]}

    def _collection(self, call: Call) -> Any:
        return postman.collection(self._contract, call.mount_url)


def _print(document: Any) -> tuple[bytes, str]:
    content = orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    return content, hashlib.sha256(content).hexdigest()[:32]
