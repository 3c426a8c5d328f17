"""Products as the contract shows them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from db.models import FaqEntry, File, Product, Store, Variant
from resolvers import (
    faq_entries,
    fetch,
    file_addresses,
    files,
    primary_products,
    stores,
    variants,
)
from resolvers.context import Context
from rest_compat.instxnt import image_views
from rest_compat.instxnt.wire import cents, product_id, variant_id

COLUMNS = (
    Product.uuid,
    Product.title,
    Product.currency,
    Product.description,
    Product.description_html,
    Product.page_title,
    Product.meta_description,
    Product.keywords,
)
VARIANTS = (
    Variant.uuid,
    Variant.title,
    Variant.sku,
    Variant.price,
    Variant.compare_price,
    Variant.options,
    Variant.stock,
    Variant.stock_tracked,
    Variant.sell_when_out_of_stock,
)
FILES = (File.uuid, File.name, File.content_type, File.size)


async def of_store(ctx: Context, store_id: int) -> dict[str, Any]:
    """The primary product of a store. Its price is that of its first variant."""
    row = await fetch.find(ctx, primary_products.of_stores, store_id, COLUMNS, what="product")
    store = await fetch.find(ctx, stores.by_id, store_id, (Store.uuid,), what="store")
    [sold] = await fetch.rows_of(ctx, variants.of_products, [row.id], {}, VARIANTS)
    [asked] = await fetch.rows_of(
        ctx, faq_entries.of_products, [row.id], {}, (FaqEntry.question, FaqEntry.answer)
    )
    return {
        "id": product_id(row.uuid),
        "title": row.title,
        "price_cents": cents(sold[0].price) if sold else 0,
        "currency": row.currency,
        "variants": [_variant(each) for each in sold],
        "description": row.description,
        "description_html": row.description_html,
        "faq": [{"q": each.question, "a": each.answer} for each in asked],
        "seo": _seo(row),
        "images": await _images(ctx, store.uuid, row.id),
        "digital_download": await _download(ctx, row.id, [each.id for each in sold]),
    }


def _variant(row: Any) -> dict[str, Any]:
    was = row.compare_price
    return {
        "id": variant_id(row.uuid),
        "title": row.title,
        "price_cents": cents(row.price),
        "compare_price_cents": None if was is None else cents(was),
        "sku": row.sku,
        "options": row.options,
        "stock": row.stock if row.stock_tracked else None,
        "in_stock": row.stock > 0 or not row.stock_tracked or row.sell_when_out_of_stock,
    }


def _seo(row: Any) -> dict[str, Any] | None:
    """What is known of it; None where nothing is."""
    texts = {"title": row.page_title, "description": row.meta_description}
    told: dict[str, Any] = {name: text for name, text in texts.items() if text is not None}
    return told | {"keywords": row.keywords} if told or row.keywords else None


async def _images(ctx: Context, store: UUID, key: int) -> list[dict[str, Any]]:
    read = files.images_of_products
    [rows] = await fetch.rows_of(ctx, read, [key], {}, image_views.COLUMNS)
    return [image_views.shown(ctx, store, each) for each in rows]


async def _download(ctx: Context, key: int, sold: Sequence[int]) -> dict[str, Any] | None:
    """What buyers download, of the product and of its variants; None where there is nothing.

    The addresses end, as the goods are sold.
    """
    [whole] = await fetch.rows_of(ctx, files.downloads_of_products, [key], {}, FILES)
    parts = await fetch.rows_of(ctx, files.downloads_of_variants, sold, {}, FILES)
    found = {each.id: each for each in (*whole, *(each for own in parts for each in own))}
    if not found:
        return None
    return {
        "files": [
            {
                "name": each.name,
                "url": file_addresses.url(ctx.services, each.uuid, each.name),
                "content_type": each.content_type,
                "size_bytes": each.size,
            }
            for each in found.values()
        ]
    }
