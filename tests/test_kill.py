"""Killed in the middle of its work and started again, the gateway loses and repeats nothing."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import func, select

from app.assembly import vault
from app.settings import Settings
from db import models
from db.engine import connect
from providers import storage
from providers.chain import SimulatedChain
from providers.memory import MemoryLimiter, NoJobs
from resolvers.feed import Feed
from resolvers.services import Services
from tests.kit import Key, Make, fund, gid
from tests.state import check_books

ORDERS = 100
PLACE = """mutation ($input: PlaceOrder!, $once: String) {
  placeOrder(input: $input, idempotencyKey: $once) { order { id } errors { code message } } }"""
WATCH = """subscription ($after: ID) { orders(after: $after) {
  id fulfillmentStatus order { id } } }"""
FINAL = {"FULFILLED", "FAILED", "EXPIRED", "CANCELLED"}


class Gateway:
    """``python -m app serve`` over one database, started and killed at will."""

    def __init__(self, environment: dict[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._environment = {
            **os.environ,
            **environment,
            "STOREGRAPH_PORT": str(self.port),
            "STOREGRAPH_DEMO": "false",
            "STOREGRAPH_LOG_LEVEL": "WARNING",
        }
        self._log = Path(environment["STOREGRAPH_DATA_DIR"]) / "gateway.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "app", "serve",
                env=self._environment, cwd=Path(__file__).parent.parent, start_new_session=True,
                stdout=log, stderr=log,
            )  # fmt: skip
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while True:  # the port answers when it answers: there is no event to wait for
                try:
                    async with session.get(self.url("/health/ready")) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientConnectionError:
                    pass
                assert self._process.returncode is None
                await asyncio.sleep(0.05)

    async def stop(self, how: signal.Signals) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            os.killpg(self._process.pid, how)
        await self._process.wait()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def prepared(url: str, settings: Settings) -> AsyncGenerator[Services]:
    """Services beside the gateway's own process, over the same database and secrets."""
    database = connect(url)
    yield Services(
        database=database,
        vault=vault(settings),
        events=Feed(database),
        limiter=MemoryLimiter(),
        chain=SimulatedChain(database, {}),
        jobs=NoJobs(),
        storage=storage.memory(),
    )
    await database.close()


async def place(
    gateway: Gateway, session: aiohttp.ClientSession, key: Key, wanted: dict[str, Any], once: str
) -> str | None:
    """The order's id, or None where no answer came: the gateway may have placed it or not."""
    message = {"query": PLACE, "variables": {"input": wanted, "once": once}}
    try:
        async with session.post(
            gateway.url("/graphql"), json=message, headers=key.headers
        ) as response:
            answer = await response.json()
    except (aiohttp.ClientError, ConnectionError):
        return None
    outcome = answer["data"]["placeOrder"]
    assert outcome["errors"] == [], outcome
    return outcome["order"]["id"]


async def all_final(gateway: Gateway, key: Key, orders: Sequence[str]) -> None:
    """Follow the orders' events from the first one on until each has ended."""
    waiting = set(orders)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(gateway.url("/graphql"), protocols=["graphql-transport-ws"]) as ws,
        asyncio.timeout(90),
    ):
        await ws.send_json({"type": "connection_init", "payload": key.headers})
        payload = {"query": WATCH, "variables": {"after": "0"}}
        assert (await ws.receive_json())["type"] == "connection_ack"
        await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})
        while waiting:
            message = await ws.receive_json()
            if message["type"] == "ping":
                await ws.send_json({"type": "pong"})
            elif message["type"] == "next":
                event = message["payload"]["data"]["orders"]
                if event["fulfillmentStatus"] in FINAL:
                    waiting.discard(event["order"]["id"])


async def test_killed_while_it_fulfils_100_orders(
    migrated_database_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=migrated_database_url)
    environment = {
        "STOREGRAPH_DATA_DIR": str(tmp_path),
        "STOREGRAPH_DATABASE_URL": migrated_database_url,
        "STOREGRAPH_EXECUTOR_ID": "killed",
    }
    async with prepared(migrated_database_url, settings) as services:
        make = Make(services)
        store = await make.store(currency="USDT", wholesale=True)
        product = await make.product(store, items=ORDERS - 10, price="1.00")
        variant = await make.only_variant(product)
        async with services.database.write() as tx:  # ten orders will find nothing to hand over
            (await tx.get_one(models.Variant, variant.id)).stock = ORDERS
        key = await make.wholesale_key(store)
        balance = await fund(services, key, "1000")
        line = {"variantId": gid(variant), "quantity": 1}
        wanted = {"storeId": gid(store), "lines": [line]}
        gateway = Gateway(environment)
        placed: dict[str, str] = {}
        try:
            for kill_after in (35, 75, None):
                await gateway.start()
                await _place_all(gateway, key, wanted, placed, kill_after)
                if kill_after is not None:
                    await gateway.stop(signal.SIGKILL)
            await all_final(gateway, key, list(placed.values()))
        finally:
            await gateway.stop(signal.SIGKILL)

        assert len(set(placed.values())) == ORDERS
        await _check(services, balance.id)


async def _place_all(
    gateway: Gateway,
    key: Key,
    wanted: dict[str, Any],
    placed: dict[str, str],
    kill_after: int | None,
) -> None:
    """Place what has no answer yet, again under its own idempotency key; stop at ``kill_after``."""
    missing = [f"order-{n}" for n in range(ORDERS) if f"order-{n}" not in placed]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:

        async def some(names: list[str]) -> None:
            for name in names:
                if kill_after is not None and len(placed) >= kill_after:
                    return
                if (order := await place(gateway, session, key, wanted, name)) is not None:
                    placed[name] = order

        await asyncio.gather(*(some(missing[n::6]) for n in range(6)))


async def _check(services: Services, balance_id: int) -> None:
    order, item = models.Order, models.StockItem
    async with services.database.write() as tx:
        counted = select(order.payment_status, order.fulfillment_status, func.count())
        found = await tx.execute(counted.group_by(order.payment_status, order.fulfillment_status))
        assert {(row[0].value, row[1].value): row[2] for row in found} == {
            ("paid", "fulfilled"): ORDERS - 10,
            ("refunded", "failed"): 10,
        }
        sold = (
            select(models.OrderLine.order_id, order.fulfillment_status, func.count())
            .select_from(item)
            .join(models.OrderLine, models.OrderLine.id == item.order_line_id)
            .join(order, order.id == models.OrderLine.order_id)
            .group_by(models.OrderLine.order_id, order.fulfillment_status)
        )
        rows = (await tx.execute(sold)).all()
        assert len(rows) == ORDERS - 10
        assert {(row[1].value, row[2]) for row in rows} == {("fulfilled", 1)}
        account = await tx.get_one(models.Account, balance_id)
        assert account.balance == (1000 - (ORDERS - 10)) * 1_000_000
    await check_books(services)
