"""The forms that ids, amounts, instants and cursors have in answers.

The baselines have their own, written for speed, so that they do not change with the gateway's.
"""

from base64 import urlsafe_b64decode
from binascii import b2a_base64
from datetime import UTC, datetime

import orjson


def global_id(noun: str, key: int) -> str:
    # Of letters, digits and colons base64 never makes a "+" or a "/".
    return b2a_base64(f"{noun}:{key}".encode(), newline=False).decode().rstrip("=")


def key_of(noun: str, text: str) -> int:
    """The key in a global id; 0, which no row has, for anything else."""
    found, _, digits = _decoded(text).decode("ascii").partition(":")
    return int(digits) if found == noun else 0


def amount(micro_units: int) -> str:
    """At least two decimals, and no zeros at the end beyond. Amounts here are never negative."""
    cents, rest = divmod(micro_units, 10_000)
    if rest == 0:
        return "%d.%02d" % divmod(cents, 100)  # noqa: UP031 - takes two thirds of f""'s time
    return f"{cents // 100}.{micro_units % 1_000_000:06}".rstrip("0")


def instant(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def cursor(key: int) -> str:
    """The cursor of a row in a list that is sorted by key."""
    return b2a_base64(b'["id_asc",%d,%d]' % (key, key), newline=False).decode().rstrip("=")


def after(text: str | None) -> int:
    """The key of the row that a cursor points at; 0 without one."""
    return 0 if text is None else int(orjson.loads(_decoded(text))[2])


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
