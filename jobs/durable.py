"""DBOS: which runs of jobs were begun, kept where a crash does not reach it.

DBOS knows only that a run of a job was begun and has not ended; everything that users see is in the
job's row. So it may believe what it likes after a crash: a run that it begins a second time finds
in the row that it is over, or that another runner has it.

DBOS is one per process. Nothing but this module knows of it.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import structlog
from dbos import DBOS, DBOSConfig, SetWorkflowID, error
from sqlalchemy import make_url

log = structlog.get_logger()
APPLICATION = "storegraph"
# A run is remembered as two numbers. While that is so, any release can go on with what another one
# began, so this does not change with releases.
VERSION = "1"
_OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_FORGET_AT_ONCE = 500


class Runner(Protocol):
    """What runs jobs in this process (``jobs.runner``)."""

    def engaged(self, job_id: int) -> AbstractContextManager[None]: ...

    async def attempt(self, job_id: int, run: int) -> float | None:
        """Try it once. None when the run is over, else the seconds until the next attempt.

        Raises nothing (DBOS would take it for the end of the run) but ``CancelledError``, which
        leaves the run as one that was begun and has not ended.
        """
        ...


_runners: list[Runner] = []  # the one of this process


@DBOS.step(name="attempt")
async def _attempt(job_id: int, run: int) -> float | None:
    return await _runners[0].attempt(job_id, run)


# The job's own count of attempts ends what crashes every time; DBOS need not count too.
@DBOS.workflow(name="job", max_recovery_attempts=None)
async def _run(job_id: int, run: int) -> None:
    with _runners[0].engaged(job_id):
        while (wait := await _attempt(job_id, run)) is not None:
            await DBOS.sleep_async(wait)


async def launch(database_url: str, *, executor_id: str, runner: Runner) -> None:
    """Start DBOS, which takes up again what this executor had begun when it ended."""
    if _runners:
        raise RuntimeError("a process runs one runtime of jobs at a time")
    _log_to_structlog()
    _runners.append(runner)
    url = system_database(database_url)
    try:
        # Its indexes wait for every transaction in the database, so for those of this loop: not on
        # the loop's thread.
        await asyncio.to_thread(DBOS.migrate, url)
        # But this is, for the loop that launches is the loop that runs the jobs. It blocks for some
        # tens of milliseconds and waits for nobody.
        DBOS(config=_config(url, executor_id))
        DBOS.launch()
    except BaseException:
        _runners.clear()
        raise


def _config(url: str, executor_id: str) -> DBOSConfig:
    return DBOSConfig(
        name=APPLICATION,
        system_database_url=url,
        sys_db_pool_size=5,
        executor_id=executor_id,
        application_version=VERSION,
        log_level="WARNING",
        enable_otlp=False,
        run_migrations=False,
        max_executor_threads=16,
        notification_listener_polling_interval_sec=0.2,  # how soon that thread ends, too
    )


def system_database(database_url: str) -> str:
    """Where DBOS keeps its tables: ``jobs.db`` beside the store's file, or a schema of its own."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        folder, _, _ = (url.database or "").rpartition("/")
        return f"sqlite:///{folder}/jobs.db" if folder else "sqlite:///jobs.db"
    query = {"sslmode" if name == "ssl" else name: value for name, value in url.query.items()}
    psycopg = url.set(drivername="postgresql+psycopg", query=query)
    return psycopg.render_as_string(hide_password=False)


def name_of(uuid: UUID, run: int) -> str:
    return f"{uuid}:{run}"


async def begin(name: str, job_id: int, run: int) -> str | None:
    """Begin a run under a name. Returns None, or what became of the run that has this name."""
    try:
        with SetWorkflowID(name, workflow_id_reuse_policy="reject"):
            await DBOS.start_workflow_async(_run, job_id, run)
    except error.DBOSWorkflowIDInUseError as used:
        return used.workflow_status
    return None


async def take_over(name: str, status: str, job_id: int, run: int, attempts: int) -> None:
    """Have a run go on that nobody seems to be at, whatever DBOS believes of it."""
    if status in _OVER:  # the two databases were restored from backups of different age
        await begin(f"{name}:{attempts}", job_id, run)
    else:
        await DBOS.resume_workflow_async(name)


async def forget(before: datetime) -> None:
    """Drop what DBOS kept of runs that ended before an instant."""
    while True:
        ended = await DBOS.list_workflows_async(
            status=list(_OVER),
            completed_before=before.astimezone(UTC).isoformat(),
            limit=_FORGET_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        await DBOS.delete_workflows_async([run.workflow_id for run in ended])
        if len(ended) < _FORGET_AT_ONCE:
            return


async def close(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """End DBOS. ``tasks`` are the runs still under way here: begun, not ended, for another day."""
    loop = asyncio.get_running_loop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # DBOS waits for its threads, and they may wait for this loop: so not on this loop's thread.
    # Nor on the loop's default threads, since DBOS has made its own of them, which it ends.
    with ThreadPoolExecutor(max_workers=1) as thread:
        await loop.run_in_executor(thread, DBOS.destroy)
    loop.set_default_executor(ThreadPoolExecutor())
    _runners.clear()


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, "dbos", message=record.getMessage(), exc_info=record.exc_info)


def _log_to_structlog() -> None:
    logger = logging.getLogger("dbos")
    logger.handlers = [_ToStructlog()]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
