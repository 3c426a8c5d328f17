"""Landing pages as the contract shows them."""

from collections.abc import Sequence
from typing import Any

from db.models import Domain, LandingPage
from resolvers import addresses, domains, fetch, landing_pages
from resolvers.context import Context
from rest_compat.xpage import product_views
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.wire import instant

COLUMNS = (
    LandingPage.uuid,
    LandingPage.store_id,
    LandingPage.product_id,
    LandingPage.domain_id,
    LandingPage.title,
    LandingPage.slug,
    LandingPage.meta_description,
    LandingPage.language,
    LandingPage.cod_type,
    LandingPage.screenshot_url,
    LandingPage.created_at,
    LandingPage.updated_at,
)


async def of_landing_pages(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The landing pages that the viewer may see, by key."""
    rows = await fetch.rows_of(ctx, landing_pages.by_id, keys, {}, COLUMNS)
    return await shown(ctx, [row for row in rows if row is not None])


async def shown(ctx: Context, rows: Sequence[Any]) -> dict[int, dict[str, Any]]:
    """Rows with ``COLUMNS``, by key; none whose product was deleted in this moment."""
    inside = embedding(ctx)
    products = await product_views.of_products(inside, [row.product_id for row in rows])
    keys = [row.domain_id for row in rows]
    hosts = await fetch.rows_of(inside, domains.by_id, keys, {}, (Domain.uuid,))
    places = [(row.store_id, row.domain_id, row.slug) for row in rows]
    urls = await addresses.of_landing_pages(ctx, places)
    return {
        row.id: {
            "id": str(row.uuid),
            "title": row.title,
            "slug": row.slug,
            "meta_description": row.meta_description or None,
            "product_id": products[row.product_id]["id"],
            "domain_id": None if host is None else str(host.uuid),
            "created_at": instant(row.created_at),
            "updated_at": instant(row.updated_at),
            "product": products[row.product_id],
            "url": url,
            "screenshot_url": row.screenshot_url,
            "lang": row.language,
            "cod_type": row.cod_type.value,
        }
        for row, host, url in zip(rows, hosts, urls, strict=True)
        if row.product_id in products
    }
