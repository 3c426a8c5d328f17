"""Parcels of an order: to the buyer, and back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.seed.sowing import Sowing
from db.models import Delivery, DeliveryStatus, Order, OrderLine, Return, ReturnLine
from db.models import FulfillmentStatus as F

CARRIERS = ("DHL", "UPS", "FedEx", "USPS", "DPD")
REASONS = ("Arrived damaged", "Not as described", "Wrong size", "Changed my mind")


class Parcels:
    """Makes the parcels that an order's fulfilment status tells of."""

    def __init__(self, sowing: Sowing, order: Order, lines: Sequence[OrderLine]) -> None:
        self._sowing, self._order, self._lines = sowing, order, lines
        self._of: dict[str, Any] = {
            "organization_id": order.organization_id,
            "store_id": order.store_id,
            "order_id": order.id,
        }

    def send(self, *, left_at: datetime) -> None:
        match self._order.fulfillment_status:
            case F.FULFILLED:
                self._sent(self._lines, left_at)
            case F.PARTIAL:
                self._sent(self._lines[:1], left_at)
                self._waiting(self._lines[1:])
            case F.UNFULFILLED:
                self._waiting(self._lines)
            case F.CANCELLED | F.FAILED | F.EXPIRED:
                self._called_off(left_at)
            case _:
                raise ValueError(f"no parcels of an order that is {self._order.fulfillment_status}")

    def come_back(self, at: datetime, *, whole: bool) -> Return:
        """A return that arrived ``at``: of everything, or of one unit of the first line."""
        sowing = self._sowing
        opened = sowing.between(self._order.fulfilled_at or self._order.created_at, at)
        parcel = Delivery(
            **self._of,
            status=DeliveryStatus.DELIVERED,
            **self._carried(),
            shipped_at=opened,
            delivered_at=at,
            created_at=opened,
        )
        sowing.rows.add(parcel, updated_at=at)
        made = Return(
            **self._of, delivery_id=parcel.id, reason=sowing.pick(REASONS), created_at=opened
        )
        sowing.rows.add(made)
        for line in self._lines if whole else self._lines[:1]:
            sowing.rows.add(
                ReturnLine(
                    organization_id=line.organization_id,
                    store_id=line.store_id,
                    return_id=made.id,
                    order_line_id=line.id,
                    quantity=line.quantity if whole else 1,
                    created_at=opened,
                )
            )
        return made

    def _sent(self, lines: Sequence[OrderLine], left_at: datetime) -> None:
        arrives = self._sowing.rng.uniform(24, 96)
        age = (self._sowing.now - left_at).total_seconds() / 3600
        arrived_at = self._sowing.after(left_at, hours=(24, arrives)) if age > arrives else None
        parcel = Delivery(
            **self._of,
            status=DeliveryStatus.DELIVERED if arrived_at else DeliveryStatus.SHIPPED,
            **self._carried(),
            shipped_at=left_at,
            delivered_at=arrived_at,
            created_at=self._order.created_at,
        )
        self._sowing.rows.add(parcel, updated_at=arrived_at or left_at)
        self._pack(lines, parcel)

    def _waiting(self, lines: Sequence[OrderLine]) -> None:
        parcel = Delivery(**self._of, created_at=self._order.created_at)
        self._pack(lines, self._sowing.rows.add(parcel))

    def _called_off(self, at: datetime) -> None:
        parcel = Delivery(
            **self._of, status=DeliveryStatus.CANCELLED, created_at=self._order.created_at
        )
        self._pack(self._lines, self._sowing.rows.add(parcel, updated_at=at))

    def _pack(self, lines: Sequence[OrderLine], parcel: Delivery) -> None:
        for line in lines:
            line.delivery_id = parcel.id

    def _carried(self) -> dict[str, Any]:
        carrier = self._sowing.pick(CARRIERS)
        number = f"{carrier[:2].upper()}{self._sowing.rng.randint(10**11, 10**12 - 1)}"
        return {
            "carrier": carrier,
            "tracking_number": number,
            "tracking_url": f"https://{carrier.lower()}.example/track/{number}",
        }
