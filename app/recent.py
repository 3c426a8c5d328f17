"""Requests that were lately answered by plan, by the bytes of their bodies.

A page that many look at is asked for in the same words. All that is to be found out about them,
whoever asks, is found out once: what the body says, that the document is valid, what it costs, the
plan, the values of its variables.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from schema.execution import Asked

MOST = 256
LONGEST = 2048
"""Bytes."""
_PLAIN = frozenset(("query", "variables", "operationName"))


class Recent:
    """Bounded. Nothing is kept of who asked, nor of requests that change anything."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Asked] = OrderedDict()

    def find(self, body: bytes | None) -> Asked | None:
        found = None if body is None else self._kept.get(body)
        if found is not None and body is not None:
            self._kept.move_to_end(body)
        return found

    def keep(self, body: bytes | None, asked: Asked, fields: Mapping[str, Any]) -> None:
        """Only what says all by itself: documents that are named may be others tomorrow."""
        if body is None or len(body) > LONGEST or not fields.keys() <= _PLAIN:
            return
        self._kept[body] = asked
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
