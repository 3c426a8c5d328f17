"""What steps of a plan are run on, whichever the database."""

from collections.abc import Callable
from typing import Any, Protocol

from engine.plan import Steps
from engine.statements import AnyBinds

STATEMENTS = 512
"""How many prepared statements each connection keeps."""

SOON, FRESH = 0.01, 0.25
"""Seconds: how long what was looked up may be taken for true."""

observers: list[Callable[[str], None]] = []
"""Told the text of every statement, in the thread that runs it."""


def tell(text: str) -> None:
    for observer in observers:
        observer(text)


class Driver(Protocol):
    """A database that steps are run on. It only ever reads."""

    dialect: Any
    binds: AnyBinds

    async def run(self, steps: Steps, context: Any, *, light: bool) -> Any:
        """Run all steps; returns what they return.

        ``light``: it takes no longer than others can wait.
        """
        ...

    async def rows(self, text: str, arguments: tuple[Any, ...]) -> list[Any]:
        """The rows of one statement."""
        ...

    def moment(self) -> int:
        """A number that is another soon after others have changed the database.

        ``SOON`` after, where the database tells such things; where it does not, the number changes
        by itself every ``FRESH`` seconds.
        """
        ...

    async def close(self) -> None: ...
