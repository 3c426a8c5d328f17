"""Somebody's server that webhooks reach, and the post that brings them there."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from jobs.courier import Courier
from resolvers.events import number
from resolvers.services import Services


@dataclass
class Receiver:
    """Somebody's server: answers with the planned statuses, then with 204."""

    url: str = ""
    plan: deque[int] = field(default_factory=deque)
    seen: list[tuple[dict[str, str], str]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((headers, await request.text()))
        self.came.set()
        status = self.plan.popleft() if self.plan else 204
        return web.Response(status=status, headers={"Location": "/"}, text="\x00heard")

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.seen]


@asynccontextmanager
async def listening() -> AsyncGenerator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/hook"))
        yield made


@dataclass
class Clock:
    """Time that passes when a test says so."""

    now: datetime = datetime(2026, 5, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Post:
    """A courier that makes its rounds when a test says so."""

    services: Services
    courier: Courier

    async def turn(self) -> int:
        await number(self.services.database)
        return await self.courier.turn()
