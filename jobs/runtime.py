"""The runtime of jobs: starts what the rows say, until it is stopped."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import or_, select

from db.models import Job, JobStatus
from jobs import durable
from jobs.runner import BACKOFF, LEASE, Runner
from resolvers.events import EventRecord
from resolvers.jobs import KINDS, OPEN
from resolvers.services import Services

log = structlog.get_logger()
CONCURRENCY = 8
KEPT = timedelta(days=7)


class Runtime:
    """Implements ``resolvers.services.Jobs``: ``wake`` says that job rows were committed.

    ``executor_id`` names this process among all that share the database, and stays the same when
    it is started again; two that run at once need different ones. ``poll``: seconds after which
    the rows are looked at even if nobody woke it.
    """

    def __init__(
        self,
        services: Services,
        *,
        executor_id: str = "local",
        concurrency: int = CONCURRENCY,
        lease: float = LEASE,
        backoff: tuple[float, ...] = BACKOFF,
        poll: float = 1.0,
    ) -> None:
        self._services = services
        self._executor_id = executor_id
        self._lease = lease
        self._poll = poll
        self._news = asyncio.Event()
        self._runner = Runner(
            services, concurrency=concurrency, lease=lease, backoff=backoff, on_free=self.wake
        )
        self._foreign: dict[str, float] = {}
        self._dispatching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await durable.launch(
            self._services.database.url, executor_id=self._executor_id, runner=self._runner
        )
        self._services.events.after_read.append(self._hear)
        self._dispatching = asyncio.create_task(self._dispatch())

    async def stop(self, grace: float) -> None:
        """Begin nothing new, let work finish for ``grace`` seconds, hand back the rest."""
        if self._dispatching is None:
            return
        self._services.events.after_read.remove(self._hear)
        self._dispatching.cancel()
        with suppress(asyncio.CancelledError):
            await self._dispatching
        self._dispatching = None
        await self._runner.drain(grace)
        await durable.close(self._runner.tasks)

    async def forget(self, services: Services) -> None:
        """Drop DBOS's notes of runs that ended a week ago; the rows of the jobs stay."""
        await durable.forget(services.clock() - KEPT)

    def wake(self) -> None:
        self._news.set()

    async def _hear(self, events: Sequence[EventRecord]) -> None:
        """Jobs committed by other processes are heard of through their events."""
        if any(event.payload.get("status") == JobStatus.QUEUED for event in events):
            self._news.set()

    async def _dispatch(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._begin_what_is_due()
            except Exception:
                log.exception("jobs_not_dispatched")
            # Not wait_for, which before Python 3.12 loses a cancellation that comes with the news.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._news.wait()

    async def _begin_what_is_due(self) -> None:
        """Begin what is queued, and what was begun but whose runner let its lease pass.

        Free places are filled; whatever is due beyond them waits, here or for another process.
        """
        if self._runner.free == 0:
            return
        now = self._services.clock()
        due = (
            select(Job.id, Job.uuid, Job.run, Job.attempts)
            .where(
                Job.status.in_(OPEN),
                or_(Job.lease_until.is_(None), Job.lease_until <= now),
                Job.kind.in_(list(KINDS)),
                Job.id.not_in(self._runner.jobs),
            )
            .order_by(Job.id)
            .limit(self._runner.free)
        )
        async with self._services.database.read() as connection:
            rows: Sequence[Any] = (await connection.execute(due)).all()
        self._foreign = {
            name: since
            for name, since in self._foreign.items()
            if name in {durable.name_of(row.uuid, row.run) for row in rows}
        }
        for row in rows:
            await self._begin(row)

    async def _begin(self, row: Any) -> None:
        name = durable.name_of(row.uuid, row.run)
        status = await durable.begin(name, row.id, row.run)
        if status is None:
            return
        # Begun before, and not by this process as it is now. Either its runner has not taken the
        # job in hand yet, or there is no runner any more. After a lease's time it is the latter.
        since = self._foreign.setdefault(name, time.monotonic())
        if time.monotonic() - since >= self._lease:
            del self._foreign[name]
            log.warning("job_taken_over", job_id=row.id, run=row.run, dbos_status=status)
            await durable.take_over(name, status, row.id, row.run, row.attempts)
