"""Equal subscriptions are answered once, and each hears all of it in order, however it reads."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiohttp import TCPConnector
from aiohttp.test_utils import TestClient, TestServer

from app.settings import Settings
from app.web import create_app
from db import models
from db.base import now
from resolvers import api_keys, broadcasts, fetch, followers
from resolvers.context import Context
from resolvers.history import History
from resolvers.services import Services
from resolvers.transitions import tell
from resolvers.viewer import system
from tests.callers import Client
from tests.kit import Key, Make, gid
from tests.test_subscriptions import Socket, attached, subscribed

WATCH = """subscription Watch($id: ID!, $after: ID) { orderStatus(id: $id, after: $after) {
  id occurredAt fulfillmentStatus order { ref note total { amount } lines { title } } } }"""
CHOOSE = """subscription ($id: ID!, $after: ID, $full: Boolean!) {
  orderStatus(id: $id, after: $after) {
    id order { ref @include(if: $full) lines { title } customer { email } } } }"""


class Watched:
    """An order that changes when it is told to."""

    def __init__(self, services: Services, row: models.Order, key: Key) -> None:
        """``key`` may see everything of it."""
        self.services, self.row, self.id, self.key = services, row, gid(row), key

    @classmethod
    async def make(cls, make: Make, services: Services) -> "Watched":
        """With a line and a customer; one thing has happened to it already."""
        line = await make.row(models.OrderLine, "Acme")
        customer = await make.row(models.Customer, "Acme")
        async with services.database.write() as tx:
            order = await tx.get_one(models.Order, line.order_id)
            order.customer_id = customer.id
        made = cls(services, order, await make.key())
        await made.change()
        return made

    async def change(self, times: int = 1, *, note: str | None = None) -> None:
        async with self.services.database.write() as tx:
            order = await tx.get_one(models.Order, self.row.id)
            order.note = note
            for _ in range(times):
                tell(tx, order, "order.status_changed")
        self.services.events.wake()


@pytest.fixture
async def order(make: Make, services: Services) -> Watched:
    return await Watched.make(make, services)


@asynccontextmanager
async def hearing(
    client: Client, key: Key, order: Watched, document: str = WATCH, **variables: Any
) -> AsyncGenerator[Socket]:
    """A subscriber who has heard the newest event, and waits for the next one."""
    async with subscribed(client, key, document, id=order.id, **variables) as ws:
        await ws.payload()
        yield ws


async def heard(order: Watched, *sockets: Socket) -> list[Any]:
    """What each is told of one change."""
    await order.change()
    return [await ws.payload() for ws in sockets]


def executions(statements: list[str]) -> int:
    """How often the order was read for an answer: each time its lines are, too."""
    found = sum("FROM order_line" in each for each in statements)
    statements.clear()
    return found


def of(payloads: list[Any]) -> list[str]:
    """The ids of the events."""
    return [payload["data"]["orderStatus"]["id"] for payload in payloads]


# What is shared


async def test_equal_subscriptions_are_executed_once(
    client: Client, order: Watched, statements: list[str]
) -> None:
    async with AsyncExitStack() as stack:
        listening = [hearing(client, order.key, order) for _ in range(20)]
        sockets = [await stack.enter_async_context(each) for each in listening]
        statements.clear()
        answers = await heard(order, *sockets)

    assert executions(statements) == 1
    assert answers == [answers[0]] * 20
    assert answers[0]["data"]["orderStatus"]["order"]["lines"][0]["title"]


async def test_only_what_decides_an_answer_divides(
    client: Client, make: Make, order: Watched, statements: list[str]
) -> None:
    key, colleague = order.key, await make.key()
    async with hearing(client, key, order) as one:
        last = of(await heard(order, one))[0]
        async with (
            hearing(client, colleague, order) as of_another_credential,
            hearing(client, key, order, after=None) as from_now,
            hearing(client, key, order, after=str(int(last) - 1)) as resumed,
        ):
            statements.clear()
            answers = await heard(order, one, of_another_credential, from_now, resumed)
    assert executions(statements) == 1
    assert answers == [answers[0]] * 4


async def test_what_decides_an_answer_divides(
    client: Client, make: Make, order: Watched, statements: list[str]
) -> None:
    key = order.key
    of_a_store = await make.key(store_id=order.row.store_id)
    limited = await make.key(permissions=frozenset({"order:view"}))
    async with (
        hearing(client, key, order, CHOOSE, full=True) as full,
        hearing(client, key, order, CHOOSE, full=False) as short,
        hearing(client, of_a_store, order, CHOOSE, full=True) as narrow,
        hearing(client, limited, order, CHOOSE, full=True) as refused,
        hearing(client, key, order, CHOOSE.replace("email", "id"), full=True) as other,
    ):
        statements.clear()
        answers = await heard(order, full, short, narrow, refused, other)
    assert executions(statements) == 5

    orders = [answer["data"]["orderStatus"]["order"] for answer in answers]
    assert [sorted(each) for each in orders] == [
        ["customer", "lines", "ref"],
        ["customer", "lines"],
        *[["customer", "lines", "ref"]] * 3,
    ]
    assert orders[3]["customer"] is None
    assert [error["extensions"]["code"] for error in answers[3]["errors"]] == ["FORBIDDEN"]
    assert all("errors" not in answer for answer in [*answers[:3], answers[4]])


async def test_a_shared_answer_is_what_each_would_get_alone(
    client: Client, make: Make, order: Watched
) -> None:
    for key in (order.key, await make.key(permissions=frozenset({"order:view"}))):
        async with (
            hearing(client, key, order, CHOOSE, full=True) as one,
            hearing(client, key, order, CHOOSE, full=True) as other,
        ):
            shared = await heard(order, one, other)
        before = str(int(of(shared)[0]) - 1)
        async with subscribed(client, key, CHOOSE, id=order.id, after=before, full=True) as ws:
            assert [await ws.payload()] * 2 == shared


async def test_sockets_and_server_sent_events_share(
    client: Client, order: Watched, statements: list[str]
) -> None:
    key = order.key
    body = {"query": WATCH, "variables": {"id": order.id}}
    headers = {"Accept": "text/event-stream", **key.headers}
    async with (
        client.post("/graphql", json=body, headers=headers) as response,
        hearing(client, key, order) as ws,
    ):
        await response.content.readuntil(b"\n\n")
        statements.clear()
        [answer] = await heard(order, ws)
        event = await response.content.readuntil(b"\n\n")
        assert event.startswith(b"event: next\ndata: ")
        assert orjson.loads(event.partition(b"data: ")[2]) == answer
    assert executions(statements) == 1


async def test_old_clients_get_server_sent_events_without_chunks(
    client: Client, order: Watched, services: Services
) -> None:
    body = orjson.dumps({"query": WATCH, "variables": {"id": order.id}})
    head = [
        "POST /graphql HTTP/1.0", "Accept: text/event-stream", "Content-Type: application/json",
        f"Content-Length: {len(body)}", f"X-API-Key: {order.key.clear}", "", "",
    ]  # fmt: skip
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write("\r\n".join(head).encode() + body)
    await reader.readuntil(b"\r\n\r\n")
    seen = []
    for _ in range(2):
        seen.append((await reader.readuntil(b"\n\n")).partition(b"\n")[0])
        await order.change()
    writer.close()
    assert seen == [b"event: next"] * 2
    await attached(services, 0)


async def test_an_internal_error_tells_each_its_own_request(
    client: Client, order: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError

    key = order.key
    async with (
        subscribed(client, key, WATCH, request_id="the-first", id=order.id) as first,
        subscribed(client, key, WATCH, request_id="the-second", id=order.id) as second,
    ):
        for ws in (first, second):
            await ws.payload()
        with monkeypatch.context() as patched:
            patched.setattr(fetch, "rows_of", broken)
            answers = await heard(order, first, second)
        told = [answer["errors"][0]["extensions"] for answer in answers]
        assert told == [
            {"code": "INTERNAL", "requestId": "the-first"},
            {"code": "INTERNAL", "requestId": "the-second"},
        ]
        assert "errors" not in (await heard(order, first, second))[1]


# Who may hear it


async def test_a_revoked_key_ends_alone(
    client: Client, make: Make, services: Services, order: Watched, statements: list[str]
) -> None:
    key, leaving = order.key, await make.key()
    async with (
        hearing(client, leaving, order) as ending,
        hearing(client, key, order) as one,
        hearing(client, key, order) as other,
    ):
        owner = Context(services, system(key.row.organization_id))
        await api_keys.revoke(owner, id=leaving.row.id)
        ended = await ending.payload()
        assert ended["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await ending.ws.receive_json(timeout=20))["type"] == "complete"

        statements.clear()
        assert len(await heard(order, one, other)) == 2
        assert executions(statements) == 1
        await ending.silence()


async def test_an_expired_key_hears_nothing_more(
    client: Client, make: Make, order: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, leaving = order.key, await make.key(expires_at=now() + timedelta(hours=1))
    async with hearing(client, leaving, order) as ending, hearing(client, key, order) as one:
        assert len(await heard(order, one, ending)) == 2
        monkeypatch.setattr(followers, "now", lambda: now() + timedelta(hours=2))
        ended = (await heard(order, one, ending))[1]
        assert ended["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


# Whoever reads slowly


def _small(family: int, option: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, option, 4096)
    return made


@pytest.fixture
async def narrow(services: Services, settings: Settings) -> AsyncGenerator[Client]:
    """A client whose connections hold next to nothing between the two ends."""

    def listening(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
        made = _small(family, socket.SO_SNDBUF)
        made.bind((host, port))
        return made

    def calling(address: Any) -> socket.socket:
        return _small(address[0], socket.SO_RCVBUF)

    server = TestServer(create_app(services, settings), socket_factory=listening)
    async with TestClient(server, connector=TCPConnector(socket_factory=calling)) as client:
        yield client


CHANGES = 80
NOTE = "n" * 10_000


@pytest.fixture(params=["in its queue", "in the table"])
def waiting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where what is too much for the connection waits."""
    if request.param == "in the table":
        monkeypatch.setattr(followers, "ROOM", 50_000)
    return request.param


async def test_a_slow_reader_holds_nobody_up_and_misses_nothing(
    client: Client, narrow: Client, order: Watched, statements: list[str], waiting: str
) -> None:
    key = order.key
    async with hearing(narrow, key, order) as slow, hearing(client, key, order) as quick:
        statements.clear()
        answers: list[Any] = []
        for _ in range(CHANGES):
            await order.change(note=NOTE)
            answers.append(await quick.payload())
        assert executions(statements) == CHANGES

        late = [await slow.payload() for _ in range(CHANGES)]
        assert late == answers
        assert (executions(statements) > 0) == (waiting == "in the table")
        await heard(order, slow, quick)  # and from here on they hear together
        assert executions(statements) == 1


@pytest.mark.parametrize("size", [10, 200, 70_000])
async def test_answers_of_any_size_arrive(client: Client, order: Watched, size: int) -> None:
    async with hearing(client, order.key, order) as ws:
        await order.change(note="ä" * size)
        answer = await ws.payload()
    assert answer["data"]["orderStatus"]["order"]["note"] == "ä" * size


# In order, each once


@pytest.mark.parametrize("backlog", [broadcasts.BACKLOG, 2])
async def test_whoever_resumes_while_things_happen_hears_each_once(
    client: Client, order: Watched, monkeypatch: pytest.MonkeyPatch, backlog: int
) -> None:
    monkeypatch.setattr(broadcasts, "BACKLOG", backlog)

    async def listen(ws: Socket, count: int) -> list[str]:
        return of([await ws.payload() for _ in range(count)])

    async def happen() -> None:
        for times in range(1, 13):
            await order.change(times)

    async with AsyncExitStack() as stack:
        happening = asyncio.create_task(happen())
        listening = []
        for after in ["0", "1"] * 5:
            ws = await stack.enter_async_context(
                subscribed(client, order.key, WATCH, id=order.id, after=after)
            )
            listening.append(asyncio.create_task(listen(ws, 79 - int(after))))
        await happening
        found = await asyncio.gather(*listening)
    for each in found:
        assert each == [str(position) for position in range(80 - len(each), 80)]


async def test_a_failure_of_the_database_delays_but_loses_nothing(
    client: Client, order: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError("gone"), OSError("still gone")]
    since = History.since

    async def failing(self: History, *given: Any) -> Any:
        if failures and len(given) > 1:
            raise failures.pop()
        return await since(self, *given)

    monkeypatch.setattr(broadcasts, "RETRY", 0.01)
    monkeypatch.setattr(broadcasts, "BACKLOG", 1)
    async with hearing(client, order.key, order) as ws:
        monkeypatch.setattr(History, "since", failing)
        await order.change(5)
        assert of([await ws.payload() for _ in range(5)]) == ["2", "3", "4", "5", "6"]
    assert failures == []
