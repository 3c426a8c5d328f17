"""Turn a request into the arguments of its handler, or say everything that is wrong with it."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from resolvers.errors import Invalid, Problem, UnsupportedMedia
from rest_compat.dialect import form, media, text
from rest_compat.dialect.call import Call
from rest_compat.dialect.form import Limits
from rest_compat.dialect.media import Body
from rest_compat.dialect.names import bare
from rest_compat.dialect.operation import Parameter
from rest_compat.dialect.schema import Json
from rest_compat.dialect.value import fill, is_utf8, judge, parse

_INVALID = "The request is not valid"


async def arguments(call: Call, limits: Limits) -> dict[str, Json]:
    """Parameters by their Python names, and ``body`` where the operation takes one.

    An absent parameter is its default or ``None``; an absent body that may be absent is its
    defaults where it would be an object, else ``None``.

    ``Invalid`` holds every problem of parameters and body together. Where the contract gives a
    broken parameter a status of its own (``x-violation-status``), it holds the problems of that
    parameter only, and the status as ``details["violation_status"]``. A body in another media
    type is ``UnsupportedMedia``, one that cannot be parsed ``Malformed``.
    """
    found: dict[str, Json] = {}
    problems: list[Problem] = []
    for parameter in call.operation.parameters:
        found[parameter.argument], wrong = _argument(parameter, call)
        if wrong and parameter.violation_status:
            details = {"violation_status": parameter.violation_status}
            raise Invalid(_INVALID, problems=wrong, details=details)
        problems += wrong
    if call.operation.bodies:
        found["body"], wrong = await _body(call, limits)
        problems += wrong
    if problems:
        raise Invalid(_INVALID, problems=problems)
    return found


def _argument(parameter: Parameter, call: Call) -> tuple[Json, list[Problem]]:
    path = (parameter.place, parameter.name)
    texts = _texts(parameter, call)
    if not texts:
        missing = [Problem(path, "is required", "required")] if parameter.required else []
        return deepcopy(parameter.default), missing
    sound = [each for each in texts if each is not None and is_utf8(each)]
    if len(sound) < len(texts):
        return None, [Problem(path, "is not UTF-8 text", "text")]
    value = text.read_all(sound, parameter.schema, parameter.separator)
    if parameter.clamp:
        value = _clamped(value, parameter.schema.flat)
    return judge(value, parameter.schema, path)


def _texts(parameter: Parameter, call: Call) -> Sequence[str | None]:
    match parameter.place:
        case "path":
            return [call.path_values[parameter.name]]
        case "query":
            return call.query.get(bare(parameter.name), ())
        case "header":
            return call.request.headers.getall(parameter.name, ())
        case "cookie":
            return [call.cookies[parameter.name]] if parameter.name in call.cookies else ()


def _clamped(value: Json, rule: Mapping[str, Any]) -> Json:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return min(max(value, rule.get("minimum", value)), rule.get("maximum", value))


async def _body(call: Call, limits: Limits) -> tuple[Json, list[Problem]]:
    body = _offered(call)
    if body is None:
        return _absent(call)
    if body.media == media.MULTIPART:
        received = await form.receive(call, body, limits)
        return form.judge(received, body)
    raw = await call.body()
    if not raw.strip():
        return _absent(call)
    if body.media == media.URLENCODED:
        return form.judge(form.urlencoded(raw), body)
    if not media.is_json(body.media):
        return raw, []
    value = parse(raw)
    fill(value, body.schema)
    return judge(value, body.schema, ("body",))


def _offered(call: Call) -> Body | None:
    """The body by the media type that the client names; ``None`` where it sends nothing.

    A client that names none is taken to send JSON where the operation takes it.
    """
    bodies = call.operation.bodies
    if not call.request.body_exists:
        return None
    claimed = call.media_type or (media.JSON if media.JSON in bodies else next(iter(bodies)))
    chosen = media.choose(bodies, claimed)
    if chosen is None:
        raise UnsupportedMedia(
            f"{claimed} is not taken here", details={"supported": tuple(bodies), "given": claimed}
        )
    return bodies[chosen]


def _absent(call: Call) -> tuple[Json, list[Problem]]:
    if call.operation.body_required:
        return None, [Problem(("body",), "is required", "required")]
    schema = next(iter(call.operation.bodies.values())).schema
    return (deepcopy(dict(schema.defaults)) if "object" in schema.types else None), []
