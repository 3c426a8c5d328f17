"""Files that come with an operation (the GraphQL multipart request specification)."""

from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, cast

import orjson
from aiohttp import BodyPartReader, web

from resolvers.errors import Malformed, TooLarge

UPLOADS = web.RequestKey("uploads", dict[str, "Upload"])
MOST_FILES = 10
MOST_TEXT = 1 << 20
MOST_BYTES = 50 << 20
IN_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came. Names and types are what the client claims."""

    name: str
    content_type: str
    size: int
    content: "SpooledTemporaryFile[bytes]"


def decoded(text: bytes | str, what: str) -> Any:
    """JSON, as strict as the standard: no NaN, no lone surrogates. Raises ``Malformed``."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"{what} is not JSON: {error}") from error


def close(request: web.Request) -> None:
    """Let go of the files that came with a request."""
    for upload in request.get(UPLOADS, {}).values():
        upload.content.close()


async def read(request: web.Request) -> Any:
    """The ``operations`` of the form, its files in their places until ``close``.

    Raises ``Malformed``, or ``TooLarge`` as soon as a part passes its limit.
    """
    texts: dict[str, Any] = {}
    files: dict[str, Upload] = {}
    request[UPLOADS] = files
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
                left = MOST_BYTES - sum(file.size for file in files.values())
                files[part.name] = await _file(part, left)
    except (ValueError, AssertionError) as error:  # what aiohttp raises for broken forms
        raise Malformed("the multipart body cannot be read") from error
    return _placed(texts.get("operations"), texts.get("map"), files)


async def _text(part: BodyPartReader) -> bytes:
    found = bytearray()
    while chunk := await part.read_chunk():
        found += chunk
        if len(found) > MOST_TEXT:
            raise TooLarge(f"{part.name} is too large", details={"limit": MOST_TEXT})
    return bytes(found)


async def _file(part: BodyPartReader, most: int) -> Upload:
    with ExitStack() as unless_complete:
        content = unless_complete.enter_context(SpooledTemporaryFile[bytes](max_size=IN_MEMORY))
        size = 0
        while chunk := await part.read_chunk():
            size += len(chunk)
            if size > most:
                raise TooLarge("the files are too large together", details={"limit": MOST_BYTES})
            content.write(chunk)
        content.seek(0)
        unless_complete.pop_all()
    kind = part.headers.get("Content-Type", "application/octet-stream")
    return Upload(part.filename or part.name or "", kind, size, content)


def _placed(operations: Any, places: Any, files: dict[str, Upload]) -> Any:
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
