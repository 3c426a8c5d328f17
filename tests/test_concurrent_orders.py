import asyncio

from sqlalchemy import func, select

from db import models
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Make, fund, gid, work
from tests.state import check_books

PLACE = """mutation ($input: PlaceOrder!) {
  placeOrder(input: $input) { order { id } errors { code message } } }"""


async def test_200_orders_at_once_sell_what_is_there_and_nothing_twice(
    make: Make, services: Services, gql: GraphQL
) -> None:
    """A balance for 50 orders, a stock of 40: exactly 40 orders, clear refusals for the rest."""
    store = await make.store(currency="USDT", wholesale=True)
    product = await make.product(store, items=40, price="2.00")
    variant = await make.only_variant(product)
    key = await make.wholesale_key(store)
    balance = await fund(services, key, "100")
    wanted = {"storeId": gid(store), "lines": [{"variantId": gid(variant), "quantity": 1}]}

    answers = await asyncio.gather(*(gql.data(PLACE, key=key, input=wanted) for _ in range(200)))

    outcomes = [answer["placeOrder"] for answer in answers]
    placed = {outcome["order"]["id"] for outcome in outcomes if outcome["order"]}
    refusals = [error["code"] for outcome in outcomes for error in outcome["errors"]]
    assert (len(placed), refusals) == (40, ["INSUFFICIENT_STOCK"] * 160)

    await work(services)

    async with services.database.write() as session:
        account = await session.get_one(models.Account, balance.id)
        assert account.balance == 20_000_000
        assert (await session.get_one(models.Variant, variant.id)).stock == 0
        item = models.StockItem
        sold = select(func.count(), func.count(item.order_line_id.distinct())).where(
            item.state == models.StockItemState.SOLD
        )
        assert tuple((await session.execute(sold)).one()) == (40, 40)
        statuses = await session.scalars(select(models.Order.fulfillment_status).distinct())
        assert statuses.all() == [models.FulfillmentStatus.FULFILLED]
    await check_books(services)


async def test_a_balance_is_never_spent_twice(make: Make, services: Services, gql: GraphQL) -> None:
    """The other way round: stock for all, money for 10 of 60."""
    store = await make.store(currency="USDT", wholesale=True)
    variants = [
        await make.only_variant(await make.product(store, items=60, price="3.00")) for _ in range(3)
    ]
    key = await make.wholesale_key(store)
    balance = await fund(services, key, "32")

    async def place(n: int) -> str:
        line = {"variantId": gid(variants[n % 3]), "quantity": 1}
        answer = await gql.data(PLACE, key=key, input={"storeId": gid(store), "lines": [line]})
        outcome = answer["placeOrder"]
        return "placed" if outcome["order"] else outcome["errors"][0]["code"]

    outcomes = await asyncio.gather(*(place(n) for n in range(60)))

    assert sorted(outcomes) == ["INSUFFICIENT_BALANCE"] * 50 + ["placed"] * 10
    async with services.database.write() as session:
        assert (await session.get_one(models.Account, balance.id)).balance == 2_000_000
    await check_books(services)
