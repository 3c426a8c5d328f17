"""Variants as the contract shows them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from db.models import Option, Variant
from resolvers import fetch, files, options, variants
from resolvers.context import Context
from rest_compat.xpage import file_views
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.wire import money, money_or_none

COLUMNS = (
    Variant.uuid,
    Variant.product_id,
    Variant.price,
    Variant.compare_price,
    Variant.sku,
    Variant.stock,
    Variant.options,
)
OPTIONS = (Option.uuid, Option.name, Option.choices, Option.position)
Offered = Mapping[int, Sequence[Any]]


async def of_variants(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The variants that the viewer may see, by key."""
    found = await fetch.rows_of(ctx, variants.by_id, keys, {}, COLUMNS)
    rows = [row for row in found if row is not None]
    return await shown(ctx, rows, await offered(ctx, {row.product_id for row in rows}))


async def offered(ctx: Context, product_ids: Iterable[int]) -> Offered:
    """The options of products, in order."""
    keys = sorted(product_ids)
    rows = await fetch.rows_of(embedding(ctx), options.of_products, keys, {}, OPTIONS)
    return dict(zip(keys, rows, strict=True))


async def shown(ctx: Context, rows: Sequence[Any], offered: Offered) -> dict[int, dict[str, Any]]:
    """Rows with ``COLUMNS``, by key."""
    keys = [row.id for row in rows]
    images, goods = [
        await file_views.of_owners(ctx, read, keys)
        for read in (files.images_of_variants, files.downloads_of_variants)
    ]
    return {
        row.id: {
            "id": str(row.uuid),
            "price": money(row.price),
            "compare_price": money_or_none(row.compare_price),
            "sku": row.sku,
            "quantity": row.stock,
            "image": next(iter(images[row.id]), None),
            "file": next(iter(goods[row.id]), None),
            "values": [
                {"order": option.position, "value": row.options[option.name]}
                for option in offered.get(row.product_id, ())
                if option.name in row.options
            ],
        }
        for row in rows
    }
