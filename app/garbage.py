"""How often Python looks for garbage that reference counting leaves: cycles, of which few are made.

An answer of a thousand rows is some thousand dictionaries that live for a few milliseconds. By
Python's defaults each 700 of them start a collection, every hundredth of which walks all there is:
the schema, the plans and the libraries, 300,000 objects that stay for good. For the heaviest pages
of ``make bench`` that was half of the CPU time.
"""

import asyncio
import gc
from collections.abc import Generator
from contextlib import contextmanager

YOUNG, MIDDLE, OLD = 50_000, 20, 100
"""A collection of the youngest after so many more objects; every so many times, of the older."""

MOST_ENDED = 200
"""Streams that have ended, at least, before what they left is looked for."""
LEAVING = 1.0
"""Seconds that the last of them has to let go of its connection."""


def settle() -> None:
    """Call once all that stays is made: it is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


class Streams:
    """Streams as they come and go.

    Each leaves 60 KB in circles, and Python would look for them late: it goes by how many objects
    are new, and those of a stream have become old.

    What they left is looked for when as many have ended as are open, so that the price, which is
    by how many there are, is a constant one for each.
    """

    def __init__(self) -> None:
        self._open = 0
        self._ended = 0

    @contextmanager
    def one(self) -> Generator[None]:
        """While a stream is open."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._ended += 1
            if self._ended >= max(MOST_ENDED, self._open):
                self._ended = 0
                asyncio.get_running_loop().call_later(LEAVING, gc.collect)


streams = Streams()
