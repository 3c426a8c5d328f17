"""Start the program that serves (``app.server``), with settings that are read and checked.

It is one of its own, as what a command line needs (typer, rich, pydantic, what made the demo data)
is a sixth of the memory that a serving process would hold for as long as it runs.
"""

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from app.settings import Settings

HANDED = "STOREGRAPH_SETTINGS_READ"


def is_first_start(settings: Settings) -> bool:
    """Whether there may be tables or demo data to make, which takes more than serving does."""
    if settings.with_demo and not settings.credentials_file.exists():
        return True
    file = settings.database_file
    return file is not None and not file.exists()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app.server", *arguments]


def environment(settings: Settings, **more: str) -> Mapping[str, str]:
    """The environment of the program. The variables of this process are left to it as well."""
    return {**os.environ, HANDED: settings.dumps(), **more}


def become(settings: Settings, *arguments: str) -> NoReturn:
    """End this program and go on, as the same process, as the one that serves."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command(*arguments), environment(settings))  # noqa: S606 - our own


def handed() -> Settings | None:
    """In the program: the settings it was started with; None where somebody started it by hand."""
    text = os.environ.get(HANDED)
    return None if text is None else Settings.loads(text)
