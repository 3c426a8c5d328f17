"""Run the work of a process on an event loop, and tell failures that can be expected in a line."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

from db.migrate import SchemaIsNewer, SchemaIsOlder
from resolvers.errors import Invalid, StoreError

T = TypeVar("T")


class Failed(RuntimeError):
    """The work cannot be done, for a reason that is the operator's to know and to mend."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns. Raises ``Failed``."""
    # All modules are there now, and stay: there is no use in looking through them again. What they
    # left is of use to what is made next.
    gc.collect()
    gc.freeze()
    gc.enable()
    try:
        return _run(work)
    except Invalid as error:
        raise Failed("; ".join(problem.message for problem in error.problems)) from error
    except (StoreError, SchemaIsNewer, SchemaIsOlder, OSError) as error:
        raise Failed(str(error)) from error


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        import uvloop  # noqa: PLC0415 - there is none for some platforms
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
