"""Files that come with an operation (the GraphQL multipart request specification)."""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import orjson
from aiohttp import BodyPartReader, web

from resolvers.errors import Malformed, TooLarge
from resolvers.file_intake import limit_by_head
from resolvers.services import Services
from rest_compat.dialect import Upload, Uploads

UPLOADS = web.RequestKey("uploads", Uploads)
MOST_FILES = 10
MOST_TEXT = 1 << 20
MOST_BYTES = 50 << 20
"""Of all files together, where one alone may not have more."""


def decoded(text: bytes | str, what: str) -> Any:
    """JSON, as strict as the standard: no NaN, no lone surrogates. Raises ``Malformed``."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"{what} is not JSON: {error}") from error


def close(request: web.Request) -> None:
    """Let go of the files that came with a request."""
    if (uploads := request.get(UPLOADS)) is not None:
        uploads.close()


async def read(request: web.Request, services: Services) -> Any:
    """The ``operations`` of the form, its files in their places until ``close``.

    Raises ``Malformed``, or ``TooLarge`` as soon as a part passes its limit.
    """
    texts: dict[str, Any] = {}
    files: dict[str, Upload] = {}
    most = max(MOST_BYTES, services.largest_file)
    request[UPLOADS] = uploads = Uploads()
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader) or not part.name:
                raise Malformed("each part of the form needs a name")
            if part.name in ("operations", "map"):
                texts[part.name] = decoded(await _text(part), part.name)
            elif len(files) >= MOST_FILES:
                raise TooLarge(f"at most {MOST_FILES} files", details={"limit": MOST_FILES})
            else:
                left = most - sum(file.size for file in files.values())
                files[part.name] = uploads.open(
                    part.name,
                    part.filename,
                    part.headers.get("Content-Type", ""),
                    min(left, services.largest_file),
                    limit_of=partial(limit_by_head, services=services),
                )
                while chunk := await part.read_chunk():
                    await files[part.name].write(chunk)
    # What aiohttp raises for broken forms, and for those whose bytes stop coming.
    except (ValueError, AssertionError, web.RequestPayloadError) as error:
        raise Malformed("the multipart body cannot be read") from error
    return _placed(texts.get("operations"), texts.get("map"), files)


async def _text(part: BodyPartReader) -> bytes:
    found = bytearray()
    while chunk := await part.read_chunk():
        found += chunk
        if len(found) > MOST_TEXT:
            raise TooLarge(f"{part.name} is too large", details={"limit": MOST_TEXT})
    return bytes(found)


def _placed(operations: Any, places: Any, files: Mapping[str, Upload]) -> Any:
    """``operations`` with each file where ``map`` says, which must be a null below variables."""
    if not isinstance(operations, dict) or not isinstance(places, dict | None):
        raise Malformed("a form needs the fields operations and map, each a JSON object")
    for name, paths in cast("dict[str, Any]", places or {}).items():
        if name not in files:
            raise Malformed(f"map names a file {name!r} that is missing")
        for path in cast("list[Any]", paths) if isinstance(paths, list) else [None]:
            if not isinstance(path, str) or not path.startswith("variables."):
                raise Malformed("map must name places below variables")
            _place(operations, path.split("."), files[name])
    return cast("Any", operations)


def _place(within: Any, path: list[str], file: Upload) -> None:
    target = within
    try:
        for step in path[:-1]:
            target = target[_step(target, step)]
        last = _step(target, path[-1])
        if target[last] is not None:
            raise Malformed(f"{'.'.join(path)} is not null")
        target[last] = file
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Malformed(f"there is no {'.'.join(path)}") from error


def _step(target: Any, step: str) -> Any:
    return int(step) if isinstance(target, list) else step
