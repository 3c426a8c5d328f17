"""Addresses of stores: the host names under which buyers find them."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from sqlalchemy import select

from db.models import Domain, Store
from resolvers.context import Context


async def domains_of_stores(ctx: Context, store_ids: Iterable[int]) -> dict[int, str]:
    """The primary domain of each store; without one, its subdomain of the gateway's own domain."""
    found = (
        select(Store.id, Store.subdomain, Domain.name)
        .outerjoin(Domain, (Domain.store_id == Store.id) & Domain.is_primary)
        .where(Store.id.in_(set(store_ids)))
    )
    suffix = ctx.services.store_domain
    return {row.id: row.name or f"{row.subdomain}.{suffix}" for row in await ctx.rows(found)}


async def of_stores(ctx: Context, stores: Sequence[tuple[int]]) -> list[str]:
    """Where buyers find each store, given by its key."""
    found = await domains_of_stores(ctx, {store_id for (store_id,) in stores})
    return [f"https://{found[store_id]}" for (store_id,) in stores]


async def of_landing_pages(
    ctx: Context, places: Sequence[tuple[int, int | None, str]]
) -> list[str]:
    """The address of each page, given by its store's key, its domain's and its slug."""
    stores = await domains_of_stores(ctx, {store_id for store_id, _, _ in places})
    found = select(Domain.id, Domain.name).where(
        Domain.id.in_({domain_id for _, domain_id, _ in places if domain_id is not None})
    )
    domains = {row.id: row.name for row in await ctx.rows(found)}
    return [
        f"https://{domains.get(domain_id, stores[store_id])}/{quote(slug)}"
        for store_id, domain_id, slug in places
    ]
