"""Read a form, urlencoded or multipart: its fields by their schemas, its files to disk."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, MultipartReader, hdrs

from resolvers.errors import Malformed, Problem, TooLarge
from rest_compat.dialect import text, value
from rest_compat.dialect.call import Call, pairs, reading
from rest_compat.dialect.media import Body, Field
from rest_compat.dialect.names import bare
from rest_compat.dialect.schema import Json
from rest_compat.dialect.upload import LimitOf, Upload

_CHUNK = 64 * 1024
_MAX_PARTS = 1000


@dataclass(frozen=True)
class Form:
    """What a form holds: ``fields`` as sent (``None``: no UTF-8) and ``files``, by bare name."""

    fields: Mapping[str, Sequence[str | None]]
    files: Mapping[str, Sequence[Upload]] = field(default_factory=dict[str, list[Upload]])


@dataclass
class _Budget:
    """The bytes that a form may still have."""

    left: int

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise TooLarge("The form is too large")


def urlencoded(raw: bytes) -> Form:
    """The form that a browser sends when it has no files."""
    return Form(pairs(raw))


@dataclass(frozen=True)
class Limits:
    """Bytes of a file whose field sets no limit, and of a whole form.

    ``file_of`` tells less of a file by how it begins.
    """

    file: int
    form: int
    file_of: LimitOf | None = None


async def receive(call: Call, body: Body, limits: Limits) -> Form:
    """Everything a multipart form holds. Parts that the contract does not know are dropped.

    ``TooLarge`` as soon as a file passes its ``x-max-bytes`` or the limits, a plain field the limit
    of a body, or all of it that of a form; ``Malformed`` for a broken form.
    """
    _Budget(limits.form).spend(call.request.content_length or 0)
    budget = _Budget(limits.form)
    fields: dict[str, list[str | None]] = {}
    files: dict[str, list[Upload]] = {}
    with _parsing():
        reader = await call.request.multipart()
        count = 0
        while (part := await reader.next()) is not None:
            count += 1
            if isinstance(part, MultipartReader) or count > _MAX_PARTS:
                raise Malformed("The form has nested or too many parts")
            name = bare(part.name or "")
            known = body.fields.get(name)
            if known and known.is_file:
                files.setdefault(name, []).append(await _file(call, part, known, limits, budget))
            else:
                content = await _text(part, call.max_body, budget)
                if known:
                    fields.setdefault(name, []).append(content)
    return Form(fields, files)


@contextmanager
def _parsing() -> Generator[None]:
    try:
        with reading():
            yield
    except (ValueError, AssertionError, RuntimeError) as error:  # how the reader says "broken"
        raise Malformed("The form could not be read") from error


async def _file(
    call: Call, part: BodyPartReader, known: Field, limits: Limits, budget: _Budget
) -> Upload:
    claimed, limit = part.headers.get(hdrs.CONTENT_TYPE, ""), known.max_bytes or limits.file
    upload = call.uploads.open(known.name, part.filename, claimed, limit, limit_of=limits.file_of)
    while chunk := await part.read_chunk(_CHUNK):
        budget.spend(len(chunk))
        await upload.write(chunk)
    return upload


async def _text(part: BodyPartReader, limit: int, budget: _Budget) -> str | None:
    content = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        budget.spend(len(chunk))
        content += chunk
        if len(content) > limit:
            raise TooLarge(f"A field is larger than {limit} bytes", details={"limit": limit})
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def judge(form: Form, body: Body) -> tuple[dict[str, Json], list[Problem]]:
    """The form as its handler gets it (bare names, ``Upload`` for files), and every problem.

    The schema sees the contract's names, text in place of files, and what a field that carries
    JSON holds. A field that cannot be read is one problem, not a missing field besides.
    """
    seen: dict[str, Json] = {}
    problems: list[Problem] = []
    for key, known in body.fields.items():
        if known.is_file:
            if uploads := form.files.get(key):
                seen[known.name] = [""] * len(uploads) if known.is_array else ""
        elif texts := form.fields.get(key):
            try:
                seen[known.name] = _read(known, texts)
            except Malformed as error:
                problems.append(Problem(("body", known.name), str(error), "contentMediaType"))
    value.fill(seen, body.form)
    seen, wrong = value.judge(seen, body.form, ("body",))
    unread = {problem.path for problem in problems}
    problems += [problem for problem in wrong if problem.path not in unread]
    given = {bare(name): each for name, each in seen.items()}
    for key, uploads in form.files.items():
        given[key] = list(uploads) if body.fields[key].is_array else uploads[-1]
    return given, problems


def _read(known: Field, texts: Sequence[str | None]) -> Json:
    """The value that a field spells, its defaults filled in; ``Malformed`` where it spells none."""
    sound = [each for each in texts if each is not None]
    if len(sound) < len(texts):
        raise Malformed("is not UTF-8 text")
    if known.content is None:
        return text.read_all(sound, known.schema, None)
    parsed = [value.parse(each) for each in sound]
    for each in parsed:
        value.fill(each, known.content)
    return parsed if known.is_array else parsed[-1]
