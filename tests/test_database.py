"""Units of work: what becomes of the one that is cut off."""

import asyncio
import gc
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select, update

from db import models
from db.engine import Database
from resolvers.services import Services
from tests.kit import Make

PATIENCE = 20.0
"""Seconds: a third of what SQLite waits for a lock."""


@pytest.fixture
def uncollected() -> Iterator[None]:
    """What has ended lives on wherever a circle of references holds it."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
async def test_a_unit_of_work_that_is_cancelled_lets_go_of_everything_at_once(
    make: Make, database: Database, services: Services
) -> None:
    store = await make.store(name="Before")
    for _ in range(30):
        await make.product(store)
    renamed = update(models.Store).values(name="After").returning(models.Store.id)

    for turns in range(20):
        reached = asyncio.Event()

        async def work(reached: asyncio.Event = reached) -> None:
            async with services.database.write() as tx:
                await tx.execute(renamed)
                reached.set()
                while True:
                    await tx.execute(select(models.Product))
                    await tx.execute(renamed)

        task = asyncio.create_task(work())
        await reached.wait()
        for _ in range(turns):  # so that it is cut off at another place each time
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(PATIENCE), database.write() as tx:
            named = await tx.scalar(select(models.Store.name))
            counted = await tx.scalar(select(func.count()).select_from(models.Product))
        assert (named, counted) == ("Before", 30)
