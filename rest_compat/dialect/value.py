"""JSON values as the store can hold them."""

from copy import deepcopy
from typing import Any

import orjson

from resolvers.errors import Malformed, Problem
from rest_compat.dialect.schema import Json, Path, Schema, is_array, is_object

_LARGEST = 2**63 - 1  # keys and amounts are signed 64 bit in every database
_DEEPEST = 100


def parse(raw: str | bytes) -> Json:
    """The value of a JSON text; ``Malformed`` says where it is broken. NaN is no JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error}") from error


def settle(value: Json, at: Path) -> tuple[Json, list[Problem]]:
    """The value with whole floats (``12.0``) as integers, and what no database holds of it.

    Refused are NUL characters and whole numbers beyond 64 bits; ``Malformed`` what is nested more
    than a hundred levels deep. Lists and objects are changed in place.
    """
    problems: list[Problem] = []
    root = [value]
    stack: list[tuple[Any, Any, Path]] = [(root, 0, at)]
    while stack:
        holder, key, path = stack.pop()
        member = holder[key]
        if len(path) - len(at) > _DEEPEST:
            raise Malformed(f"The body is nested more than {_DEEPEST} levels deep")
        if is_object(member):
            stack.extend((member, name, (*path, name)) for name in member)
            if not all(map(storable, member)):
                problems.append(Problem(path, "has a name that is no text", "text"))
        elif is_array(member):
            stack.extend((member, index, (*path, index)) for index in range(len(member)))
        elif problem := _unstorable(member, path):
            problems.append(problem)
        elif isinstance(member, float) and member.is_integer():
            holder[key] = int(member)
    return root[0], problems


def _unstorable(value: Json, path: Path) -> Problem | None:
    match value:
        case str() as text if not storable(text):
            return Problem(path, "holds a character that text cannot have", "text")
        case int() | float() as number if abs(number) > _LARGEST:
            return _beyond(path, number)
        case _:
            return None


def _beyond(path: Path, number: float) -> Problem:
    if number > 0:
        return Problem(path, f"is greater than the maximum of {_LARGEST}", "maximum", _LARGEST)
    return Problem(path, f"is less than the minimum of {-_LARGEST}", "minimum", -_LARGEST)


def storable(text: str) -> bool:
    """Whether a database takes the text: it holds no NUL and no half of a surrogate pair."""
    return "\0" not in text and is_utf8(text)


def is_utf8(text: str) -> bool:
    """Whether the text came from UTF-8; of other bytes a header keeps halves of surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fill(value: Json, schema: Schema) -> None:
    """Put the schema's defaults where an object has no such property."""
    if is_object(value):
        for name, default in schema.defaults.items():
            if name not in value:
                value[name] = deepcopy(default)


def judge(value: Json, schema: Schema, at: Path) -> tuple[Json, list[Problem]]:
    """The value settled, and every problem with it, each place's by the schema's own words first.

    Text that a database cannot hold stays a problem even where the schema has another.
    """
    value, unstorable = settle(value, at)
    problems = schema.problems(value, at)
    named = {problem.path for problem in problems}
    return value, [*problems, *(each for each in unstorable if each.path not in named)]
