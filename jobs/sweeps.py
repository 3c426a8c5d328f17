"""Sweeps: what is done again and again, by one process at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs import deleted_stores, files, retention
from resolvers import fulfillment, pricing, settlements, topups
from resolvers.services import Services

log = structlog.get_logger()
LOCK = 0x5709E7
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Sweep:
    """``run`` every so many seconds. Run twice at once, it does no harm."""

    name: str
    every: float
    run: Callable[[Services], Awaitable[Any]]


def standard(*, orders_every: float, deposits_every: float) -> list[Sweep]:
    """The sweeps of the gateway."""
    return [
        Sweep("late_orders", orders_every, fulfillment.sweep),
        Sweep("checkouts", orders_every, settlements.sweep),
        Sweep("deposits", deposits_every, topups.scan),
        Sweep("prices", 30, pricing.sweep),
        Sweep("retention", HOUR, retention.sweep),
        Sweep("deleted_files", HOUR, files.sweep_deleted),
        Sweep("deleted_stores", HOUR, deleted_stores.sweep),
        Sweep("orphaned_files", 24 * HOUR, files.sweep_orphans),
    ]


class Scheduler:
    """Runs sweeps, each at its own pace, in the one process that is in charge of them.

    On PostgreSQL that is whoever holds a lock, which ends with its connection; the others ask for
    it every ``look_again`` seconds. On SQLite every process sweeps: its one writer at a time makes
    the second find nothing to do.
    """

    def __init__(
        self, services: Services, sweeps: Sequence[Sweep], *, look_again: float = 5.0
    ) -> None:
        self._services = services
        self._sweeps = sweeps
        self._look_again = look_again
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What a sweep has begun and not committed is rolled back; the next one does it."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def _run(self) -> None:
        while True:
            try:
                if self._services.database.is_sqlite:
                    await self._sweep(None)
                else:
                    await self._sweep_in_charge()
            except Exception:
                log.exception("sweeps_interrupted")
            await asyncio.sleep(self._look_again)

    async def _sweep_in_charge(self) -> None:
        async with self._services.database.read() as connection:
            taken = await connection.execute(text(f"SELECT pg_try_advisory_lock({LOCK})"))
            if not taken.scalar():
                return
            try:
                await self._sweep(connection)
            finally:  # the pool keeps the connection, and with it the lock
                await connection.invalidate()

    async def _sweep(self, charge: AsyncConnection | None) -> None:
        """Sweep until cancelled, or until the connection that holds the lock is gone."""
        sweeping = [asyncio.create_task(self._repeat(sweep)) for sweep in self._sweeps]
        try:
            while True:
                await asyncio.sleep(self._look_again)
                if charge is not None:
                    await charge.execute(text("SELECT 1"))
        finally:
            for task in sweeping:
                task.cancel()
            await asyncio.gather(*sweeping, return_exceptions=True)

    async def _repeat(self, sweep: Sweep) -> None:
        while True:
            try:
                await sweep.run(self._services)
            except Exception:
                log.exception("sweep_failed", sweep=sweep.name)
            await asyncio.sleep(sweep.every)
