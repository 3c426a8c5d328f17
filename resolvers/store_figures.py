"""What came of stores: who looked at them, what was sold, what it brought in.

A sale is an order that is or was paid, in whatever currency; it counts when it was placed. Revenue
is what was paid less what was given back, of the orders in the store's own currency.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from db.models import Order, PaymentStatus, Store, Visit
from resolvers.context import Context
from resolvers.viewer import visible

SOLD = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """``revenue`` in micro-units of ``currency``. A visitor without a name counts as nobody."""

    views: int
    visitors: int
    sales: int
    revenue: int
    currency: str


async def of_stores(
    ctx: Context,
    stores: Sequence[tuple[int, str]],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[StoreFigures]:
    """The figures of stores, given by key and currency, from ``since`` up to before ``until``.

    Two statements, however many stores.
    """
    viewer = ctx.require("analytic:view")
    keys = {key for key, _ in stores}
    looked: Any = visible(viewer, Visit).where(
        Visit.store_id.in_(keys), *_within(Visit.created_at, since, until)
    )
    visits = looked.with_only_columns(
        Visit.store_id, func.count(), func.count(Visit.visitor.distinct())
    ).group_by(Visit.store_id)
    bought: Any = visible(viewer, Order).where(
        Order.store_id.in_(keys),
        Order.payment_status.in_(SOLD),
        *_within(Order.created_at, since, until),
    )
    own = select(Store.currency).where(Store.id == Order.store_id).scalar_subquery()
    earned = case((Order.currency == own, Order.total - Order.refunded_total), else_=0)
    sales = bought.with_only_columns(Order.store_id, func.count(), func.sum(earned)).group_by(
        Order.store_id
    )
    views: dict[int, Any] = {row[0]: row for row in await ctx.rows(visits)}
    sold: dict[int, Any] = {row[0]: row for row in await ctx.rows(sales)}
    none = (0, 0, 0)
    return [
        StoreFigures(
            views=views.get(key, none)[1],
            visitors=views.get(key, none)[2],
            sales=sold.get(key, none)[1],
            revenue=int(sold.get(key, none)[2]),
            currency=currency,
        )
        for key, currency in stores
    ]


def _within(at: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if since is not None:
        found.append(at >= since)
    if until is not None:
        found.append(at < until)
    return found
