import asyncio
from datetime import timedelta
from typing import Any

import pytest

from db import models
from resolvers import fulfillment
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Key, Make, fund, gid, work
from tests.state import check_books

ORDER = """id paymentStatus fulfillmentStatus total { amount currency } refundedTotal { amount }
  quantity failureReason version lines { title quantity deliveredItems { content } }"""
PLACE = f"""mutation ($input: PlaceOrder!, $once: String) {{
  placeOrder(input: $input, idempotencyKey: $once) {{
    order {{ {ORDER} }} errors {{ code message field }} }} }}"""
CANCEL = f"""mutation ($id: ID!, $v: Int) {{ cancelOrder(id: $id, expectedVersion: $v) {{
    order {{ {ORDER} }} errors {{ code message field }} }} }}"""
REFUND = f"""mutation ($input: NewRefund!, $once: String) {{
  refundOrder(input: $input, idempotencyKey: $once) {{
    order {{ {ORDER} }} refundId errors {{ code message field }} }} }}"""
READ = f"query ($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}"
BALANCE = "{ balances { nodes { id balance { amount } totals { spent { amount } } } } }"


LATE = timedelta(hours=1)


class Shop:
    """A wholesale store with one product, and a client with money."""

    def __init__(self, make: Make, services: Services, gql: GraphQL) -> None:
        self.make, self.services, self.gql = make, services, gql
        self.store: models.Store
        self.variant: models.Variant
        self.key: Key

    async def open(self, *, items: int = 5, price: str = "2.50", money: str = "100") -> "Shop":
        self.store = await self.make.store(currency="USDT", wholesale=True)
        product = await self.make.product(self.store, items=items, price=price)
        self.variant = await self.make.only_variant(product)
        self.key = await self.make.wholesale_key(self.store)
        await fund(self.services, self.key, money)
        return self

    async def place(self, quantity: int = 1, *, once: str | None = None) -> Any:
        line = {"variantId": gid(self.variant), "quantity": quantity}
        data = await self.gql.data(
            PLACE, key=self.key, input={"storeId": gid(self.store), "lines": [line]}, once=once
        )
        return data["placeOrder"]

    async def balance(self) -> str:
        data = await self.gql.data(BALANCE, key=self.key)
        [balance] = data["balances"]["nodes"]
        return balance["balance"]["amount"]

    async def stock(self) -> int:
        async with self.services.database.write() as session:
            return (await session.get_one(models.Variant, self.variant.id)).stock


@pytest.fixture
async def shop(make: Make, services: Services, gql: GraphQL) -> Shop:
    return await Shop(make, services, gql).open()


async def test_an_order_is_paid_at_once_and_completed_by_a_job(shop: Shop) -> None:
    placed = await shop.place(2)

    assert placed["errors"] == []
    order = placed["order"]
    assert (order["paymentStatus"], order["fulfillmentStatus"]) == ("PAID", "PROCESSING")
    assert order["total"] == {"amount": "5.00", "currency": "USDT"}
    assert (await shop.balance(), await shop.stock()) == ("95.00", 3)

    await work(shop.services)

    done = (await shop.gql.data(READ, key=shop.key, id=order["id"]))["order"]
    assert done["fulfillmentStatus"] == "FULFILLED"
    [line] = done["lines"]
    logins = [item["content"]["login"] for item in line["deliveredItems"]]
    assert logins == [f"user{shop.variant.id}-0", f"user{shop.variant.id}-1"]
    await check_books(shop.services)


@pytest.mark.parametrize(
    ("quantity", "code"), [(6, "INSUFFICIENT_STOCK"), (0, "INVALID"), (10_001, "INVALID")]
)
async def test_a_refused_order_changes_nothing(shop: Shop, quantity: int, code: str) -> None:
    refused = await shop.place(quantity)

    assert refused["order"] is None
    assert [error["code"] for error in refused["errors"]] == [code]
    assert (await shop.balance(), await shop.stock()) == ("100.00", 5)
    assert await work(shop.services) == 0


async def test_a_debit_larger_than_the_balance_changes_nothing(
    make: Make, services: Services, gql: GraphQL
) -> None:
    shop = await Shop(make, services, gql).open(price="40", money="100")

    refused = await shop.place(3)

    assert [error["code"] for error in refused["errors"]] == ["INSUFFICIENT_BALANCE"]
    assert (await shop.balance(), await shop.stock()) == ("100.00", 5)


async def test_the_smallest_batch_follows_the_product_and_the_purchase_floor(shop: Shop) -> None:
    await shop.make.setting(shop.store, "wholesale", "minimum_purchase", {"micro": 7_500_000})

    refused = await shop.place(2)
    accepted = await shop.place(3)

    [error] = refused["errors"]
    assert (error["code"], error["message"]) == (
        "BELOW_MINIMUM",
        "the smallest batch is 3 units, requested 2",
    )
    assert accepted["errors"] == []


async def test_an_order_whose_goods_are_gone_fails_and_refunds_itself(shop: Shop) -> None:
    async with shop.services.database.write() as session:  # the counter promises what is not there
        variant = await session.get_one(models.Variant, shop.variant.id)
        variant.stock = 7
    placed = await shop.place(7)

    await work(shop.services)

    order = (await shop.gql.data(READ, key=shop.key, id=placed["order"]["id"]))["order"]
    assert (order["paymentStatus"], order["fulfillmentStatus"]) == ("REFUNDED", "FAILED")
    assert order["failureReason"] == "2 of 7 units are not available"
    assert order["lines"][0]["deliveredItems"] == []
    assert await shop.balance() == "100.00"
    await check_books(shop.services)


async def test_cancelling_gives_back_goods_and_money_once(shop: Shop) -> None:
    placed = await shop.place(2)
    staff = await shop.make.key()

    first = (await shop.gql.data(CANCEL, key=staff, id=placed["order"]["id"]))["cancelOrder"]
    second = (await shop.gql.data(CANCEL, key=staff, id=placed["order"]["id"]))["cancelOrder"]

    assert first["order"]["fulfillmentStatus"] == "CANCELLED"
    assert first["order"]["paymentStatus"] == "REFUNDED"
    assert [error["code"] for error in second["errors"]] == ["CONFLICT"]
    assert await work(shop.services) == 0  # its job ended with it
    assert (await shop.balance(), await shop.stock()) == ("100.00", 5)
    await check_books(shop.services)


async def test_an_outdated_version_is_a_conflict(shop: Shop) -> None:
    placed = (await shop.place())["order"]
    staff = await shop.make.key()

    answer = await shop.gql.data(CANCEL, key=staff, id=placed["id"], v=placed["version"] - 1)

    [error] = answer["cancelOrder"]["errors"]
    assert (error["code"], error["field"]) == ("CONFLICT", ["expectedVersion"])


async def test_refunds_never_exceed_the_payment(shop: Shop) -> None:
    order = (await shop.place(4))["order"]["id"]  # 10 USDT
    await work(shop.services)
    staff = await shop.make.key()

    async def refund(amount: str | None, once: str | None = None) -> Any:
        wanted = {"orderId": order, "amount": amount}
        data = await shop.gql.data(REFUND, key=staff, input=wanted, once=once)
        return data["refundOrder"]

    half = await refund("4", "a")
    again = await refund("4", "a")
    too_much = await refund("6.01")
    rest = await refund(None)
    nothing_left = await refund("0.01")

    assert half["order"]["paymentStatus"] == "PARTIALLY_REFUNDED"
    assert again["refundId"] == half["refundId"]
    assert [error["code"] for error in too_much["errors"]] == ["INVALID"]
    assert (rest["order"]["paymentStatus"], rest["order"]["refundedTotal"]["amount"]) == (
        "REFUNDED",
        "10.00",
    )
    assert [error["code"] for error in nothing_left["errors"]] == ["CONFLICT"]
    assert await shop.balance() == "100.00"
    await check_books(shop.services)


async def test_the_same_call_twice_is_one_order(shop: Shop) -> None:
    first, second = await asyncio.gather(shop.place(once="k"), shop.place(once="k"))
    other = await shop.place(2, once="k")

    assert first["order"]["id"] == second["order"]["id"]
    assert [error["code"] for error in other["errors"]] == ["CONFLICT"]
    assert (await shop.balance(), await shop.stock()) == ("97.50", 4)


async def test_orders_that_stay_open_too_long_are_refunded_by_the_sweep(shop: Shop) -> None:
    order = (await shop.place())["order"]["id"]
    assert await fulfillment.sweep(shop.services) == 0
    real = shop.services.clock
    shop.services.clock = lambda: real() + LATE

    assert await fulfillment.sweep(shop.services) == 1

    read = (await shop.gql.data(READ, key=shop.key, id=order))["order"]
    assert (read["paymentStatus"], read["fulfillmentStatus"]) == ("REFUNDED", "EXPIRED")
    assert (await shop.balance(), await shop.stock()) == ("100.00", 5)
    assert await work(shop.services) == 0


async def test_a_wholesale_client_sees_its_own_orders_only(shop: Shop) -> None:
    order = (await shop.place())["order"]["id"]
    rival = await shop.make.wholesale_key(shop.store)

    assert (await shop.gql.data(READ, key=rival, id=order)) == {"order": None}
    data = await shop.gql.data("{ orders { totalCount nodes { id } } }", key=rival)
    assert data["orders"] == {"totalCount": 0, "nodes": []}


async def test_a_page_of_orders_costs_one_statement_a_level(
    shop: Shop, statements: list[str]
) -> None:
    for _ in range(3):
        await shop.place()
    statements.clear()

    await shop.gql.data(
        """{ orders(first: 3) { nodes { id customer { firstName }
             lines { title variant { sku } product { title } } } } }""",
        key=shop.key,
    )

    # key, orders, lines, variants, products; no customer to look for
    assert len(statements) == 5


async def test_orders_are_filtered_by_parcels_returns_and_refunds(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    a, b, c = [
        await make.order(store, ref=ref, payment_status=status, city=city)
        for ref, status, city in (
            ("A", models.PaymentStatus.ABANDONED, "Ulm"),
            ("B", models.PaymentStatus.PENDING, None),
            ("C", models.PaymentStatus.PAID, "Bonn"),
        )
    ]
    await make.delivery(a, status=models.DeliveryStatus.SHIPPED)
    await make.returned(b, status=models.DeliveryStatus.DELIVERED)
    await make.refund(c)
    query = """query ($filter: OrderFilter) {
      orders(filter: $filter, sort: PAYMENT_STATUS_ASC) { totalCount nodes { ref } } }"""

    for wanted, refs in (
        (None, "BCA"),
        ({"deliveryStatus": ["SHIPPED", "DELIVERED"]}, "A"),
        ({"notDeliveryStatus": ["SHIPPED"]}, "BC"),
        ({"returnStatus": ["DELIVERED"]}, "B"),
        ({"notReturnStatus": ["DELIVERED", "SHIPPED"]}, "CA"),
        ({"refundStatus": ["PENDING"]}, "C"),
        ({"notRefundStatus": ["REFUNDED"]}, "BCA"),
        ({"search": "ulm"}, "A"),
        ({"search": str(b.uuid)}, "B"),
    ):
        found = (await gql.data(query, key=key, filter=wanted))["orders"]
        assert "".join(node["ref"] for node in found["nodes"]) == refs, wanted
        assert found["totalCount"] == len(refs)


async def test_orders_in_the_order_of_their_payment_are_paged(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    for status in models.PaymentStatus:
        if status is not models.PaymentStatus.REFUNDED:
            await make.order(store, ref=status.value, payment_status=status)
    query = """query ($after: String) {
      orders(first: 1, after: $after, sort: PAYMENT_STATUS_DESC) {
        nodes { ref } pageInfo { endCursor hasNextPage } } }"""
    found, after = [], None

    while True:
        page = (await gql.data(query, key=key, after=after))["orders"]
        found += [node["ref"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert found == ["abandoned", "partially_refunded", "paid", "pending"]


async def test_what_was_chosen_is_kept_with_the_order(shop: Shop) -> None:
    async with shop.services.database.write() as session:
        (await session.get_one(models.Variant, shop.variant.id)).options = {"Term": "1 year"}
    order = (await shop.place())["order"]["id"]

    query = "query ($id: ID!) { order(id: $id) { lines { options } } }"
    data = await shop.gql.data(query, key=shop.key, id=order)

    assert data["order"]["lines"] == [{"options": {"Term": "1 year"}}]
