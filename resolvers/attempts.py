"""Attempts at jobs: what a runner says of a job that it has in hand. Each is one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Job, JobStatus
from resolvers import jobs
from resolvers.context import Context

LOST = {"code": "RUNNER_LOST", "message": "its runner stopped without a word, too many times"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A job in the hands of a runner. ``number`` tells it from later attempts of the same run."""

    job_id: int
    organization_id: int
    kind: str
    run: int
    number: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Later:
    """Nobody may take the job before ``at``: another runner has it, or it waits for a retry."""

    at: datetime


async def start(
    ctx: Context, job_id: int, run: int, *, lease_until: datetime
) -> Attempt | Later | None:
    """Take a job in hand; None when this run of it is over.

    A job that is queued, or whose runner let its lease pass (it crashed), is taken. One that has
    used up its attempts without ever saying how they ended fails here: it kills its runners.
    """
    async with ctx.transaction() as tx:
        await jobs.lock_order(tx, job_id)
        job = await jobs.locked(tx, job_id)
        if job is None or job.run != run or job.status not in jobs.OPEN:
            return None
        if job.lease_until is not None and job.lease_until > ctx.services.clock():
            return Later(job.lease_until)
        if job.attempts >= job.max_attempts:
            await jobs.give_up(ctx, tx, job, JobStatus.FAILED, **LOST)
            return None
        await jobs.move(
            tx,
            job,
            JobStatus.RUNNING,
            legal_from=jobs.OPEN,
            attempts=job.attempts + 1,
            lease_until=lease_until,
            started_at=job.started_at or ctx.services.clock(),
        )
        return Attempt(
            job.id, job.organization_id, job.kind, job.run, job.attempts, job.max_attempts
        )


async def renew(ctx: Context, attempt: Attempt, *, lease_until: datetime) -> bool:
    """Stay in charge. False: the job was cancelled or is in other hands, so stop working."""
    renewed = (
        update(Job)
        .where(
            Job.id == attempt.job_id,
            Job.status == JobStatus.RUNNING,
            Job.run == attempt.run,
            Job.attempts == attempt.number,
        )
        .values(lease_until=lease_until)
    )
    async with ctx.services.database.write() as tx:
        return bool(getattr(await tx.execute(renewed), "rowcount", 0))


async def succeed(ctx: Context, attempt: Attempt, output: Mapping[str, Any]) -> None:
    """The work is done. Even an attempt that lost its lease may say so: done is done."""
    async with ctx.transaction() as tx:
        job = await jobs.locked(tx, attempt.job_id)
        if job is None or job.run != attempt.run or job.status not in jobs.OPEN:
            return
        await jobs.move(
            tx,
            job,
            JobStatus.SUCCEEDED,
            legal_from=jobs.OPEN,
            progress=100,
            output=dict(output),
            lease_until=None,
            finished_at=ctx.services.clock(),
            error_code=None,
            error_message=None,
        )


async def fail(ctx: Context, attempt: Attempt, code: str, message: str) -> None:
    """The work will not be done; what was charged for it is given back with it."""
    async with ctx.transaction() as tx:
        await jobs.lock_order(tx, attempt.job_id)
        job = await _in_hand(tx, attempt)
        if job is not None:
            await jobs.give_up(ctx, tx, job, JobStatus.FAILED, code=code, message=message)


async def postpone(
    ctx: Context, attempt: Attempt, *, until: datetime, code: str, message: str
) -> None:
    """Try again at ``until``: this attempt failed, but not for good."""
    async with ctx.transaction() as tx:
        job = await _in_hand(tx, attempt)
        if job is not None:
            await jobs.move(
                tx,
                job,
                JobStatus.QUEUED,
                legal_from=(JobStatus.RUNNING,),
                lease_until=until,
                error_code=code,
                error_message=message,
            )


async def hand_back(ctx: Context, attempt: Attempt) -> None:
    """The runner stops, through no fault of the job: anybody may take it at once."""
    async with ctx.transaction() as tx:
        job = await _in_hand(tx, attempt)
        if job is not None:
            await jobs.move(
                tx,
                job,
                JobStatus.QUEUED,
                legal_from=(JobStatus.RUNNING,),
                attempts=job.attempts - 1,
                lease_until=None,
            )


async def _in_hand(tx: AsyncSession, attempt: Attempt) -> Job | None:
    """The job, if this attempt is still the one in charge of it."""
    job = await jobs.locked(tx, attempt.job_id)
    if job is None or job.status is not JobStatus.RUNNING:
        return None
    return job if (job.run, job.attempts) == (attempt.run, attempt.number) else None
