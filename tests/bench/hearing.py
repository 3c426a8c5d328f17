"""Measure subscriptions: how long after a change the first and the last of many have heard it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from sqlalchemy import select

from db.engine import Database
from db.models import Event
from resolvers.keys import global_id
from tests.bench import listeners
from tests.bench.catalogue import Filled
from tests.bench.client import request
from tests.bench.measure import ask
from tests.bench.processes import Process, cpu_seconds, python, serving

SUBSCRIBERS = 1000
ORDER = global_id("Order", 1)
FIELDS = {
    "status": "id occurredAt paymentStatus fulfillmentStatus",
    "status and the order with its lines": (
        "id occurredAt fulfillmentStatus order { id ref fulfillmentStatus"
        " total { amount currency } lines { id title quantity } }"
    ),
}
CHANGE = """mutation Note($id: ID!, $note: String!) {
  updateOrder(id: $id, changes: { note: $note }) { errors { message } } }"""


@dataclass(frozen=True, slots=True)
class Heard:
    """Milliseconds from the change's writing, and microseconds of the server's CPU a message."""

    what: str
    subscribers: int
    first: float
    last: float
    cpu: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def of_gateway(
    what: str, filled: Filled, database: Database, server: tuple[Process, int], changes: int
) -> Heard:
    process, port = server
    token = {"Authorization": f"Bearer {filled.everything}"}

    async def change() -> None:
        variables = {"id": ORDER, "note": f"changed at {time.time_ns()}"}
        body = orjson.dumps({"query": CHANGE, "variables": variables})
        answer = await ask(port, request("POST", "/graphql", token, body))
        if b'"errors":[]' not in answer:
            raise RuntimeError(answer.decode())

    async def written() -> float:
        newest = select(Event.created_at).order_by(Event.id.desc()).limit(1)
        async with database.read() as connection:
            return (await connection.execute(newest)).scalar_one().timestamp()

    await change()  # a subscription begins with the newest event
    query = "subscription($id: ID!) { orderStatus(id: $id) { %s } }" % FIELDS[what]  # noqa: UP031
    plan = listeners.Plan(
        f"ws://127.0.0.1:{port}/graphql",
        SUBSCRIBERS,
        {"type": "connection_init", "payload": token},
        {
            "id": "1",
            "type": "subscribe",
            "payload": {"query": query, "variables": {"id": ORDER}},
        },
    )
    return await _heard(what, plan, process, change=change, written=written, changes=changes)


async def of_bare_handler(folder: Path, changes: int) -> Heard:
    path = folder / "empty.json"
    path.write_bytes(b"{}")
    async with serving("tests.bench.constant", str(path)) as (process, port):
        at = [0.0]

        async def change() -> None:
            at[0] = time.time()
            await ask(port, request("POST", "/tell", {}, str(at[0]).encode()))

        async def written() -> float:
            return at[0]

        plan = listeners.Plan(
            f"ws://127.0.0.1:{port}/socket",
            SUBSCRIBERS,
            {"type": "connection_init"},
            {"id": "1", "type": "subscribe", "payload": {}},
        )
        return await _heard(
            "bare handler", plan, process, change=change, written=written, changes=changes
        )


async def _heard(
    what: str,
    plan: listeners.Plan,
    process: Process,
    *,
    change: Callable[[], Awaitable[None]],
    written: Callable[[], Awaitable[float]],
    changes: int,
) -> Heard:
    moments: list[tuple[float, float]] = []
    async with python("tests.bench.listeners") as crowd:
        await crowd.say(orjson.dumps(asdict(plan)))
        await crowd.read()
        before = cpu_seconds(process.pid)
        for number in range(changes):
            await crowd.say(str(number))
            await change()
            first, last = map(float, (await crowd.read()).split())
            at = await written()
            moments.append((first - at, last - at))
        used = cpu_seconds(process.pid) - before
    return Heard(
        what,
        plan.subscribers,
        first=median(first for first, _ in moments) * 1000,
        last=median(last for _, last in moments) * 1000,
        cpu=used / (changes * plan.subscribers) * 1_000_000,
    )
