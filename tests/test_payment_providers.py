"""Ways to pay and carriers in GraphQL."""

from typing import Any

from db import models
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.state import everything

CREATE = """mutation ($input: NewPaymentProvider!, $once: String) {
  createPaymentProvider(input: $input, idempotencyKey: $once) {
    paymentProvider { id name paymentTypes active connected version store { id } }
    errors { code field } } }"""
UPDATE = """mutation ($id: ID!, $changes: PaymentProviderChanges!, $v: Int) {
  updatePaymentProvider(id: $id, changes: $changes, expectedVersion: $v) {
    paymentProvider { name paymentTypes active connected version } errors { code field } } }"""
LIST = """query ($filter: PaymentProviderFilter) {
  paymentProviders(filter: $filter) { totalCount nodes { name } } }"""


async def test_a_way_to_pay_is_added_and_changed(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    new = {"storeId": gid(store), "name": " Stripe ", "paymentTypes": ["card", "link"]}

    made = (await gql.done(CREATE, key=key, input=new, once="1"))["paymentProvider"]

    assert (await gql.done(CREATE, key=key, input=new, once="1"))["paymentProvider"] == made
    assert made == {
        "id": made["id"], "name": "Stripe", "paymentTypes": ["card", "link"], "active": True,
        "connected": False, "version": 1, "store": {"id": gid(store)},
    }  # fmt: skip
    changes = {"connected": True, "paymentTypes": []}
    changed = await gql.done(UPDATE, key=key, id=made["id"], changes=changes, v=1)
    assert changed["paymentProvider"] == {
        "name": "Stripe", "paymentTypes": [], "active": True, "connected": True, "version": 2,
    }  # fmt: skip
    assert await gql.refused(UPDATE, key=key, id=made["id"], changes=changes, v=1) == [
        "CONFLICT expectedVersion"
    ]


async def test_ways_to_pay_are_filtered_and_their_words_checked(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    owner: dict[str, Any] = {"organization_id": store.organization_id, "store_id": store.id}
    offered: dict[str, dict[str, Any]] = {"A": {}, "B": {"active": False}, "C": {"connected": True}}
    for name, columns in offered.items():
        await make.save(models.PaymentProvider(**owner, name=name, **columns))
    await make.row(models.PaymentProvider, "Other")

    for wanted, names in (
        (None, ["A", "B", "C"]),
        ({"active": True}, ["A", "C"]),
        ({"active": False}, ["B"]),
        ({"connected": True, "storeId": gid(store)}, ["C"]),
        ({"storeId": gid(await make.store())}, []),
    ):
        found = (await gql.data(LIST, key=key, filter=wanted))["paymentProviders"]
        assert [node["name"] for node in found["nodes"]] == names, wanted
    before = await everything(make.services)
    for wrong, refusals in (
        ({"name": " "}, ["INVALID input.name"]),
        ({"paymentTypes": ["card", "card"]}, ["INVALID input.paymentTypes"]),
        ({"storeId": "x"}, ["NOT_FOUND input.storeId"]),
    ):
        new = {"storeId": gid(store), "name": "D", **wrong}
        assert await gql.refused(CREATE, key=key, input=new) == refusals
    assert await everything(make.services) == before


async def test_carriers_are_the_same_for_all_and_make_the_address(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    carrier = await make.carrier(name="ZZ Post", tracking_url="https://post.example/{number}/#")
    await make.carrier(name="ZZ Gone", status=models.CarrierStatus.INACTIVE)
    order = await make.order(store)
    line = await make.order_line(order)
    create = """mutation ($input: NewDelivery!) { createDelivery(input: $input) {
      delivery { id carrier trackingUrl shippingCarrier { name status } }
      errors { code field } } }"""
    change = """mutation ($id: ID!, $changes: DeliveryChanges!) {
      updateDelivery(id: $id, changes: $changes) {
        delivery { carrier trackingUrl shippingCarrier { name } } errors { code field } } }"""
    wanted = {
        "orderId": gid(order), "lineIds": [gid(line)], "shippingCarrierId": gid(carrier),
        "trackingNumber": "7 8",
    }  # fmt: skip

    query = "{ shippingCarriers(first: 100) { nodes { name } } }"
    for caller in (key, await make.key("Other", permissions=frozenset())):
        listed = (await gql.data(query, key=caller))["shippingCarriers"]["nodes"]
        assert [each["name"] for each in listed if each["name"].startswith("ZZ")] == ["ZZ Post"]
    made = (await gql.done(create, key=key, input=wanted))["delivery"]

    assert made == {
        "id": made["id"], "carrier": "ZZ Post", "trackingUrl": "https://post.example/7%208/#",
        "shippingCarrier": {"name": "ZZ Post", "status": "ACTIVE"},
    }  # fmt: skip
    for changes, after in (
        ({"trackingUrl": "https://mine.example"}, ("ZZ Post", "https://mine.example", "ZZ Post")),
        ({"status": "SHIPPED"}, ("ZZ Post", "https://mine.example", "ZZ Post")),
        ({"trackingNumber": "9"}, ("ZZ Post", "https://post.example/9/#", "ZZ Post")),
        ({"carrier": "Bob"}, ("Bob", None, None)),
        ({"shippingCarrierId": gid(carrier), "carrier": "Bob of ZZ"},
         ("Bob of ZZ", "https://post.example/9/#", "ZZ Post")),
        ({"trackingNumber": None}, ("Bob of ZZ", None, "ZZ Post")),
        ({"shippingCarrierId": None, "carrier": None}, (None, None, None)),
    ):  # fmt: skip
        changed = (await gql.done(change, key=key, id=made["id"], changes=changes))["delivery"]
        listed = changed["shippingCarrier"]
        found = (changed["carrier"], changed["trackingUrl"], listed and listed["name"])
        assert found == after, changes
    for changes, refusals in (
        ({"trackingNumber": "1"}, ["INVALID changes.carrier"]),
        ({"trackingUrl": "ftp://x"}, ["INVALID changes.trackingUrl"]),
        ({"shippingCarrierId": "x"}, ["NOT_FOUND changes.shippingCarrierId"]),
        ({"status": "UNFULFILLED"}, ["CONFLICT changes.status"]),
    ):
        assert await gql.refused(change, key=key, id=made["id"], changes=changes) == refusals
