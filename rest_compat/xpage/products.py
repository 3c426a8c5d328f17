"""Products: what the hosting sells."""

from typing import Any
from uuid import UUID

from db.models import Category, Product
from resolvers import cataloguing, fetch, products, uuids
from resolvers.cataloguing import Uploads
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.products import ProductFilter
from rest_compat.xpage import product_bodies
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.hosting import store_id
from rest_compat.xpage.pages import listed, sort_of
from rest_compat.xpage.product_views import meant, of_products
from rest_compat.xpage.wire import uuid_of

_NOBODY = 0
"""A key that no row has."""


async def list_products(
    ctx: Context,
    *,
    page: int,
    page_size: int,
    order_direction: str,
    order_by: str,
    search: str | None,
    title: str | None,
    status: str | None,
    is_digital: bool | None,
    out_of_stock: bool | None,
    category: str | None,
) -> dict[str, Any]:
    """Products without any stock are out of stock, whether or not they sell all the same."""
    wanted = ProductFilter(
        search=search,
        title=title,
        status=None if status is None else meant(status),
        is_digital=is_digital,
        in_stock=None if out_of_stock is None else not out_of_stock,
        category_id=None if category is None else await _category(ctx, category),
    )
    rows, pagination = await listed(
        ctx,
        products.listing,
        wanted,
        page=page,
        page_size=page_size,
        sort=sort_of(order_by, order_direction),
        columns=(),
    )
    keys = [row.id for row in rows]
    found = await of_products(ctx, keys)
    return {
        "products": [found[key] for key in keys if key in found],
        "pagination": pagination,
    }


async def create_product(ctx: Context, *, body: dict[str, Any]) -> dict[str, Any]:
    given = body["metadata"]
    keys = await product_bodies.keys_in(ctx, given, is_new=True)
    new = product_bodies.new_product(given, keys, store_id(ctx))
    with product_bodies.told_of(given):
        key = await cataloguing.create_with(ctx, _uploads(body), input=new)
    return await _shown(embedding(ctx), key)


async def get_product(ctx: Context, *, id: str) -> dict[str, Any]:
    return await _shown(ctx, await _key(ctx, id))


async def update_product(ctx: Context, *, id: str, body: dict[str, Any] | None) -> dict[str, Any]:
    sent = body or {}
    given = sent.get("metadata", {})
    key = await _key(ctx, id)
    keys = await product_bodies.keys_in(ctx, given, is_new=False)
    now = await fetch.find(embedding(ctx), products.by_id, key, (Product.status,), what="product")
    changes = product_bodies.changes(given, keys, now.status)
    with product_bodies.told_of(given):
        await cataloguing.update_with(ctx, _uploads(sent), id=key, changes=changes)
    return await _shown(embedding(ctx), key)


def _uploads(body: dict[str, Any]) -> Uploads:
    return Uploads(images=body.get("images", ()), files=body.get("files", ()))


async def _key(ctx: Context, id: str) -> int:
    return await uuids.key_of(ctx, Product, uuid_of(id, "product"))


async def _category(ctx: Context, id: str) -> tuple[int, ...]:
    found = await uuids.keys_of(ctx, Category, [UUID(id)])
    return tuple(found.values()) or (_NOBODY,)


async def _shown(ctx: Context, key: int) -> dict[str, Any]:
    found = await of_products(ctx, [key])
    if key not in found:
        raise NotFound("product")
    return {"product": found[key]}
