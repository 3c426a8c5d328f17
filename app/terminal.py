"""How commands talk to people: what went well on stdout, what did not on stderr."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app.settings import Settings
from db.migrate import SchemaIsNewer, SchemaIsOlder
from resolvers.errors import Invalid, StoreError

T = TypeVar("T")
UNLIMITED = 10_000
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def settings(**given: Any) -> Settings:
    """The settings of the environment, with the options that were given in their stead."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        problems = [
            f"STOREGRAPH_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}"
            for each in error.errors()
        ]
        fail("\n".join(problems))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; a failure that can be expected is told in one line."""
    # All modules are there now, and stay: there is no use in looking through them for garbage.
    gc.freeze()
    gc.enable()
    try:
        return _run(work)
    except Invalid as error:
        fail("; ".join(problem.message for problem in error.problems))
    except (StoreError, SchemaIsNewer, SchemaIsOlder) as error:
        fail(str(error))
    except OSError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        import uvloop  # noqa: PLC0415 - there is none for some platforms
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def show(table: Table) -> None:
    """Print a table; programs that read it get every cell whole."""
    (out if out.is_terminal else Console(width=UNLIMITED, highlight=False)).print(table)


def fail(message: str) -> NoReturn:
    err.print(f"[red]Error:[/red] {message}", soft_wrap=True)
    raise typer.Exit(1)
