"""Deliveries and carriers as apps see them."""

from typing import Any
from uuid import uuid4

import pytest

from db import models
from db.models import DeliveryStatus
from resolvers.deliveries import LEGAL
from tests.callers import Rest
from tests.kit import Installed, Make
from tests.state import events, everything

D = DeliveryStatus


class Parcel:
    """A delivery of one line in a store, and an app that may change deliveries only."""

    def __init__(self, make: Make, xpage: Rest) -> None:
        self.make, self.xpage = make, xpage
        self.order: models.Order
        self.row: models.Delivery
        self.line: models.OrderLine
        self.key: Installed

    async def wrap(self, status: D = D.UNFULFILLED) -> "Parcel":
        store = await self.make.store()
        self.order = await self.make.order(store)
        self.row = await self.make.delivery(self.order, status=status)
        variant = await self.make.only_variant(await self.make.product(store))
        self.line = await self.make.order_line(self.order, variant, delivery_id=self.row.id)
        self.key = await self.make.installed(store, permissions=["order:update"])
        return self

    async def change(self, **body: Any) -> Any:
        return await self.xpage(
            "update_delivery", key=self.key, deliveryId=self.row.uuid, body=body
        )

    async def changed(self, **body: Any) -> Any:
        reply = await self.change(**body)
        assert reply.status == 200, reply.body
        return reply.body["data"]["delivery"]

    async def refused(self, **body: Any) -> list[str]:
        before = await everything(self.make.services)
        reply = await self.change(**body)
        assert reply.status == 422, reply.body
        assert await everything(self.make.services) == before
        return sorted(reply.body["errors"])


@pytest.fixture
async def parcel(make: Make, xpage: Rest) -> Parcel:
    return await Parcel(make, xpage).wrap()


async def test_a_parcel_is_shipped_and_followed(parcel: Parcel) -> None:
    carrier = await parcel.make.carrier(
        name="UPS", tracking_url="https://ups.example/track?n={number}"
    )

    shown = await parcel.changed(
        status="shipped", tracking_number="1Z 9/ü", shipping_carrier=str(carrier.uuid)
    )

    assert shown["status"] == "shipped"
    assert shown["tracking_number"] == "1Z 9/ü"
    assert shown["tracking_link"] == "https://ups.example/track?n=1Z%209%2F%C3%BC"
    assert shown["shipping_carrier"]["id"] == str(carrier.uuid)
    assert [each["id"] for each in shown["order_variants"]] == [str(parcel.line.uuid)]
    [event] = await events(parcel.make.services, "delivery.updated")
    assert event.payload["status"] == "shipped"
    [event] = await events(parcel.make.services, "order.status_changed")
    assert event.payload["fulfillment_status"] == "fulfilled"

    assert (await parcel.changed(status="delivered"))["tracking_number"] == "1Z 9/ü"


async def test_only_what_is_sent_is_changed(parcel: Parcel) -> None:
    ups = await parcel.make.carrier(tracking_url="https://ups.example/{number}")
    plain = await parcel.make.carrier(name="Pigeons")
    await parcel.changed(tracking_number="1", shipping_carrier=str(ups.uuid))

    assert (await parcel.changed())["tracking_link"] == "https://ups.example/1"
    moved = await parcel.changed(shipping_carrier=str(plain.uuid))
    assert (moved["tracking_number"], moved["tracking_link"]) == ("1", None)
    assert moved["shipping_carrier"]["name"] == "Pigeons"
    again = await parcel.changed(tracking_number="2", shipping_carrier=str(ups.uuid))
    assert again["tracking_link"] == "https://ups.example/2"


async def test_wrong_changes_are_told_by_field_and_change_nothing(parcel: Parcel) -> None:
    gone = await parcel.make.carrier(status=models.CarrierStatus.INACTIVE)
    carrier = str((await parcel.make.carrier()).uuid)

    assert await parcel.refused(tracking_number="1") == ["shipping_carrier"]
    assert await parcel.refused(shipping_carrier=str(uuid4())) == ["shipping_carrier"]
    assert await parcel.refused(shipping_carrier=str(gone.uuid)) == ["shipping_carrier"]
    assert await parcel.refused(shipping_carrier="ups") == ["shipping_carrier"]
    assert await parcel.refused(status="lost") == ["status"]
    wrong = {"tracking_number": " ", "shipping_carrier": carrier}
    assert await parcel.refused(status="shipped", **wrong) == ["tracking_number"]
    wrong["tracking_number"] = "x" * 256
    assert await parcel.refused(status="shipped", **wrong) == ["tracking_number"]


@pytest.mark.parametrize("before", D)
async def test_a_parcel_goes_no_illegal_way(make: Make, xpage: Rest, before: D) -> None:
    parcel = await Parcel(make, xpage).wrap(before)

    for after in set(D) - LEGAL[before] - {before}:
        assert await parcel.refused(status=after.value) == ["status"], after
    assert (await parcel.changed(status=before.value))["status"] == before.value
    if LEGAL[before]:
        after = min(LEGAL[before])
        assert (await parcel.changed(status=after.value))["status"] == after.value


async def test_parcels_of_other_stores_do_not_exist(parcel: Parcel) -> None:
    for other in (await parcel.make.store(), await parcel.make.store("Other")):
        stranger = await parcel.make.installed(other)
        before = await everything(parcel.make.services)
        reply = await parcel.xpage(
            "update_delivery", key=stranger, deliveryId=parcel.row.uuid, body={"status": "shipped"}
        )
        assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")
        assert await everything(parcel.make.services) == before
    for wrong in (uuid4(), "7"):
        reply = await parcel.xpage(
            "update_delivery", key=parcel.key, deliveryId=wrong, body={"status": "shipped"}
        )
        assert reply.status == 404


async def test_the_parcel_of_a_return_shows_what_comes_back(parcel: Parcel) -> None:
    back = await parcel.make.returned(parcel.order, status=D.UNFULFILLED)
    await parcel.make.save(
        models.ReturnLine(
            organization_id=back.organization_id, store_id=back.store_id, return_id=back.id,
            order_line_id=parcel.line.id, quantity=1,
        )
    )  # fmt: skip
    async with parcel.make.services.database.write() as session:
        assert back.delivery_id is not None
        parcel.row = await session.get_one(models.Delivery, back.delivery_id)

    shown = await parcel.changed(status="delivered")

    assert [each["id"] for each in shown["order_variants"]] == [str(parcel.line.uuid)]
    assert await events(parcel.make.services, "order.status_changed") == []  # nothing was sent


async def test_carriers_that_take_parcels_are_listed_to_any_app(
    xpage: Rest, make: Make, statements: list[str]
) -> None:
    key = await make.installed(await make.store(), permissions=[])
    for name in ("DHL", "Aramex"):
        await make.carrier(name=f"ZZ {name}", code=name)
    await make.carrier(name="ZZ Gone", status=models.CarrierStatus.INACTIVE)
    statements.clear()

    carriers = (await xpage.data("list_shipping_carriers", key=key))["data"]["carriers"]

    assert [each["name"] for each in carriers if each["name"].startswith("ZZ")] == [
        "ZZ Aramex",
        "ZZ DHL",
    ]
    assert {each["status"] for each in carriers} == {"active"}
    assert sum("FROM shipping_carrier" in text for text in statements) == 1
