"""Bytes of files that are deleted, and of uploads that came to nothing, go in the end."""

from datetime import timedelta

import pytest

from db import models
from db.base import now
from jobs import files
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.state import all_rows, stored

DELETE = "mutation ($id: ID!) { deleteFile(id: $id) { deletedId errors { code } } }"


def later(services: Services, **time: float) -> None:
    at = now() + timedelta(**time)
    services.clock = lambda: at


async def stored_file(make: Make, store: models.Store, n: int) -> models.File:
    key = f"{store.id}/{n:032x}"
    row = await make.file(store, key=key, thumbnail_key=f"{key}-small")
    await make.services.storage.put(key, b"x")
    await make.services.storage.put(f"{key}-small", b"x")
    return row


@pytest.mark.usefixtures("kept")
async def test_bytes_of_a_deleted_file_go_after_a_day(
    gql: GraphQL, make: Make, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH", 2)
    store, key = await make.store(), await make.key()
    kept, *gone = [await stored_file(make, store, n) for n in range(4)]
    for row in gone:
        await gql.done(DELETE, key=key, id=gid(row))

    assert await files.sweep_deleted(services) == 0
    assert len(await stored(services)) == 8
    later(services, hours=25)
    assert await files.sweep_deleted(services) == 3
    assert await files.sweep_deleted(services) == 0

    assert await stored(services) == [kept.key, kept.thumbnail_key]
    assert [row[0] for row in (await all_rows(services))["file"]] == [kept.id]


async def test_a_sweep_that_was_interrupted_is_finished_by_the_next(
    make: Make, services: Services
) -> None:
    row = await stored_file(make, await make.store(), 1)
    async with services.database.write() as tx:
        (await tx.get_one(models.File, row.id)).deleted_at = now()
    await services.storage.delete([row.key])
    later(services, hours=25)
    assert await files.sweep_deleted(services) == 1
    assert await stored(services) == []


@pytest.mark.usefixtures("kept")
async def test_bytes_without_a_row_go_after_a_day_and_no_others(
    make: Make, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH", 2)
    store = await make.store()
    known = [await stored_file(make, store, n) for n in range(2)]
    for n in range(3):
        await services.storage.put(f"{store.id}/{n + 9:032x}", b"x")
    await services.storage.put("backup/of-somebody-else.tar", b"x")

    assert await files.sweep_orphans(services) == 0
    assert len(await stored(services)) == 8
    later(services, hours=25)
    assert await files.sweep_orphans(services) == 3
    assert await files.sweep_orphans(services) == 0

    mine = sorted(key for row in known for key in (row.key, f"{row.key}-small"))
    assert await stored(services) == [*mine, "backup/of-somebody-else.tar"]
