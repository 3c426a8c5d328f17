"""Shipping carriers: who takes parcels, on the whole platform."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import CarrierStatus, ShippingCarrier
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.reads import one, page, sorts
from resolvers.viewer import Viewer, visible
from resolvers.writes import Field

SORTS = sorts(
    "ShippingCarrierSort", default="name_asc", id=ShippingCarrier.id, name=ShippingCarrier.name
)
NUMBER = "{number}"
COLUMNS = (
    ShippingCarrier.id,
    ShippingCarrier.uuid,
    ShippingCarrier.name,
    ShippingCarrier.code,
    ShippingCarrier.status,
)


@one(ShippingCarrier, by=ShippingCarrier.id, permission=None)
def by_id(carriers: Any) -> Any:
    """Those that are not offered any more too: parcels have gone with them."""
    return carriers


@page(ShippingCarrier, sorts=SORTS, permission=None)
def carriers(carriers: Any) -> Any:
    return carriers.where(ShippingCarrier.status == CarrierStatus.ACTIVE)


async def active(ctx: Context) -> Sequence[Row[Any]]:
    """All that are offered, by name, with ``COLUMNS``."""
    found = carriers.build(visible(ctx.require(), ShippingCarrier)).with_only_columns(*COLUMNS)
    return await ctx.rows(found.order_by(ShippingCarrier.name, ShippingCarrier.id))


async def offered(tx: AsyncSession, viewer: Viewer, key: int, *, field: Field) -> ShippingCarrier:
    """The carrier of a new parcel. Raises ``NotFound`` for one that takes none."""
    found = carriers.build(visible(viewer, ShippingCarrier).where(ShippingCarrier.id == key))
    carrier = (await tx.scalars(found)).one_or_none()
    if carrier is None:
        raise NotFound("shipping carrier", field=field)
    return carrier


def tracking_url(carrier: ShippingCarrier | None, number: str | None) -> str | None:
    """Where a parcel is followed, as far as its carrier says."""
    if carrier is None or carrier.tracking_url is None or number is None:
        return None
    return carrier.tracking_url.replace(NUMBER, quote(number, safe=""))
