"""Stock as people set it: goods that came in, went out, or were counted."""

from dataclasses import dataclass
from typing import Annotated

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Variant
from resolvers import idempotency
from resolvers.context import Context
from resolvers.errors import InsufficientStock, Invalid
from resolvers.figures import refresh_stock
from resolvers.keys import KeyOf
from resolvers.rules import MOST_UNITS, Between, checked
from resolvers.variants import UNITS, tell
from resolvers.writes import held


@dataclass(frozen=True, kw_only=True)
class StockAdjustment:
    """A change of a variant's stock: by some units, or to a count. Give one of the two."""

    variant_id: Annotated[int, KeyOf("Variant"), "The variant."]
    by: Annotated[
        int | None, Between(-MOST_UNITS, MOST_UNITS), "Units that came in; negative: went out."
    ] = None
    to: Annotated[int | None, UNITS, "Units that were counted."] = None


async def adjust(
    ctx: Context,
    *,
    input: Annotated[StockAdjustment, "How the stock changes."],
    expected_version: int | None = None,
    idempotency_key: str | None = None,
) -> int:
    """Raises ``InsufficientStock`` where less than nothing would be left."""
    viewer = ctx.require("product:update")
    values = checked(input, "input")
    by, to = values["by"], values["to"]
    if (by is None) == (to is None):
        raise Invalid("give by or to, one of the two", field=("input",))

    async def work(tx: AsyncSession) -> int:
        variant = await held(
            tx, viewer, Variant, input.variant_id, field=("input", "variant_id"),
            expected_version=expected_version,
        )  # fmt: skip
        await set_stock(tx, variant, variant.stock + by if to is None else to)
        return variant.id

    call = {"input": input, "expected_version": expected_version}
    return await idempotency.once(ctx, "adjustStock", idempotency_key, call, work)


async def set_stock(tx: AsyncSession, variant: Variant, units: int) -> None:
    """Write the stock of a held variant, and all that follows from it."""
    if units < 0:
        raise InsufficientStock(
            f"{variant.stock} units are left, {variant.stock - units} cannot go out",
            details={"available": variant.stock, "requested": variant.stock - units},
        )
    if units > MOST_UNITS:
        raise Invalid(f"a stock has at most {MOST_UNITS} units", field=("input",))
    variant.stock = units
    await refresh_stock(tx, [variant.product_id])
    tell(tx, variant)
