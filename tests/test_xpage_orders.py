"""Orders as apps see them: listed, filtered, read whole, recorded."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from db import models
from db.models import DeliveryStatus, FulfillmentStatus, PaymentStatus, RefundStatus
from resolvers.services import Services
from rest_compat.xpage import status
from tests.callers import Rest
from tests.kit import Installed, Make
from tests.state import events, everything

D, F, P = DeliveryStatus, FulfillmentStatus, PaymentStatus
AT = datetime(2024, 5, 1, 12, 30, 15, 500_000, tzinfo=UTC)
TABLE = {
    P.PENDING: "pending",
    P.PAID: "paid",
    P.PARTIALLY_REFUNDED: "paid",
    P.REFUNDED: "paid",
    P.ABANDONED: "abandoned",
}
ENDED = {F.FAILED, F.EXPIRED, F.CANCELLED}


async def refs(xpage: Rest, key: Installed, **asked: Any) -> list[str]:
    data = (await xpage.data("list_orders", key=key, **asked))["data"]
    assert data["pagination"]["total"] == len(data["orders"])
    return [order["ref"] for order in data["orders"]]


@pytest.mark.parametrize("payment", P)
@pytest.mark.parametrize("fulfillment", F)
def test_the_status_of_an_order_is_read_off_one_table(
    payment: PaymentStatus, fulfillment: FulfillmentStatus
) -> None:
    shown = status.shown(payment, fulfillment)

    assert shown == status.Shown(TABLE[payment], fulfillment in ENDED)
    assert payment in status.payments(shown.status)
    assert fulfillment in status.fulfillments(is_cancelled=shown.is_cancelled)


async def test_an_order_is_shown_whole(xpage: Rest, make: Make) -> None:
    store = await make.store(subdomain="lamps")
    variant = await make.only_variant(await make.product(store, price="12.50"))
    customer = await make.customer(store)
    provider = await make.save(
        models.PaymentProvider(
            organization_id=store.organization_id, store_id=store.id, name="Stripe",
            payment_types=["card"], connected=True,
        )
    )  # fmt: skip
    order = await make.order(
        store, ref="1001", total="34.99", customer_id=customer.id, first_name="Jane",
        last_name="Doe", email="jane@example.com", phone="+1555", address="1 Main St",
        city="Springfield", state="IL", postal_code="62701", country="US",
        billing_first_name="Joe", card_brand="visa", card_last4="4242", shipping=5_000_000,
        shipping_name="Standard", discount_code="MAY", tip=1_000_000, tip_type="percent",
        tip_value=10_000_000, fee=250_000, bundle_name="Pair", bundle_option_name="Two",
        bundle_price=20_000_000, payment_provider_id=provider.id, attributes={"a": [1]},
        source_link="https://ads.example", payment_status=P.PAID, paid_at=AT, quantity=2,
        created_at=AT,
    )  # fmt: skip
    carrier = await make.carrier(name="UPS", code="u-p-s")
    parcel = await make.delivery(
        order, status=D.SHIPPED, tracking_number="1Z", tracking_url="https://ups.example/1Z",
        shipping_carrier_id=carrier.id, carrier="UPS",
    )  # fmt: skip
    line = await make.order_line(
        order, variant, title="Lamp", sku="L-1", quantity=2, unit_price=12_500_000,
        options={"Colour": "Black"}, delivery_id=parcel.id,
    )  # fmt: skip
    back = await make.returned(order, reason="Too bright", status=D.UNFULFILLED)
    owner: dict[str, Any] = {"organization_id": store.organization_id, "store_id": store.id}
    await make.save(
        models.ReturnLine(**owner, return_id=back.id, order_line_id=line.id, quantity=1)
    )
    refund = await make.refund(order, return_id=back.id, reason="Too bright", amount=12_500_000)
    await make.save(
        models.RefundLine(
            **owner, refund_id=refund.id, order_line_id=line.id, quantity=1, amount=12_500_000,
            currency="USD",
        )
    )  # fmt: skip

    key = await make.installed(store, permissions=["order:view"])
    shown = (await xpage.data("get_order", key=key, id=order.uuid))["data"]["order"]

    [bought] = shown["variants"]
    assert bought["variant"].pop("id") == str(variant.uuid)
    assert {name: bought[name] for name in ("id", "quantity", "price", "sku", "options")} == {
        "id": str(line.uuid),
        "quantity": 2,
        "price": 12.5,
        "sku": "L-1",
        "options": {"Colour": "Black"},
    }
    [sent] = shown["deliveries"]
    assert sent["order_variants"][0]["id"] == str(line.uuid)
    assert sent["tracking_link"] == "https://ups.example/1Z"
    assert sent["shipping_carrier"] == {
        "id": str(carrier.uuid), "name": "UPS", "code": "u-p-s", "status": "active",
    }  # fmt: skip
    [came] = shown["returns"]
    assert (came["order_id"], came["reason"]) == (str(order.uuid), "Too bright")
    assert came["return_variants"][0]["order_variant_id"] == str(line.uuid)
    assert came["delivery"]["status"] == "unfulfilled"
    assert came["delivery"]["order_variants"][0]["quantity"] == 1
    [repaid] = shown["refunds"]
    assert (repaid["status"], repaid["amount"], repaid["return"]) == ("pending", 12.5, came)
    assert repaid["refund_variants"][0]["amount"] == 12.5
    assert shown["payment_method"] == {
        "id": str(provider.uuid), "name": "Stripe", "status": "active",
        "payment_types": ["card"], "connected": True,
    }  # fmt: skip
    expected = {
        "id": str(order.uuid), "ref": "1001", "status": "paid", "currency": "USD",
        "customer_id": str(customer.uuid), "customer_name": "Jane Doe",
        "customer_email": "jane@example.com", "customer_postal_code": "62701",
        "customer_country": {"id": "US", "name": "United States", "code": "US"},
        "billing_name": "Joe", "billing_last_name": "", "billing_email": "",
        "card_brand": "visa", "card_last4": "4242", "shipping_rate": 5, "tip": 1,
        "tip_type": "percent", "tip_value": 10, "fee": 0.25, "bundle_price": 20,
        "discount": 0, "discount_code": "MAY", "subtotal": 34.99, "total": 34.99,
        "quantity": 2, "is_archived": False, "is_cancelled": False, "cancelled_at": None,
        "paid_at": "2024-05-01T12:30:15Z", "created_at": "2024-05-01T12:30:15Z",
        "meta_data": {"a": [1]}, "source_link": "https://ads.example",
    }  # fmt: skip
    assert {name: shown[name] for name in expected} == expected
    host = f"lamps.{make.services.store_domain}"
    assert shown["checkout_link"] == f"https://{host}/checkout/{order.uuid}"
    assert shown["thank_you_link"] == f"https://{host}/thank-you/{order.uuid}"


async def test_a_list_of_orders_costs_the_same_however_long_and_full(
    xpage: Rest, make: Make, statements: list[str]
) -> None:
    store = await make.store()
    key, carrier = await make.installed(store), await make.carrier()

    async def fill(count: int) -> None:
        for _ in range(count):
            variant = await make.only_variant(await make.product(store))
            buyer = await make.customer(store)
            order = await make.order(store, customer_id=buyer.id)
            sent = await make.delivery(order, shipping_carrier_id=carrier.id)
            line = await make.order_line(order, variant, delivery_id=sent.id)
            back = await make.returned(order)
            refund = await make.refund(order, return_id=back.id)
            owner: dict[str, Any] = {"organization_id": store.organization_id, "store_id": store.id}
            part: dict[str, Any] = {"order_line_id": line.id, "quantity": 1}
            await make.save(models.ReturnLine(**owner, return_id=back.id, **part))
            await make.save(
                models.RefundLine(**owner, refund_id=refund.id, **part, amount=1, currency="USD")
            )

    await fill(1)
    statements.clear()
    await xpage.data("list_orders", key=key)
    once = len(statements)
    await fill(4)
    statements.clear()
    data = (await xpage.data("list_orders", key=key))["data"]

    assert len(data["orders"]) == 5
    assert all(order["returns"] and order["refunds"] for order in data["orders"])
    assert len(statements) == once


async def test_orders_are_found_by_each_text_that_names_them(xpage: Rest, make: Make) -> None:
    store = await make.store()
    key = await make.installed(store)
    buyer = await make.customer(store, first_name="Grace", last_name="Hopper")
    order = await make.order(
        store, ref="MINE-1", first_name="Ada", last_name="Lovelace", email="ada@example.com",
        phone="+44 20 7946", address="12 St James's Square", city="London", postal_code="SW1Y",
        customer_id=buyer.id,
    )  # fmt: skip
    await make.order(store, ref="OTHER", first_name="Bob")

    for text in (
        str(order.uuid), "mine", "ada love", "ADA@EXAMPLE", "7946", "james's", "london", "sw1y",
        "hopper",
    ):  # fmt: skip
        assert await refs(xpage, key, search=text) == ["MINE-1"], text
    for text in ("100%", "_", "nobody", str(uuid4())):
        assert await refs(xpage, key, search=text) == [], text
    assert await refs(xpage, key, ref="MINE-1") == ["MINE-1"]
    assert await refs(xpage, key, ref="MINE") == []


async def test_orders_are_filtered_by_what_became_of_them(xpage: Rest, make: Make) -> None:
    store = await make.store()
    key = await make.installed(store)
    made = {
        name: await make.order(store, ref=name, **columns)
        for name, columns in {
            "A": {},
            "B": {"payment_status": P.PAID, "archived_at": AT},
            "C": {"payment_status": P.PARTIALLY_REFUNDED, "refunded_total": 1},
            "D": {"payment_status": P.ABANDONED, "fulfillment_status": F.CANCELLED},
            "E": {"payment_status": P.PAID, "fulfillment_status": F.EXPIRED},
        }.items()
    }
    await make.delivery(made["A"])
    await make.delivery(made["B"], status=D.SHIPPED)
    await make.delivery(made["B"], status=D.DELIVERED)
    await make.returned(made["B"], status=D.UNFULFILLED)
    await make.returned(made["C"], status=D.DELIVERED)
    await make.refund(made["C"])
    await make.refund(made["B"], status=RefundStatus.REFUNDED)

    for asked, found in (
        ({"status": "pending"}, "A"),
        ({"status": "paid"}, "BCE"),
        ({"status": "abandoned"}, "D"),
        ({"is_cancelled": True}, "DE"),
        ({"is_cancelled": False}, "ABC"),
        ({"is_archived": True}, "B"),
        ({"is_archived": False}, "ACDE"),
        ({"delivery_status": "unfulfilled"}, "A"),
        ({"delivery_status": "unfulfilled,shipped"}, "AB"),
        ({"delivery_status[]": ["unfulfilled", "delivered"]}, "AB"),
        ({"delivery_status": ["shipped", "cancelled"]}, "B"),
        ({"exclude_delivery_status": "shipped"}, "ACDE"),
        ({"return_status": "delivered"}, "C"),
        ({"return_status": "unfulfilled,delivered"}, "BC"),
        ({"exclude_return_status": "delivered"}, "ABDE"),
        ({"refund_status": "pending"}, "C"),
        ({"refund_status[]": ["pending", "refunded"]}, "BC"),
        ({"exclude_refund_status": "refunded"}, "ACDE"),
        ({"status": "paid", "exclude_refund_status": "refunded", "is_cancelled": False}, "C"),
    ):
        assert sorted(await refs(xpage, key, **asked)) == list(found), asked


async def test_orders_are_filtered_by_customer_product_and_landing_page(
    xpage: Rest, make: Make
) -> None:
    store = await make.store()
    key = await make.installed(store)
    buyer = await make.customer(store)
    wares = [await make.product(store) for _ in range(3)]
    page = await make.save(
        models.LandingPage(
            organization_id=store.organization_id, store_id=store.id, product_id=wares[0].id,
            title="Lamps", slug="lamps",
        )
    )  # fmt: skip
    for n, ware in enumerate(wares):
        order = await make.order(
            store,
            ref=f"{n}",
            customer_id=None if n else buyer.id,
            landing_page_id=page.id if n == 1 else None,
        )
        await make.order_line(order, await make.only_variant(ware))
    foreign = await make.customer(await make.store("Other"))

    for asked, found in (
        ({"customer_id": buyer.uuid}, ["0"]),
        ({"customer_id": foreign.uuid}, []),
        ({"customer_id": uuid4()}, []),
        ({"product_id": wares[2].uuid}, ["2"]),
        ({"product_id": f"{wares[1].uuid},{wares[2].uuid}"}, ["1", "2"]),
        ({"product_id[]": [str(wares[0].uuid), str(uuid4())]}, ["0"]),
        ({"product_id": uuid4()}, []),
        ({"landing_page_id": page.uuid}, ["1"]),
        ({"landing_page_id": uuid4()}, []),
    ):
        assert sorted(await refs(xpage, key, **asked)) == found, asked


async def test_bounds_of_time_are_inclusive_as_far_as_they_are_written(
    xpage: Rest, make: Make, services: Services
) -> None:
    store = await make.store()
    key = await make.installed(store)
    for name, at in (
        ("day before", AT - timedelta(days=1)),
        ("then", AT),  # half a second past 12:30:15
        ("late", AT.replace(hour=23, minute=59, second=59, microsecond=999_999)),
        ("day after", AT.replace(day=2, hour=0, minute=0, second=0, microsecond=0)),
    ):
        order = await make.order(store, ref=name, created_at=at)
        async with services.database.write() as session:
            moved = update(models.Order).where(models.Order.id == order.id)
            await session.execute(moved.values(updated_at=at + timedelta(days=100)))
    unix = int(AT.timestamp())

    for asked, found in (
        ({"from": "2024-05-01"}, ["then", "late", "day after"]),
        ({"to": "2024-05-01"}, ["day before", "then", "late"]),
        ({"from": "2024-05-01", "to": "2024-05-01"}, ["then", "late"]),
        ({"from": unix, "to": unix}, ["then"]),
        ({"from": unix + 1}, ["late", "day after"]),
        ({"to": unix - 1}, ["day before"]),
        ({"to": "2024-05-01T12:30:15Z"}, ["day before", "then"]),
        ({"to": "2024-05-01 12:30:15"}, ["day before", "then"]),
        ({"to": "2024-05-01T12:30:15.4Z"}, ["day before"]),
        ({"from": "2024-05-01T14:30:15+02:00"}, ["then", "late", "day after"]),
        ({"from": "2024-05-01T14:30:16+0200"}, ["late", "day after"]),
        ({"to": "9999-12-31"}, ["day before", "then", "late", "day after"]),
        ({"updated_from": "2024-08-09", "updated_to": "2024-08-09"}, ["then", "late"]),
    ):
        assert await refs(xpage, key, order_direction="ASC", **asked) == found, asked
    for name in ("from", "to", "updated_from", "updated_to"):
        for wrong in ("2024-02-30", "yesterday", "2024-05-01T99:00:00Z", "12", ""):
            asked: dict[str, Any] = {name: wrong}
            reply = await xpage("list_orders", key=key, **asked)
            assert (reply.status, list(reply.body["errors"])) == (422, [name]), wrong


async def test_orders_are_sorted_by_each_documented_field(xpage: Rest, make: Make) -> None:
    store = await make.store()
    key = await make.installed(store)
    for name, columns in {
        "A": {"total": "3", "quantity": 2, "payment_status": P.ABANDONED},
        "B": {"total": "1", "quantity": 9, "payment_status": P.REFUNDED, "refunded_total": 10**6},
        "C": {"total": "2", "quantity": 1, "payment_status": P.PENDING},
        "D": {"total": "9", "quantity": 3, "payment_status": P.PAID},
    }.items():
        await make.order(store, ref=name, created_at=AT + timedelta(hours=ord(name)), **columns)

    for asked, found in (
        ({}, "DCBA"),
        ({"order_by": "date", "order_direction": "ASC"}, "ABCD"),
        ({"order_by": "total"}, "DACB"),
        ({"order_by": "quantity", "order_direction": "ASC"}, "CADB"),
        ({"order_by": "status", "order_direction": "ASC"}, "CDBA"),
    ):
        assert "".join(await refs(xpage, key, **asked)) == found, asked
    reply = await xpage("list_orders", key=key, order_by="ref", page=0)
    assert (reply.status, sorted(reply.body["errors"])) == (422, ["order_by", "page"])


async def test_pages_of_orders_are_numbered(xpage: Rest, make: Make) -> None:
    store = await make.store()
    key = await make.installed(store)
    for _ in range(3):
        await make.order(store)

    data = (await xpage.data("list_orders", key=key, page=2, page_size=2))["data"]

    assert len(data["orders"]) == 1
    assert data["pagination"] == {"total": 3, "per_page": 2, "current_page": 2, "last_page": 2}


async def test_orders_of_other_stores_do_not_exist(xpage: Rest, make: Make) -> None:
    mine = await make.store()
    key = await make.installed(mine)
    for other in (await make.store(), await make.store("Other")):
        order = await make.order(other)
        assert await refs(xpage, key) == []
        assert await refs(xpage, key, search=order.uuid) == []
        reply = await xpage("get_order", key=key, id=order.uuid)
        assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")
    for wrong in (uuid4(), "7", "no-uuid"):
        assert (await xpage("get_order", key=key, id=wrong)).status == 404


@pytest.mark.parametrize(
    ("operation", "needs", "call"),
    [
        ("list_orders", "order:view", {}),
        ("get_order", "order:view", {"id": uuid4()}),
        ("create_order", "order:create", {"body": {}}),
        ("export_orders", "order:export", {}),
        ("update_delivery", "order:update", {"deliveryId": uuid4(), "body": {}}),
    ],
)
async def test_each_operation_needs_its_permission(
    xpage: Rest, make: Make, operation: str, needs: str, call: dict[str, Any]
) -> None:
    store = await make.store()
    every = ["order:view", "order:create", "order:export", "order:update", "product:view"]
    key = await make.installed(store, permissions=[each for each in every if each != needs])

    reply = await xpage(operation, key=key, **call)

    assert (reply.status, reply.body["code"]) == (403, "FORBIDDEN")


async def test_an_order_made_elsewhere_is_recorded(xpage: Rest, make: Make) -> None:
    store = await make.store(currency="EUR")
    key = await make.installed(store, permissions=["order:create"])
    body = {
        "status": "paid", "customer_first_name": "Jane", "customer_last_name": "Doe",
        "customer_email": "Jane@example.com", "customer_phone": "+1555", "customer_city": "Rome",
        "customer_address": "1 Main St", "customer_state": "IL", "customer_postal_code": "62701",
        "billing_first_name": "Joe", "billing_email": "joe@example.com", "country_id": "it",
        "is_archived": True, "unknown": 1,
    }  # fmt: skip

    order = (await xpage.data("create_order", key=key, body=body))["data"]["order"]

    assert order["status"] == "paid"
    assert order["paid_at"] is not None
    assert (order["currency"], order["total"], order["quantity"]) == ("EUR", 0, 0)
    assert (order["customer_name"], order["billing_name"]) == ("Jane Doe", "Joe")
    assert order["customer_country"] == {"id": "IT", "name": "Italy", "code": "IT"}
    assert (order["is_archived"], order["is_cancelled"]) == (True, False)
    assert order["payment_method"] is None
    assert order["variants"] == []
    async with make.services.database.write() as session:
        [customer] = (await session.scalars(select(models.Customer))).all()
        [payment] = (await session.scalars(select(models.Payment))).all()
        [row] = (await session.scalars(select(models.Order))).all()
    assert str(customer.uuid) == order["customer_id"]
    assert (customer.email, customer.country, customer.order_count) == ("Jane@example.com", "IT", 1)
    assert (customer.latest_order_id, customer.currency) == (row.id, "EUR")
    assert payment.method is models.PaymentMethod.EXTERNAL
    assert len(await events(make.services, "order.created")) == 1

    body = {"customer_email": "jane@EXAMPLE.com", "status": "abandoned", "is_cancelled": True}
    again = (await xpage.data("create_order", key=key, body=body))["data"]["order"]

    assert again["customer_id"] == order["customer_id"]  # in any case
    assert (again["status"], again["is_cancelled"]) == ("abandoned", True)
    assert again["cancelled_at"] is not None
    assert again["paid_at"] is None


async def test_an_empty_order_is_pending_and_shows_empty_texts(xpage: Rest, make: Make) -> None:
    key = await make.installed(await make.store())
    blank = {"customer_email": "", "customer_first_name": " ", "country_id": ""}

    for body in ({}, blank):
        order = (await xpage.data("create_order", key=key, body=body))["data"]["order"]
        assert (order["status"], order["customer_id"]) == ("pending", None)
        assert (order["customer_email"], order["customer_name"]) == ("", "")
        assert (order["customer_country"], order["cancelled_at"]) == (None, None)


async def test_what_is_wrong_with_an_order_is_told_by_field_and_saves_nothing(
    xpage: Rest, make: Make
) -> None:
    key = await make.installed(await make.store())
    before = await everything(make.services)

    for body, fields in (
        ({"customer_email": "jane", "billing_email": "@"}, ["billing_email", "customer_email"]),
        ({"country_id": "Narnia"}, ["country_id"]),
        ({"customer_first_name": "x" * 121, "billing_city": "x" * 121},
         ["billing_city", "customer_first_name"]),
        ({"status": "refunded"}, ["status"]),
        ({"is_cancelled": "yes"}, ["is_cancelled"]),
        ({"customer_phone": "\0"}, ["customer_phone"]),
        ([], ["body"]),
    ):  # fmt: skip
        reply = await xpage("create_order", key=key, body=body)
        assert (reply.status, sorted(reply.body["errors"])) == (422, fields), body
    assert await everything(make.services) == before


async def test_the_same_call_with_its_key_records_one_order(xpage: Rest, make: Make) -> None:
    key = await make.installed(await make.store())
    headers = {"Idempotency-Key": "1"}

    first = await xpage.data("create_order", key=key, body={}, headers=headers)
    second = await xpage.data("create_order", key=key, body={}, headers=headers)
    other = await xpage("create_order", key=key, body={"is_archived": True}, headers=headers)

    assert first == second
    assert other.status == 422
