"""Variants: what is actually bought, with a price and a stock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Offer, Product, Variant
from resolvers import idempotency, options
from resolvers.context import Context
from resolvers.errors import Conflict, InsufficientStock, Invalid
from resolvers.events import announce
from resolvers.figures import refresh_stock
from resolvers.inputs import ABSENT, MicroUnits
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, many, narrowed, one, page, sorts
from resolvers.rules import MOST_UNITS, Between, JsonObject, Price, Text, checked
from resolvers.writes import held, put, seen

MOST_VARIANTS = 200
UNITS = Between(0, MOST_UNITS)
POSITION = Between(0, 1_000_000)
SORTS = sorts(
    "VariantSort",
    default="id_asc",
    id=Variant.id,
    created_at=Variant.created_at,
    price=Variant.price,
    stock=Variant.stock,
    title=Variant.title,
)


@dataclass(frozen=True, kw_only=True)
class VariantFilter:
    """Which variants; all given conditions must hold."""

    search: Annotated[str | None, "Text in the title or the SKU."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    product_id: Annotated[int | None, KeyOf("Product"), "Only of this product."] = None
    sku: Annotated[str | None, "Exactly this SKU."] = None
    in_stock: Annotated[bool | None, "Some stock left, or none."] = None
    max_stock: Annotated[int | None, "At most this many units in stock: what runs low."] = None
    min_price: Annotated[int | None, MicroUnits, "Costs at least this."] = None
    max_price: Annotated[int | None, MicroUnits, "Costs at most this."] = None


CONDITIONS: Conditions = {
    "search": lambda text: or_(contains(Variant.title, text), contains(Variant.sku, text)),
    "store_id": lambda key: Variant.store_id == key,
    "product_id": lambda key: Variant.product_id == key,
    "sku": lambda sku: Variant.sku == sku,
    "in_stock": lambda wanted: Variant.stock > 0 if wanted else Variant.stock <= 0,
    "max_stock": lambda units: Variant.stock <= units,
    "min_price": lambda least: Variant.price >= least,
    "max_price": lambda most: Variant.price <= most,
}


@one(Variant, by=Variant.id, permission="product:view")
def by_id(variants: Any) -> Any:
    return variants


@page(Variant, sorts=SORTS, permission="product:view")
def listing(variants: Any, *, filter: VariantFilter | None = None) -> Any:
    return narrowed(variants, filter, CONDITIONS)


@many(
    Variant,
    by=Variant.product_id,
    order=(Variant.position, Variant.id),
    permission="product:view",
)
def of_products(variants: Any) -> Any:
    return variants


@dataclass(frozen=True, kw_only=True)
class VariantInput:
    """A variant of the product that is being created."""

    title: Annotated[str | None, Text(), "Its name; the chosen values when left out."] = None
    sku: Annotated[str | None, Text(120), "The seller's own number of it."] = None
    price: Annotated[int, MicroUnits, Price(), "What one unit costs."]
    compare_price: Annotated[int | None, MicroUnits, Price(), "What it cost before."] = None
    dynamic_pricing: Annotated[bool, "Whether the price rises from here with demand."] = False
    stock: Annotated[int, UNITS, "Units that can be sold now."] = 0
    stock_tracked: Annotated[bool, "Whether sales take from the stock."] = True
    sell_when_out_of_stock: Annotated[bool, "Whether it sells beyond its stock."] = False
    options: Annotated[
        dict[str, Any] | None, JsonObject(), 'The chosen value of each option: {"Size": "L"}.'
    ] = None
    position: Annotated[int | None, POSITION, "Its place; the last when left out."] = None


@dataclass(frozen=True, kw_only=True)
class NewVariant(VariantInput):
    """A variant to add to a product."""

    product_id: Annotated[int, KeyOf("Product"), "The product."]


@dataclass(frozen=True, kw_only=True)
class VariantChanges:
    """What to change about a variant. Its stock has ``adjustStock``."""

    title: Annotated[str, Text(), "Its name."] = ABSENT
    sku: Annotated[str | None, Text(120), "The seller's own number of it."] = ABSENT
    price: Annotated[
        int, MicroUnits, Price(),
        "What one unit costs; dynamic pricing starts anew from here.",
    ] = ABSENT  # fmt: skip
    compare_price: Annotated[int | None, MicroUnits, Price(), "What it cost before."] = ABSENT
    dynamic_pricing: Annotated[bool, "Whether the price rises from here with demand."] = ABSENT
    stock_tracked: Annotated[bool, "Whether sales take from the stock."] = ABSENT
    sell_when_out_of_stock: Annotated[bool, "Whether it sells beyond its stock."] = ABSENT
    options: Annotated[dict[str, Any], JsonObject(), "The chosen value of each option."] = ABSENT
    position: Annotated[int, POSITION, "Its place."] = ABSENT


@dataclass(frozen=True, kw_only=True)
class StockAdjustment:
    """A change of a variant's stock: by some units, or to a count. Give one of the two."""

    variant_id: Annotated[int, KeyOf("Variant"), "The variant."]
    by: Annotated[
        int | None, Between(-MOST_UNITS, MOST_UNITS), "Units that came in; negative: went out."
    ] = None
    to: Annotated[int | None, UNITS, "Units that were counted."] = None


async def create(ctx: Context, *, input: NewVariant, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("product:update")
    values = checked(input, "input")
    product_id: int = values.pop("product_id")

    async def work(tx: AsyncSession) -> int:
        product = await held(tx, viewer, Product, product_id, field=("input", "product_id"))
        live = select(func.count(), func.coalesce(func.max(Variant.position), -1)).where(
            Variant.product_id == product_id, Variant.deleted_at.is_(None)
        )
        count, last = (await tx.execute(live)).one()
        if count >= MOST_VARIANTS:
            raise Conflict(f"a product has at most {MOST_VARIANTS} variants")
        choices = await options.choices_of(tx, product_id)
        options.expect_chosen(values["options"] or {}, choices, "input", "options")
        variant = made(product, values, position=last + 1, at=ctx.services.clock())
        tx.add(variant)
        await refresh_stock(tx, [product_id])
        _tell(tx, variant)
        return variant.id

    return await idempotency.once(ctx, "createVariant", idempotency_key, input, work)


def made(product: Product, values: Mapping[str, Any], *, position: int, at: datetime) -> Variant:
    """The row of a checked ``VariantInput``, priced in its product's currency."""
    columns = dict(values)
    dynamic = columns.pop("dynamic_pricing")
    chosen: dict[str, Any] = columns.pop("options") or {}
    title = columns.pop("title") or " / ".join(str(choice) for choice in chosen.values())
    place = columns.pop("position")
    return Variant(
        organization_id=product.organization_id,
        store_id=product.store_id,
        product_id=product.id,
        currency=product.currency,
        title=title[:255] or "Default",
        options=chosen,
        position=position if place is None else place,
        base_price=columns["price"] if dynamic else None,
        repriced_at=at if dynamic else None,
        **columns,
    )


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Variant"), "The variant."],
    changes: VariantChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("product:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        variant = await held(tx, viewer, Variant, id, expected_version=expected_version)
        if "options" in values:
            await held(tx, viewer, Product, variant.product_id)  # its options stay what they are
            choices = await options.choices_of(tx, variant.product_id)
            options.expect_chosen(values["options"], choices, "changes", "options")
        dynamic = values.pop("dynamic_pricing", variant.base_price is not None)
        starts = "price" in values or variant.base_price is None
        put(variant, values)
        if not dynamic:
            variant.base_price = variant.repriced_at = None
        elif starts:
            variant.base_price, variant.repriced_at = variant.price, ctx.services.clock()
        await refresh_stock(tx, [variant.product_id])
        _tell(tx, variant)
    return id


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Variant"), "The variant."],
    expected_version: int | None = None,
) -> int:
    """Delete a variant and its offers. Raises ``Conflict`` for the only one of a product."""
    viewer = ctx.require("product:update")
    async with ctx.transaction() as tx:
        product_id = (await seen(tx, viewer, Variant, id)).product_id
        left = await hold_all(tx, product_id)
        variant = await held(tx, viewer, Variant, id, expected_version=expected_version)
        if left == 1:
            raise Conflict("a product keeps at least one variant")
        at = variant.deleted_at = ctx.services.clock()
        offers = sql_update(Offer).where(Offer.variant_id == id, Offer.deleted_at.is_(None))
        await tx.execute(offers.values(deleted_at=at, version=Offer.version + 1))
        await refresh_stock(tx, [product_id])
        _tell(tx, variant)
    return id


async def adjust_stock(
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
    _tell(tx, variant)


async def hold_all(tx: AsyncSession, product_id: int) -> int:
    """Keep a product's live variants from other writers. Answers how many there are."""
    live = (
        select(Variant.id)
        .where(Variant.product_id == product_id, Variant.deleted_at.is_(None))
        .order_by(Variant.id)
        .with_for_update(key_share=True)
    )
    return len((await tx.scalars(live)).all())


def _tell(tx: AsyncSession, variant: Variant) -> None:
    announce(
        tx,
        "product.updated",
        organization_id=variant.organization_id,
        store_id=variant.store_id,
        subject=("product", variant.product_id),
        variant_id=variant.id,
    )
