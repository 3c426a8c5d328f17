"""Stock items: digital goods that are handed over one by one, encrypted until then."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import StockItem, Variant
from resolvers import audit, idempotency
from resolvers.context import Context
from resolvers.keys import KeyOf
from resolvers.rules import Count, Each, JsonObject, checked
from resolvers.stock_adjustments import set_stock
from resolvers.writes import held

MOST = 1000


@dataclass(frozen=True, kw_only=True)
class NewStockItems:
    """Goods to put in stock. Nobody can read them back; whoever buys one receives it."""

    variant_id: Annotated[int, KeyOf("Variant"), "What they are units of."]
    contents: Annotated[
        Sequence[dict[str, Any]],
        Count(MOST, 1),
        Each(JsonObject()),
        f'An object for each unit, at most {MOST}: {{"login": "ada", "password": "..."}}.',
    ]


async def add(
    ctx: Context,
    *,
    input: Annotated[NewStockItems, "What comes into stock."],
    idempotency_key: str | None = None,
) -> int:
    """Raises the variant's stock by as many units. Answers with the variant's key."""
    viewer = ctx.require("stock:create")
    contents: list[Any] = checked(input, "input")["contents"]

    async def work(tx: AsyncSession) -> int:
        field = ("input", "variant_id")
        variant = await held(tx, viewer, Variant, input.variant_id, field=field)
        tx.add_all(
            StockItem(
                organization_id=variant.organization_id,
                store_id=variant.store_id,
                variant_id=variant.id,
                content=ctx.services.vault.seal(content),
            )
            for content in contents
        )
        await set_stock(tx, variant, variant.stock + len(contents))
        audit.write(tx, viewer, "stock.added", ("variant", variant.id), units=len(contents))
        return variant.id

    return await idempotency.once(ctx, "addStockItems", idempotency_key, input, work)
