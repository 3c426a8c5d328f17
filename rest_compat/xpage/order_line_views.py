"""Lines of orders as the contract shows them: ``order_variant``."""

from collections.abc import Iterable, Mapping
from typing import Any

from db.models import OrderLine
from resolvers import fetch, files, order_lines
from resolvers.context import Context
from rest_compat.xpage import file_views, variant_views
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.wire import money

COLUMNS = (
    OrderLine.uuid,
    OrderLine.product_id,
    OrderLine.variant_id,
    OrderLine.title,
    OrderLine.sku,
    OrderLine.quantity,
    OrderLine.unit_price,
    OrderLine.is_digital,
    OrderLine.options,
)
Lines = Mapping[int, dict[str, Any]]


async def of_lines(ctx: Context, keys: Iterable[int]) -> Lines:
    """The lines of orders that the viewer may see, by key."""
    ctx = embedding(ctx)
    rows = await fetch.rows_of(ctx, order_lines.by_id, list(keys), {}, COLUMNS)
    rows = [row for row in rows if row is not None]
    of_variants = {row.variant_id for row in rows if row.variant_id is not None}
    variants = await variant_views.of_variants(ctx, sorted(of_variants)) if of_variants else {}
    pictures = await _pictures(ctx, {row.product_id for row in rows if row.product_id is not None})
    return {
        row.id: {
            "id": str(row.uuid),
            "quantity": row.quantity,
            "price": money(row.unit_price),
            "sku": row.sku,
            "title": row.title,
            "is_digital": row.is_digital,
            "options": row.options,
            "variant": (variant := variants.get(row.variant_id)),
            "image_url": _picture(variant) or pictures.get(row.product_id),
        }
        for row in rows
    }


def _picture(variant: Mapping[str, Any] | None) -> str | None:
    image: Mapping[str, Any] | None = variant.get("image") if variant else None
    return image["url"] if image else None


async def _pictures(ctx: Context, products: Iterable[int]) -> dict[int, str]:
    """The address of each product's first picture."""
    keys = sorted(products)
    if not keys:
        return {}
    found = await fetch.rows_of(ctx, files.images_of_products, keys, {}, file_views.COLUMNS)
    return {
        key: file_views.shown(ctx, rows[0])["url"]
        for key, rows in zip(keys, found, strict=True)
        if rows
    }
