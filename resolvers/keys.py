"""Public forms of keys: codecs over stored columns, all in this one place.

A malformed key and a foreign one are the same thing to a caller: not found.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

LARGEST = 2**63 - 1
_PADDING = ("", "", "==", "=")
_CERTAIN = 18
"""Digits: any number of fewer is a key."""
NOBODY = -1
"""The key of no row, where a caller names one that is not there."""


@dataclass(frozen=True, slots=True)
class KeyOf:
    """Marks an ``int`` argument or filter as the key of a noun: GraphQL shows it as ID."""

    noun: str


def global_id(noun: str, key: int) -> str:
    """The opaque, URL-safe id of a row in GraphQL (Relay global object identification)."""
    return urlsafe_b64encode(f"{noun}:{key}".encode()).decode().rstrip("=")


def encoder(noun: str) -> Callable[[int], str]:
    """``global_id`` of one noun, for thousands of rows at a time.

    Of letters, digits and the colon base64 never makes the two characters that URLs do not take.
    """
    prefix = noun.encode("ascii") + b":%d"

    def encode(key: int) -> str:
        return b2a_base64(prefix % key, newline=False).rstrip(b"=").decode()

    return encode


def parse_global_id(text: str) -> tuple[str, int] | None:
    """The noun and key of a global id, or None where it is not one."""
    try:
        padded = text + "=" * (-len(text) % 4)
        noun, _, digits = urlsafe_b64decode(padded.encode("ascii")).decode("ascii").partition(":")
    except ValueError:
        return None
    if not noun.isidentifier() or not digits.isdecimal() or len(digits) > len(str(LARGEST)):
        return None
    key = int(digits)
    return (noun, key) if global_id(noun, key) == text.rstrip("=") and key <= LARGEST else None


def key_of(noun: str, text: str) -> int | None:
    """The key in a global id of this noun, or None where it is anything else."""
    try:
        # As strict as what follows, and most of the time all that is needed.
        head, _, digits = a2b_base64(text + _PADDING[len(text) % 4]).partition(b":")
    except ValueError:
        return None
    if head == noun.encode() and digits.isdigit() and len(digits) < _CERTAIN:
        key = int(digits)
        if b2a_base64(b"%b:%d" % (head, key), newline=False).rstrip(b"=").decode() == text:
            return key
    parsed = parse_global_id(text)
    return parsed[1] if parsed and parsed[0] == noun else None


# Prefixed ids: ``st_`` and 26 letters and digits, which spell a row's UUID (RFC 9562).

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_LETTERS = 26


def prefixed_id(prefix: str, uuid: UUID) -> str:
    """The public id of a row that has a UUID, in Crockford's base 32."""
    left, letters = uuid.int, ""
    for _ in range(_LETTERS):
        left, value = divmod(left, len(_ALPHABET))
        letters = _ALPHABET[value] + letters
    return f"{prefix}_{letters}"


def parse_prefixed_id(prefix: str, text: str) -> UUID | None:
    """The UUID that a public id spells, or None where it is none of this prefix."""
    head, mark, letters = text.partition("_")
    if head != prefix or not mark or len(letters) != _LETTERS or not _VALUES.keys() >= set(letters):
        return None
    number = 0
    for letter in letters:
        number = number * len(_ALPHABET) + _VALUES[letter]
    return UUID(int=number) if number < 1 << 128 else None
