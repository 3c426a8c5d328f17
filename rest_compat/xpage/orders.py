"""Orders: what a hosting sold, and orders that were made outside of it."""

from collections.abc import Sequence
from typing import Any

from db.models import Order
from resolvers import orders, recording, uuids
from resolvers.contacts import ContactInput
from resolvers.context import Context
from resolvers.recording import RecordedStatus, RecordOrder
from rest_compat.dialect import Call
from rest_compat.xpage import order_queries
from rest_compat.xpage.fields import named
from rest_compat.xpage.hosting import store_id
from rest_compat.xpage.order_views import TEXTS, of_orders
from rest_compat.xpage.pages import listed
from rest_compat.xpage.wire import uuid_of

NAMES = {
    **{f"contact.{name}": f"customer_{name}" for name in TEXTS},
    **{f"billing.{name}": f"billing_{name}" for name in TEXTS},
    "contact.country": "country_id",
}


async def list_orders(
    ctx: Context,
    *,
    page: int,
    page_size: int,
    order_direction: str,
    order_by: str,
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
) -> dict[str, Any]:
    wanted = await order_queries.wanted(
        ctx,
        search=search,
        ref=ref,
        status=status,
        delivery_status=delivery_status,
        return_status=return_status,
        refund_status=refund_status,
        exclude_delivery_status=exclude_delivery_status,
        exclude_return_status=exclude_return_status,
        exclude_refund_status=exclude_refund_status,
        customer_id=customer_id,
        product_id=product_id,
        landing_page_id=landing_page_id,
        is_cancelled=is_cancelled,
        is_archived=is_archived,
        from_=from_,
        to=to,
        updated_from=updated_from,
        updated_to=updated_to,
    )
    sort = order_queries.sort(order_by, order_direction)
    rows, pagination = await listed(
        ctx, orders.listing, wanted, page=page, page_size=page_size, sort=sort, columns=()
    )
    keys = [row.id for row in rows]
    shown = await of_orders(ctx, keys)
    return {
        "orders": [shown[key] for key in keys if key in shown],
        "pagination": pagination,
    }


async def create_order(ctx: Context, *, body: dict[str, Any], call: Call) -> dict[str, Any]:
    """Text that is empty counts as not given, as answers show what is missing."""
    contact = _texts(body, "customer_")
    if body.get("country_id"):
        contact["country"] = body["country_id"]
    order = RecordOrder(
        store_id=store_id(ctx),
        status=RecordedStatus(body.get("status", RecordedStatus.PENDING)),
        contact=ContactInput(**contact),
        billing=ContactInput(**_texts(body, "billing_")),
        archived=body.get("is_archived", False),
        cancelled=body.get("is_cancelled", False),
    )
    with named(NAMES):
        key = await recording.record(
            ctx, input=order, idempotency_key=call.headers.get("Idempotency-Key")
        )
    return {"order": (await of_orders(ctx, [key]))[key]}


async def get_order(ctx: Context, *, id: str) -> dict[str, Any]:
    key = await uuids.key_of(ctx, Order, uuid_of(id, "order"))
    return {"order": (await of_orders(ctx, [key]))[key]}


def _texts(body: dict[str, Any], prefix: str) -> dict[str, str]:
    given = {name: body.get(f"{prefix}{name}", "").strip() for name in TEXTS}
    return {name: text for name, text in given.items() if text}
