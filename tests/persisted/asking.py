"""Ways to ask by the name of a document, through every door."""

import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from app.settings import Settings
from app.web import create_app
from providers.memory import MemoryDocuments
from providers.redis_documents import RedisDocuments
from resolvers.services import DocumentStore, Services
from tests.callers import Client
from tests.fixtures import REDIS
from tests.test_subscription_transport import acknowledged, connected

PLAN = "{ viewer { plan } }"
WATCH = "subscription ($id: ID!) { balance(id: $id) { id kind } }"
MUTATION = 'mutation { revokeApiKey(id: "x") { errors { code } } }'
GET = {"GraphQL-Require-Preflight": "1"}
NEW = "application/graphql-response+json"
NONE = {"data": {"viewer": None}}
STORES = [
    "memory",
    pytest.param("redis", marks=pytest.mark.skipif(not REDIS, reason="no Redis is configured")),
]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def apollo(name: str, version: Any = 1) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": version, "sha256Hash": name}}}


def code(answer: Any) -> str:
    return answer["errors"][0]["extensions"]["code"]


async def post(client: Client, body: Any, **headers: str) -> tuple[int, Any]:
    async with client.post("/graphql", json=body, headers=headers) as response:
        return response.status, without_cost(await response.json(content_type=None))


def in_the_address(body: dict[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()
    }


async def get(client: Client, body: dict[str, Any]) -> tuple[int, Any]:
    async with client.get("/graphql", params=in_the_address(body), headers=GET) as response:
        return response.status, without_cost(await response.json())


async def event(client: Client, body: dict[str, Any]) -> tuple[int, Any]:
    """The first event of a stream, which must be complete after it."""
    headers = {"Accept": "text/event-stream"}
    async with client.post("/graphql", json=body, headers=headers) as response:
        text = await response.text()
        assert response.content_type == "text/event-stream", text
    first, end, rest = text.split("\n\n", 2)
    assert (end, rest) == ("event: complete\ndata: ", "")
    return response.status, without_cost(json.loads(first.removeprefix("event: next\ndata: ")))


async def over_socket(client: Client, body: Any) -> tuple[int, Any]:
    async with connected(client) as ws:
        await acknowledged(ws)
        await ws.send_json({"id": "1", "type": "subscribe", "payload": body})
        message = await ws.receive_json(timeout=20)
        if message["type"] == "error":
            return 200, {"errors": message["payload"]}
        assert (await ws.receive_json(timeout=20))["type"] == "complete"
        return 200, without_cost(message["payload"])


def without_cost(answer: Any) -> Any:
    answer.pop("extensions", None)
    return answer


DOORS = pytest.mark.parametrize("door", [post, get, event, over_socket])


@asynccontextmanager
async def gateway(
    services: Services, settings: Settings, store: DocumentStore | None = None, **chosen: Any
) -> AsyncGenerator[Client]:
    services.documents = store
    app = create_app(services, replace(settings, **chosen))
    async with TestClient(TestServer(app)) as client:
        yield client


def process(own: str, **bounds: Any) -> RedisDocuments:
    """One process's view of the documents of all."""
    bounds.setdefault("lifetime", 100)
    return RedisDocuments(REDIS or "", near=MemoryDocuments(), prefix=own, **bounds)
