"""Read the JSON value that a URL, a header or a form field spells."""

import math
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from rest_compat.dialect.schema import Json, Schema

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_DIGITS = 40  # far beyond 64 bits, far below what int() refuses to read
_BEYOND = 10**_DIGITS


def read(text: str, types: AbstractSet[str]) -> Json:
    """The value of the first of ``types`` that the text spells.

    Text that spells none stays text and fails its schema. Booleans are ``true``, ``false``, ``1``
    and ``0`` in any case, because Python clients send ``True``; NaN and infinities are no numbers.
    """
    if "integer" in types and _INTEGER.fullmatch(text):
        if len(text) > _DIGITS:
            return -_BEYOND if text.startswith("-") else _BEYOND
        return int(text)
    if "number" in types and _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    if "boolean" in types and (lowered := text.lower()) in _BOOLEANS:
        return _BOOLEANS[lowered]
    if "null" in types and not text and "string" not in types:
        return None
    return text


def read_all(texts: Sequence[str], schema: Schema, separator: str | None) -> Json:
    """The value that repeated texts spell: all of them for an array, else the last.

    ``separator`` splits each text of an array further; one empty text is an empty array.
    """
    if "array" not in schema.types:
        return read(texts[-1], schema.types)
    if list(texts) == [""]:
        return []
    pieces = [piece for text in texts for piece in (text.split(separator) if separator else [text])]
    return [read(piece, schema.items.types) for piece in pieces]
