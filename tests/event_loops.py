"""The event loop of tests: one for all of a process, and to each test as good as new."""

import asyncio
from functools import cache
from typing import Any


class KeptLoop(asyncio.SelectorEventLoop):
    """Stays open when it is closed, so that connections to PostgreSQL may stay open on it.

    A runner ends all tasks, generators and threads before it closes its loop; whatever else a loop
    could remember of a test is forgotten here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._as_new = {name: vars(self)[name] for name in FORGOTTEN}

    def close(self) -> None:
        pending: Any = vars(self)["_scheduled"]
        for timer in list(pending):
            timer.cancel()
        vars(self).update(self._as_new)

    def end(self) -> None:
        super().close()


FORGOTTEN = (
    "_asyncgens_shutdown_called", "_default_executor", "_exception_handler",
    "_executor_shutdown_called", "_task_factory",
)  # fmt: skip


@cache
def kept() -> KeptLoop:
    return KeptLoop()
