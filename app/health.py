"""For those who look after the process: is it alive, can it serve, how does it do."""

import asyncio
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import text

from app.metrics import exposition
from db.engine import Database
from resolvers.feed import Feed
from resolvers.services import Services


@dataclass(slots=True)
class Health:
    """``draining`` once the process has been told to stop."""

    services: Services
    draining: bool = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/health/live", self.live),
            web.get("/health/ready", self.ready),
            web.get("/metrics", self.metrics),
        ]

    async def live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, _: web.Request) -> web.Response:
        """200 when requests may come, 503 with the failed checks otherwise."""
        feed: Feed = self.services.events
        checks = {
            "database": await _answers(self.services.database),
            "feed": feed.is_running,
            "serving": not self.draining,
        }
        good = all(checks.values())
        status = "ok" if good else "not ready"
        return web.json_response({"status": status, "checks": checks}, status=200 if good else 503)

    async def metrics(self, _: web.Request) -> web.Response:
        body, content_type = exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})


async def _answers(database: Database) -> bool:
    try:
        async with asyncio.timeout(2), database.read() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception:  # noqa: BLE001 - whatever it is, it is no answer
        return False
    return True
