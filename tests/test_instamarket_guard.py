"""InstaMarket: keys, addresses, rate limits and signatures, in the contract's order of checks."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from app.settings import Settings
from db import models
from providers.memory import MemoryLimiter
from resolvers.errors import Unavailable
from resolvers.services import Limit, Services
from rest_compat.instamarket import contract
from tests.callers import Reply, Rest, signed
from tests.doors import instamarket_door
from tests.kit import Key, Make, fund

SECRET = "hmac_secret_example"
NOW = datetime(2026, 5, 23, 0, 46, 40, 500_000, tzinfo=UTC)
STAMP = int(NOW.timestamp())


@pytest.fixture
async def shop(make: Make) -> models.Store:
    return await make.store(wholesale=True, currency="USDT")


@pytest.fixture
async def key(make: Make, shop: models.Store) -> Key:
    return await make.wholesale_key(shop)


# Keys


async def test_a_missing_or_wrong_key_is_refused(instamarket: Rest) -> None:
    for given in (None, "", "sg_unknown", "Bearer x", "\xff" * 8):
        headers = {} if given is None else {"X-API-Key": given}
        for operation in ("get_health", "list_products", "create_order"):
            reply = await instamarket(operation, headers=headers)
            assert (reply.status, reply.body) == (401, {"detail": "Invalid X-API-Key"})


async def test_a_key_of_bytes_that_are_no_text_is_refused(instamarket: Rest) -> None:
    reader, writer = await asyncio.open_connection(instamarket.client.host, instamarket.client.port)
    writer.write(
        b"GET /instamarket/api/v1/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        b"X-API-Key: \xff\xfe\r\n\r\n"
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_revoked_and_expired_keys_are_refused(
    instamarket: Rest, make: Make, shop: models.Store
) -> None:
    ago = datetime.now(UTC) - timedelta(seconds=1)
    for key in (
        await make.wholesale_key(shop, revoked_at=ago),
        await make.wholesale_key(shop, expires_at=ago),
    ):
        assert (await instamarket("get_health", key=key)).status == 401


async def test_a_key_without_the_permission_is_forbidden(
    instamarket: Rest, make: Make, shop: models.Store
) -> None:
    browsing = await make.key(permissions=frozenset({"product:view"}), store_id=shop.id)
    assert (await instamarket("list_products", key=browsing)).status == 200
    assert (await instamarket("get_balance", key=browsing)).status == 403


# Addresses


async def test_an_allow_list_admits_only_its_addresses(
    instamarket: Rest, make: Make, shop: models.Store
) -> None:
    for allowed, status in (
        ([], 200),
        (["127.0.0.1"], 200),
        (["203.0.113.10", "127.0.0.0/8"], 200),
        (["203.0.113.10"], 403),
        (["2001:db8::/32"], 403),
    ):
        key = await make.wholesale_key(shop, allowed_addresses=allowed)
        for headers in ({}, {"X-Forwarded-For": "203.0.113.10"}):
            reply = await instamarket("get_health", key=key, headers=headers)
            assert reply.status == status
            if status == 403:
                assert reply.body == {"detail": "IP address not allowed for this key"}


async def test_only_trusted_proxies_say_whom_they_speak_for(
    make: Make, shop: models.Store, services: Services, settings: Settings
) -> None:
    key = await make.wholesale_key(shop, allowed_addresses=["203.0.113.10", "2001:db8::/32"])
    for trusted, forwarded, status in (
        ("127.0.0.1", "203.0.113.10", 200),
        ("127.0.0.0/8,10.0.0.0/8", "198.51.100.1, 203.0.113.10, 10.1.2.3", 200),
        ("127.0.0.0/8", "203.0.113.10, 10.1.2.3", 403),
        ("127.0.0.1", "2001:db8::7", 200),
        ("127.0.0.1", "2001:db9::7", 403),
        ("127.0.0.1", "::ffff:203.0.113.10", 200),
        ("127.0.0.1", "no address", 403),
        ("", "203.0.113.10", 403),
    ):
        behind = replace(settings, trusted_proxies=trusted)
        async with instamarket_door(services, behind) as door:
            reply = await door("get_health", key=key, headers={"X-Forwarded-For": forwarded})
        assert reply.status == status, (trusted, forwarded)


# The rate limit


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_sixty_requests_of_a_key_in_any_minute_and_no_more(
    instamarket: Rest, make: Make, shop: models.Store, services: Services
) -> None:
    clock = Clock()
    services.limiter = MemoryLimiter(clock)
    key, other = await make.wholesale_key(shop), await make.wholesale_key(shop)

    for n in range(60):
        clock.now = 1000.0 + n * 0.5
        operation = "get_health" if n % 2 else "get_balance"
        assert (await instamarket(operation, key=key)).status == 200
    refused = await instamarket("get_health", key=key)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "31")
    assert refused.body == {"detail": "Rate limit exceeded (60 per minute)"}
    assert (await instamarket("get_health", key=other)).status == 200

    clock.now = 1059.9
    assert (await instamarket("get_health", key=key)).headers["Retry-After"] == "1"
    clock.now = 1060.0
    assert (await instamarket("get_health", key=key)).status == 200
    assert (await instamarket("get_health", key=key)).status == 429


async def test_a_limiter_that_is_down_makes_the_service_unavailable(
    instamarket: Rest, key: Key, services: Services
) -> None:
    class Down(MemoryLimiter):
        async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
            raise Unavailable("no connection to 10.0.0.7:6379")

    services.limiter = Down()
    for operation in contract().operations:
        if operation.id != "list_audit_entries":
            path: dict[str, Any] = {
                each.name: "1" for each in operation.parameters if each.place == "path"
            }
            reply = await instamarket(operation.id, key=key, **path)
            assert (reply.status, reply.body) == (
                503,
                {"detail": "Service temporarily unavailable"},
            )


# The order of checks


async def test_checks_are_made_in_the_contracts_order(
    instamarket: Rest, make: Make, shop: models.Store, services: Services
) -> None:
    """One request that breaks every rule, mended rule by rule."""
    clock = Clock()
    services.limiter, services.clock = MemoryLimiter(clock), lambda: NOW
    product = await make.product(shop, price="10", items=3, min_quantity=2)
    key = await make.wholesale_key(shop, secret=SECRET, allowed_addresses=["203.0.113.10"])
    body: dict[str, Any] = {"product_id": 0, "quantity": 99999, "payment_method": "invoice"}

    async def ask(**headers: str) -> Reply:
        raw = orjson.dumps(body)
        sent = signed(SECRET, raw, STAMP) if headers.pop("sign", None) else {}
        return await instamarket("create_order", body=raw, headers={**sent, **headers})

    async def expect(status: int, **headers: str) -> Reply:
        clock.now += 60
        reply = await ask(**headers)
        assert reply.status == status, reply.body
        return reply

    await expect(401)
    await expect(403, **key.headers)
    async with services.database.write() as session:
        row = await session.get_one(models.ApiKey, key.row.id)
        row.allowed_addresses = []
    clock.now += 60
    assert [(await ask(**key.headers)).status for _ in range(61)] == [401] * 60 + [429]
    invalid = await expect(422, sign="yes", **key.headers)
    assert [each["loc"] for each in invalid.body["detail"]] == [
        ["body", "product_id"],
        ["body", "quantity"],
    ]
    body |= {"product_id": product.id + 1000, "quantity": 1, "webhook_url": "http://u:p@h/"}
    await expect(422, sign="yes", **key.headers)
    del body["webhook_url"]
    await expect(501, sign="yes", **key.headers)
    body["payment_method"] = "balance"
    await expect(404, sign="yes", **key.headers)
    body["product_id"] = product.id
    assert (await expect(400, sign="yes", **key.headers)).body["min_quantity"] == 2
    body["quantity"] = 4
    await expect(409, sign="yes", **key.headers)
    body["quantity"] = 3
    await expect(402, sign="yes", **key.headers)
    await fund(services, key, "30")
    body["payment_method"] = "balance "
    await expect(422, sign="yes", **key.headers)
    body["payment_method"] = "balance"
    await expect(401, sign="yes", **key.headers)  # a replay of the request that was refused
    body["note"] = "fields that nobody knows are ignored"
    await expect(200, sign="yes", **key.headers)
