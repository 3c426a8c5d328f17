"""Measure requests: rounds of the gateway and of the bare handler in turn, and their medians."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from tests.bench.cases import Case
from tests.bench.client import Connection, Figures, Round
from tests.bench.processes import Process, python


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes, in seconds. A round lasts until each client has one answer."""

    clients: tuple[int, ...]
    rounds: int
    seconds: float
    bare_seconds: float
    warm_up: float
    changes: int


DEFAULT = Plan(clients=(1, 16), rounds=3, seconds=1.0, bare_seconds=0.5, warm_up=0.8, changes=5)
QUICK = Plan(clients=(1, 8), rounds=1, seconds=0.6, bare_seconds=0.3, warm_up=0.3, changes=3)


@dataclass(frozen=True, slots=True)
class Result:
    """Medians over the rounds. ``ratio``: how many times as much the bare handler answers."""

    what: str
    clients: int
    bytes: int
    gateway: Figures
    bare: Figures

    @property
    def ratio(self) -> float:
        return self.bare.rate / self.gateway.rate

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


async def measure(
    case: Case,
    port: int,
    load: Process,
    folder: Path,
    *,
    plan: Plan,
    tell: Callable[[str], None],
) -> list[Result]:
    """All figures of one case, for one client and for many."""
    body = await _body(case, port)
    path = folder / "body.json"
    path.write_bytes(body)
    await _round(load, case, port, 1, plan.warm_up)
    found: dict[int, list[tuple[Figures, Figures]]] = {clients: [] for clients in plan.clients}
    async with python("tests.bench.constant", str(path)) as bare:
        bare_port = int(await bare.read())
        for _ in range(plan.rounds):
            for clients, pairs in found.items():
                tell(f"{case.name}, {clients} client{'s' if clients > 1 else ''}")
                ours = await _round(load, case, port, clients, plan.seconds)
                theirs = await _round(load, case, bare_port, clients, plan.bare_seconds)
                pairs.append((ours, theirs))
    return [
        Result(
            case.name,
            clients,
            len(body),
            _median([ours for ours, _ in pairs]),
            _median([theirs for _, theirs in pairs]),
        )
        for clients, pairs in found.items()
    ]


async def _round(load: Process, case: Case, port: int, clients: int, seconds: float) -> Figures:
    given = Round(port, case.requests, clients, seconds, case.expected)
    await load.say(orjson.dumps(asdict(given)))
    return Figures(**orjson.loads(await load.read()))


def _median(rounds: list[Figures]) -> Figures:
    return Figures(
        rate=median(each.rate for each in rounds),
        p50=median(each.p50 for each in rounds),
        p99=median(each.p99 for each in rounds),
        answers=sum(each.answers for each in rounds),
    )


async def _body(case: Case, port: int) -> bytes:
    """One real answer, for the bare handler to give."""
    return await ask(port, case.requests[0])


async def ask(port: int, request: str) -> bytes:
    """The body of one answer."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
    try:
        await connection.ask(request.encode("latin-1"))
        return connection.whole().partition(b"\r\n\r\n")[2]
    finally:
        connection.close()
