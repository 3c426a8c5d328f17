"""Landing pages."""

from typing import Any
from uuid import UUID

from db.models import CodType, Domain, Product
from resolvers import fetch, landing_pages, uuids
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.keys import NOBODY
from resolvers.landing_pages import LandingPageFilter
from rest_compat.xpage import landing_page_views
from rest_compat.xpage.pages import listed, sort_of


async def list_landing_pages(
    ctx: Context,
    *,
    page: int,
    page_size: int,
    order_direction: str,
    order_by: str,
    product_id: list[str] | None,
    domain_id: str | None,
    cod_type: str | None,
) -> dict[str, Any]:
    """All that are not deleted, published or not: the document knows no difference."""
    products = await uuids.keys_of(ctx, Product, map(UUID, product_id or ()))
    domains = await uuids.keys_of(ctx, Domain, map(UUID, [domain_id] if domain_id else ()))
    wanted = LandingPageFilter(
        product_id=None if product_id is None else tuple(products.values()),
        domain_id=None if domain_id is None else next(iter(domains.values()), NOBODY),
        cod_type=None if cod_type is None else (CodType(cod_type),),
    )
    rows, pagination = await listed(
        ctx,
        landing_pages.listing,
        wanted,
        page=page,
        page_size=page_size,
        sort=sort_of(order_by, order_direction),
        columns=landing_page_views.COLUMNS,
    )
    found = await landing_page_views.shown(ctx, rows)
    return {"landingPages": list(found.values()), "pagination": pagination}


async def get_landing_page(ctx: Context, *, id: str) -> dict[str, Any]:
    columns = landing_page_views.COLUMNS
    row = await fetch.find(ctx, landing_pages.by_uuid, UUID(id), columns, what="landing page")
    found = await landing_page_views.shown(ctx, [row])
    if row.id not in found:
        raise NotFound("landing page")
    return {"landing_page": found[row.id]}
