"""Measure requests: rounds of the gateway and of its baselines in turn, and their medians."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from tests.bench.cases import Case
from tests.bench.client import Connection, Figures, Round
from tests.bench.processes import Process, serving

GATEWAY, BARE, PLAIN, HANDWRITTEN = "gateway", "bare", "plain", "handwritten"
BASELINES = (PLAIN, HANDWRITTEN)  # modules of this package


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes, in seconds. A round lasts until each client has one answer."""

    clients: tuple[int, ...]
    rounds: int
    seconds: float
    bare_seconds: float
    warm_up: float
    changes: int


DEFAULT = Plan(clients=(1, 16), rounds=3, seconds=1.0, bare_seconds=0.5, warm_up=0.8, changes=20)
QUICK = Plan(clients=(1, 16), rounds=1, seconds=0.6, bare_seconds=0.3, warm_up=0.3, changes=5)


@dataclass(frozen=True, slots=True)
class Result:
    """Medians over the rounds, of each server by its name.

    ``ratios`` are medians of what each round found, as a noisy machine slows the servers of one
    round alike: how many times as much the bare handler answers as the gateway, and how many times
    as much the gateway answers as a baseline.
    """

    what: str
    clients: int
    bytes: int
    figures: dict[str, Figures]
    ratios: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        servers = {name: asdict(figures) for name, figures in self.figures.items()}
        return {
            "what": self.what,
            "clients": self.clients,
            "bytes": self.bytes,
            **servers,
            "ratio": self.ratios[BARE],
            **{f"gateway_to_{name}": self.ratios.get(name) for name in BASELINES},
        }


@dataclass(frozen=True, slots=True)
class _Server:
    port: int
    requests: list[str]
    seconds: float


async def measure(
    case: Case,
    ports: Mapping[str, int],
    load: Process,
    folder: Path,
    *,
    plan: Plan,
    tell: Callable[[str], None],
) -> list[Result]:
    """All figures of one case, for one client and for many.

    ``ports`` are of the gateway and of baselines. Raises ``RuntimeError`` where these do not answer
    as the gateway does.
    """
    servers = {
        name: _Server(port, case.routed() if name == HANDWRITTEN else case.requests, plan.seconds)
        for name, port in ports.items()
        if name == GATEWAY or case.route is not None
    }
    body = await _agreed(case, servers)
    found: dict[int, list[dict[str, Figures]]] = {clients: [] for clients in plan.clients}
    async with AsyncExitStack() as stack:
        path = folder / "body.json"
        path.write_bytes(body)
        bare = serving("tests.bench.constant", str(path))
        _, port = await stack.enter_async_context(bare)
        tell(f"{case.name}, warming up")
        for server in servers.values():
            await _round(load, case, server, max(plan.clients), plan.warm_up)
        servers[BARE] = _Server(port, case.requests, plan.bare_seconds)
        for _ in range(plan.rounds):
            for clients, rounds in found.items():
                tell(f"{case.name}, {clients} client{'s' if clients > 1 else ''}")
                rounds.append(
                    {
                        name: await _round(load, case, server, clients, server.seconds)
                        for name, server in servers.items()
                    }
                )
    return [
        Result(
            case.name,
            clients,
            len(body),
            {name: _median([each[name] for each in rounds]) for name in servers},
            {name: median(_ratio(name, each) for each in rounds) for name in servers},
        )
        for clients, rounds in found.items()
    ]


def _ratio(name: str, figures: Mapping[str, Figures]) -> float:
    ratio = figures[GATEWAY].rate / figures[name].rate
    return 1 / ratio if name == BARE else ratio


async def _round(
    load: Process, case: Case, server: _Server, clients: int, seconds: float
) -> Figures:
    given = Round(server.port, server.requests, clients, seconds, case.expected)
    await load.say(orjson.dumps(asdict(given)))
    return Figures(**orjson.loads(await load.read()))


def _median(rounds: list[Figures]) -> Figures:
    return Figures(
        rate=median(each.rate for each in rounds),
        p50=median(each.p50 for each in rounds),
        p99=median(each.p99 for each in rounds),
        answers=sum(each.answers for each in rounds),
    )


async def _agreed(case: Case, servers: Mapping[str, _Server]) -> bytes:
    """One real answer of the gateway's, for the bare handler to give; the others find the same."""
    for number in {0, len(case.requests) - 1} if len(servers) > 1 else ():
        answers = {
            name: await ask(server.port, server.requests[number])
            for name, server in servers.items()
        }
        found = _data(answers[GATEWAY])
        for name, answer in answers.items():
            if _data(answer) != found:
                told = f"{answer[:500]!r}, but the gateway {answers[GATEWAY][:500]!r}"
                raise RuntimeError(f"{case.name}: the {name} server says {told}")
    return await ask(servers[GATEWAY].port, case.requests[0])


def _data(answer: bytes) -> Any:
    return orjson.loads(answer).get("data") if answer.startswith(b"{") else None


async def ask(port: int, request: str) -> bytes:
    """The body of one answer."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
    try:
        await connection.ask(request.encode("latin-1"))
        return connection.whole().partition(b"\r\n\r\n")[2]
    finally:
        connection.close()
