"""What a client learns of a failure, over each transport; and that the log learns the rest."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, NewType

import pytest
import strawberry
from aiohttp.test_utils import TestClient, TestServer
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import scalar
from structlog.testing import capture_logs

from app.settings import Settings
from app.web import create_app
from resolvers.errors import Conflict, Forbidden, RateLimited
from resolvers.services import Services
from schema import Schema, guards
from schema.documents import Documents
from schema.limits import Limits
from tests.callers import Client
from tests.kit import Make

SECRET = "the password is swordfish"
Fragile = NewType("Fragile", object)


def _break(_: Any) -> Any:
    raise ZeroDivisionError(SECRET)


@strawberry.type
class Faults:
    """A schema of everything that can go wrong in a resolver."""

    @strawberry.field
    def bug(self) -> int | None:
        raise ZeroDivisionError(SECRET)

    @strawberry.field
    def missing(self) -> int:
        nothing: Any = None
        return nothing

    @strawberry.field
    def too_large(self) -> int:
        return 2**40

    @strawberry.field
    def fragile(self) -> Fragile | None:
        return Fragile("x")

    @strawberry.field
    def conflict(self) -> int | None:
        raise Conflict("somebody was faster", field=("input", "name"), details={"version": 7})

    @strawberry.field
    def forbidden(self) -> int | None:
        raise Forbidden("not you")

    @strawberry.field
    def busy(self) -> int | None:
        raise RateLimited("slower", retry_after=3)

    @strawberry.field
    def fine(self, than: int = 1) -> int:
        return than


@strawberry.type
class FaultyStream:
    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int]:
        yield 1
        raise ZeroDivisionError(SECRET)

    @strawberry.subscription
    async def never_begins(self) -> AsyncGenerator[int]:
        if asyncio.get_running_loop():
            raise ZeroDivisionError(SECRET)
        yield 1

    @strawberry.subscription
    async def ends_by_conflict(self) -> AsyncGenerator[int]:
        yield 1
        raise Conflict("events after this id are no longer kept")


SCALARS: Any = {Fragile: scalar(name="Fragile", serialize=_break, parse_value=_break)}


@pytest.fixture
async def faulty(services: Services, settings: Settings) -> AsyncGenerator[Client]:
    schema = Schema(
        Faults,
        subscription=FaultyStream,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=guards(Documents(Limits(), introspection=True), suggestions=True),
    )
    async with TestClient(TestServer(create_app(services, settings, schema=schema))) as client:
        yield client


async def ask(client: Client, query: str, **headers: str) -> Any:
    response = await client.post("/graphql", json={"query": query}, headers=headers)
    return await response.json()


def bugs(logs: Any) -> list[Any]:
    return [entry for entry in logs if entry["event"] == "unhandled_error"]


@pytest.mark.parametrize("field", ["bug", "missing", "tooLarge", "fragile"])
async def test_a_bug_shows_nothing_but_an_id_that_finds_it_in_the_log(
    faulty: Client, field: str
) -> None:
    with capture_logs() as logs:
        answer = await ask(faulty, f"{{ {field} fine }}", **{"X-Request-Id": "my-request"})

    [error] = answer["errors"]
    assert error["message"] == "internal error"
    assert error["path"] == [field]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "my-request"}
    [logged] = bugs(logs)
    assert logged["request_id"] == "my-request"
    assert logged["exc_info"]


@pytest.mark.parametrize(
    ("field", "extensions"),
    [
        ("conflict", {"code": "CONFLICT", "field": ["input", "name"], "details": {"version": 7}}),
        ("forbidden", {"code": "FORBIDDEN"}),
        ("busy", {"code": "RATE_LIMITED", "details": {"retry_after": 3}}),
    ],
)
async def test_an_expected_failure_carries_its_code_and_is_not_logged(
    faulty: Client, field: str, extensions: Any
) -> None:
    with capture_logs() as logs:
        answer = await ask(faulty, f"{{ {field} fine }}")

    assert answer["data"] == {field: None, "fine": 1}
    assert answer["errors"][0]["extensions"] == extensions
    assert bugs(logs) == []


@pytest.mark.parametrize(
    "query",
    ["{ nope }", '{ fine(than: "x") }', "{", "query ($x: Int!) { fine(than: $x) }",
     "query A { fine } query B { fine }", "subscription { breaks }"],
)  # fmt: skip
async def test_a_wrong_document_is_told_in_the_words_of_graphql(faulty: Client, query: str) -> None:
    with capture_logs() as logs:
        answer = await ask(faulty, query)

    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert answer["errors"][0]["message"] != "internal error"
    assert bugs(logs) == []


async def test_the_same_wrong_document_is_told_the_same_twice(faulty: Client) -> None:
    assert await ask(faulty, "{ nope }") == await ask(faulty, "{ nope }")


STREAMS = [
    ("breaks", 1, "INTERNAL"),
    ("neverBegins", 0, "INTERNAL"),
    ("endsByConflict", 1, "CONFLICT"),
]


@pytest.mark.parametrize(("field", "good", "code"), STREAMS)
async def test_a_stream_that_fails_is_masked_over_websocket(
    faulty: Client, field: str, good: int, code: str
) -> None:
    with capture_logs() as logs:
        async with faulty.ws_connect("/graphql", protocols=["graphql-transport-ws"]) as ws:
            await ws.send_json({"type": "connection_init"})
            assert (await ws.receive_json(timeout=20))["type"] == "connection_ack"
            query = f"subscription {{ {field} }}"
            await ws.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
            seen = []
            while not seen or seen[-1]["type"] not in ("complete", "error"):
                seen.append(await ws.receive_json(timeout=20))

    assert SECRET not in str(seen)
    assert sum("errors" not in message.get("payload", "errors") for message in seen) == good
    failed = next(m for m in seen if m["type"] == "next" and "errors" in m["payload"])
    assert failed["payload"]["errors"][0]["extensions"]["code"] == code
    assert len(bugs(logs)) == (code == "INTERNAL")


@pytest.mark.parametrize(("field", "good", "code"), STREAMS)
async def test_a_stream_that_fails_is_masked_over_server_sent_events(
    faulty: Client, field: str, good: int, code: str
) -> None:
    with capture_logs() as logs:
        response = await faulty.post(
            "/graphql",
            json={"query": f"subscription {{ {field} }}"},
            headers={"Accept": "text/event-stream"},
        )
        text = await response.text()

    assert SECRET not in text
    assert text.count('{"data":{') == good
    assert f'"code":"{code}"' in text
    assert text.endswith("event: complete\ndata: \n\n")
    assert len(bugs(logs)) == (code == "INTERNAL")


async def test_a_bug_outside_of_graphql_is_masked_too(
    client: Client, make: Make, services: Services
) -> None:
    key = await make.key()
    with capture_logs() as logs:
        services.clock = lambda: _break(None)
        response = await client.post(
            "/graphql", json={"query": "{ viewer { plan } }"}, headers=key.headers
        )
    body = await response.json()

    assert response.status == 500
    assert body["errors"][0]["message"] == "internal error"
    assert body["errors"][0]["extensions"]["requestId"] == response.headers["X-Request-Id"]
    assert len(bugs(logs)) == 1
