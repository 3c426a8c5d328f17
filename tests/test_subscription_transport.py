"""Streams: graphql-transport-ws and server-sent events, from the first message to the last."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web
from aiohttp.test_utils import TestClient, TestServer
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL

from app.graphql import View
from app.settings import Settings
from app.streams import LineFeedEvents
from app.web import OBSERVATION, create_app
from db.base import now
from resolvers import api_keys
from resolvers.context import Context
from resolvers.services import Services
from resolvers.viewer import system
from schema import make_schema
from tests.callers import Client
from tests.kit import Key, Make, fund, gid

WATCH = "subscription ($id: ID!) { balance(id: $id) { id kind } }"
PLAN = "{ viewer { plan } }"
Message = Any


@pytest.fixture
def database_kind() -> str:
    """What is tried here is the same whichever database is behind it."""
    return "sqlite"


@asynccontextmanager
async def connected(
    client: Client, payload: Any = None, **options: Any
) -> AsyncGenerator[ClientWebSocketResponse]:
    options.setdefault("protocols", ["graphql-transport-ws"])
    async with client.ws_connect("/graphql", **options) as ws:
        init = {"type": "connection_init"} | ({"payload": payload} if payload else {})
        await ws.send_json(init)
        yield ws


async def acknowledged(ws: ClientWebSocketResponse) -> None:
    assert (await ws.receive_json(timeout=20))["type"] == "connection_ack"


async def subscribe(
    ws: ClientWebSocketResponse, query: str, operation: str = "1", **variables: Any
) -> None:
    payload = {"query": query, "variables": variables}
    await ws.send_json({"id": operation, "type": "subscribe", "payload": payload})


async def answer(ws: ClientWebSocketResponse, query: str, operation: str = "1") -> Message:
    """The first message that an operation gets."""
    await subscribe(ws, query, operation)
    message = await ws.receive_json(timeout=20)
    if message["type"] == "next":
        assert (await ws.receive_json(timeout=20))["type"] == "complete"
    return message


async def close_code(ws: ClientWebSocketResponse) -> int | None:
    message = await ws.receive(timeout=20)
    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED), message
    return ws.close_code


async def attached(services: Services, count: int) -> None:
    while services.events.subscriber_count != count:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)


class Account:
    """A wholesale client's key with a balance to watch."""

    def __init__(self, key: Key, gid: str) -> None:
        self.key, self.id = key, gid

    @classmethod
    async def make(cls, make: Make, services: Services, **columns: Any) -> "Account":
        key = await make.wholesale_key(await make.store(), **columns)
        return cls(key, gid(await fund(services, key, "10")))


@pytest.mark.parametrize("door", ["headers", "X-API-Key", "Authorization", "authorization"])
async def test_a_credential_comes_with_the_handshake_or_with_connection_init(
    client: Client, make: Make, door: str
) -> None:
    key = await make.key()
    headers = key.headers if door == "headers" else {}
    bearer = key.clear if door == "X-API-Key" else f"Bearer {key.clear}"
    payload = None if door == "headers" else {door: bearer}
    async with connected(client, payload, headers=headers) as ws:
        await acknowledged(ws)
        message = await answer(ws, PLAN)
    assert message["payload"]["data"] == {"viewer": {"plan": "FREE"}}


async def test_the_upgrade_tells_the_request_id(client: Client) -> None:
    headers = {"X-Request-Id": "from-the-client"}
    async with connected(client, headers=headers) as ws:
        assert ws._response.headers["X-Request-Id"] == "from-the-client"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("door", ["headers", "connection_init"])
async def test_a_bad_credential_closes_the_socket(client: Client, door: str) -> None:
    bad = {"X-API-Key": "sg_unknown"}
    headers = bad if door == "headers" else {}
    async with connected(client, None if headers else bad, headers=headers) as ws:
        assert await close_code(ws) == 4403


async def test_without_a_credential_there_is_a_socket_but_nothing_to_see(client: Client) -> None:
    async with connected(client) as ws:
        await acknowledged(ws)
        assert (await answer(ws, PLAN))["payload"]["data"] == {"viewer": None}
        message = await answer(ws, "{ products { totalCount } }", "2")
        assert message["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "protocols", [("graphql-ws",), ("graphql-sse",), ("other",), ()], ids="-".join
)
async def test_other_protocols_are_not_spoken(client: Client, protocols: Any) -> None:
    async with client.ws_connect("/graphql", protocols=protocols) as ws:
        assert await close_code(ws) == 4406


async def test_pages_of_other_origins_may_not_connect(
    services: Services, settings: Settings
) -> None:
    chosen = replace(settings, allowed_origins="https://shop.example")
    async with TestClient(TestServer(create_app(services, chosen))) as client:
        for origin in ("https://evil.example", "null", "https://shop.example.evil.example"):
            with pytest.raises(WSServerHandshakeError, match="403"):
                async with connected(client, origin=origin):
                    pass
        for origin in ("https://shop.example", str(client.make_url("/")).rstrip("/")):
            async with connected(client, origin=origin) as ws:
                await acknowledged(ws)


async def test_a_socket_must_begin_with_connection_init(
    services: Services, settings: Settings
) -> None:
    app = create_app(services, settings)
    view = View(make_schema(), services, allowed_origins=(), page=None, init_timeout=0.05)
    app[OBSERVATION].add(web.route("*", "/impatient", view))
    async with (
        TestClient(TestServer(app)) as client,
        client.ws_connect("/impatient", protocols=["graphql-transport-ws"]) as ws,
    ):
        assert await close_code(ws) == 4408


async def test_a_second_connection_init_closes_the_socket(client: Client) -> None:
    async with connected(client) as ws:
        await acknowledged(ws)
        await ws.send_json({"type": "connection_init"})
        assert await close_code(ws) == 4429


async def test_nothing_runs_before_connection_init(client: Client, statements: list[str]) -> None:
    async with client.ws_connect("/graphql", protocols=["graphql-transport-ws"]) as ws:
        await subscribe(ws, PLAN)
        assert await close_code(ws) == 4401
    assert statements == []


@pytest.mark.parametrize(
    "message",
    [
        "{", "[]", "7", '"x"', "null", "{}", '{"type": 7}', '{"type": "nonsense"}',
        '{"type": ["subscribe"]}', '{"type": "subscribe"}', '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "1", "payload": null}',
        '{"type": "subscribe", "id": "1", "payload": {"query": null}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "operationName": 1}}',
        '{"type": "complete"}', '{"type": "complete", "id": {}}', '{"a": "\\ud800"}',
    ],
)  # fmt: skip
async def test_a_message_that_is_none_closes_the_socket(client: Client, message: str) -> None:
    async with connected(client) as ws:
        await acknowledged(ws)
        await ws.send_str(message)
        assert await close_code(ws) == 4400


async def test_bytes_and_giants_close_the_socket(client: Client) -> None:
    async with connected(client) as ws:
        await acknowledged(ws)
        await ws.send_bytes(b"{}")
        assert await close_code(ws) == 4400
    async with connected(client) as ws:
        await acknowledged(ws)
        await ws.send_str("x" * (1 << 21))
        assert await close_code(ws) == 1009


@pytest.mark.parametrize("query", ["{", "{ nope }", "query A { a } query B { b }"])
async def test_a_wrong_document_is_an_error_of_its_operation_only(
    client: Client, query: str
) -> None:
    async with connected(client) as ws:
        await acknowledged(ws)
        await subscribe(ws, query)
        message = await ws.receive_json(timeout=20)
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert (await answer(ws, PLAN, "2"))["type"] == "next"


async def test_an_unknown_operation_name_is_an_error_of_its_operation_only(client: Client) -> None:
    async with connected(client) as ws:
        await acknowledged(ws)
        payload = {"query": "query A { __typename }", "operationName": "B"}
        await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})
        message = await ws.receive_json(timeout=20)
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_an_id_is_used_once_at_a_time(client: Client, make: Make, services: Services) -> None:
    account = await Account.make(make, services)
    async with watching(client, account) as ws:
        await subscribe(ws, WATCH, id=account.id)
        assert await close_code(ws) == 4409
    await attached(services, 0)


@asynccontextmanager
async def watching(client: Client, account: Account) -> AsyncGenerator[ClientWebSocketResponse]:
    """A socket whose operation 1 has heard of the present balance."""
    async with connected(client, account.key.headers) as ws:
        await acknowledged(ws)
        await subscribe(ws, WATCH, id=account.id)
        assert (await ws.receive_json(timeout=20))["type"] == "next"
        yield ws


async def test_complete_ends_a_subscription_and_frees_its_id(
    client: Client, make: Make, services: Services
) -> None:
    account = await Account.make(make, services)
    async with watching(client, account) as ws:
        await attached(services, 1)
        await ws.send_json({"id": "1", "type": "complete"})
        await attached(services, 0)
        assert (await answer(ws, PLAN))["type"] == "next"


async def test_a_closed_socket_ends_its_subscriptions(
    client: Client, make: Make, services: Services
) -> None:
    account = await Account.make(make, services)
    async with watching(client, account) as ws:
        await attached(services, 1)
        await ws.close()
    await attached(services, 0)


async def test_a_socket_has_a_hundred_subscriptions_at_most(
    client: Client, make: Make, services: Services
) -> None:
    account = await Account.make(make, services)
    async with connected(client, account.key.headers) as ws:
        await acknowledged(ws)
        for n in range(100):
            await subscribe(ws, WATCH, str(n), id=account.id)
            assert (await ws.receive_json(timeout=20))["type"] == "next"
        await subscribe(ws, WATCH, "one more", id=account.id)
        message = await ws.receive_json(timeout=20)
        assert (message["id"], message["type"]) == ("one more", "error")
    await attached(services, 0)


def owner(services: Services, key: Key) -> Context:
    return Context(services, system(key.row.organization_id))


async def test_a_revoked_key_ends_its_subscriptions_and_starts_nothing_new(
    client: Client, make: Make, services: Services
) -> None:
    account = await Account.make(make, services)
    other = await Account.make(make, services)
    async with watching(client, account) as ws, watching(client, other) as untouched:
        await api_keys.revoke(owner(services, account.key), id=account.key.row.id)

        message = await ws.receive_json(timeout=20)
        assert message["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await ws.receive_json(timeout=20))["type"] == "complete"
        refused = await answer(ws, PLAN, "2")
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"

        await fund(services, other.key, "1")
        services.events.wake()
        assert (await untouched.receive_json(timeout=20))["type"] == "next"


async def test_a_key_that_expires_ends_its_subscriptions_then(
    client: Client, make: Make, services: Services
) -> None:
    soon = now() + timedelta(seconds=2)
    account = await Account.make(make, services, expires_at=soon)
    async with watching(client, account) as ws:
        message = await ws.receive_json(timeout=20)
        assert now() >= soon
        assert message["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await ws.receive_json(timeout=20))["type"] == "complete"
    await attached(services, 0)


async def test_changed_permissions_count_from_the_next_operation_on(
    client: Client, make: Make, services: Services
) -> None:
    key = await make.key()
    async with connected(client, key.headers) as ws:
        await acknowledged(ws)
        query = "{ products { totalCount } }"
        assert (await answer(ws, query))["payload"]["data"] == {"products": {"totalCount": 0}}
        key.row.permissions = []
        await make.save(await _merged(services, key))
        refused = await answer(ws, query, "2")
        assert refused["payload"]["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def _merged(services: Services, key: Key) -> Any:
    async with services.database.write() as session:
        return await session.merge(key.row)


async def test_a_process_that_stops_sends_its_subscribers_elsewhere(
    client: Client, make: Make, services: Services
) -> None:
    account = await Account.make(make, services)
    async with watching(client, account) as ws, streaming(client, account) as stream:
        await stream.event()
        await attached(services, 2)
        assert client.app is not None
        await client.app.shutdown()

        assert await close_code(ws) == 1012
        assert await stream.rest() == ""  # not even a "complete": the connection is just gone
    await attached(services, 0)

    async with connected(client, account.key.headers) as ws:  # in the last moment
        await acknowledged(ws)
        message = await answer(ws, f'subscription {{ balance(id: "{account.id}") {{ id }} }}')
    assert message["payload"]["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


# Server-sent events


class Stream:
    def __init__(self, response: Any) -> None:
        self.response = response

    async def event(self) -> str:
        """The next event or comment, without the empty line after it."""
        text = await asyncio.wait_for(self.response.content.readuntil(b"\n\n"), 20)
        return text.decode().removesuffix("\n\n")

    async def rest(self) -> str:
        return (await asyncio.wait_for(self.response.content.read(), 20)).decode()


@asynccontextmanager
async def streaming(
    client: Client, account: Account, *, method: str = "POST", path: str = "/graphql"
) -> AsyncGenerator[Stream]:
    headers = {"Accept": "text/event-stream", **account.key.headers}
    if method == "POST":
        body = {"query": WATCH, "variables": {"id": account.id}}
        request = client.post(path, json=body, headers=headers)
    else:
        params = {"query": WATCH, "variables": f'{{"id": "{account.id}"}}'}
        headers["GraphQL-Require-Preflight"] = "1"
        request = client.get(path, params=params, headers=headers)
    async with request as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert response.headers["X-Request-Id"]
        yield Stream(response)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_events_come_as_server_sent_events(
    client: Client, make: Make, services: Services, method: str
) -> None:
    account = await Account.make(make, services)
    async with streaming(client, account, method=method) as stream:
        assert (await stream.event()).startswith('event: next\ndata: {"data":{"balance":{')
        await fund(services, account.key, "1")
        services.events.wake()
        assert '"TOP_UP"' in await stream.event()
    await attached(services, 0)


async def test_a_query_over_server_sent_events_is_one_event(client: Client, make: Make) -> None:
    headers = {"Accept": "text/event-stream", **(await make.key()).headers}
    async with client.post("/graphql", json={"query": PLAN}, headers=headers) as response:
        text = await response.text()
    assert text.startswith('event: next\ndata: {"data":{"viewer":{"plan":"FREE"}}')
    assert text.endswith("event: complete\ndata: \n\n")


async def test_clients_that_take_json_and_events_get_what_fits(client: Client, make: Make) -> None:
    """Urql and others send one Accept header with everything."""
    key = await make.key()
    both = "application/graphql-response+json, application/json, text/event-stream"
    headers = {"Accept": both, **key.headers}
    async with client.post("/graphql", json={"query": PLAN}, headers=headers) as response:
        assert response.content_type == "application/graphql-response+json"
        assert (await response.json())["data"] == {"viewer": {"plan": "FREE"}}
    body = {"query": WATCH, "variables": {"id": "x"}}
    async with client.post("/graphql", json=body, headers=headers) as response:
        assert response.content_type == "text/event-stream"
        assert (await response.text()).endswith("event: complete\ndata: \n\n")


async def test_a_subscription_needs_a_stream(client: Client, make: Make) -> None:
    key = await make.key()
    body = {"query": WATCH, "variables": {"id": "x"}}
    async with client.post("/graphql", json=body, headers=key.headers) as response:
        assert response.status == 400
        assert "text/event-stream" in (await response.json())["errors"][0]["message"]


async def test_mutations_do_not_come_by_get_in_any_disguise(client: Client, make: Make) -> None:
    key = await make.key()
    params = {"query": f'mutation {{ revokeApiKey(id: "{gid(key.row)}") {{ errors {{ code }} }} }}'}
    headers = {**key.headers, "Accept": "text/event-stream", "X-Requested-With": "x"}
    async with client.get("/graphql", params=params, headers=headers) as response:
        text = await response.text()
    assert "mutations are not allowed" in text
    assert (await client.post("/graphql", json={"query": PLAN}, headers=key.headers)).status == 200


async def test_a_client_that_is_gone_ends_its_stream(
    client: Client, make: Make, services: Services
) -> None:
    account = await Account.make(make, services)
    async with streaming(client, account) as stream:
        await stream.event()
        await attached(services, 1)
        stream.response.close()
        await asyncio.wait_for(attached(services, 0), 5)


class HastyTransport(LineFeedEvents):
    def __init__(self) -> None:
        super().__init__(heartbeat_interval=0.05)


class HastyView(View):
    stream_transport_classes_by_protocol: ClassVar[Any] = {GRAPHQL_SSE_PROTOCOL: HastyTransport}


async def test_a_silent_stream_says_that_it_is_alive(
    services: Services, settings: Settings, make: Make
) -> None:
    account = await Account.make(make, services)
    app = create_app(services, settings)
    view = HastyView(make_schema(), services, allowed_origins=(), page=None)
    app[OBSERVATION].add(web.route("*", "/hasty", view))
    async with TestClient(TestServer(app)) as client:
        async with streaming(client, account, path="/hasty") as stream:
            seen: set[str] = set()
            while len(seen) < 2:
                seen.add((await stream.event()).partition("\n")[0])
            assert seen == {"event: next", ": ping"}
        await attached(services, 0)
