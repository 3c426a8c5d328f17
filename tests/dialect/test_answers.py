"""What a dialect answers besides what its handlers return."""

import asyncio
import json
from dataclasses import replace

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from resolvers.errors import Unauthenticated
from rest_compat.dialect import (
    Dialect,
)
from tests.dialect.library import (
    Client,
    Library,
    ask,
    serving,
)


async def test_a_page_of_an_allowed_origin_may_ask_and_read(
    client: Client, library: Library
) -> None:
    asked = {
        "Origin": "https://reader.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    library.refusal = Unauthenticated("No card")
    status, _, headers = await ask(client, "OPTIONS", "/v1/books", headers=asked)
    assert status == 204
    assert headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert headers["Access-Control-Allow-Origin"] == "https://reader.example"
    assert headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST"
    assert headers["Access-Control-Allow-Headers"] == "x-api-key"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    status, _, headers = await ask(
        client, "GET", "/v1/books", headers={"Origin": "https://reader.example"}
    )
    assert status == 401
    assert headers["Access-Control-Allow-Origin"] == "https://reader.example"
    assert {"Retry-After", "X-Request-Id"} <= {
        name.strip() for name in headers["Access-Control-Expose-Headers"].split(",")
    }


async def test_a_page_of_another_origin_may_not(client: Client) -> None:
    _, _, headers = await ask(
        client, "GET", "/v1/books", headers={"Origin": "https://evil.example"}
    )
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Vary"] == "Origin"


async def test_any_origin_may_read_but_without_its_cookies(dialect: Dialect[Library]) -> None:
    async with serving(replace(dialect, cors_origins=frozenset({"*"}))) as client:
        _, _, headers = await ask(
            client, "GET", "/v1/books", headers={"Origin": "https://a.example"}
        )
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers


async def test_the_guards_headers_are_on_every_answer(client: Client) -> None:
    for target in ("/v1/books", "/v1/books?page=0"):
        _, _, headers = await ask(client, "GET", target)
        assert headers["X-Limit"] == "60"


async def test_a_bug_is_told_by_its_request_id_and_nothing_else(
    client: Client, library: Library
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("the secret of the house")

    library.act = fail
    status, body, _ = await ask(client, "GET", "/v1/books/7")
    assert (status, body["code"]) == (500, "INTERNAL")
    assert "secret" not in json.dumps(body)


async def test_an_answer_that_json_cannot_say_is_a_bug(client: Client, library: Library) -> None:
    library.act = object
    status, body, _ = await ask(client, "GET", "/v1/books/7")
    assert (status, body["code"]) == (500, "INTERNAL")


async def test_cancellation_is_no_failure(dialect: Dialect[Library], library: Library) -> None:
    def cancel() -> None:
        raise asyncio.CancelledError

    library.act = cancel
    outcome: list[BaseException] = []

    async def observed(request: web.Request) -> web.StreamResponse:
        try:
            return await dialect.handle(request, request.rel_url.raw_path)
        except asyncio.CancelledError as error:
            outcome.append(error)
            return web.Response(status=503)

    app = web.Application()
    app.add_routes([web.get("/{tail:.*}", observed)])
    async with TestClient(TestServer(app)) as client, client.get("/v1/books/7") as reply:
        assert reply.status == 503
    assert len(outcome) == 1
