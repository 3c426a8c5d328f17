"""Many WebSocket subscribers in one process: ``python -m tests.bench.listeners < plan.json``.

It prints ``ready`` once all of them have heard the first event, and for each line that it reads
(the number of a change) the moments at which the first and the last of them heard the next one.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import uvloop


@dataclass(frozen=True, slots=True)
class Plan:
    """``url`` of the socket, and what each of ``subscribers`` sends."""

    url: str
    subscribers: int
    init: dict[str, Any]
    subscribe: dict[str, Any]


async def run(plan: Plan) -> None:
    heard: asyncio.Queue[float] = asyncio.Queue()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        few = asyncio.Semaphore(50)
        listening = [
            asyncio.create_task(_listen(session, plan, few, heard)) for _ in range(plan.subscribers)
        ]
        await _moments(heard, plan.subscribers)
        _say("ready")
        while await asyncio.to_thread(sys.stdin.readline):
            moments = await _moments(heard, plan.subscribers)
            _say(f"{min(moments)} {max(moments)}")
        for task in listening:
            task.cancel()


async def _listen(
    session: aiohttp.ClientSession, plan: Plan, few: asyncio.Semaphore, heard: Any
) -> None:
    async with few:
        socket = await session.ws_connect(plan.url, protocols=("graphql-transport-ws",))
        await socket.send_json(plan.init)
        await socket.receive()
        await socket.send_json(plan.subscribe)
    async for message in socket:
        if '"next"' in message.data:
            if '"errors"' in message.data:
                raise RuntimeError(message.data)
            heard.put_nowait(time.time())
        elif '"ping"' not in message.data:
            raise RuntimeError(message.data)


async def _moments(heard: "asyncio.Queue[float]", count: int) -> list[float]:
    async with asyncio.timeout(60):
        return [await heard.get() for _ in range(count)]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(run(Plan(**orjson.loads(sys.stdin.readline()))))
