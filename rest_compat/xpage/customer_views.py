"""Customers as the contract shows them."""

from collections.abc import Sequence
from typing import Any

from db.models import Customer
from resolvers import customers, fetch
from resolvers.context import Context
from rest_compat.xpage import order_views
from rest_compat.xpage.country_views import country
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.wire import instant, money

COLUMNS = (
    Customer.uuid,
    Customer.first_name,
    Customer.last_name,
    Customer.email,
    Customer.phone,
    Customer.address,
    Customer.city,
    Customer.country,
    Customer.postal_code,
    Customer.created_at,
    Customer.updated_at,
    Customer.order_count,
    Customer.amount_spent,
    Customer.latest_order_id,
    Customer.subscription_status,
)


async def of_customers(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The customers that the viewer may see, by key."""
    rows = await fetch.rows_of(ctx, customers.by_id, keys, {}, COLUMNS)
    return await shown(ctx, [row for row in rows if row is not None])


async def shown(ctx: Context, rows: Sequence[Any]) -> dict[int, dict[str, Any]]:
    """Rows with ``COLUMNS``, by key."""
    latest = [row.latest_order_id for row in rows if row.latest_order_id is not None]
    orders = await order_views.of_orders(embedding(ctx), latest)
    return {
        row.id: {
            "id": str(row.uuid),
            "name": customers.full_name(row.first_name, row.last_name) or "",
            "email": row.email or "",
            "phone": row.phone or None,
            "address": row.address or None,
            "city": row.city or None,
            "country_id": row.country or None,
            "postal_code": row.postal_code or None,
            "created_at": instant(row.created_at),
            "updated_at": instant(row.updated_at),
            "country": country(row.country),
            "order_count": row.order_count,
            "amount_spent": money(row.amount_spent),
            "latest_order": orders.get(row.latest_order_id),
            "subscription_status": row.subscription_status.value,
        }
        for row in rows
    }
