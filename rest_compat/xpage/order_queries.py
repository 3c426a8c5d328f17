"""The filters and sort orders of lists and exports of orders, in the store's terms."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from db.base import Base
from db.models import Customer, DeliveryStatus, LandingPage, Product, RefundStatus
from resolvers import uuids
from resolvers.context import Context
from resolvers.keys import NOBODY
from resolvers.order_filters import OrderFilter
from rest_compat.xpage import status as statuses
from rest_compat.xpage.pages import sort_of
from rest_compat.xpage.time_bounds import lower, upper

SORTS = {
    "date": "created_at",
    "status": "payment_status",
    "total": "total",
    "quantity": "quantity",
}
S = TypeVar("S", bound=StrEnum)


def sort(order_by: str, order_direction: str) -> str:
    return sort_of(SORTS[order_by], order_direction)


async def wanted(
    ctx: Context,
    *,
    search: str | None,
    ref: str | None,
    status: str | None,
    delivery_status: Sequence[str] | None,
    return_status: Sequence[str] | None,
    refund_status: Sequence[str] | None,
    exclude_delivery_status: str | None,
    exclude_return_status: str | None,
    exclude_refund_status: str | None,
    customer_id: str | None,
    product_id: Sequence[str] | None,
    landing_page_id: str | None,
    is_cancelled: bool | None,
    is_archived: bool | None,
    from_: str | None,
    to: str | None,
    updated_from: str | None,
    updated_to: str | None,
) -> OrderFilter:
    """Raises ``Invalid`` for a bound that is no time."""
    created = (lower(from_, "from"), upper(to, "to"))
    updated = (lower(updated_from, "updated_from"), upper(updated_to, "updated_to"))
    return OrderFilter(
        search=search or None,
        ref=ref,
        payment_status=None if status is None else statuses.payments(status),
        fulfillment_status=(
            None if is_cancelled is None else statuses.fulfillments(is_cancelled=is_cancelled)
        ),
        delivery_status=_all(DeliveryStatus, delivery_status),
        return_status=_all(DeliveryStatus, return_status),
        refund_status=_all(RefundStatus, refund_status),
        not_delivery_status=_one(DeliveryStatus, exclude_delivery_status),
        not_return_status=_one(DeliveryStatus, exclude_return_status),
        not_refund_status=_one(RefundStatus, exclude_refund_status),
        customer_id=await _key(ctx, Customer, customer_id),
        product_id=None if product_id is None else await _keys(ctx, Product, product_id),
        landing_page_id=await _key(ctx, LandingPage, landing_page_id),
        archived=is_archived,
        created_after=created[0],
        created_before=created[1],
        updated_after=updated[0],
        updated_before=updated[1],
    )


def _all(kind: type[S], names: Sequence[str] | None) -> tuple[S, ...] | None:
    return None if names is None else tuple(map(kind, names))


def _one(kind: type[S], name: str | None) -> tuple[S, ...] | None:
    return None if name is None else (kind(name),)


async def _keys(ctx: Context, row: type[Base], given: Sequence[str]) -> tuple[int, ...]:
    """The keys that are meant; what is filtered by an unknown id is an empty list."""
    found = await uuids.keys_of(ctx, row, map(UUID, given))
    return tuple(sorted(found.values())) or (NOBODY,)


async def _key(ctx: Context, row: type[Base], given: str | None) -> int | None:
    return None if given is None else (await _keys(ctx, row, [given]))[0]
