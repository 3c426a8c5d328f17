"""What customers have bought is what a recount of their orders says, after anything at all."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from db import models
from db.models import Order, PaymentStatus
from resolvers import orders, placing, recording, refunds
from resolvers.context import Context
from resolvers.errors import StoreError
from resolvers.orders import OrderChanges
from resolvers.placing import PlaceOrder, PlaceOrderLine
from resolvers.recorded_lines import RecordOrderLine
from resolvers.recording import RecordedStatus, RecordOrder
from resolvers.refunds import NewRefund
from resolvers.services import Services
from resolvers.viewer import system
from tests.callers import GraphQL
from tests.kit import Make, fund, gid
from tests.state import events

PAID = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


async def recount(services: Services, customer_id: int) -> tuple[int, int, int | None]:
    """The figures of a customer's orders, added up one by one."""
    async with services.database.write() as session:
        mine = select(Order).where(Order.customer_id == customer_id)
        found = (await session.scalars(mine.order_by(Order.created_at, Order.id))).all()
    counted = [order for order in found if order.payment_status is not PaymentStatus.ABANDONED]
    spent = sum(
        order.total - order.refunded_total for order in counted if order.payment_status in PAID
    )
    return len(counted), spent, counted[-1].id if counted else None


async def kept(services: Services, customer_id: int) -> tuple[int, int, int | None]:
    async with services.database.write() as session:
        row = await session.get_one(models.Customer, customer_id)
        return row.order_count, row.amount_spent, row.latest_order_id


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["record", "pay", "refund", "refund all", "settle", "cancel", "give away", "disown"]
        ),
        st.integers(0, 5),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=12,
)


class Store:
    """Two customers, and whatever can happen to their orders."""

    def __init__(self, make: Make) -> None:
        self.make = make
        self.made: list[int] = []
        self.refunds: list[int] = []

    async def open(self) -> "Store":
        self.store = await self.make.store()
        self.customers = [(await self.make.customer(self.store)).id for _ in range(2)]
        self.ctx = Context(self.make.services, system(self.store.organization_id))
        return self

    async def step(self, name: str, which: int, how: int) -> None:
        if name == "record":
            wanted = RecordOrder(
                store_id=self.store.id,
                customer_id=self.customers[which % 2],
                status=list(RecordedStatus)[how],
                lines=[RecordOrderLine(title="Lamp", unit_price=1_000_000, quantity=which + 1)],
                cancelled=which == 4,
            )
            self.made.append(await recording.record(self.ctx, input=wanted))
        elif self.made:
            await self.change(name, self.made[which % len(self.made)], how)

    async def change(self, name: str, key: int, how: int) -> None:
        match name:
            case "pay":
                await recording.mark_paid(self.ctx, id=key)
            case "refund" | "refund all":
                amount = how * 500_000 if name == "refund" else None
                wanted = NewRefund(order_id=key, amount=amount)
                self.refunds.append((await refunds.create(self.ctx, input=wanted)).refund_id)
            case "settle" if self.refunds:
                await refunds.settle(self.ctx, id=self.refunds[how % len(self.refunds)])
            case "cancel":
                await orders.cancel(self.ctx, id=key)
            case "give away" | "disown":
                to = self.customers[how % 2] if name == "give away" else None
                await orders.update(self.ctx, id=key, changes=OrderChanges(customer_id=to))
            case _:
                pass


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
async def test_figures_are_a_recount_after_every_step(
    make: Make, services: Services, steps: list[tuple[str, int, int]]
) -> None:
    store = await Store(make).open()
    for step in steps:
        try:
            await store.step(*step)
        except StoreError:  # an illegal step changes nothing, so the recount holds all the same
            continue
        finally:
            for customer in store.customers:
                assert await kept(services, customer) == await recount(services, customer), step


async def test_orders_that_are_placed_count_and_are_told_of(make: Make, services: Services) -> None:
    store = await make.store(currency="USDT")
    variant = await make.only_variant(await make.product(store, items=5, price="2"))
    customer, key = await make.customer(store), await make.key()
    await fund(services, key, "10")
    ctx = Context(services, system(store.organization_id))
    wanted = PlaceOrder(
        store_id=store.id,
        customer_id=customer.id,
        lines=[PlaceOrderLine(variant_id=variant.id, quantity=2)],
    )

    first = await placing.place(ctx, input=wanted)
    second = await placing.place(ctx, input=wanted)
    await orders.cancel(ctx, id=second)

    assert await kept(services, customer.id) == (2, 4_000_000, second)
    assert first < second
    assert len(await events(services, "customer.updated")) == 3
    async with services.database.write() as session:
        assert (await session.get_one(models.Customer, customer.id)).version == 1


async def test_orders_at_once_are_all_counted(make: Make, services: Services) -> None:
    store = await Store(make).open()
    customer = store.customers[0]

    await asyncio.gather(*(store.step("record", 0, 1) for _ in range(10)))

    assert await kept(services, customer) == await recount(services, customer)
    assert (await kept(services, customer))[0] == 10


async def test_orders_change_hands_one_at_a_time_in_both_directions(
    make: Make, services: Services
) -> None:
    store = await Store(make).open()
    for n in range(6):
        await store.step("record", n % 2, 1)

    await asyncio.gather(*(store.change("give away", key, n) for n, key in enumerate(store.made)))

    for customer in store.customers:
        assert await kept(services, customer) == await recount(services, customer)


async def test_an_order_goes_to_a_customer_of_its_store_only(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    order = await make.order(store)
    update = """mutation ($id: ID!, $changes: OrderChanges!) {
      updateOrder(id: $id, changes: $changes) {
        order { customer { id orderCount } } errors { code field } } }"""
    mine, other = await make.customer(store), await make.customer(await make.store())

    async def give(customer: models.Customer | None) -> Any:
        changes = {"customerId": None if customer is None else gid(customer)}
        return (await gql.data(update, key=key, id=gid(order), changes=changes))["updateOrder"]

    assert (await give(mine))["order"] == {"customer": {"id": gid(mine), "orderCount": 1}}
    [error] = (await give(other))["errors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["changes", "customerId"])
    assert (await give(None))["order"] == {"customer": None}
    assert await kept(make.services, mine.id) == (0, 0, None)


@pytest.mark.parametrize("status", RecordedStatus)
async def test_only_what_is_not_abandoned_counts(
    make: Make, services: Services, status: RecordedStatus
) -> None:
    store = await Store(make).open()

    await store.step("record", 1, list(RecordedStatus).index(status))

    spent = 2_000_000 if status is RecordedStatus.PAID else 0
    expected = (0, 0, None) if status is RecordedStatus.ABANDONED else (1, spent, store.made[0])
    assert await kept(services, store.customers[1]) == expected
