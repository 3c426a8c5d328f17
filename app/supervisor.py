"""Several serving processes on one port: started, looked after, stopped together."""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from tempfile import TemporaryDirectory

import structlog
from prometheus_client.multiprocess import mark_process_dead  # pyright: ignore[reportUnknownVariableType]

from app import launch
from app.metrics import SHARED
from app.ports import bound
from app.running import Failed
from app.settings import Settings

log = structlog.get_logger()
AT_ONCE = 5.0
MOST_FAILURES = 3
PAUSE = 1.0
GRACE = 10.0


class WorkersFail(Failed):
    """A worker ended again and again as soon as it was started."""


async def supervise(
    settings: Settings, *, started: Callable[[int], Awaitable[None]] | None = None
) -> None:
    """Keep ``settings.workers`` processes serving until a signal says stop.

    ``started`` is told the port when the first of them answers. Raises ``WorkersFail``, and
    ``OSError`` where the port cannot be had.
    """
    # Bound but not listening, so that the port stays ours from the first worker to the last.
    with (
        bound(settings.host, settings.port, shared=True) as held,
        TemporaryDirectory() as figures,
    ):
        family = _Family(settings, held.getsockname()[1], figures)
        await family.run(started)


class _Family:
    def __init__(self, settings: Settings, port: int, figures: str) -> None:
        self._settings = settings
        self._port = port
        self._figures = figures
        self._children: dict[int, Process] = {}
        self._stopping = asyncio.Event()

    async def run(self, started: Callable[[int], Awaitable[None]] | None) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._settings.workers):
                    group.create_task(self._keep(number))
                if started is not None:
                    await self._answers()
                    await started(self._port)
        except* WorkersFail as failures:
            raise failures.exceptions[0] from None
        finally:
            await self._end()

    async def _keep(self, number: int) -> None:
        failures = 0
        while not self._stopping.is_set():
            begun = time.monotonic()
            child = self._children[number] = await self._start(number)
            if (status := await self._ended(child)) is None:
                return
            mark_process_dead(child.pid, self._figures)
            log.error("worker_ended", worker=number, pid=child.pid, status=status)
            failures = failures + 1 if time.monotonic() - begun < AT_ONCE else 1
            if failures >= MOST_FAILURES:
                raise WorkersFail(f"worker {number} ended {failures} times right after its start")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), PAUSE)

    async def _ended(self, child: Process) -> int | None:
        """The status with which a child ended, or None as soon as all are to stop."""
        ended = asyncio.create_task(child.wait())
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            return None if self._stopping.is_set() else ended.result()
        finally:
            ended.cancel()
            stopped.cancel()

    async def _start(self, number: int) -> Process:
        settings = replace(self._settings, port=self._port)
        return await asyncio.create_subprocess_exec(
            *launch.command("serve", str(number)),
            env=launch.environment(settings, **{SHARED: self._figures}),
            start_new_session=True,  # a Ctrl-C is for the supervisor, which tells its workers
        )

    async def _answers(self) -> None:
        """Wait until a worker takes connections."""
        while not self._stopping.is_set():
            with suppress(OSError):
                _, writer = await asyncio.open_connection(self._settings.host, self._port)
                writer.close()
                return
            await asyncio.sleep(0.05)

    def _stop(self, number: signal.Signals) -> None:
        """The first signal says stop, and any further one is for the workers as it is."""
        if self._stopping.is_set():
            self._tell(number)
        self._stopping.set()

    def _tell(self, number: signal.Signals) -> None:
        for child in self._children.values():
            with suppress(ProcessLookupError):
                child.send_signal(number)

    async def _end(self) -> None:
        """See all of them off; those that do not go in time are killed.

        They are told here, once: all that were begun are known by now, also one that was being
        started when the signal came.
        """
        self._stopping.set()
        self._tell(signal.SIGTERM)
        waiting = [asyncio.create_task(child.wait()) for child in self._children.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=self._settings.shutdown_timeout + GRACE)
        for child in self._children.values():
            if child.returncode is None:
                child.kill()
                await child.wait()
