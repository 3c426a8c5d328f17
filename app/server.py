"""``python -m app.server``: the program that serves. ``app.launch`` starts it, nobody by hand."""

import gc
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, cast

from app.settings import Settings

# ruff: noqa: PLC0415 - each way imports what it needs, and after the collector was stopped


def main(arguments: Sequence[str]) -> None:
    """``serve``, as its worker of a number ``serve N``, or ``work``."""
    from app import launch
    from app.running import Failed, run

    settings = launch.handed()
    if settings is None:
        sys.exit("Error: nobody has read the settings; use `python -m app serve` or `work`")
    try:
        run(_work(settings, arguments))
    except Failed as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _work(settings: Settings, arguments: Sequence[str]) -> Coroutine[Any, Any, None]:
    match arguments:
        case ["serve"] if settings.workers > 1:
            return _supervise(settings)
        case ["serve"]:
            return _serve(settings)
        case ["serve", number]:
            return _serve_as(int(number), settings)
        case ["work"]:
            return _run_jobs(settings)
        case _:
            raise ValueError(f"no such work: {arguments}")


async def _serve(settings: Settings) -> None:
    from app import serving
    from app.welcome import welcome

    await _make_ready(settings)

    async def started(address: str) -> None:
        welcome(settings, address)

    await serving.serve(settings, started=started)


async def _supervise(settings: Settings) -> None:
    from app import supervisor
    from app.ports import local_address
    from app.welcome import welcome

    await _make_ready(settings)

    async def started(port: int) -> None:
        address = local_address(settings.host, port)
        welcome(settings, settings.base_url if settings.public_url else address)

    await supervisor.supervise(settings, started=started)


async def _make_ready(settings: Settings) -> None:
    """Bring an embedded database up to date, and an older demo's credentials."""
    from app import credentials
    from app.assembly import open_services

    if settings.with_demo or settings.is_embedded:
        async with open_services(settings, background=False) as services:
            if settings.with_demo:
                await credentials.renew(settings, services)


async def _serve_as(number: int, settings: Settings) -> None:
    from app import serving

    await serving.serve(settings, worker=serving.Worker(number))


async def _run_jobs(settings: Settings) -> None:
    from app import serving

    await serving.work(settings)


if __name__ == "__main__":
    gc.disable()  # nothing that is made by imports is garbage; ``running.run`` turns it on again
    # structlog loads it where it can, 5 MB, for tracebacks that app.logs has written plainly.
    cast("dict[str, Any]", sys.modules)["rich"] = None
    main(sys.argv[1:])
