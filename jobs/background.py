"""Everything that runs outside of requests, started and stopped as one."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from jobs.courier import Courier
from jobs.runtime import Runtime
from jobs.sweeps import Scheduler, Sweep
from resolvers import generations
from resolvers.services import Sender, Services

HOUR = 3600
# Kinds of jobs that nothing else here imports: importing them makes them known.
KINDS = (generations,)


@asynccontextmanager
async def working(
    services: Services,
    sender: Sender,
    sweeps: Sequence[Sweep],
    *,
    executor_id: str,
    grace: Callable[[], float],
) -> AsyncGenerator[None]:
    """Run jobs, sweeps and webhooks; at the end what is under way gets ``grace()`` seconds.

    ``executor_id`` names this process among all that share the database, and is the same when it
    is started again.
    """
    runtime = Runtime(services, executor_id=executor_id)
    courier = Courier(services, sender)
    scheduler = Scheduler(services, [*sweeps, Sweep("ended_runs", HOUR, runtime.forget)])
    before, services.jobs = services.jobs, runtime
    services.sender = sender
    await runtime.start()
    await courier.start()
    await scheduler.start()
    try:
        yield
    finally:
        services.jobs = before
        await scheduler.stop()
        await courier.stop(grace())
        await runtime.stop(grace())
        services.sender = None
