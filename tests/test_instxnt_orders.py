"""instxnt: orders, page by page and one by one, as their owner sees them."""

from datetime import timedelta
from typing import Any

import pytest

from db import models
from db.base import now
from db.models import FulfillmentStatus, PaymentMethod, PaymentStatus
from rest_compat.instxnt.wire import order_id, product_id, store_id
from tests.callers import Rest
from tests.kit import Make
from tests.sellers import Seller, seller

BUYER = {
    "email": "jane@example.com",
    "first_name": "Jane",
    "last_name": "Doe",
    "address": "1 Main St",
    "city": "Springfield",
    "country": "US",
}


@pytest.fixture
async def key(make: Make) -> Seller:
    return await seller(make)


async def bought(make: Make, store: models.Store, **columns: Any) -> models.Order:
    """A paid order of one lamp."""
    values = {"payment_status": PaymentStatus.PAID, "total": "30.00", **BUYER, **columns}
    return await make.order(store, **values)


async def test_an_order_is_shown_as_the_contract_has_it(
    instxnt: Rest, make: Make, key: Seller
) -> None:
    store = await make.store()
    product = await make.product(store)
    variant = await make.only_variant(product)
    order = await bought(make, store)
    await make.order_line(order, variant, title="Lamp", quantity=2, unit_price=15_000_000)
    await make.save(
        models.Payment(
            organization_id=order.organization_id,
            store_id=store.id,
            order_id=order.id,
            method=PaymentMethod.CARD,
            amount=order.total,
            currency="USD",
            reference="pi_3QabcDEF",
        )
    )
    shown = await instxnt.data("get_order", key=key, order_id=order_id(order.uuid))
    assert shown == {
        "id": order_id(order.uuid),
        "stripe_payment_intent": "pi_3QabcDEF",
        "total_cents": 3000,
        "currency": "USD",
        "buyer": {"email": "jane@example.com", "name": "Jane Doe"},
        "shipping_address": {"line1": "1 Main St", "city": "Springfield", "country": "US"},
        "items": [
            {
                "product_id": product_id(product.uuid),
                "title": "Lamp",
                "quantity": 2,
                "unit_price_cents": 1500,
            }
        ],
        "status": "paid",
        "created_at": shown["created_at"],
    }
    page = await instxnt.data("list_orders", key=key, store_id=store_id(store.uuid))
    assert page == {"orders": [shown], "next_cursor": None}


async def test_an_order_that_was_made_elsewhere_shows_what_there_is(
    instxnt: Rest, make: Make, key: Seller
) -> None:
    store = await make.store()
    order = await make.order(store, payment_status=PaymentStatus.PAID)
    await make.order_line(order)
    shown = await instxnt.data("get_order", key=key, order_id=order_id(order.uuid))
    assert shown["stripe_payment_intent"] is None
    assert shown["buyer"] == {"email": None, "name": ""}
    assert shown["shipping_address"] is None
    assert shown["items"][0]["product_id"] is None


async def test_pages_go_from_the_newest_order_to_the_oldest(
    instxnt: Rest, make: Make, key: Seller
) -> None:
    store, other = await make.store(), await make.store()
    start = now()
    made = [
        await bought(make, store, created_at=start - timedelta(seconds=second // 2))
        for second in range(7)
    ]
    await bought(make, other)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    pages = 0
    while pages == 0 or cursor:
        page = await instxnt.data(
            "list_orders", key=key, store_id=store_id(store.uuid), limit=3, **cursor
        )
        pages += 1
        seen += [order["id"] for order in page["orders"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
    newest = sorted(made, key=lambda order: (order.created_at, order.id), reverse=True)
    assert (pages, seen) == (3, [order_id(order.uuid) for order in newest])


async def test_a_page_takes_as_many_statements_as_an_order(
    instxnt: Rest, make: Make, key: Seller, statements: list[str]
) -> None:
    store = await make.store()
    variant = await make.only_variant(await make.product(store))
    counts: list[int] = []
    for _ in range(2):
        await make.order_line(await bought(make, store), variant)
        statements.clear()
        await instxnt.data("list_orders", key=key, store_id=store_id(store.uuid))
        counts.append(len(statements))
    # The key, the store, the page, lines, payments, products.
    assert counts == [6, 6]


async def test_limits_are_brought_into_their_range(instxnt: Rest, make: Make, key: Seller) -> None:
    store = await make.store()
    await bought(make, store)
    await bought(make, store)
    for limit, count in ((0, 1), (1, 1), (100_000, 2)):
        page = await instxnt.data(
            "list_orders", key=key, store_id=store_id(store.uuid), limit=limit
        )
        assert len(page["orders"]) == count


@pytest.mark.parametrize("sent", [{"cursor": "nonsense"}, {"cursor": "WyJ4Il0"}, {"limit": "many"}])
async def test_what_is_no_page_is_refused(
    instxnt: Rest, make: Make, key: Seller, sent: dict[str, Any]
) -> None:
    store = await make.store()
    reply = await instxnt("list_orders", key=key, store_id=store_id(store.uuid), **sent)
    [field] = sent
    assert (reply.status, reply.body["code"], reply.body["field"]) == (
        400,
        "validation_failed",
        field,
    )


@pytest.mark.parametrize("status", [PaymentStatus.PENDING, PaymentStatus.ABANDONED])
async def test_what_is_not_paid_is_no_order_yet(
    instxnt: Rest, make: Make, key: Seller, status: PaymentStatus
) -> None:
    store = await make.store()
    order = await bought(make, store, payment_status=status)
    page = await instxnt.data("list_orders", key=key, store_id=store_id(store.uuid))
    reply = await instxnt("get_order", key=key, order_id=order_id(order.uuid))
    assert (page["orders"], reply.status, reply.body["code"]) == ([], 404, "not_found")
    assert reply.body["message"] == "Order not found"


async def test_statuses_follow_the_goods_and_the_money(
    instxnt: Rest, make: Make, key: Seller
) -> None:
    store = await make.store()
    fulfilled = await bought(make, store, fulfillment_status=FulfillmentStatus.FULFILLED)
    refunded = await bought(
        make, store, payment_status=PaymentStatus.REFUNDED, refunded_total=30_000_000
    )
    for order, status in ((fulfilled, "fulfilled"), (refunded, "refunded")):
        shown = await instxnt.data("get_order", key=key, order_id=order_id(order.uuid))
        assert shown["status"] == status


async def test_orders_of_another_account_are_not_ones_own(
    instxnt: Rest, make: Make, key: Seller
) -> None:
    theirs = await make.store("Other")
    order = await bought(make, theirs)
    order_name, store_name = order_id(order.uuid), store_id(theirs.uuid)
    for named, reply in (
        (order_name, await instxnt("get_order", key=key, order_id=order_name)),
        (store_name, await instxnt("list_orders", key=key, store_id=store_name)),
    ):
        assert (reply.status, reply.body) == (
            403,
            {"code": "not_owner", "message": f"You do not own {named}"},
        )


async def test_what_a_deleted_store_sold_is_gone(instxnt: Rest, make: Make, key: Seller) -> None:
    mine, theirs = await make.store(), await make.store("Other")
    orders = [await bought(make, store) for store in (mine, theirs)]
    async with make.services.database.write() as tx:
        for store in (mine, theirs):
            (await tx.get_one(models.Store, store.id)).deleted_at = now()
    for order in orders:
        reply = await instxnt("get_order", key=key, order_id=order_id(order.uuid))
        assert (reply.status, reply.body["code"]) == (404, "not_found")
    for store in (mine, theirs):
        reply = await instxnt("list_orders", key=key, store_id=store_id(store.uuid))
        assert (reply.status, reply.body["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "text", ["or_abc123", "or_", "7", "st_00000000000000000000000000", "or_%00", "or_" + "z" * 26]
)
async def test_what_is_no_id_is_found_nowhere(instxnt: Rest, key: Seller, text: str) -> None:
    reply = await instxnt("get_order", key=key, order_id=text)
    assert (reply.status, reply.body["code"]) == (404, "not_found")
