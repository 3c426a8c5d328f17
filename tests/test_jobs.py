"""Jobs: what becomes of them when all goes well, when it does not, and when the process dies."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import JobStatus
from jobs.runtime import Runtime
from resolvers import attempts, jobs
from resolvers.context import Context
from resolvers.errors import InsufficientStock, Unavailable
from resolvers.interests import Interest
from resolvers.services import Services
from resolvers.viewer import system
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.work_load import MARK

Run = Callable[[Context, int], Awaitable[dict[str, Any]]]
RunJobs = Callable[..., Any]
PATIENCE = 20.0


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Callable[..., jobs.Kind]:
    """Register a kind for this test only."""

    def registered(run: Run, **settings: Any) -> jobs.Kind:
        made = jobs.Kind("test", run, **settings)
        monkeypatch.setitem(jobs.KINDS, made.name, made)
        return made

    return registered


@asynccontextmanager
async def running(services: Services, **settings: Any) -> AsyncGenerator[Runtime]:
    runtime = Runtime(services, **{"backoff": (0.01,), "poll": 0.1, **settings})
    services.jobs = runtime
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop(0)


async def queued(services: Services, make: Make, kind: str = "test", **columns: Any) -> models.Job:
    ctx = Context(services, system((await make.organization()).id))
    async with ctx.transaction() as tx:
        return await jobs.enqueue(
            tx, kind=kind, organization_id=ctx.require().organization_id, **columns
        )


async def until(services: Services, job: models.Job, *statuses: JobStatus) -> models.Job:
    """Wait for events until the job has one of the statuses."""
    interest = Interest(system(job.organization_id), "job", job.id)
    wanted = {status.value for status in statuses}
    async with asyncio.timeout(PATIENCE):
        async for event in services.events.follow(interest, latest=True):
            if event.payload["status"] in wanted:
                break
    return await row_of(services, job)


async def row_of(services: Services, job: models.Job) -> models.Job:
    async with services.database.write() as tx:
        found = await tx.get(models.Job, job.id)
        assert found is not None
        return found


async def test_a_job_runs_after_its_transaction_and_every_change_is_heard_of(
    services: Services, make: Make, kind: RunJobs
) -> None:
    async def run(ctx: Context, job_id: int) -> dict[str, Any]:
        await jobs.progress(ctx, job_id, 40)
        return {"made": 3}

    kind(run)
    async with running(services):
        job = await queued(services, make)
        done = await until(services, job, JobStatus.SUCCEEDED)

    assert (done.output, done.progress, done.attempts) == ({"made": 3}, 100, 1)
    assert done.started_at is not None and done.finished_at is not None  # noqa: PT018
    async with services.database.read() as connection:
        told = select(models.Event.payload).order_by(models.Event.position)
        seen = [row.payload for row in await connection.execute(told)]
    assert [(e["status"], e["progress"]) for e in seen] == [
        ("queued", 0),
        ("running", 0),
        ("running", 40),
        ("succeeded", 100),
    ]


async def test_what_is_rolled_back_never_runs(
    services: Services, make: Make, kind: RunJobs
) -> None:
    ran: list[int] = []

    async def run(_ctx: Context, job_id: int) -> dict[str, Any]:
        ran.append(job_id)
        return {}

    kind(run)
    owner = await make.organization()
    async with running(services):
        async with services.database.writing.connect() as connection, connection.begin() as begun:
            async with AsyncSession(connection) as tx:
                await jobs.enqueue(tx, kind="test", organization_id=owner.id)
            await begun.rollback()
        kept = await queued(services, make)
        await until(services, kept, JobStatus.SUCCEEDED)

    assert ran == [kept.id]


async def test_an_unexpected_failure_is_tried_again(
    services: Services, make: Make, kind: RunJobs
) -> None:
    tries: list[int] = []

    async def run(_ctx: Context, job_id: int) -> dict[str, Any]:
        tries.append(job_id)
        if len(tries) < 3:
            raise Unavailable("the chain does not answer") if len(tries) == 1 else OSError
        return {}

    kind(run)
    async with running(services):
        done = await until(services, await queued(services, make), JobStatus.SUCCEEDED)

    assert (done.attempts, len(tries), done.error_code) == (3, 3, None)


async def test_a_job_that_keeps_failing_ends_as_failed_and_gives_back_in_the_same_transaction(
    services: Services, make: Make, kind: RunJobs
) -> None:
    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        raise RuntimeError("secret detail")

    async def on_failure(ctx: Context, _tx: Any, job: models.Job) -> None:
        assert ctx.require().credential == "system"
        job.output = {"status_seen": job.status.value}

    kind(run, on_failure=on_failure, max_attempts=3)
    async with running(services):
        failed = await until(services, await queued(services, make), JobStatus.FAILED)

    assert (failed.attempts, failed.error_code) == (3, "INTERNAL")
    assert "secret" not in (failed.error_message or "")
    assert failed.output == {"status_seen": "failed"}


async def test_a_refusal_is_final_at_once_and_says_why(
    services: Services, make: Make, kind: RunJobs
) -> None:
    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        raise InsufficientStock("2 of 3 units are left")

    kind(run)
    async with running(services):
        failed = await until(services, await queued(services, make), JobStatus.FAILED)

    assert (failed.attempts, failed.error_code) == (1, "INSUFFICIENT_STOCK")
    assert failed.error_message == "2 of 3 units are left"


async def test_a_failed_job_that_cannot_give_back_stays_open(
    services: Services, make: Make, kind: RunJobs
) -> None:
    refusals: list[int] = []

    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        raise InsufficientStock("none left")

    async def on_failure(_ctx: Context, _tx: Any, job: models.Job) -> None:
        refusals.append(job.id)
        if len(refusals) == 1:
            raise OSError

    kind(run, on_failure=on_failure)
    async with running(services, lease=0.5):
        job = await queued(services, make)
        failed = await until(services, job, JobStatus.FAILED)

    assert failed.attempts == 2
    assert refusals == [job.id, job.id]


async def test_a_retried_job_is_another_run_of_the_same_row(
    services: Services, make: Make, kind: RunJobs
) -> None:
    working = False

    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        if not working:
            raise InsufficientStock("none left")
        return {}

    kind(run)
    ctx = Context(services, system((await make.organization()).id))
    async with running(services):
        job = await queued(services, make)
        await until(services, job, JobStatus.FAILED)
        working = True
        await jobs.retry(ctx, id=job.id)
        done = await until(services, job, JobStatus.SUCCEEDED)

    assert (done.run, done.attempts, done.error_code) == (2, 1, None)


async def test_a_cancelled_job_stops_and_its_result_counts_for_nothing(
    services: Services, make: Make, kind: RunJobs
) -> None:
    stopped = asyncio.Event()

    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return {}

    kind(run)
    ctx = Context(services, system((await make.organization()).id))
    async with running(services, lease=0.3):
        job = await queued(services, make)
        await until(services, job, JobStatus.RUNNING)
        await jobs.cancel(ctx, id=job.id)
        async with asyncio.timeout(PATIENCE):
            await stopped.wait()

    assert (await row_of(services, job)).status is JobStatus.CANCELLED


async def test_no_more_run_at_once_than_allowed_and_none_waits_for_one_that_backs_off(
    services: Services, make: Make, kind: RunJobs
) -> None:
    at_once: list[int] = []
    most = 0

    async def run(_ctx: Context, job_id: int) -> dict[str, Any]:
        nonlocal most
        at_once.append(job_id)
        most = max(most, len(at_once))
        await asyncio.sleep(0)
        at_once.remove(job_id)
        if job_id in stubborn:
            raise OSError
        return {}

    stubborn: set[int] = set()
    kind(run)
    for _ in range(2):
        stubborn.add((await queued(services, make)).id)
    async with running(services, concurrency=2, backoff=(3600.0,)):
        for job in [await queued(services, make) for _ in range(5)]:
            await until(services, job, JobStatus.SUCCEEDED)

    assert 1 <= most <= 2


async def test_a_stopped_runtime_hands_its_jobs_back_and_the_next_one_goes_on(
    services: Services, make: Make, kind: RunJobs
) -> None:
    patient = True

    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        if patient:
            await asyncio.Event().wait()
        return {}

    kind(run)
    async with running(services, executor_id="one"):
        job = await queued(services, make)
        await until(services, job, JobStatus.RUNNING)
    back = await row_of(services, job)
    assert (back.status, back.attempts, back.lease_until) == (JobStatus.QUEUED, 0, None)

    patient = False
    async with running(services, executor_id="one"):
        done = await until(services, job, JobStatus.SUCCEEDED)
    assert done.attempts == 1


async def test_what_a_lost_worker_had_begun_another_one_finishes(
    services: Services, make: Make, kind: RunJobs
) -> None:
    lost = True

    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        if lost:
            await asyncio.Event().wait()
        return {}

    kind(run)
    async with running(services, executor_id="lost"):
        job = await queued(services, make)
        await until(services, job, JobStatus.RUNNING)
    lost = False
    async with running(services, executor_id="other", lease=0.3):
        done = await until(services, job, JobStatus.SUCCEEDED)

    assert done.status is JobStatus.SUCCEEDED


async def test_an_attempt_that_lost_its_lease_cannot_fail_the_next_one(
    services: Services, make: Make, kind: RunJobs
) -> None:
    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        return {}

    kind(run, max_attempts=2)
    ctx = Context(services, system((await make.organization()).id))
    job, past = await queued(services, make), services.clock()
    first = await attempts.start(ctx, job.id, 1, lease_until=past)
    second = await attempts.start(ctx, job.id, 1, lease_until=past)
    assert isinstance(first, attempts.Attempt)
    assert isinstance(second, attempts.Attempt)

    await attempts.fail(ctx, first, "LATE", "too late")
    assert not await attempts.renew(ctx, first, lease_until=past)
    assert (await row_of(services, job)).status is JobStatus.RUNNING

    assert await attempts.start(ctx, job.id, 1, lease_until=past) is None
    ended = await row_of(services, job)
    assert (ended.status, ended.error_code) == (JobStatus.FAILED, "RUNNER_LOST")


async def worker(database_url: str, executor_id: str, *settings: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.work_load",
        database_url,
        executor_id,
        "1",
        *settings,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def finished(process: asyncio.subprocess.Process, count: int) -> None:
    """Wait until the process has said so many lines: one for each that it finished."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        for _ in range(count):
            assert await process.stdout.readline()


@pytest.mark.parametrize("successor", ["one", "another"])
async def test_kill_9_in_the_middle_loses_nothing_and_repeats_nothing(
    services: Services, make: Make, database_url: str, successor: str
) -> None:
    todo = [await queued(services, make, MARK.name) for _ in range(30)]
    first = await worker(database_url, "one")
    await finished(first, 7)
    first.kill()
    await first.wait()

    second = await worker(database_url, successor)
    try:
        for job in todo:
            await until(services, job, JobStatus.SUCCEEDED)
    finally:
        second.kill()
        await second.wait()

    assert await marks(services) == {job.id: 1 for job in todo}


async def test_two_workers_share_the_jobs_and_do_each_once(
    services: Services, make: Make, database_url: str
) -> None:
    todo = [await queued(services, make, MARK.name) for _ in range(30)]
    workers = [await worker(database_url, name, "held") for name in ("one", "two")]
    try:
        for process in workers:
            await finished(process, 1)  # at work: both have a part in it, before anything is done
        for process in workers:
            assert process.stdin is not None
            process.stdin.write(b"go on\n")
        for job in todo:
            await until(services, job, JobStatus.SUCCEEDED)
    finally:
        for process in workers:
            process.kill()
            await process.wait()

    assert await marks(services) == {job.id: 1 for job in todo}


async def marks(services: Services) -> dict[int, int]:
    """How many entries each job has left."""
    counted = select(models.AuditEntry.subject_id, func.count()).group_by(
        models.AuditEntry.subject_id
    )
    async with services.database.read() as connection:
        rows: Any = (await connection.execute(counted)).all()
    return dict(rows)


JOBS = """query ($filter: JobFilter) { jobs(filter: $filter, sort: ID_ASC) { totalCount nodes {
  id kind status attempts progress input output error { code message } order { id } } } }"""
RETRY = "mutation ($id: ID!) { retryJob(id: $id) { job { status run } errors { code field } } }"
CANCEL = "mutation ($id: ID!) { cancelJob(id: $id) { job { status } errors { code field } } }"


async def test_jobs_are_listed_filtered_cancelled_and_retried(
    services: Services, make: Make, kind: RunJobs, gql: GraphQL
) -> None:
    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        return {}

    kind(run)
    store, key = await make.store(), await make.key()
    job = await queued(services, make, store_id=store.id, input={"n": 1})
    await queued(services, make)

    wanted = {"storeId": gid(store), "status": ["QUEUED"], "kind": ["test"]}
    page = (await gql.data(JOBS, key=key, filter=wanted))["jobs"]
    assert page["totalCount"] == 1
    assert page["nodes"] == [
        {
            "id": gid(job),
            "kind": "test",
            "status": "QUEUED",
            "attempts": 0,
            "progress": 0,
            "input": {"n": 1},
            "output": None,
            "error": None,
            "order": None,
        }
    ]
    refused = await gql.data(RETRY, key=key, id=gid(job))
    assert refused["retryJob"] == {"job": None, "errors": [{"code": "CONFLICT", "field": ["id"]}]}
    cancelled = await gql.data(CANCEL, key=key, id=gid(job))
    assert cancelled["cancelJob"] == {"job": {"status": "CANCELLED"}, "errors": []}
    again = await gql.data(CANCEL, key=key, id=gid(job))
    assert again["cancelJob"]["errors"] == [{"code": "CONFLICT", "field": ["id"]}]
    retried = await gql.data(RETRY, key=key, id=gid(job))
    assert retried["retryJob"] == {"job": {"status": "QUEUED", "run": 2}, "errors": []}


async def test_jobs_of_others_do_not_exist(
    services: Services, make: Make, kind: RunJobs, gql: GraphQL
) -> None:
    async def run(_ctx: Context, _job_id: int) -> dict[str, Any]:
        return {}

    kind(run)
    store = await make.store()
    job = await queued(services, make, store_id=store.id)
    stranger, client = await make.key("Other"), await make.wholesale_key(store)

    for key in (stranger, client):
        page = (await gql.data(JOBS, key=key))["jobs"]
        assert (page["totalCount"], page["nodes"]) == (0, [])
    refused = await gql.data(CANCEL, key=stranger, id=gid(job))
    assert refused["cancelJob"]["errors"] == [{"code": "NOT_FOUND", "field": ["id"]}]
    answer = await gql(CANCEL, key=client, id=gid(job))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await row_of(services, job)).status is JobStatus.QUEUED
