"""One serving process: from settings to requests, and in order back to nothing."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from app import credentials, garbage, logs
from app.assembly import Countdown, open_services, running_jobs
from app.ports import bound, joined, local_address
from app.settings import Settings
from app.web import create_app, drain
from resolvers.services import Services
from rest_compat.dialect import Dialect
from rest_compat.instamarket import instamarket
from rest_compat.instxnt import instxnt
from rest_compat.xpage import xpage

log = structlog.get_logger()
BACKLOG = 1024
PARENT_CHECK = 1.0


@dataclass(frozen=True, slots=True)
class Worker:
    """One of several processes on one port, looked after by ``app.supervisor``."""

    number: int

    @property
    def runs_jobs(self) -> bool:
        """Embedded jobs run in one of the processes: they are the host's, not the port's."""
        return self.number == 0


def dialects(services: Services, settings: Settings) -> list[Dialect[Any]]:
    """All legacy APIs that are served."""
    return [
        instamarket(services, admin_token=credentials.admin_token(settings)),
        instxnt(services),
        xpage(services),
    ]


async def serve(
    settings: Settings,
    *,
    worker: Worker | None = None,
    started: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """Serve until a signal says stop. ``started`` is told the address once requests may come.

    Raises ``OSError`` where the port cannot be had, and what ``open_services`` raises.
    """
    logs.configure(settings)
    stopping = _on_signals()
    countdown = Countdown(settings.shutdown_timeout)
    if worker is None:
        port = bound(settings.host, settings.port, shared=False)
    else:
        port = joined(settings.host, settings.port)
    async with open_services(settings) as services:
        app = create_app(services, settings, dialects=dialects(services, settings))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=settings.shutdown_timeout)
        await runner.setup()
        site = web.SockSite(runner, port, backlog=BACKLOG)
        async with AsyncExitStack() as jobs:  # which end after the requests that may start some
            try:
                await site.start()
                garbage.settle()
                if started is not None:
                    await started(_address(settings, runner))
                if settings.jobs == "embedded" and (worker is None or worker.runs_jobs):
                    process = "" if worker is None else f":{worker.number}"
                    running = running_jobs(settings, services, countdown, process=process)
                    await jobs.enter_async_context(running)
                await _until(stopping, worker)
                countdown.begin()
                log.info("stopping")
                await drain(app)
            finally:
                await runner.cleanup()


async def work(settings: Settings) -> None:
    """Run jobs, and nothing else, until a signal says stop."""
    logs.configure(settings)
    stopping = _on_signals()
    countdown = Countdown(settings.shutdown_timeout)
    async with open_services(settings) as services, running_jobs(settings, services, countdown):
        log.info("working")
        await stopping.wait()
        countdown.begin()
        log.info("stopping")


def _on_signals() -> asyncio.Event:
    """Set by the first signal. The second one ends the process on the spot."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    caught = (signal.SIGTERM, signal.SIGINT)

    def stop() -> None:
        stopping.set()
        for number in caught:
            loop.remove_signal_handler(number)

    for number in caught:
        loop.add_signal_handler(number, stop)
    return stopping


async def _until(stopping: asyncio.Event, worker: Worker | None) -> None:
    """Wait for a signal or, as a worker, for the supervisor's end: nobody else would stop us."""
    parent = os.getppid()
    while not stopping.is_set() and (worker is None or os.getppid() == parent):
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), None if worker is None else PARENT_CHECK)


def _address(settings: Settings, runner: web.AppRunner) -> str:
    """The address that clients on this machine use, with the port that was really given."""
    if settings.public_url is not None:
        return settings.base_url
    return local_address(settings.host, runner.addresses[0][1])
