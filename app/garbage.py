"""How often Python looks for garbage that reference counting leaves: cycles, of which few are made.

An answer of a thousand rows is some thousand dictionaries that live for a few milliseconds. By
Python's defaults each 700 of them start a collection, every hundredth of which walks all there is:
the schema, the plans and the libraries, 300,000 objects that stay for good. For the heaviest pages
of ``make bench`` that was half of the CPU time.
"""

import gc

YOUNG, MIDDLE, OLD = 50_000, 20, 100
"""A collection of the youngest after so many more objects; every so many times, of the older."""


def settle() -> None:
    """Call once all that stays is made: it is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
