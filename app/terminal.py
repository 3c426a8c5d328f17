"""How commands talk to people: what went well on stdout, what did not on stderr."""

from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from app import environment
from app.settings import Settings

T = TypeVar("T")
UNLIMITED = 10_000
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def settings(**given: Any) -> Settings:
    """The settings of the environment, with the options that were given in their stead."""
    try:
        return environment.read(**given)
    except environment.BadSettings as error:
        fail(str(error))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; a failure that can be expected is told in one line."""
    from app import running  # noqa: PLC0415 - it takes the whole store along

    try:
        return running.run(work)
    except running.Failed as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def show(table: Table) -> None:
    """Print a table; programs that read it get every cell whole."""
    (out if out.is_terminal else Console(width=UNLIMITED, highlight=False)).print(table)


def fail(message: str) -> NoReturn:
    err.print(f"[red]Error:[/red] {message}", soft_wrap=True)
    raise typer.Exit(1)
