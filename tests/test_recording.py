"""Orders made elsewhere: taken note of, paid, and counted for their buyer."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from db import models
from db.models import PaymentMethod
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Key, Make, gid, work
from tests.state import events, everything

ORDER = """id ref paymentStatus fulfillmentStatus quantity currency paidAt archivedAt cancelledAt
  subtotal { amount } shipping { amount } discount { amount } tip { amount } tipType tipValue
  fee { amount } bundleName bundlePrice { amount } total { amount } cardBrand cardLast4 sourceLink
  shippingName discountCode metadata note customer { id email orderCount }
  contact { firstName } billing { city } paymentProvider { name }
  payments { method amount { amount } }
  lines { title sku quantity unitPrice { amount } options isDigital variant { id }
    delivery { status } deliveredItems { content } }
  deliveries { status }"""
RECORD = f"""mutation ($input: RecordOrder!, $once: String) {{
  recordOrder(input: $input, idempotencyKey: $once) {{
    order {{ {ORDER} }} errors {{ code message field }} }} }}"""
PAID = f"""mutation ($id: ID!, $v: Int, $once: String) {{
  markOrderPaid(id: $id, expectedVersion: $v, idempotencyKey: $once) {{
    order {{ {ORDER} version }} errors {{ code message field }} }} }}"""
CANCEL = """mutation ($id: ID!) { cancelOrder(id: $id) {
  order { id paymentStatus fulfillmentStatus refunds { status } } errors { code field } } }"""
READ = f"query ($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}"


async def stock(services: Services, variant: models.Variant) -> int:
    async with services.database.write() as session:
        return (await session.get_one(models.Variant, variant.id)).stock


async def test_an_order_is_recorded_with_all_that_is_known_of_it(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(currency="EUR"), await make.key()
    product = await make.product(store, title="Lamp", stock=10, price="12.50")
    variant = await make.only_variant(product)
    async with services.database.write() as session:
        (await session.get_one(models.Variant, variant.id)).options = {"Colour": "Black"}
    provider = await make.save(
        models.PaymentProvider(
            organization_id=store.organization_id, store_id=store.id, name="Till"
        )
    )
    wanted = {
        "storeId": gid(store), "ref": "A-1", "status": "PAID",
        "contact": {"firstName": "Ada", "email": "ada@example.com"}, "billing": {"city": "Ulm"},
        "lines": [
            {"variantId": gid(variant), "quantity": 2},
            {"title": "Gift wrap", "unitPrice": "1.5", "options": {"Paper": "Red"}, "sku": "GW"},
        ],
        "shipping": "5", "shippingName": "Post", "discount": "2", "discountCode": "MAY",
        "tip": "1", "tipType": "percent", "tipValue": "10", "fee": "0.25", "bundleName": "Pair",
        "bundlePrice": "20", "subtotal": "26.50", "total": "30.75",
        "paymentProviderId": gid(provider), "cardBrand": "visa", "cardLast4": "4242",
        "sourceLink": "https://ads.example/1", "metadata": {"utm": ["a", 1]}, "note": "Ring twice",
        "archived": True,
    }  # fmt: skip

    order = (await gql.done(RECORD, key=key, input=wanted))["order"]

    expected = {
        "ref": "A-1", "paymentStatus": "PAID", "fulfillmentStatus": "UNFULFILLED", "quantity": 3,
        "currency": "EUR", "subtotal": {"amount": "26.50"}, "shipping": {"amount": "5.00"},
        "discount": {"amount": "2.00"}, "tip": {"amount": "1.00"}, "tipType": "percent",
        "tipValue": "10.00", "fee": {"amount": "0.25"}, "bundleName": "Pair",
        "bundlePrice": {"amount": "20.00"}, "total": {"amount": "30.75"}, "cardBrand": "visa",
        "cardLast4": "4242", "sourceLink": "https://ads.example/1", "shippingName": "Post",
        "discountCode": "MAY", "metadata": {"utm": ["a", 1]}, "note": "Ring twice",
        "contact": {"firstName": "Ada"}, "billing": {"city": "Ulm"},
        "paymentProvider": {"name": "Till"}, "cancelledAt": None,
        "payments": [{"method": "EXTERNAL", "amount": {"amount": "30.75"}}],
        "deliveries": [{"status": "UNFULFILLED"}],
    }  # fmt: skip
    assert {name: order[name] for name in expected} == expected
    assert order["paidAt"] is not None
    assert order["archivedAt"] is not None
    assert (order["customer"]["email"], order["customer"]["orderCount"]) == ("ada@example.com", 1)
    lamp, wrap = order["lines"]
    assert lamp == {
        "title": "Lamp", "sku": variant.sku, "quantity": 2, "unitPrice": {"amount": "12.50"},
        "options": {"Colour": "Black"}, "isDigital": False, "variant": {"id": gid(variant)},
        "delivery": {"status": "UNFULFILLED"}, "deliveredItems": [],
    }  # fmt: skip
    assert (wrap["variant"], wrap["options"], wrap["sku"]) == (None, {"Paper": "Red"}, "GW")
    assert await stock(services, variant) == 8
    [event] = await events(services, "order.created")
    assert event.payload["payment_status"] == "paid"
    assert len(await events(services, "customer.created")) == 1
    assert (await gql.data(READ, key=key, id=order["id"]))["order"] == order


@pytest.mark.parametrize(
    ("wrong", "refusals"),
    [
        ({"subtotal": "9"}, ["INVALID input.subtotal"]),
        ({"total": "9.99"}, ["INVALID input.total"]),
        ({"discount": "10.01"}, ["INVALID input.discount"]),
        ({"cardLast4": "123", "tip": "-1"}, ["INVALID input.tip", "INVALID input.cardLast4"]),
        ({"lines": [{"quantity": 1}]}, ["INVALID input.lines.0.title"]),
        ({"lines": [{"title": "X"}]}, ["INVALID input.lines.0.unitPrice"]),
        ({"lines": [{"title": "X", "unitPrice": "1", "quantity": 0}]},
         ["INVALID input.lines.0.quantity"]),
        ({"currency": "euro"}, ["INVALID input.currency"]),
        ({"sourceLink": "javascript:alert(1)"}, ["INVALID input.sourceLink"]),
        ({"contact": {"email": "x", "country": "??"}},
         ["INVALID input.contact.email", "INVALID input.contact.country"]),
        ({"ref": "TAKEN"}, ["CONFLICT input.ref"]),
    ],
)  # fmt: skip
async def test_what_does_not_agree_is_not_recorded(
    gql: GraphQL, make: Make, wrong: Mapping[str, Any], refusals: list[str]
) -> None:
    store, key = await make.store(), await make.key()
    await make.order(store, ref="TAKEN")
    line = {"title": "Thing", "unitPrice": "10"}
    wanted = {"storeId": gid(store), "lines": [line], "contact": {"email": "a@b.example"}}
    before = await everything(make.services)

    assert await gql.refused(RECORD, key=key, input={**wanted, **wrong}) == refusals
    assert await everything(make.services) == before


async def test_rows_of_other_stores_are_no_part_of_an_order(gql: GraphQL, make: Make) -> None:
    store, other = await make.store(), await make.store()
    key = await make.key()
    variant = await make.only_variant(await make.product(other))
    owner: dict[str, Any] = {"organization_id": other.organization_id, "store_id": other.id}
    provider = await make.save(models.PaymentProvider(**owner, name="Till"))
    customer = await make.customer(other)
    page = await make.save(
        models.LandingPage(**owner, product_id=variant.product_id, title="P", slug="p")
    )
    before = await everything(make.services)

    for field, value in (
        ("lines", [{"variantId": gid(variant)}]),
        ("paymentProviderId", gid(provider)),
        ("customerId", gid(customer)),
        ("landingPageId", gid(page)),
    ):
        [refusal] = await gql.refused(
            RECORD, key=key, input={"storeId": gid(store), field: value, "status": "PAID"}
        )
        assert refusal.startswith(f"NOT_FOUND input.{field}")
    assert await everything(make.services) == before


async def test_more_than_there_is_in_stock_is_not_recorded(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    variant = await make.only_variant(await make.product(store, stock=3))
    line = {"variantId": gid(variant), "quantity": 2}
    wanted = {"storeId": gid(store), "contact": {"email": "a@b.example"}}
    before = await everything(make.services)

    assert await gql.refused(RECORD, key=key, input={**wanted, "lines": [line, line]}) == [
        "INSUFFICIENT_STOCK"
    ]
    assert await everything(make.services) == before


async def test_who_buys_cannot_say_what_was_paid(gql: GraphQL, make: Make) -> None:
    store = await make.store(currency="USDT", wholesale=True)
    key = await make.wholesale_key(store)

    answer = await gql(RECORD, key=key, input={"storeId": gid(store), "status": "PAID"})

    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await events(make.services, "order.created") == []


async def test_goods_wait_for_their_money_and_parcels_do_not(
    gql: GraphQL, make: Make, services: Services
) -> None:
    """Paid on delivery: the parcel is packed at once, what is digital goes with the money."""
    store, key = await make.store(), await make.key()
    thing = await make.only_variant(await make.product(store, stock=5))
    licence = await make.only_variant(await make.product(store, items=2))
    lines = [{"variantId": gid(thing)}, {"variantId": gid(licence)}]

    order = (await gql.done(RECORD, key=key, input={"storeId": gid(store), "lines": lines}))[
        "order"
    ]

    assert (order["paymentStatus"], order["payments"]) == ("PENDING", [])
    assert [line["delivery"] for line in order["lines"]] == [{"status": "UNFULFILLED"}, None]
    assert (await stock(services, thing), await stock(services, licence)) == (4, 1)
    assert await work(services) == 0

    paid = (await gql.done(PAID, key=key, id=order["id"], once="1"))["order"]

    assert (await gql.done(PAID, key=key, id=order["id"], once="1"))["order"] == paid
    assert paid["payments"] == [{"method": "EXTERNAL", "amount": {"amount": "20.00"}}]
    assert len(paid["deliveries"]) == 1
    assert await work(services) == 1
    done = (await gql.data(READ, key=key, id=order["id"]))["order"]
    assert (done["paymentStatus"], done["fulfillmentStatus"]) == ("PAID", "PARTIAL")
    assert len(done["lines"][1]["deliveredItems"]) == 1
    assert (await stock(services, thing), await stock(services, licence)) == (4, 1)
    assert await gql.refused(PAID, key=key, id=order["id"]) == ["CONFLICT"]


async def test_an_order_without_lines_is_in_no_hurry(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()

    order = (
        await gql.done(
            RECORD, key=key, input={"storeId": gid(store), "status": "PAID", "subtotal": "7"}
        )
    )["order"]

    assert (order["fulfillmentStatus"], order["total"]) == ("UNFULFILLED", {"amount": "7.00"})
    assert (order["deliveries"], await work(services)) == ([], 0)


async def test_an_abandoned_order_holds_no_goods_until_it_is_paid(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    variant = await make.only_variant(await make.product(store, stock=5))
    wanted = {
        "storeId": gid(store), "status": "ABANDONED",
        "lines": [{"variantId": gid(variant), "quantity": 2}],
    }  # fmt: skip
    first, second, third = [
        (await gql.done(RECORD, key=key, input=wanted))["order"]["id"] for _ in range(3)
    ]
    assert await stock(services, variant) == 5

    paid = (await gql.done(PAID, key=key, id=first))["order"]
    await gql.done(CANCEL, key=key, id=second)

    assert (paid["paymentStatus"], len(paid["deliveries"])) == ("PAID", 1)
    assert await stock(services, variant) == 3
    await gql.done(PAID, key=key, id=second)  # the money came although it was cancelled
    assert await stock(services, variant) == 3
    async with services.database.write() as session:
        (await session.get_one(models.Variant, variant.id)).stock = 1
    before = await everything(services)
    assert await gql.refused(PAID, key=key, id=third) == ["INSUFFICIENT_STOCK"]
    assert await everything(services) == before


async def test_what_was_cancelled_elsewhere_takes_nothing(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    variant = await make.only_variant(await make.product(store, stock=5))
    wanted = {
        "storeId": gid(store), "status": "PAID", "cancelled": True,
        "lines": [{"variantId": gid(variant)}],
    }  # fmt: skip

    order = (await gql.done(RECORD, key=key, input=wanted))["order"]

    assert (order["paymentStatus"], order["fulfillmentStatus"]) == ("PAID", "CANCELLED")
    assert order["cancelledAt"] is not None
    assert (order["deliveries"], await stock(services, variant)) == ([], 5)
    assert await gql.refused(CANCEL, key=key, id=order["id"]) == ["CONFLICT"]


async def test_cancelling_promises_back_what_was_paid_elsewhere(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    variant = await make.only_variant(await make.product(store, stock=5))
    wanted = {
        "storeId": gid(store), "status": "PAID", "lines": [{"variantId": gid(variant)}],
        "contact": {"email": "ada@example.com"},
    }  # fmt: skip
    order = (await gql.done(RECORD, key=key, input=wanted))["order"]["id"]

    ended = (await gql.done(CANCEL, key=key, id=order))["order"]

    assert (ended["paymentStatus"], ended["refunds"]) == ("REFUNDED", [{"status": "PENDING"}])
    assert await stock(services, variant) == 5


async def test_no_more_is_put_back_than_a_recorded_order_took(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    variant = await make.only_variant(await make.product(store, stock=4))
    async with services.database.write() as session:
        (await session.get_one(models.Variant, variant.id)).sell_when_out_of_stock = True
    line = {"variantId": gid(variant), "quantity": 3}
    wanted = {"storeId": gid(store), "status": "PAID", "lines": [line, line]}
    order = (await gql.done(RECORD, key=key, input=wanted))["order"]["id"]
    assert await stock(services, variant) == 0
    async with services.database.write() as session:
        found = select(models.OrderLine.taken).order_by(models.OrderLine.id)
        assert (await session.scalars(found)).all() == [3, 1]

    await gql.done(CANCEL, key=key, id=order)

    assert await stock(services, variant) == 4


async def test_new_buyers_who_order_twice_at_once_are_one_customer(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()

    async def record(n: int) -> Any:
        contact = {"email": "ADA@example.com" if n % 2 else "ada@example.com", "firstName": "Ada"}
        return await gql.done(RECORD, key=key, input={"storeId": gid(store), "contact": contact})

    answers = await asyncio.gather(*map(record, range(8)))

    assert len({answer["order"]["customer"]["id"] for answer in answers}) == 1
    async with services.database.write() as session:
        [customer] = (await session.scalars(select(models.Customer))).all()
    assert customer.order_count == 8
    assert len(await events(services, "customer.created")) == 1


async def test_a_given_customer_wins_over_the_address(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    customer = await make.customer(store, email="ada@example.com")
    elsewhere = await make.customer(await make.store(), email="bob@example.com")
    wanted = {"storeId": gid(store), "contact": {"email": "bob@example.com"}}

    given = await gql.done(RECORD, key=key, input={**wanted, "customerId": gid(customer)})
    found = await gql.done(RECORD, key=key, input=wanted)

    assert given["order"]["customer"]["id"] == gid(customer)
    assert found["order"]["customer"]["id"] not in {gid(customer), gid(elsewhere)}


async def test_marking_paid_minds_versions_and_permissions(gql: GraphQL, make: Make) -> None:
    order = await make.order(await make.store())
    clerk = await make.key(permissions=frozenset({"order:create", "order:view"}))

    assert await gql.refused(PAID, key=await make.key(), id=gid(order), v=7) == [
        "CONFLICT expectedVersion"
    ]
    answer = await gql(PAID, key=clerk, id=gid(order))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    stranger: Key = await make.key("Other")
    assert await gql.refused(PAID, key=stranger, id=gid(order)) == ["NOT_FOUND id"]
    async with make.services.database.write() as session:
        payments = select(models.Payment).where(models.Payment.method == PaymentMethod.EXTERNAL)
        assert (await session.scalars(payments)).all() == []
