"""InstaMarket: orders, from the debit to the delivered accounts or the refund."""

from datetime import UTC, datetime
from typing import Any

import pytest

from db import models
from db.models import FulfillmentStatus, PaymentStatus
from resolvers import fulfillment, orders, refunds
from resolvers.context import Context
from resolvers.refunds import NewRefund
from resolvers.services import Services
from resolvers.viewer import system
from tests.callers import Rest
from tests.kit import Key, Make, fund, work
from tests.state import check_books

NOW = datetime(2026, 5, 23, 0, 46, 40, tzinfo=UTC)


@pytest.fixture
async def shop(make: Make) -> models.Store:
    return await make.store(wholesale=True, currency="USDT")


@pytest.fixture
async def key(make: Make, shop: models.Store) -> Key:
    return await make.wholesale_key(shop)


async def change(services: Services, order_id: int, **columns: Any) -> None:
    async with services.database.write() as session:
        order = await session.get_one(models.Order, order_id)
        for name, value in columns.items():
            setattr(order, name, value)


async def test_an_order_is_debited_at_once_and_completed_with_its_items(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="1.234", items=12)
    await fund(services, key, "50")

    order = await instamarket.data(
        "create_order", key=key, body={"product_id": product.id, "quantity": 10}
    )

    assert order == {
        "order_id": order["order_id"],
        "status": "processing",
        "price_usdt": 12.34,
        "quantity": 10,
        "refunded": False,
        "created_at": order["created_at"],
        "updated_at": order["created_at"],
    }
    assert (await instamarket.data("get_balance", key=key))["balance_usdt"] == 37.66
    seen = await instamarket.data("get_order", key=key, id=order["order_id"])
    assert (seen["status"], seen["refunded"], "items" in seen) == ("processing", False, False)
    assert (await instamarket.data("get_product", key=key, id=product.id))["stock"] == 2

    await work(services)

    seen = await instamarket.data("get_order", key=key, id=order["order_id"])
    assert (seen["status"], seen["price_usdt"]) == ("completed", 12.34)
    assert seen["items"] == [
        {
            "login": f"user{(await make.only_variant(product)).id}-{n}",
            "password": f"pass{n}",
        }
        for n in range(10)
    ]
    await check_books(services)


async def test_items_keep_what_they_consist_of_and_always_have_login_and_password(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="1", stock=1, is_digital=True)
    content = {"licence": "AB-12", "seats": 3, "password": 1234}
    await make.save(
        models.StockItem(
            organization_id=shop.organization_id,
            store_id=shop.id,
            variant_id=(await make.only_variant(product)).id,
            content=services.vault.seal(content),
        )
    )
    await fund(services, key, "1")
    body = {"product_id": product.id, "quantity": 1}
    order = await instamarket.data("create_order", key=key, body=body)
    await work(services)

    seen = await instamarket.data("get_order", key=key, id=order["order_id"])

    assert seen["items"] == [{"licence": "AB-12", "seats": 3, "password": "1234", "login": ""}]


async def test_a_completed_order_costs_four_statements_however_many_items_it_has(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, statements: list[str]
) -> None:
    product = await make.product(shop, price="1", items=5)
    await fund(make.services, key, "5")
    body = {"product_id": product.id, "quantity": 5}
    order = await instamarket.data("create_order", key=key, body=body)
    await work(make.services)
    statements.clear()

    await instamarket.data("get_order", key=key, id=order["order_id"])

    assert len(statements) == 4  # the key, the order, its line, its items


async def test_an_order_that_fails_is_refunded_and_keeps_its_status(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="2", stock=3, is_digital=True)  # but no items
    await fund(services, key, "10")
    body = {"product_id": product.id, "quantity": 3}
    order = await instamarket.data("create_order", key=key, body=body)

    await work(services)

    seen = await instamarket.data("get_order", key=key, id=order["order_id"])
    assert (seen["status"], seen["refunded"], "items" in seen) == ("failed", True, False)
    assert await instamarket.data("get_balance", key=key) == {
        "balance_usdt": 10.0,
        "total_spent_usdt": 0.0,
        "total_topup_usdt": 10.0,
        "total_refunded_usdt": 6.0,
        "currency": "USDT",
    }
    await check_books(services)


async def test_an_order_that_nobody_delivers_expires_and_is_refunded(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="2", items=1)
    await fund(services, key, "2")
    body = {"product_id": product.id, "quantity": 1}
    order = await instamarket.data("create_order", key=key, body=body)
    await change(services, order["order_id"], created_at=NOW, paid_at=NOW)

    assert await fulfillment.sweep(services) == 1

    seen = await instamarket.data("get_order", key=key, id=order["order_id"])
    assert (seen["status"], seen["refunded"]) == ("expired", True)


async def test_a_completed_order_that_is_refunded_stays_completed(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="2", items=1)
    await fund(services, key, "2")
    body = {"product_id": product.id, "quantity": 1}
    order = await instamarket.data("create_order", key=key, body=body)
    await work(services)
    staff = Context(services, system(shop.organization_id))

    await refunds.create(staff, input=NewRefund(order_id=order["order_id"]))

    seen = await instamarket.data("get_order", key=key, id=order["order_id"])
    assert (seen["status"], seen["refunded"], len(seen["items"])) == ("completed", True, 1)
    usage = await instamarket.data("get_usage", key=key)
    assert (usage["total_spent_usdt"], usage["total_refunded_usdt"]) == (0.0, 2.0)


async def test_a_cancelled_order_is_shown_as_cancelled(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="2", items=1)
    await fund(services, key, "2")
    body = {"product_id": product.id, "quantity": 1}
    order = await instamarket.data("create_order", key=key, body=body)

    await orders.cancel(Context(services, system(shop.organization_id)), id=order["order_id"])

    seen = await instamarket.data("get_order", key=key, id=order["order_id"])
    assert (seen["status"], seen["refunded"]) == ("cancelled", True)
    assert await work(services) == 0


async def test_an_order_of_another_key_is_not_found(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="2", items=1)
    await fund(services, key, "2")
    body = {"product_id": product.id, "quantity": 1}
    order = await instamarket.data("create_order", key=key, body=body)
    strangers = [
        await make.wholesale_key(shop),
        await make.key(),
        await make.wholesale_key(await make.store("Other", wholesale=True), "Other"),
    ]

    for stranger in strangers:
        reply = await instamarket("get_order", key=stranger, id=order["order_id"])
        assert (reply.status, reply.body) == (404, {"detail": "Order not found"})
        assert (await instamarket.data("get_balance", key=stranger))["total_topup_usdt"] == 0.0


async def test_an_order_of_goods_that_cost_nothing_needs_no_balance(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="0", items=1)
    body = {"product_id": product.id, "quantity": 1}

    order = await instamarket.data("create_order", key=key, body=body)
    await work(services)

    seen = await instamarket.data("get_order", key=key, id=order["order_id"])
    assert (seen["status"], seen["price_usdt"]) == ("completed", 0.0)


async def test_an_open_order_whose_money_is_back_is_refunded(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    product = await make.product(shop, price="1", items=1)
    await fund(services, key, "1")
    body = {"product_id": product.id, "quantity": 1}
    order = await instamarket.data("create_order", key=key, body=body)
    staff = Context(services, system(shop.organization_id))
    await refunds.create(staff, input=NewRefund(order_id=order["order_id"]))

    seen = await instamarket.data("get_order", key=key, id=order["order_id"])
    assert (seen["status"], seen["refunded"]) == ("refunded", True)
    await change(
        services,
        order["order_id"],
        payment_status=PaymentStatus.PARTIALLY_REFUNDED,
        fulfillment_status=FulfillmentStatus.PARTIAL,
    )
    seen = await instamarket.data("get_order", key=key, id=order["order_id"])
    assert (seen["status"], seen["refunded"]) == ("partial", False)
