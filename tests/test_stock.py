"""What sales take from the stock and endings put back, where stock is counted and where it is not.

``updateVariant`` says which: ``stockTracked`` and ``sellWhenOutOfStock``.
"""

import asyncio
from typing import Any

import pytest

from db import models
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Key, Make, fund, gid
from tests.state import check_books, everything

PLACE = """mutation ($input: PlaceOrder!) {
  placeOrder(input: $input) { order { id } errors { code } } }"""
CANCEL = "mutation ($id: ID!) { cancelOrder(id: $id) { order { id } errors { code } } }"
SET = """mutation ($id: ID!, $changes: VariantChanges!) {
  updateVariant(id: $id, changes: $changes) {
    variant { stock stockTracked sellWhenOutOfStock available
      product { stock stockTracked sellsWhenOutOfStock } } errors { code field } } }"""


class Shelf:
    """A store with one variant on sale, and a client with money."""

    def __init__(self, make: Make, services: Services, gql: GraphQL) -> None:
        self.make, self.services, self.gql = make, services, gql
        self.store: models.Store
        self.variant: models.Variant
        self.client: Key
        self.staff: Key

    async def open(self, stock: int, **flags: bool) -> "Shelf":
        self.store = await self.make.store(currency="USDT")
        product = await self.make.product(self.store, stock=stock, price="1.00")
        self.variant = await self.make.only_variant(product)
        self.client = await self.make.wholesale_key(self.store)
        self.staff = await self.make.key()
        await fund(self.services, self.client, "100")
        if flags:
            await self.set(**flags)
        return self

    async def set(self, **changes: Any) -> Any:
        done = await self.gql.done(SET, key=self.staff, id=gid(self.variant), changes=changes)
        return done["variant"]

    async def buy(self, quantity: int) -> str:
        """The new order's id, or why there is none."""
        line = {"variantId": gid(self.variant), "quantity": quantity}
        wanted = {"storeId": gid(self.store), "lines": [line]}
        placed = (await self.gql.data(PLACE, key=self.client, input=wanted))["placeOrder"]
        return placed["order"]["id"] if placed["order"] else placed["errors"][0]["code"]

    async def cancel(self, order: str) -> None:
        await self.gql.done(CANCEL, key=self.staff, id=order)

    async def left(self) -> int:
        async with self.services.database.write() as session:
            variant = await session.get_one(models.Variant, self.variant.id)
            product = await session.get_one(models.Product, variant.product_id)
            assert product.stock == variant.stock
            return variant.stock


@pytest.fixture
def shelf(make: Make, services: Services, gql: GraphQL) -> Shelf:
    return Shelf(make, services, gql)


async def test_counted_stock_is_taken_and_put_back(shelf: Shelf) -> None:
    await shelf.open(3)
    order = await shelf.buy(2)
    assert await shelf.left() == 1
    before = await everything(shelf.services)

    assert await shelf.buy(2) == "INSUFFICIENT_STOCK"

    assert await everything(shelf.services) == before
    await shelf.cancel(order)
    assert await shelf.left() == 3


async def test_stock_that_nobody_counts_stays_what_it_is(shelf: Shelf) -> None:
    await shelf.open(3, stockTracked=False)

    order = await shelf.buy(10)

    assert await shelf.left() == 3
    await shelf.cancel(order)
    assert await shelf.left() == 3


async def test_what_sells_beyond_its_stock_puts_back_only_what_it_took(shelf: Shelf) -> None:
    await shelf.open(3, sellWhenOutOfStock=True)

    first, second = await shelf.buy(5), await shelf.buy(4)

    assert await shelf.left() == 0
    await shelf.cancel(second)
    assert await shelf.left() == 0
    await shelf.cancel(first)
    assert await shelf.left() == 3
    await check_books(shelf.services)


async def test_what_was_sold_uncounted_is_not_put_back_once_it_is_counted(shelf: Shelf) -> None:
    await shelf.open(0, stockTracked=False)
    order = await shelf.buy(5)
    await shelf.set(stockTracked=True, stock=2)

    await shelf.cancel(order)

    assert await shelf.left() == 2
    assert await shelf.buy(3) == "INSUFFICIENT_STOCK"


async def test_many_sales_beyond_the_stock_at_once_take_and_put_back_each_unit_once(
    shelf: Shelf,
) -> None:
    await shelf.open(7, sellWhenOutOfStock=True)

    orders = await asyncio.gather(*(shelf.buy(2) for _ in range(12)))

    assert len({order for order in orders if order != "INSUFFICIENT_STOCK"}) == 12
    assert await shelf.left() == 0
    await asyncio.gather(*(shelf.cancel(order) for order in orders))
    assert await shelf.left() == 7
    await check_books(shelf.services)


async def test_a_product_tells_what_holds_of_its_variants(shelf: Shelf) -> None:
    await shelf.open(0)
    counted = await shelf.set(title="Counted")
    assert counted == {
        "stock": 0, "stockTracked": True, "sellWhenOutOfStock": False, "available": False,
        "product": {"stock": 0, "stockTracked": True, "sellsWhenOutOfStock": False},
    }  # fmt: skip

    beyond = await shelf.set(sellWhenOutOfStock=True)
    assert (beyond["available"], beyond["product"]["sellsWhenOutOfStock"]) == (True, True)
    async with shelf.services.database.write() as session:
        product = await session.get_one(models.Product, shelf.variant.product_id)
    await shelf.make.variant(product)
    mixed = await shelf.set(stockTracked=False)
    assert mixed["product"]["stockTracked"] is True
    assert mixed["product"]["sellsWhenOutOfStock"] is False
