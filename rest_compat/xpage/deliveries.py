"""Deliveries."""

from typing import Any

from db.models import Delivery, DeliveryStatus, ShippingCarrier
from resolvers import deliveries, uuids
from resolvers.context import Context
from resolvers.deliveries import DeliveryChanges
from rest_compat.xpage.delivery_views import of_deliveries
from rest_compat.xpage.fields import named
from rest_compat.xpage.wire import uuid_of

NAMES = {"shipping_carrier_id": "shipping_carrier", "carrier": "shipping_carrier"}


async def update_delivery(
    ctx: Context, *, delivery_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    key = await uuids.key_of(ctx, Delivery, uuid_of(delivery_id, "delivery"))
    with named(NAMES):
        changes = await _changes(ctx, body)
        await deliveries.change(ctx, id=key, changes=changes)
    return {"delivery": (await of_deliveries(ctx, [key]))[key]}


async def _changes(ctx: Context, body: dict[str, Any]) -> DeliveryChanges:
    wanted: dict[str, Any] = {}
    if "status" in body:
        wanted["status"] = DeliveryStatus(body["status"])
    if "tracking_number" in body:
        wanted["tracking_number"] = body["tracking_number"]
    if "shipping_carrier" in body:
        field = ("changes", "shipping_carrier_id")
        wanted["shipping_carrier_id"] = await uuids.key_of(
            ctx,
            ShippingCarrier,
            uuid_of(body["shipping_carrier"], "shipping carrier"),
            field=field,
        )
    return DeliveryChanges(**wanted)
