"""A worker process for tests of jobs: ``python -m tests.work_load DATABASE_URL EXECUTOR_ID LEASE``.

Its one kind of job takes a little while and leaves one entry in the audit log per job. It prints a
line for each job that it finishes, and goes on until it is killed. With a fourth argument,
``held``, it prints a line as soon as it is at a job, and finishes none before it reads one.
"""

import asyncio
import sys
from typing import Any

import uvloop
from sqlalchemy import select

from db import models
from db.engine import Database, connect
from jobs.runtime import Runtime
from providers import storage
from providers.chain import SimulatedChain
from providers.memory import MemoryLimiter, NoJobs
from resolvers import audit, jobs
from resolvers.context import Context
from resolvers.feed import Feed
from resolvers.services import Services
from resolvers.vault import Vault

released = asyncio.Event()


async def leave_a_mark(ctx: Context, job_id: int) -> dict[str, Any]:
    """Write the job's one entry, unless an attempt that crashed afterwards has."""
    if not released.is_set():
        say("at work")
        await released.wait()
    await asyncio.sleep(0.05)
    async with ctx.transaction() as tx:
        await jobs.locked(tx, job_id)
        done = select(models.AuditEntry.id).where(
            models.AuditEntry.subject_type == "mark", models.AuditEntry.subject_id == job_id
        )
        if (await tx.scalar(done)) is None:
            audit.write(tx, ctx.require(), "mark.left", ("mark", job_id))
    await asyncio.sleep(0.05)  # a kill between the effect and its record must not repeat it
    say(str(job_id))
    return {"marked": job_id}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


MARK = jobs.register(jobs.Kind(name="leave_a_mark", run=leave_a_mark))


def services_over(database: Database) -> Services:
    return Services(
        database=database,
        vault=Vault([Vault.new_key()]),
        events=Feed(database),
        limiter=MemoryLimiter(),
        chain=SimulatedChain(database, {}),
        jobs=NoJobs(),
        storage=storage.memory(),
    )


async def main(database_url: str, executor_id: str, lease: float, *, held: bool) -> None:
    services = services_over(connect(database_url))
    services.jobs = runtime = Runtime(services, executor_id=executor_id, lease=lease, poll=0.1)
    await runtime.start()
    if held:
        await asyncio.to_thread(sys.stdin.readline)
    released.set()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), held="held" in sys.argv[4:]))
