"""Refunds: by line, never more than was paid, and pending where money goes back elsewhere."""

import asyncio
from typing import Any

import pytest

from db import models
from tests.callers import GraphQL
from tests.kit import Key, Make, gid
from tests.state import events, everything

REFUND = """mutation ($input: NewRefund!, $once: String) {
  refundOrder(input: $input, idempotencyKey: $once) {
    order { paymentStatus refundedTotal { amount } customer { amountSpent { amount } }
      refunds { id status amount { amount } reason
        lines { quantity amount { amount } line { id } } } }
    refundId errors { code message field } } }"""
SETTLE = """mutation ($id: ID!, $once: String) { settleRefund(id: $id, idempotencyKey: $once) {
  refundId order { paymentStatus refundedTotal { amount } refunds { status } }
  errors { code field } } }"""
RECORD = """mutation ($input: RecordOrder!) { recordOrder(input: $input) {
  order { id lines { id } } errors { code message field } } }"""
RETURN = """mutation ($input: NewReturn!) { createReturn(input: $input) {
  return { id uuid delivery { uuid status } lines { quantity line { id } } }
  errors { code field } } }"""


class Sale:
    """A paid order of three lamps at 10 and a lump of 5 for shipping, paid elsewhere."""

    def __init__(self, gql: GraphQL, make: Make) -> None:
        self.gql, self.make = gql, make
        self.key: Key
        self.store: models.Store
        self.order = self.line = ""

    async def close(self) -> "Sale":
        self.store, self.key = await self.make.store(), await self.make.key()
        wanted = {
            "storeId": gid(self.store), "status": "PAID", "shipping": "5",
            "lines": [{"title": "Lamp", "unitPrice": "10", "quantity": 3}],
            "contact": {"email": "ada@example.com"},
        }  # fmt: skip
        order = (await self.gql.done(RECORD, key=self.key, input=wanted))["order"]
        self.order, self.line = order["id"], order["lines"][0]["id"]
        return self

    async def refund(self, once: str | None = None, **wanted: Any) -> Any:
        wanted["orderId"] = self.order
        return await self.gql.done(REFUND, key=self.key, input=wanted, once=once)

    async def refused(self, **wanted: Any) -> list[str]:
        wanted["orderId"] = self.order
        before = await everything(self.make.services)
        refusals = await self.gql.refused(REFUND, key=self.key, input=wanted)
        assert await everything(self.make.services) == before
        return refusals

    def lamps(self, quantity: int, amount: str | None = None) -> dict[str, Any]:
        return {"lineId": self.line, "quantity": quantity, "amount": amount}


@pytest.fixture
async def sale(gql: GraphQL, make: Make) -> Sale:
    return await Sale(gql, make).close()


async def test_money_that_goes_back_elsewhere_is_pending_and_counts_at_once(sale: Sale) -> None:
    made = await sale.refund(lines=[sale.lamps(2)], reason="Broken")

    order = made["order"]
    [refund] = order["refunds"]
    assert refund == {
        "id": made["refundId"], "status": "PENDING", "amount": {"amount": "20.00"},
        "reason": "Broken",
        "lines": [{"quantity": 2, "amount": {"amount": "20.00"}, "line": {"id": sale.line}}],
    }  # fmt: skip
    assert (order["paymentStatus"], order["refundedTotal"]) == (
        "PARTIALLY_REFUNDED",
        {"amount": "20.00"},
    )
    assert order["customer"]["amountSpent"] == {"amount": "15.00"}

    settled = await sale.gql.done(SETTLE, key=sale.key, id=made["refundId"], once="1")

    assert settled["order"] == {
        "paymentStatus": "PARTIALLY_REFUNDED",
        "refundedTotal": {"amount": "20.00"},
        "refunds": [{"status": "REFUNDED"}],
    }
    again = await sale.gql.done(SETTLE, key=sale.key, id=made["refundId"], once="1")
    assert again == settled
    assert await sale.gql.refused(SETTLE, key=sale.key, id=made["refundId"]) == ["CONFLICT id"]
    assert len(await events(sale.make.services, "order.refunded")) == 2


async def test_lines_give_back_no_more_than_was_bought(sale: Sale) -> None:
    await sale.refund(lines=[sale.lamps(1, "12")])  # more than one cost, for the trouble

    assert await sale.refused(lines=[sale.lamps(3)]) == ["INVALID input.lines.0.quantity"]
    assert await sale.refused(lines=[sale.lamps(2)]) == ["INVALID input.lines.0.amount"]
    assert await sale.refused(lines=[sale.lamps(0)]) == ["INVALID input.lines.0.quantity"]
    assert await sale.refused(lines=[sale.lamps(1), sale.lamps(1)]) == ["INVALID input.lines"]
    assert await sale.refused(amount="17", lines=[sale.lamps(2, "18")]) == ["INVALID input.lines"]
    assert await sale.refused(amount="23.01") == ["INVALID input.amount"]
    assert await sale.refused(reason="x" * 501) == ["INVALID input.reason"]
    other = await Sale(sale.gql, sale.make).close()
    foreign = {"lineId": other.line, "quantity": 1}
    assert await sale.refused(lines=[foreign]) == ["NOT_FOUND input.lines.0.lineId"]

    whole = await sale.refund(amount="23", lines=[sale.lamps(2, "18")])
    assert whole["order"]["paymentStatus"] == "REFUNDED"
    assert whole["order"]["customer"]["amountSpent"] == {"amount": "0.00"}
    assert await sale.refused() == ["CONFLICT"]


async def test_pending_refunds_made_at_once_never_exceed_the_payment(sale: Sale) -> None:
    async def refund(n: int) -> Any:
        wanted = {"orderId": sale.order, "amount": "10"}
        if n % 2:
            wanted = {"orderId": sale.order, "lines": [sale.lamps(1)]}
        return (await sale.gql.data(REFUND, key=sale.key, input=wanted))["refundOrder"]

    outcomes = await asyncio.gather(*map(refund, range(8)))

    refused = [error["code"] for outcome in outcomes for error in outcome["errors"]]
    assert refused == ["INVALID"] * 5
    last = await sale.refund()
    assert [refund["amount"]["amount"] for refund in last["order"]["refunds"]] == [
        "10.00", "10.00", "10.00", "5.00",
    ]  # fmt: skip
    assert last["order"]["refundedTotal"] == {"amount": "35.00"}


async def test_a_refund_is_settled_once_however_often_it_is_said(sale: Sale) -> None:
    refund = (await sale.refund())["refundId"]

    outcomes = await asyncio.gather(
        *(sale.gql.data(SETTLE, key=sale.key, id=refund) for _ in range(5))
    )

    codes = [error["code"] for each in outcomes for error in each["settleRefund"]["errors"]]
    assert codes == ["CONFLICT"] * 4
    assert len(await events(sale.make.services, "order.refunded")) == 2


async def test_a_refund_may_be_for_a_return_of_its_order(sale: Sale) -> None:
    line = {"lineId": sale.line, "quantity": 1}
    back = await sale.gql.done(RETURN, key=sale.key, input={"orderId": sale.order, "lines": [line]})
    other = await Sale(sale.gql, sale.make).close()

    assert back["return"]["delivery"]["status"] == "UNFULFILLED"
    assert len(await events(sale.make.services, "delivery.updated")) == 1
    await sale.refund(returnId=back["return"]["id"], lines=[sale.lamps(1)])
    assert await other.refused(returnId=back["return"]["id"]) == ["NOT_FOUND input.returnId"]
    query = """query ($id: ID!, $back: ID!) {
      refund(id: $id) { uuid return { id reason version } }
      return(id: $back) { id uuid lines { line { uuid title } } } }"""
    refund = (await sale.refund(amount="1"))["order"]["refunds"][0]["id"]
    data = await sale.gql.data(query, key=sale.key, id=refund, back=back["return"]["id"])
    assert data["refund"]["return"]["id"] == data["return"]["id"] == back["return"]["id"]
