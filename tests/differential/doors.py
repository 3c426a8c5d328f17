"""Two gateways over one database: one that compiles, one that does not."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import orjson
from aiohttp.test_utils import TestClient, TestServer

from app import web
from app.settings import Settings
from app.web import DRIVER, create_app
from engine import Reader
from resolvers.services import PlainReader, Services
from schema.execution import COMPILED
from tests.callers import Client
from tests.kit import Key

OWN = ("Date", "Content-Length", "X-Request-ID", "X-Request-Id")
"""Headers that no two answers share."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What both said; ``reason`` is why it was not compiled, and empty where it was."""

    status: int
    body: dict[str, Any]
    reason: str

    @property
    def data(self) -> Any:
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.body.get("errors", ())]


@dataclass(frozen=True, slots=True)
class Doors:
    """``ask`` asks both, and insists that they say the same."""

    compiling: Client
    plain: Client

    async def ask(self, query: str, *, key: Key | None = None, **variables: Any) -> Answer:
        message = {"query": query, "variables": variables}
        return await self.send(message, key=key)

    async def send(self, message: Any, *, key: Key | None = None, accept: str = "*/*") -> Answer:
        headers = {"Accept": accept, **(key.headers if key else {})}
        said: list[tuple[int, dict[str, str], Any]] = []
        for client in (self.compiling, self.plain):
            response = await client.post("/graphql", json=message, headers=headers)
            about = {name: each for name, each in response.headers.items() if name not in OWN}
            said.append((response.status, about, orjson.loads(await response.read())))
        (status, _, body), (_, _, other) = said
        how = body.get("extensions", {}).pop("execution", {})
        if not body.get("extensions", True):
            del body["extensions"]
        assert [_bytes(each) for each in said] == [_bytes(said[1])] * 2
        assert body.keys() == other.keys()
        reason = "" if how.get("path") == COMPILED else how.get("reason", "unknown")
        return Answer(status, body, reason.partition(":")[0])


def _bytes(said: tuple[int, dict[str, str], Any]) -> bytes:
    """All of an answer, its keys in their order, but for the ids of requests."""
    status, headers, body = said
    for error in body.get("errors", ()):
        error["extensions"].pop("requestId", None)
    return orjson.dumps([status, sorted(headers.items()), body])


@asynccontextmanager
async def doors(
    services: Services, settings: Settings, *, compiled: bool = True
) -> AsyncGenerator[Doors]:
    """Both gateways. What is asked of the second one is always answered by the reference.

    So is what the first one is asked, where nothing is ``compiled``; but it prepares its reads.
    """
    one = replace(settings, compiled_queries=compiled, explain_executions=compiled)
    plain = replace(settings, compiled_queries=False)
    apart = copy(services)  # reads by SQLAlchemy, as nothing compiled is to be of any help
    async with (
        TestClient(TestServer(create_app(apart, plain))) as other,
        TestClient(TestServer(app := create_app(services, one))) as first,
    ):
        if not compiled:
            otherwise = PlainReader(services.database)
            services.reader = Reader(app[DRIVER], otherwise, web.read_failed)
        yield Doors(first, other)
