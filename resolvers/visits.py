"""Visits: storefronts tell which of their pages somebody has looked at."""

from dataclasses import dataclass
from typing import Annotated

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Store, Visit
from resolvers import idempotency
from resolvers.context import Context
from resolvers.keys import KeyOf
from resolvers.rules import Matching, Text, checked
from resolvers.writes import referred

PATH = Matching(r"/[^\x00-\x1f]{0,1999}", "a path of at most 2000 characters that begins with /")


@dataclass(frozen=True, kw_only=True)
class NewVisit:
    """A page of a storefront that was looked at."""

    store_id: Annotated[int, KeyOf("Store"), "The store."]
    path: Annotated[str, PATH, "The page's path."]
    visitor: Annotated[
        str | None, Text(120), "What the storefront calls whoever looks, the same each time."
    ] = None
    referrer: Annotated[str | None, Text(2000, 0), "The page from which they came."] = None


async def record(ctx: Context, *, input: NewVisit, idempotency_key: str | None = None) -> int:
    """Count a look at a page. The answer is the store's key."""
    viewer = ctx.require("analytic:create")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        field = ("input", "store_id")
        store = await referred(tx, viewer, Store, input.store_id, field=field)
        at = ctx.services.clock()
        tx.add(Visit(organization_id=store.organization_id, created_at=at, **values))
        return store.id

    return await idempotency.once(ctx, "recordVisit", idempotency_key, input, work)
