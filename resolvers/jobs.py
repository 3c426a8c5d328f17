"""Jobs: work that outlives a request. The row is the truth; whatever runs it asks here first."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import Job, JobStatus
from resolvers.context import Context
from resolvers.errors import Conflict, NotFound
from resolvers.events import JOB, announce
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, narrowed, one, page, sorts
from resolvers.viewer import visible

Run = Callable[[Context, int], Awaitable[dict[str, Any]]]
OnChange = Callable[[Context, AsyncSession, Job], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of work and the code that does it.

    ``run(ctx, job_id)`` returns the job's output (JSON). It is started at least once and, after a
    crash, again: it checks under lock what is already done. A ``StoreError`` is its final word,
    and so is ``WorkFailed`` where it says so; any other exception is tried again, up to
    ``max_attempts``. ``on_failure(ctx, tx, job)`` gives back what was charged, in the transaction
    in which the job ends as failed or cancelled; ``on_retry`` charges it again, in that of a
    retry, and may refuse it. All get a context of the gateway itself, within the job's
    organization.
    """

    name: str
    run: Run
    on_failure: OnChange | None = None
    max_attempts: int = 5
    on_retry: OnChange | None = None
    ends_with_order: bool = True
    """Whether it is in vain once its order has failed, expired or was cancelled."""


KINDS: dict[str, Kind] = {}
CANCELLED = {"code": "CANCELLED", "message": "cancelled on request"}


def register(kind: Kind) -> Kind:
    """Make a kind known. Modules register their own when they are imported."""
    if KINDS.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"there is another kind of job named {kind.name}")
    return kind


def outliving() -> list[str]:
    """The kinds that go on although their order has ended."""
    return [kind.name for kind in KINDS.values() if not kind.ends_with_order]


# Reads

SORTS = sorts(
    "JobSort",
    default="created_at_desc",
    id=Job.id,
    created_at=Job.created_at,
    updated_at=Job.updated_at,
)


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs; all given conditions must hold."""

    kind: Annotated[tuple[str, ...] | None, "Any of these kinds."] = None
    status: Annotated[tuple[JobStatus, ...] | None, "Any of these statuses."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    order_id: Annotated[int | None, KeyOf("Order"), "Only for this order."] = None
    created_after: Annotated[datetime | None, "Created at or after."] = None
    created_before: Annotated[datetime | None, "Created before."] = None


CONDITIONS: Conditions = {
    "kind": Job.kind.in_,
    "status": Job.status.in_,
    "store_id": lambda key: Job.store_id == key,
    "order_id": lambda key: Job.order_id == key,
    "created_after": lambda at: Job.created_at >= at,
    "created_before": lambda at: Job.created_at < at,
}


@one(Job, by=Job.id, permission="job:view")
def by_id(jobs: Any) -> Any:
    return jobs


@page(Job, sorts=SORTS, permission="job:view")
def listing(jobs: Any, *, filter: JobFilter | None = None) -> Any:
    return narrowed(jobs, filter, CONDITIONS)


of_orders = listing.by_column(Job.order_id)
of_stores = listing.by_column(Job.store_id)


# Operations


async def enqueue(
    tx: AsyncSession,
    *,
    kind: str,
    organization_id: int,
    store_id: int | None = None,
    order_id: int | None = None,
    input: Mapping[str, Any] | None = None,
) -> Job:
    """Add work to this transaction; it starts once that has committed. ``input`` must be JSON."""
    job = Job(
        organization_id=organization_id,
        store_id=store_id,
        order_id=order_id,
        kind=kind,
        max_attempts=KINDS[kind].max_attempts,
        input=dict(input or {}),
    )
    tx.add(job)
    await tx.flush()
    await _announce(tx, job)
    return job


async def retry(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Job"), "A job that has failed or was cancelled."],
    expected_version: int | None = None,
) -> int:
    """Start it afresh, as another run. Raises ``Conflict`` for a job that has not failed."""
    async with ctx.transaction() as tx:
        job = await _editable(ctx, tx, id, expected_version)
        await move(
            tx,
            job,
            JobStatus.QUEUED,
            legal_from=(JobStatus.FAILED, JobStatus.CANCELLED),
            run=job.run + 1,
            attempts=0,
            progress=0,
            output=None,
            error_code=None,
            error_message=None,
            lease_until=None,
            started_at=None,
            finished_at=None,
        )
        kind = KINDS.get(job.kind)
        if kind is not None and kind.on_retry is not None:
            await kind.on_retry(ctx.as_system(job.organization_id), tx, job)
    return id


async def cancel(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Job"), "A job that has not finished."],
    expected_version: int | None = None,
) -> int:
    """End a job before it is done. What was charged for it is given back."""
    async with ctx.transaction() as tx:
        job = await _editable(ctx, tx, id, expected_version)
        await give_up(ctx, tx, job, JobStatus.CANCELLED, **CANCELLED)
    return id


async def _editable(
    ctx: Context, tx: AsyncSession, job_id: int, expected_version: int | None
) -> Job:
    viewer = ctx.require("job:update")
    await lock_order(tx, job_id)
    found = visible(viewer, Job).where(Job.id == job_id).with_for_update()
    job = (await tx.scalars(found)).one_or_none()
    if job is None:
        raise NotFound("job", field=("id",))
    if expected_version not in (None, job.version):
        raise Conflict("somebody else changed this job", field=("expectedVersion",))
    return job


async def progress(ctx: Context, job_id: int, percent: int) -> None:
    """Say how far the work is (0 to 100, never backwards)."""
    async with ctx.transaction() as tx:
        job = await locked(tx, job_id)
        if job is not None and job.status is JobStatus.RUNNING and percent > job.progress:
            job.progress = min(percent, 100)
            await _announce(tx, job)


async def keep(
    ctx: Context,
    job_id: int,
    *,
    usage: Mapping[str, Any],
    output: Mapping[str, Any] | None = None,
    percent: int = 0,
) -> Mapping[str, Any] | None:
    """Keep what a job has taken, and what a running one has made: nobody need make it again.

    Answers with the output that is kept: another attempt may have been faster.
    """
    async with ctx.transaction() as tx:
        job = await locked(tx, job_id)
        if job is None:
            return output
        job.usage = dict(usage)
        if output is None or job.output is not None:
            return job.output
        if job.status is JobStatus.RUNNING:
            job.output, job.progress = dict(output), max(job.progress, percent)
            await _announce(tx, job)
        return output


# How rows change

OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


async def lock_order(tx: AsyncSession, job_id: int) -> None:
    """Lock the job's order before the job: everybody who locks both does so in this order."""
    of_job = select(Job.order_id).where(Job.id == job_id).scalar_subquery()
    await tx.execute(select(models.Order.id).where(models.Order.id == of_job).with_for_update())


async def locked(tx: AsyncSession, job_id: int) -> Job | None:
    """The job, locked until the end of the transaction."""
    found = select(Job).where(Job.id == job_id).with_for_update()
    return (await tx.scalars(found)).one_or_none()


async def give_up(
    ctx: Context, tx: AsyncSession, job: Job, status: JobStatus, *, code: str, message: str
) -> None:
    """End a job as failed or cancelled, and give back what was charged for it."""
    await move(
        tx,
        job,
        status,
        legal_from=OPEN,
        error_code=code,
        error_message=message,
        lease_until=None,
        finished_at=ctx.services.clock(),
    )
    kind = KINDS.get(job.kind)
    if kind is not None and kind.on_failure is not None:
        await kind.on_failure(ctx.as_system(job.organization_id), tx, job)


async def move(
    tx: AsyncSession,
    job: Job,
    status: JobStatus,
    *,
    legal_from: Sequence[JobStatus],
    **columns: Any,
) -> None:
    """The one way in which a job's status changes."""
    if job.status not in legal_from:
        raise Conflict(f"a job that is {job.status} cannot become {status}", field=("id",))
    job.status = status
    for name, value in columns.items():
        setattr(job, name, value)
    await _announce(tx, job)


async def _announce(tx: AsyncSession, job: Job) -> None:
    owner = select(models.Order.api_key_id).where(models.Order.id == job.order_id)
    announce(
        tx,
        "job.status_changed",
        organization_id=job.organization_id,
        store_id=job.store_id,
        subject=(JOB, job.id),
        status=job.status.value,
        progress=job.progress,
        kind=job.kind,
        order_id=job.order_id,
        api_key_id=await tx.scalar(owner) if job.order_id is not None else None,
        attempts=job.attempts,
    )
