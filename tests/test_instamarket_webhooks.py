"""InstaMarket: what is posted to the address that an order was placed with."""

import hashlib
import hmac
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from db import models
from jobs.courier import Courier
from providers.outbound import OutboundHttp
from resolvers import orders, refunds, webhooks
from resolvers.context import Context
from resolvers.events import number
from resolvers.refunds import NewRefund
from resolvers.services import Services
from resolvers.viewer import system
from rest_compat.instamarket import contract
from tests.callers import Rest, signed
from tests.kit import Key, Make, fund, work

SECRET = "hmac_secret_example"
BODY = contract().webhook("order.status_changed")


@dataclass
class Receiver:
    """A client's server; the service must have told it only what the contract allows."""

    url: str = ""
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.raw.append(await request.read())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        assert BODY.problems(orjson.loads(self.raw[-1])) == []
        return web.Response(status=204)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(raw) for raw in self.raw]


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/cb", made.handle)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/cb"))
        yield made


@dataclass
class Trade:
    """A client that orders two units of a product, and the post that brings it news."""

    door: Rest
    services: Services
    courier: Courier
    shop: models.Store
    product: models.Product

    async def order(self, key: Key, url: str | None, quantity: int = 2) -> dict[str, Any]:
        body = {"product_id": self.product.id, "quantity": quantity}
        body |= {"webhook_url": url} if url else {}
        return await self.door.data("create_order", key=key, body=body)

    async def post(self) -> None:
        await number(self.services.database)
        while await self.courier.turn():
            pass

    @property
    def staff(self) -> Context:
        return Context(self.services, system(self.shop.organization_id))


@pytest.fixture
async def trade(instamarket: Rest, make: Make, services: Services) -> AsyncGenerator[Trade]:
    shop = await make.store(wholesale=True, currency="USDT")
    product = await make.product(shop, price="6.17", items=2)
    http = OutboundHttp(private_addresses=True, timeout=1)
    yield Trade(instamarket, services, Courier(services, http), shop, product)
    await http.close()


async def client_of(make: Make, trade: Trade, secret: str | None = None) -> Key:
    key = await make.wholesale_key(trade.shop, secret=secret)
    await fund(trade.services, key, "100")
    return key


def test_the_contracts_test_vector_verifies() -> None:
    vector: dict[str, str] = contract().extension("x-webhook-delivery")["signature"][
        "x-test-vector"
    ]
    made = webhooks.signature(vector["secret"], vector["raw_body"])
    assert made == vector["X-Webhook-Signature"]


async def test_a_completed_order_is_told_with_its_items(
    make: Make, trade: Trade, receiver: Receiver
) -> None:
    order = await trade.order(await client_of(make, trade), receiver.url)
    await work(trade.services)

    await trade.post()

    [told] = receiver.bodies
    assert told == {
        "order_id": order["order_id"],
        "status": "completed",
        "price_usdt": 12.34,
        "quantity": 2,
        "product_id": trade.product.id,
        "items": [{"login": item["login"], "password": item["password"]} for item in told["items"]],
        "error_message": None,
        "refunded": False,
        "fired_at": told["fired_at"],
    }
    assert [item["password"] for item in told["items"]] == ["pass0", "pass1"]
    assert "x-webhook-signature" not in receiver.headers[0]
    assert receiver.headers[0]["content-type"].startswith("application/json")


async def test_a_failed_order_is_told_with_its_reason(
    make: Make, trade: Trade, receiver: Receiver
) -> None:
    trade.product = await make.product(trade.shop, price="1", stock=9, is_digital=True)
    await trade.order(await client_of(make, trade), receiver.url)
    await work(trade.services)

    await trade.post()

    [told] = receiver.bodies
    assert (told["status"], told["refunded"], told["items"]) == ("failed", True, None)
    assert told["error_message"]


async def test_each_change_is_told_as_it_was_then(
    make: Make, trade: Trade, receiver: Receiver
) -> None:
    """Both events are shaped after the refund, and still tell of the order before it."""
    order = await trade.order(await client_of(make, trade), receiver.url)
    await work(trade.services)
    await refunds.create(trade.staff, input=NewRefund(order_id=order["order_id"]))

    await trade.post()

    assert sorted((told["status"], told["refunded"]) for told in receiver.bodies) == [
        ("completed", False),
        ("refunded", True),
    ]


async def test_a_key_with_a_secret_gets_signed_webhooks(
    make: Make, trade: Trade, receiver: Receiver
) -> None:
    key = await client_of(make, trade)
    async with trade.services.database.write() as session:
        row = await session.get_one(models.ApiKey, key.row.id)
        row.secret_encrypted = trade.services.vault.seal(SECRET)
    order = await place_signed(trade, key, receiver.url)
    await orders.cancel(trade.staff, id=order["order_id"], reason="Out of season")

    await trade.post()

    [told], [raw], [headers] = receiver.bodies, receiver.raw, receiver.headers
    assert (told["status"], told["error_message"]) == ("cancelled", "Out of season")
    expected = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    assert headers["x-webhook-signature"] == expected


async def place_signed(trade: Trade, key: Key, url: str) -> dict[str, Any]:
    body = orjson.dumps({"product_id": trade.product.id, "quantity": 2, "webhook_url": url})
    headers = signed(SECRET, body, int(trade.services.clock().timestamp()))
    return await trade.door.data("create_order", key=key, body=body, headers=headers)


async def test_nothing_is_sent_where_no_address_was_given(
    make: Make, trade: Trade, receiver: Receiver
) -> None:
    await trade.order(await client_of(make, trade), None)
    await work(trade.services)

    await trade.post()

    assert receiver.raw == []
