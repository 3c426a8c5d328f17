"""Orders as the contract shows them, in answers and in webhooks."""

from collections.abc import Mapping, Sequence
from typing import Any

from db.models import Order, OrderLine, Payment, PaymentMethod, Product
from resolvers import customers, fetch, order_lines, orders, products
from resolvers.context import Context
from rest_compat.instxnt import status
from rest_compat.instxnt.wire import cents, instant, order_id, product_id

COLUMNS = (
    Order.uuid,
    Order.payment_status,
    Order.fulfillment_status,
    Order.total,
    Order.currency,
    Order.email,
    Order.first_name,
    Order.last_name,
    Order.address,
    Order.city,
    Order.state,
    Order.postal_code,
    Order.country,
    Order.created_at,
)
ADDRESS = {
    "line1": Order.address,
    "city": Order.city,
    "state": Order.state,
    "postal_code": Order.postal_code,
    "country": Order.country,
}
LINES = (OrderLine.product_id, OrderLine.title, OrderLine.quantity, OrderLine.unit_price)


async def of_orders(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The orders of these keys that the viewer may see and the contract knows, by key."""
    rows = await fetch.rows_of(ctx, orders.by_id, keys, {}, COLUMNS) if keys else []
    return await shown(ctx, [row for row in rows if row and row.payment_status in status.SHOWN])


async def shown(ctx: Context, rows: Sequence[Any]) -> dict[int, dict[str, Any]]:
    """Rows with ``COLUMNS``, by key. Three statements, however many there are."""
    if not rows:
        return {}
    keys = [row.id for row in rows]
    lines = await fetch.rows_of(ctx, order_lines.of_orders, keys, {}, LINES)
    paid = await fetch.rows_of(
        ctx, order_lines.payments_of_orders, keys, {}, (Payment.method, Payment.reference)
    )
    names = await _names_of_products(ctx, [line for each in lines for line in each])
    return {
        row.id: {
            "id": order_id(row.uuid),
            "stripe_payment_intent": _payment_intent(paid[at]),
            "total_cents": cents(row.total),
            "currency": row.currency,
            "buyer": {
                "email": row.email,
                "name": customers.full_name(row.first_name, row.last_name) or "",
            },
            "shipping_address": _address(row),
            "items": [_item(line, names) for line in lines[at]],
            "status": status.shown(row.payment_status, row.fulfillment_status),
            "created_at": instant(row.created_at),
        }
        for at, row in enumerate(rows)
    }


def _payment_intent(payments: Sequence[Any]) -> str | None:
    """What Stripe calls the payment; None of orders that were paid in other ways."""
    cards = (each.reference for each in payments if each.method is PaymentMethod.CARD)
    return next(cards, None)


def _address(row: Any) -> dict[str, str] | None:
    parts = {name: getattr(row, column.key) for name, column in ADDRESS.items()}
    return {name: part for name, part in parts.items() if part} or None


async def _names_of_products(ctx: Context, lines: Sequence[Any]) -> Mapping[int, str]:
    keys = sorted({line.product_id for line in lines if line.product_id is not None})
    rows = await fetch.rows_of(ctx, products.by_id, keys, {}, (Product.uuid,)) if keys else []
    return {row.id: product_id(row.uuid) for row in rows if row is not None}


def _item(line: Any, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "product_id": names.get(line.product_id),
        "title": line.title,
        "quantity": line.quantity,
        "unit_price_cents": cents(line.unit_price),
    }
