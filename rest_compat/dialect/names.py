"""How names on the wire are spelled in Python."""

import re
from keyword import iskeyword

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_INDEX = re.compile(r"\[[0-9]*\]$")


def snake(name: str) -> str:
    """``X-Timestamp`` is ``x_timestamp``, ``deliveryId`` ``delivery_id``, ``from`` ``from_``."""
    spelled = re.sub(r"\W+", "_", _HUMP.sub("_", bare(name))).strip("_").lower()
    return spelled + "_" if iskeyword(spelled) else spelled


def bare(name: str) -> str:
    """The name without the ``[]`` or ``[0]`` by which some clients repeat a field."""
    return _INDEX.sub("", name)
