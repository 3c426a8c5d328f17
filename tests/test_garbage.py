"""When Python is told to look for what reference counting leaves."""

import asyncio
import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from app import garbage
from app.garbage import MOST_ENDED, Streams


class Circle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def left() -> Iterator["ref[Circle]"]:
    """Garbage that only a collection finds."""
    gc.disable()
    yield ref(Circle())
    gc.enable()


async def turns() -> None:
    """Let the loop run what is due."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_streams_leave_is_looked_for_when_many_have_ended(
    left: "ref[Circle]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "LEAVING", 0)
    streams = Streams()
    for _ in range(MOST_ENDED - 1):
        with streams.one():
            pass
    await turns()
    assert left() is not None
    with pytest.raises(ConnectionError), streams.one():
        raise ConnectionError
    await turns()
    assert left() is None


async def test_it_is_not_looked_for_while_more_are_open_than_have_ended(
    left: "ref[Circle]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "LEAVING", 0)
    streams = Streams()
    opened = [streams.one() for _ in range(MOST_ENDED + 1)]
    for each in opened:
        each.__enter__()
    for _ in range(MOST_ENDED):
        with streams.one():
            pass
    await turns()
    assert left() is not None
    for each in opened[:2]:  # more have ended now than are open
        each.__exit__(None, None, None)
    await turns()
    assert left() is None
    for each in opened[2:]:
        each.__exit__(None, None, None)
