"""Customers."""

from typing import Any
from uuid import UUID

from db.models import SubscriptionStatus
from resolvers import customers, fetch
from resolvers.context import Context
from resolvers.customers import CustomerFilter, NewCustomer
from resolvers.reads import One
from rest_compat.xpage import customer_views
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.fields import named
from rest_compat.xpage.hosting import store_id
from rest_compat.xpage.pages import listed, sort_of

NAMES = {"first_name": "name", "last_name": "name", "country": "country_id"}


async def list_customers(
    ctx: Context,
    *,
    page: int,
    page_size: int,
    order_direction: str,
    order_by: str,
    search: str | None,
    country: str | None,
) -> dict[str, Any]:
    rows, pagination = await listed(
        ctx,
        customers.listing,
        CustomerFilter(search=search, country=country),
        page=page,
        page_size=page_size,
        sort=sort_of(order_by, order_direction),
        columns=customer_views.COLUMNS,
    )
    found = await customer_views.shown(ctx, rows)
    return {"customers": list(found.values()), "pagination": pagination}


async def create_customer(ctx: Context, *, body: dict[str, Any]) -> dict[str, Any]:
    given_name, family_name = customers.given_and_family(body.get("name"))
    wanted = NewCustomer(
        store_id=store_id(ctx),
        first_name=given_name,
        last_name=family_name,
        email=body["email"],
        phone=body.get("phone"),
        address=body.get("address"),
        city=body.get("city"),
        postal_code=body.get("postal_code"),
        country=body.get("country_id"),
        subscription_status=SubscriptionStatus(
            body.get("subscription_status", SubscriptionStatus.NOT_SUBSCRIBED)
        ),
    )
    with named(NAMES):
        key = await customers.create(ctx, input=wanted)
    return await _found(embedding(ctx), customers.by_id, key)


async def get_customer(ctx: Context, *, id: str) -> dict[str, Any]:
    return await _found(ctx, customers.by_uuid, UUID(id))


async def _found(ctx: Context, read: One, key: Any) -> dict[str, Any]:
    row = await fetch.find(ctx, read, key, customer_views.COLUMNS, what="customer")
    return {"customer": (await customer_views.shown(ctx, [row]))[row.id]}
