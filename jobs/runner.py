"""One attempt at a job: take it in hand, stay in charge, say how it ended."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from resolvers import attempts
from resolvers.attempts import Attempt, Later
from resolvers.context import Context
from resolvers.errors import Conflict, RateLimited, StoreError, Unavailable, WorkFailed
from resolvers.jobs import KINDS
from resolvers.services import Services

log = structlog.get_logger()
LEASE = 15.0
BACKOFF = (1.0, 5.0, 25.0, 125.0)
INTERNAL = {"code": "INTERNAL", "message": "the work failed for a reason of our own"}
_LOOK_AGAIN = 1.0
_HAND_BACK = 5.0


class Runner:
    """Runs attempts of this process's jobs, at most ``concurrency`` at once.

    ``lease``: seconds after which others may take a job whose runner says nothing any more.
    ``backoff``: seconds before the second attempt, the third, ...; the last one repeats.
    ``on_free`` is called whenever there may be place for another.
    """

    def __init__(
        self,
        services: Services,
        *,
        concurrency: int,
        lease: float,
        backoff: tuple[float, ...],
        on_free: Callable[[], None],
    ) -> None:
        self._ctx = Context(services)
        self._concurrency = concurrency
        self._on_free = on_free
        self._slots = asyncio.Semaphore(concurrency)
        self._lease = timedelta(seconds=lease)
        self._backoff = backoff
        self._engaged: defaultdict[int, set[asyncio.Task[Any]]] = defaultdict(set)
        self._attempting: set[asyncio.Task[Any]] = set()
        self._at_work: set[asyncio.Task[Any]] = set()
        self._stopping = False

    @property
    def jobs(self) -> frozenset[int]:
        """The jobs that this process looks after: at work, in line, or waiting for a retry."""
        return frozenset(self._engaged)

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        return [task for tasks in self._engaged.values() for task in tasks]

    @property
    def free(self) -> int:
        """How many more attempts could begin at once. Waiting for a retry takes no place."""
        return max(0, self._concurrency - len(self._attempting))

    @contextmanager
    def engaged(self, job_id: int) -> Generator[None]:
        task = _this_task()
        self._engaged[job_id].add(task)
        try:
            yield
        finally:
            self._engaged[job_id].discard(task)
            if not self._engaged[job_id]:
                del self._engaged[job_id]

    async def attempt(self, job_id: int, run: int) -> float | None:
        """Try it once. None when the run is over, else the seconds until the next attempt."""
        self._attempting.add(_this_task())
        try:
            async with self._slots:
                return await self._attempt(job_id, run)
        except Exception:  # the database is away, say; the lease holds what is not saved
            log.exception("job_attempt_not_recorded", job_id=job_id)
            return _LOOK_AGAIN
        finally:
            self._attempting.discard(_this_task())
            self._on_free()

    async def drain(self, grace: float) -> None:
        """Let attempts finish for ``grace`` seconds, then stop them and hand back their jobs."""
        self._stopping = True
        if self._attempting:
            await asyncio.wait(self._attempting, timeout=grace)
        for work in self._at_work:
            work.cancel()
        if self._attempting:
            await asyncio.wait(self._attempting, timeout=_HAND_BACK)

    async def _attempt(self, job_id: int, run: int) -> float | None:
        if self._stopping:
            raise asyncio.CancelledError
        found = await attempts.start(self._ctx, job_id, run, lease_until=self._lease_until())
        if found is None:
            return None
        if isinstance(found, Later):
            wait = (found.at - self._ctx.services.clock()).total_seconds()
            return max(wait, 0.05)
        ctx = self._ctx.as_system(found.organization_id)
        work = asyncio.create_task(_work(ctx, found))
        self._at_work.add(work)
        staying = asyncio.create_task(self._stay_in_charge(found, work))
        try:
            return await self._outcome(ctx, found, work)
        finally:
            self._at_work.discard(work)
            staying.cancel()
            with suppress(asyncio.CancelledError):
                await staying

    async def _outcome(
        self, ctx: Context, attempt: Attempt, work: asyncio.Task[Mapping[str, Any]]
    ) -> float | None:
        try:
            output = await work
        except asyncio.CancelledError:
            if not self._stopping:
                return _LOOK_AGAIN  # cancelled by a user, or in other hands: the row tells
            await attempts.hand_back(ctx, attempt)
            raise
        except (StoreError, WorkFailed) as refused:
            if not _is_transient(refused):
                await attempts.fail(ctx, attempt, refused.code, str(refused))
                return None
            return await self._again(ctx, attempt, code=refused.code, message=str(refused))
        except Exception:
            log.exception(
                "job_attempt_failed",
                job_id=attempt.job_id,
                kind=attempt.kind,
                attempt=attempt.number,
            )
            return await self._again(ctx, attempt, **INTERNAL)
        await attempts.succeed(ctx, attempt, output)
        return None

    async def _again(
        self, ctx: Context, attempt: Attempt, *, code: str, message: str
    ) -> float | None:
        if attempt.number >= attempt.max_attempts:
            await attempts.fail(ctx, attempt, code, message)
            return None
        wait = self._backoff[min(attempt.number, len(self._backoff)) - 1]
        until = ctx.services.clock() + timedelta(seconds=wait)
        await attempts.postpone(ctx, attempt, until=until, code=code, message=message)
        return wait

    async def _stay_in_charge(self, attempt: Attempt, work: asyncio.Task[Any]) -> None:
        """Renew the lease while the work goes on; stop the work when it is not ours any more."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                ours = await attempts.renew(self._ctx, attempt, lease_until=self._lease_until())
            except Exception:
                log.exception("job_lease_not_renewed", job_id=attempt.job_id)
                continue
            if not ours:
                work.cancel()
                return

    def _lease_until(self) -> datetime:
        return self._ctx.services.clock() + self._lease


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("attempts are made by tasks")
    return task


async def _work(ctx: Context, attempt: Attempt) -> Mapping[str, Any]:
    return await KINDS[attempt.kind].run(ctx, attempt.job_id)


def _is_transient(refused: StoreError | WorkFailed) -> bool:
    """Whether the next attempt may go better: something is down, or somebody was faster."""
    if isinstance(refused, WorkFailed):
        return not refused.final
    if isinstance(refused, Conflict):  # with a cause, the database found it and no rule of ours
        return refused.__cause__ is not None
    return isinstance(refused, Unavailable | RateLimited)
