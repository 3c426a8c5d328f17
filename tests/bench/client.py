"""A load generator in its own process: rounds come in as lines of JSON, figures go out.

It keeps connections open, sends prepared bytes, and reads answers with as little work as it can:
what it saves is the server's to use, on a machine with few cores.
"""

import asyncio
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import Any

import orjson
import uvloop


@dataclass(frozen=True, slots=True)
class Round:
    """``requests`` are sent in turn by ``clients`` connections for ``seconds``."""

    port: int
    requests: list[str]
    clients: int
    seconds: float
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests a second, and milliseconds of the median and of the slowest in a hundred."""

    rate: float
    p50: float
    p99: float
    answers: int


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> str:
    """A request as bytes on the wire (latin-1 text, so that JSON carries it)."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]) + body.decode("latin-1")


class Connection(asyncio.Protocol):
    """One keep-alive connection: ``ask`` sends a request and waits for the whole answer.

    Answers have a Content-Length, as those of both servers do.
    """

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] | None = None
        self._got: list[bytes] = []
        self._missing = -1
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        self._got, self._missing = [], -1
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._got.append(data)
        if self._missing < 0:
            head, end, rest = b"".join(self._got).partition(b"\r\n\r\n")
            if not end:
                return
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._missing = int(length) - len(rest)
        else:
            self._missing -= len(data)
        if self._missing <= 0 and self._answer is not None and not self._answer.done():
            self._answer.set_result(self._got[0])

    def whole(self) -> bytes:
        """The last answer with its head."""
        return b"".join(self._got)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server hung up"))

    def close(self) -> None:
        self._transport.close()


async def run(given: Round) -> Figures:
    loop = asyncio.get_running_loop()
    requests = cycle([text.encode("latin-1") for text in given.requests])
    connections = [
        (await loop.create_connection(Connection, "127.0.0.1", given.port))[1]
        for _ in range(given.clients)
    ]
    started = time.perf_counter()
    times = await asyncio.gather(
        *(_ask_on(each, requests, started + given.seconds, given.expected) for each in connections)
    )
    took = time.perf_counter() - started
    for connection in connections:
        connection.close()
    seen = sorted(one for each in times for one in each)
    return Figures(
        rate=len(seen) / took,
        p50=seen[len(seen) // 2] * 1000,
        p99=seen[min(len(seen) - 1, len(seen) * 99 // 100)] * 1000,
        answers=len(seen),
    )


async def _ask_on(
    connection: Connection, requests: Any, until: float, expected: str
) -> list[float]:
    times: list[float] = []
    now = time.perf_counter()
    while not times or now < until:
        head = await connection.ask(next(requests))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"refused: {connection.whole()[:600]!r}")
        if not times and expected.encode() not in connection.whole():
            raise RuntimeError(f"not what was asked for: {connection.whole()[:600]!r}")
        times.append(time.perf_counter() - now)
        now = time.perf_counter()
    return times


async def main() -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        figures = await run(Round(**orjson.loads(line)))
        sys.stdout.write(orjson.dumps(asdict(figures)).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
