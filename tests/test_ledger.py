"""The ledger's promises under any sequence of what people and programs do."""

import asyncio
import itertools
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from providers.chain import SimulatedChain
from resolvers import topups
from resolvers.money import micro
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Key, Make, gid, work
from tests.state import check_books

PLACE = """mutation ($input: PlaceOrder!, $once: String) {
  placeOrder(input: $input, idempotencyKey: $once) {
    order { id total { amount } } errors { code } } }"""
CANCEL = "mutation ($id: ID!) { cancelOrder(id: $id) { order { id } errors { code } } }"
REFUND = """mutation ($input: NewRefund!, $once: String) {
  refundOrder(input: $input, idempotencyKey: $once) { order { id } errors { code } } }"""
TOP_UP = """mutation ($input: NewTopUp!) { createTopUp(input: $input) {
  topUp { amount { amount } network } errors { code } } }"""
ADJUST = """mutation ($input: BalanceAdjustment!) { adjustBalance(input: $input) {
  balance { id } errors { code } } }"""
RETRY = "mutation ($id: ID!) { retryJob(id: $id) { job { id } errors { code } } }"
JOBS = "query ($id: ID!) { order(id: $id) { refundedTotal { amount } jobs { nodes { id } } } }"
BALANCE = "{ balances { nodes { id balance { amount } } } }"

TENANTS = itertools.count()
# Chosen so that most orders can be paid, and most refunds are possible, twice and thrice.
DEPOSITS = st.integers(min_value=20, max_value=90).map(str)
REFUNDS = st.integers(min_value=1, max_value=5).map(str)
USUALLY = st.sampled_from([True, True, True, False])


class Books(RuleBasedStateMachine):
    """A wholesale client and the store's staff, in any order, against a model that only adds up."""

    loop: asyncio.AbstractEventLoop
    gql: GraphQL
    make: Make
    services: Services
    chain: SimulatedChain

    orders = Bundle("orders")

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    @initialize(target=orders, quantity=st.integers(1, 3))
    def open(self, quantity: int) -> Any:
        """A store, money on the balance, and a first order: so every rule has something to do."""
        self.expected = Decimal(0)
        self.balance_id: str | None = None
        self._do(self._open())
        self._do(self._top_up(amount="50", paid=True, twice=True))
        return self._do(self._debit(quantity, None))

    async def _open(self) -> None:
        name = f"Books{next(TENANTS)}"
        store = await self.make.store(name, currency="USDT", wholesale=True)
        product = await self.make.product(store, items=9, price="7.00")
        self.wanted = {"storeId": gid(store)}
        self.variant = gid(await self.make.only_variant(product))
        self.key: Key = await self.make.wholesale_key(store, name)
        self.staff: Key = await self.make.key(name)

    @rule(amount=DEPOSITS, paid=USUALLY, twice=st.booleans())
    def top_up(self, *, amount: str, paid: bool, twice: bool) -> None:
        self._do(self._top_up(amount=amount, paid=paid, twice=twice))

    async def _top_up(self, *, amount: str, paid: bool, twice: bool) -> None:
        data = await self.gql.data(TOP_UP, key=self.key, input={"amount": amount})
        announced = data["createTopUp"]["topUp"]
        if paid:
            exact = announced["amount"]["amount"]
            await self.chain.send(announced["network"], micro(exact))
            for _ in range(2 if twice else 1):
                await topups.scan(self.services)
            self.expected += Decimal(exact)

    @rule(target=orders, quantity=st.integers(1, 3), once=st.sampled_from([None, "a", "b"]))
    def debit(self, quantity: int, once: str | None) -> Any:
        return self._do(self._debit(quantity, once))

    async def _debit(self, quantity: int, once: str | None) -> Any:
        before = await self._balance()
        line = {"variantId": self.variant, "quantity": quantity}
        data = await self.gql.data(
            PLACE, key=self.key, input={**self.wanted, "lines": [line]}, once=once
        )
        placed = data["placeOrder"]
        if placed["order"] is None:
            refusals = {"INSUFFICIENT_STOCK", "INSUFFICIENT_BALANCE", "CONFLICT"}
            assert {error["code"] for error in placed["errors"]} <= refusals
            assert await self._balance() == before
            return None
        after = await self._balance()
        assert after in (before, before - Decimal(placed["order"]["total"]["amount"]))
        assert once is not None or after < before
        self.expected -= before - after
        return placed["order"]["id"]

    @rule(order=orders)
    def cancel(self, order: str | None) -> None:
        if order is not None:
            self._do(self._returning(CANCEL, "cancelOrder", order, id=order))

    @rule(order=orders, amount=REFUNDS, once=st.sampled_from([None, "r"]), times=st.integers(1, 3))
    def refund(self, order: str | None, amount: str, once: str | None, times: int) -> None:
        if order is not None:
            wanted = {"orderId": order, "amount": amount}
            for _ in range(times):
                self._do(self._returning(REFUND, "refundOrder", order, input=wanted, once=once))

    async def _returning(self, document: str, name: str, order: str, **given: Any) -> None:
        before = await self._refunded(order)
        data = await self.gql.data(document, key=self.staff, **given)
        allowed = {"CONFLICT", "INVALID"}
        assert {error["code"] for error in data[name]["errors"]} <= allowed
        self.expected += await self._refunded(order) - before

    @rule()
    def fulfil(self) -> None:
        before = self._do(self._balance())
        self._do(work(self.services))
        self.expected += self._do(self._balance()) - before

    @rule(order=orders)
    def retry(self, order: str | None) -> None:
        if order is not None:
            self._do(self._retry(order))

    async def _retry(self, order: str) -> None:
        """Whatever its job says: an order that ended stays ended, and costs nothing again."""
        data = await self.gql.data(JOBS, key=self.staff, id=order)
        before = await self._balance()
        for job in data["order"]["jobs"]["nodes"]:
            await self.gql.data(RETRY, key=self.staff, id=job["id"])
        assert await self._balance() == before

    @precondition(lambda self: self.balance_id is not None)
    @rule(amount=st.integers(-80, 40).filter(bool).map(str))
    def adjust(self, amount: str) -> None:
        wanted = {"balanceId": self.balance_id, "amount": amount, "memo": "count"}
        data = self._do(self.gql.data(ADJUST, key=self.staff, input=wanted))
        if not data["adjustBalance"]["errors"]:
            self.expected += Decimal(amount)

    async def _balance(self) -> Decimal:
        data = await self.gql.data(BALANCE, key=self.key)
        nodes = data["balances"]["nodes"]
        if not nodes:
            return Decimal(0)
        self.balance_id = nodes[0]["id"]
        return Decimal(nodes[0]["balance"]["amount"])

    async def _refunded(self, order: str) -> Decimal:
        data = await self.gql.data(JOBS, key=self.staff, id=order)
        return Decimal(data["order"]["refundedTotal"]["amount"])

    @invariant()
    def the_books_are_right(self) -> None:
        if hasattr(self, "key"):
            found = self._do(self._balance())
            assert found == self.expected
            assert found >= 0
            self._do(check_books(self.services))


async def test_no_sequence_of_calls_breaks_the_books(
    gql: GraphQL, make: Make, services: Services, database_kind: str
) -> None:
    """Top up, debit, refund, cancel, retry, adjust, fulfil: in any order, repeated or not."""
    machine: Any = type(
        "BooksHere",
        (Books,),
        {
            "loop": asyncio.get_running_loop(),
            "gql": gql,
            "make": make,
            "services": services,
            "chain": services.chain,
        },
    )
    await asyncio.to_thread(
        run_state_machine_as_test,
        machine,
        settings=settings(
            max_examples=16 if database_kind == "sqlite" else 10,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
