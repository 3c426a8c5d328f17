"""Orders: debited from the balance at once, delivered by a job."""

from typing import Any

from db.models import Order
from resolvers import fetch, orders, placing, wholesale
from resolvers.context import Context
from resolvers.errors import NotImplementedHere
from resolvers.outbound import checked_url
from resolvers.placing import PlaceOrder, PlaceOrderLine
from rest_compat.instamarket import items, status
from rest_compat.instamarket.wire import unix, usdt

COLUMNS = (
    Order.payment_status,
    Order.fulfillment_status,
    Order.total,
    Order.quantity,
    Order.created_at,
    Order.updated_at,
)


async def create_order(
    ctx: Context, *, body: dict[str, Any], idempotency_key: str | None
) -> dict[str, Any]:
    """The answer shows the order as it was placed, however fast it was delivered since."""
    webhook_url = checked_url(body.get("webhook_url"), ("body", "webhook_url"))
    if body["payment_method"] != "balance":
        raise NotImplementedHere("Invoice mode is not implemented; use payment_method balance")
    lot = await wholesale.lot(ctx, body["product_id"])
    line = PlaceOrderLine(variant_id=lot.variant_id, quantity=body["quantity"])
    wanted = PlaceOrder(store_id=lot.store_id, lines=[line], webhook_url=webhook_url)
    order_id = await placing.place(ctx, input=wanted, idempotency_key=idempotency_key)
    row = await fetch.find(ctx, orders.by_id, order_id, COLUMNS, what="order")
    return {
        **_order(row),
        "status": status.PROCESSING,
        "refunded": False,
        "updated_at": unix(row.created_at),
    }


async def get_order(ctx: Context, *, id: int) -> dict[str, Any]:
    row = await fetch.find(ctx, orders.by_id, id, COLUMNS, what="order")
    order = _order(row)
    if order["status"] == status.COMPLETED:
        order["items"] = await items.of_order(ctx, id)
    return order


def _order(row: Any) -> dict[str, Any]:
    shown = status.shown(row.payment_status, row.fulfillment_status)
    return {
        "order_id": row.id,
        "status": shown.status,
        "refunded": shown.refunded,
        "price_usdt": usdt(row.total),
        "quantity": row.quantity,
        "created_at": unix(row.created_at),
        "updated_at": unix(row.updated_at),
    }
