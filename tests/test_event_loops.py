"""One test does not notice on its event loop what another one did there."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.event_loops import KeptLoop


@pytest.fixture
def loop() -> Iterator[KeptLoop]:
    made = KeptLoop()
    yield made
    made.end()


def test_a_loop_that_is_kept_is_as_good_as_new_to_the_next(loop: KeptLoop) -> None:
    seen, left_behind = list[str](), list[asyncio.Task[None]]()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    async def first() -> None:
        here = asyncio.get_running_loop()
        here.set_exception_handler(lambda _loop, _context: seen.append("handled"))
        here.call_later(0.01, seen.append, "late")
        seen.append(await asyncio.to_thread(str, "in a thread"))
        left_behind.append(asyncio.create_task(forever()))
        await asyncio.sleep(0)

    async def second() -> int:
        here, later = asyncio.get_running_loop(), asyncio.Event()
        assert here.get_exception_handler() is None
        here.call_later(0.02, later.set)
        await later.wait()
        seen.append(await asyncio.to_thread(str, "again"))
        return len(asyncio.all_tasks())

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(first())
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(second()) == 1

    assert seen == ["in a thread", "ended", "again"]
    assert left_behind[0].cancelled()
    assert not loop.is_closed()
