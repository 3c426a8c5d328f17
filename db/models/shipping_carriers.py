"""Shipping carriers: who carries parcels. They are the platform's, the same for every store."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Edited, Keyed, statuses
from db.uuid7 import uuid7


class CarrierStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"


class ShippingCarrier(Keyed, Edited, Base, kw_only=True):
    """``tracking_url`` holds ``{number}`` where the tracking number goes."""

    __tablename__ = "shipping_carrier"

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    name: Mapped[str]
    code: Mapped[str] = mapped_column(unique=True)
    status: Mapped[CarrierStatus] = mapped_column(
        statuses(CarrierStatus, name="status"), default=CarrierStatus.ACTIVE
    )
    tracking_url: Mapped[str | None] = mapped_column(default=None)
