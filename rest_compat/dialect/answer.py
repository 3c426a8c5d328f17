"""What goes back: a status, a body, headers; and whether the contract allows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from aiohttp import hdrs, web
from multidict import CIMultiDict

from resolvers.errors import Problem, StoreError
from rest_compat.dialect import media, text
from rest_compat.dialect.operation import Operation
from rest_compat.dialect.schema import Json, Rule, Schema

# Every transport may end a request so, whatever a contract lists.
_UNLISTED = frozenset({405, 413, 415, 500, 503})


class Internal(StoreError):
    """A bug. It says nothing of what happened but where to look: ``request_id`` in ``details``."""

    code = "INTERNAL"


class AnswerBreaksContract(Exception):
    """An answer that its contract does not allow; the message names the operation and the rules."""


@dataclass(frozen=True)
class Answer:
    """``body`` is sent as JSON; as it is where it is bytes or the headers name another type.

    ``None`` sends no body.
    """

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def response(answer: Answer) -> web.Response:
    """The answer as it goes over the wire."""
    headers = CIMultiDict(answer.headers)
    match answer.body:
        case None:
            return web.Response(status=answer.status, headers=headers)
        case bytes() as raw:
            content = raw
        case str() as plain if not media.is_json(
            media.base(headers.get(hdrs.CONTENT_TYPE, media.JSON))
        ):
            content = plain.encode()
        case value:
            content = orjson.dumps(value)
    headers.setdefault(hdrs.CONTENT_TYPE, media.JSON)
    return web.Response(status=answer.status, body=content, headers=headers)


def check(operation: Operation, answer: web.StreamResponse) -> None:
    """Hold an answer against the contract; streams by their status and headers only.

    Raises ``AnswerBreaksContract``.
    """
    status = answer.status
    rule = operation.response(status)
    if rule is None:
        if status in _UNLISTED:
            return
        raise AnswerBreaksContract(f"{operation.id} answers {status}, its contract does not")
    problems = list(_header_problems(operation, rule, answer.headers))
    redirects = 300 <= status < 400  # noqa: PLR2004 - whose bodies nobody reads
    if isinstance(answer, web.Response) and isinstance(answer.body, bytes | None):
        content = answer.body or b""
        claimed = answer.headers.get(hdrs.CONTENT_TYPE, "")
        if content or not redirects:
            problems += body_problems(operation, rule, claimed, content)
    if problems:
        said = "; ".join(f"{'.'.join(map(str, each.path))}: {each.message}" for each in problems)
        raise AnswerBreaksContract(f"{operation.id} answers {status}, but {said}")


def body_problems(
    operation: Operation, rule: Rule, content_type: str, content: bytes
) -> list[Problem]:
    """What a body breaks of a response's rule."""
    offered: Mapping[str, Rule] = rule.get("content", {})
    if not offered:
        return [Problem(("body",), "must be empty", "body")] if content else []
    chosen = media.choose(offered, media.base(content_type))
    if chosen is None:
        return [Problem(("header", "Content-Type"), f"{content_type!r} is not offered", "media")]
    schema = Schema(operation.document, offered[chosen].get("schema", {}))
    if media.is_json(media.base(content_type)):
        try:
            return schema.problems(orjson.loads(content), ("body",))
        except orjson.JSONDecodeError:
            return [Problem(("body",), "is not JSON", "media")]
    return schema.problems(content.decode(errors="replace"), ("body",))


def _header_problems(operation: Operation, rule: Rule, headers: Mapping[str, str]) -> list[Problem]:
    problems: list[Problem] = []
    declared: Mapping[str, Rule] = rule.get("headers", {})
    for name, each in declared.items():
        header = operation.document.resolve(each)
        path = ("header", name)
        if name in headers:
            schema = Schema(operation.document, header.get("schema", {}))
            problems += schema.problems(text.read_all([headers[name]], schema, ","), path)
        elif header.get("required", False):
            problems.append(Problem(path, "is required", "required"))
    return problems
