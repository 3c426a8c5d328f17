"""InstaMarket: orders that are refused change nothing; repeated ones happen once, if so wished."""

from typing import Any

import pytest
from sqlalchemy import func, select

from db import models
from resolvers.services import Services
from tests.callers import Rest
from tests.kit import Key, Make, fund, work


@pytest.fixture
async def shop(make: Make) -> models.Store:
    return await make.store(wholesale=True, currency="USDT")


@pytest.fixture
async def key(make: Make, shop: models.Store) -> Key:
    return await make.wholesale_key(shop)


async def orders_made(services: Services) -> int:
    async with services.database.read() as connection:
        found = await connection.execute(select(func.count()).select_from(models.Order))
        return found.scalar_one()


async def test_refusals_say_what_to_do_and_change_nothing(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="1.25", items=30, min_quantity=10)
    await fund(services, key, "12.34")

    async def refused(product_id: int, quantity: int) -> tuple[int, Any]:
        body = {"product_id": product_id, "quantity": quantity, "payment_method": "balance"}
        reply = await instamarket("create_order", key=key, body=body)
        return reply.status, reply.body

    assert await refused(product.id, 9) == (
        400,
        {"detail": "Minimum batch for this product is 10 units, requested 9", "min_quantity": 10},
    )
    assert await refused(product.id, 31) == (
        409,
        {"detail": "Insufficient stock: 30 available, 31 requested"},
    )
    assert await refused(product.id, 10) == (
        402,
        {
            "detail": "Insufficient balance: 12.50 USDT needed, 12.34 available. "
            "Top up with POST /api/v1/balance/topup",
            "required_usdt": 12.5,
            "balance_usdt": 12.34,
        },
    )
    assert await refused(product.id + 1, 10) == (404, {"detail": "Product not found"})
    assert await orders_made(services) == 0
    assert (await instamarket.data("get_product", key=key, id=product.id))["stock"] == 30
    assert (await instamarket.data("get_balance", key=key))["balance_usdt"] == 12.34


async def test_the_purchase_floor_is_enforced(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    await make.setting(shop, "wholesale", "minimum_purchase", {"micro": 7_500_000})
    product = await make.product(shop, price="0.40", items=20)
    await fund(services, key, "10")

    below = {"product_id": product.id, "quantity": 18}
    reply = await instamarket("create_order", key=key, body=below)
    assert (reply.status, reply.body["min_quantity"]) == (400, 19)
    enough = {"product_id": product.id, "quantity": 19}
    assert (await instamarket.data("create_order", key=key, body=enough))["price_usdt"] == 7.6


async def test_invoices_are_not_implemented(
    instamarket: Rest, key: Key, services: Services
) -> None:
    body = {"product_id": 1, "quantity": 1, "payment_method": "invoice"}
    reply = await instamarket("create_order", key=key, body=body)
    assert reply.status == 501
    assert await orders_made(services) == 0


def problem(kind: str, message: str, *names: str) -> list[dict[str, Any]]:
    return [
        {"loc": ["body", *([name] if name else [])], "msg": message, "type": kind} for name in names
    ]


INVALID: list[tuple[Any, list[dict[str, Any]]]] = [
    (b"", problem("missing", "Field required", "")),
    (b"{}", problem("missing", "Field required", "product_id", "quantity")),
    (b"[]", problem("dict_type", "Input should be a valid object", "")),
    (
        {"product_id": 1, "quantity": 10_001},
        problem("less_than_equal", "Input should be less than or equal to 10000", "quantity"),
    ),
    (
        {"product_id": 1, "quantity": 0},
        problem("greater_than_equal", "Input should be greater than or equal to 1", "quantity"),
    ),
    (
        {"product_id": "1", "quantity": 1.5},
        problem("int_type", "Input should be a valid integer", "product_id", "quantity"),
    ),
]
KINDS: list[tuple[Any, str]] = [
    (b"{", "json_invalid"),
    (b"\xff", "json_invalid"),
    (b"[" * 5000, "json_invalid"),
    ({"payment_method": "cash"}, "enum"),
    ({"payment_method": None}, "string_type"),
    ({"product_id": 2**63}, "less_than_equal"),
    ({"webhook_url": 5}, "string_type"),
    ({"webhook_url": "ftp://a"}, "string_pattern_mismatch"),
    ({"webhook_url": "no url"}, "string_pattern_mismatch"),
    ({"webhook_url": "https://a b/"}, "uri_parsing"),
    ({"webhook_url": "https://user:word@example.com/"}, "value_error"),
]


async def test_an_invalid_body_is_told_field_by_field(
    instamarket: Rest, key: Key, services: Services
) -> None:
    for body, problems in INVALID:
        reply = await instamarket("create_order", key=key, body=body)
        assert (reply.status, reply.body) == (422, {"detail": problems})
    for given, kind in KINDS:
        body = given if isinstance(given, bytes) else {"product_id": 1, "quantity": 1, **given}
        reply = await instamarket("create_order", key=key, body=body)
        assert reply.status == 422
        assert [each["type"] for each in reply.body["detail"]] == [kind], given
    assert await orders_made(services) == 0


async def test_a_repeated_request_is_a_new_order_unless_it_carries_an_idempotency_key(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="1", items=9)
    await fund(services, key, "9")
    body = {"product_id": product.id, "quantity": 1}

    plain = [await instamarket.data("create_order", key=key, body=body) for _ in range(2)]
    assert plain[0]["order_id"] != plain[1]["order_id"]

    headers = {"Idempotency-Key": "once"}
    first = await instamarket.data("create_order", key=key, body=body, headers=headers)
    await work(services)
    again = await instamarket.data("create_order", key=key, body=body, headers=headers)
    assert again == first
    assert await orders_made(services) == 3

    other = await instamarket(
        "create_order", key=key, body={**body, "quantity": 2}, headers=headers
    )
    assert other.status == 409
    too_long = {"Idempotency-Key": "x" * 256}
    reply = await instamarket("create_order", key=key, body=body, headers=too_long)
    assert reply.body["detail"][0]["loc"] == ["header", "Idempotency-Key"]
    assert await orders_made(services) == 3
