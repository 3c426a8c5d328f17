"""Offers: what merchants elsewhere ask for a variant."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Offer, Variant
from resolvers import idempotency
from resolvers.context import Context
from resolvers.inputs import ABSENT, MicroUnits
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Currency, Price, Text, WebAddress, checked
from resolvers.writes import held, put, referred

SORTS = sorts(
    "OfferSort",
    default="price_asc",
    id=Offer.id,
    created_at=Offer.created_at,
    updated_at=Offer.updated_at,
    price=Offer.price,
    merchant=Offer.merchant,
)


@dataclass(frozen=True, kw_only=True)
class OfferFilter:
    """Which offers; all given conditions must hold."""

    search: Annotated[str | None, "Text in the merchant's name."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    product_id: Annotated[int | None, KeyOf("Product"), "Only of this product."] = None
    variant_id: Annotated[int | None, KeyOf("Variant"), "Only of this variant."] = None
    merchant: Annotated[str | None, "Exactly this merchant."] = None
    currency: Annotated[str | None, "Only in this currency."] = None
    in_stock: Annotated[bool | None, "Only what the merchant has, or only what not."] = None
    min_price: Annotated[int | None, MicroUnits, "Costs at least this."] = None
    max_price: Annotated[int | None, MicroUnits, "Costs at most this."] = None
    created_after: Annotated[datetime | None, "Added at or after."] = None
    created_before: Annotated[datetime | None, "Added before."] = None


CONDITIONS: Conditions = {
    "search": lambda text: contains(Offer.merchant, text),
    "store_id": lambda key: Offer.store_id == key,
    "product_id": lambda key: Offer.product_id == key,
    "variant_id": lambda key: Offer.variant_id == key,
    "merchant": lambda name: Offer.merchant == name,
    "currency": lambda code: Offer.currency == code,
    "in_stock": Offer.in_stock.is_,
    "min_price": lambda least: Offer.price >= least,
    "max_price": lambda most: Offer.price <= most,
    "created_after": lambda at: Offer.created_at >= at,
    "created_before": lambda at: Offer.created_at < at,
}


@one(Offer, by=Offer.id, permission="product:view")
def by_id(offers: Any) -> Any:
    return offers


@page(Offer, sorts=SORTS, permission="product:view")
def listing(offers: Any, *, filter: OfferFilter | None = None) -> Any:
    return narrowed(offers, filter, CONDITIONS)


of_products = listing.by_column(Offer.product_id)
of_variants = listing.by_column(Offer.variant_id)


@dataclass(frozen=True, kw_only=True)
class NewOffer:
    """An offer to record."""

    variant_id: Annotated[int, KeyOf("Variant"), "What is offered."]
    merchant: Annotated[str, Text(120), "Who offers it."]
    url: Annotated[str | None, WebAddress(), "Where it can be bought."] = None
    price: Annotated[int, MicroUnits, Price(), "What one unit costs there."]
    currency: Annotated[str | None, Currency, "Of the price; the variant's if left out."] = None
    in_stock: Annotated[bool, "Whether the merchant has it."] = True


@dataclass(frozen=True, kw_only=True)
class OfferChanges:
    """What to change about an offer."""

    merchant: Annotated[str, Text(120), "Who offers it."] = ABSENT
    url: Annotated[str | None, WebAddress(), "Where it can be bought."] = ABSENT
    price: Annotated[int, MicroUnits, Price(), "What one unit costs there."] = ABSENT
    currency: Annotated[str, Currency, "Of the price."] = ABSENT
    in_stock: Annotated[bool, "Whether the merchant has it."] = ABSENT


async def create(ctx: Context, *, input: NewOffer, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("product:update")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        field = ("input", "variant_id")
        variant = await referred(tx, viewer, Variant, input.variant_id, field=field)
        values["currency"] = values["currency"] or variant.currency
        offer = Offer(
            organization_id=variant.organization_id,
            store_id=variant.store_id,
            product_id=variant.product_id,
            **values,
        )
        tx.add(offer)
        await tx.flush()
        return offer.id

    return await idempotency.once(ctx, "createOffer", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Offer"), "The offer."],
    changes: OfferChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("product:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        put(await held(tx, viewer, Offer, id, expected_version=expected_version), values)
    return id


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Offer"), "The offer."],
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("product:update")
    async with ctx.transaction() as tx:
        offer = await held(tx, viewer, Offer, id, expected_version=expected_version)
        offer.deleted_at = ctx.services.clock()
    return id
