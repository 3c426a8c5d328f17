"""What came of stores, in GraphQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import strawberry

from db.models import Store
from engine import DECLARATION, Batched
from resolvers import store_figures
from resolvers.context import Context
from schema.relations import Info
from schema.scalars import Money, money


@strawberry.type(description="What came of a store in some time.")
class StoreAnalytics:
    views: int = strawberry.field(description="How often its pages were looked at.")
    visitors: int = strawberry.field(description="How many named visitors did.")
    sales: int = strawberry.field(
        description="Orders placed in that time that are paid by now, or were."
    )
    revenue: Money = strawberry.field(
        description="What was paid for them less what was given back, in the store's currency."
    )


@dataclass(frozen=True, slots=True)
class _Told:
    views: int
    visitors: int
    sales: int
    revenue: Any


async def _load(
    ctx: Context,
    stores: Sequence[tuple[Any, ...]],
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[_Told]:
    found = await store_figures.of_stores(
        ctx, [(key, currency) for key, currency in stores], since=since, until=until
    )
    return [
        _Told(each.views, each.visitors, each.sales, money(each.revenue, each.currency))
        for each in found
    ]


def analytics_of_store() -> Any:
    async def resolve(
        root: Any,
        info: Info,
        since: Annotated[
            datetime | None, strawberry.argument(description="At or after; from the start without.")
        ] = None,
        until: Annotated[
            datetime | None, strawberry.argument(description="Before; until now without.")
        ] = None,
    ) -> Any:
        async def batch(keys: Sequence[Any]) -> Sequence[Any]:
            return await _load(info.context, keys, since, until)

        return await info.context.load((_load, since, until), batch, (root.id, root.currency))

    return strawberry.field(
        resolver=resolve,
        graphql_type=StoreAnalytics,
        description="Who looked at it, and what was sold.",
        metadata={DECLARATION: Batched(_load, (Store.id, Store.currency), "analytic:view")},
    )
