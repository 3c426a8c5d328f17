"""What stores sell: a product with its variants, their offers elsewhere, and the figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product as combinations
from typing import Any

from app.seed.sowing import CENT, Sowing, of
from db.models import Brand, BrandRole, Category, Offer, Option, Product, Property, Store, Variant
from resolvers.search import text_of
from resolvers.slugs import slug_of

MERCHANTS = ("Amazon", "eBay", "Walmart", "Etsy", "AliExpress")


@dataclass(frozen=True, slots=True)
class Ware:
    """A product with its live variants."""

    product: Product
    variants: Sequence[Variant]


def brand(
    sowing: Sowing, store: Store, name: str, *, role: BrandRole = BrandRole.BRAND, about: str
) -> Brand:
    slug = slug_of(name, otherwise="brand")
    return sowing.rows.add(
        Brand(
            **of(store),
            name=name,
            slug=slug,
            role=role,
            description=about,
            website=f"https://{slug}.example",
            created_at=sowing.ago(days=420),
        )
    )


def category(
    sowing: Sowing, store: Store, name: str, *, parent: Category | None = None, position: int
) -> Category:
    row = Category(
        **of(store),
        name=name,
        slug=slug_of(name, otherwise="category"),
        description=f"{name} at {store.name}.",
        parent_id=parent.id if parent else None,
        position=position,
        created_at=sowing.ago(days=420),
    )
    row.path = f"{parent.path}{parent.id}/" if parent else "/"
    return sowing.rows.add(row)


def product(
    sowing: Sowing,
    store: Store,
    title: str,
    *,
    price: int,
    created_at: datetime,
    options: Mapping[str, Sequence[str]] | None = None,
    sku: str,
    key: int | None = None,
    **columns: Any,
) -> Ware:
    """A product with a variant for each combination of ``options`` (one without any)."""
    row = sowing.rows.add(
        Product(
            **of(store),
            title=title,
            slug=sowing.slug(store, title),
            currency=store.currency,
            created_at=created_at,
            **columns,
        ),
        key=key,
        updated_at=sowing.between(created_at, sowing.now),
    )
    for position, (name, choices) in enumerate((options or {}).items()):
        option = Option(
            **of(store),
            product_id=row.id,
            name=name,
            choices=list(choices),
            position=position,
            created_at=created_at,
        )
        sowing.rows.add(option)
    for position, (name, value) in enumerate(row.attributes.items()):
        fact = Property(
            **of(store),
            product_id=row.id,
            name=name.replace("_", " ").capitalize(),
            value=str(value),
            position=position,
            created_at=created_at,
        )
        sowing.rows.add(fact)
    chosen = [dict(zip(options or {}, each, strict=True)) for each in _all(options)]
    ware = Ware(
        row,
        [_variant(sowing, row, at, each, price=price, sku=sku) for at, each in enumerate(chosen)],
    )
    row.search_text = text_of(
        title, row.slug, row.description, [variant.sku for variant in ware.variants]
    )
    figure(ware)
    return ware


def _all(options: Mapping[str, Sequence[str]] | None) -> list[tuple[str, ...]]:
    return list(combinations(*(options or {}).values()))


def _variant(
    sowing: Sowing, row: Product, position: int, chosen: Mapping[str, str], *, price: int, sku: str
) -> Variant:
    was = price * 5 // 4 // CENT * CENT if sowing.chance(0.15) else None
    stock = 0 if sowing.chance(0.07) else sowing.rng.randint(2, 140)
    return sowing.rows.add(
        Variant(
            organization_id=row.organization_id,
            store_id=row.store_id,
            product_id=row.id,
            title=" / ".join(chosen.values()) or "Default",
            sku=f"{sku}-{position + 1}" if chosen else sku,
            price=price + position % 3 * 200 * CENT if chosen else price,
            compare_price=was,
            currency=row.currency,
            stock=stock,
            sell_when_out_of_stock=sowing.chance(0.03),
            options=dict(chosen),
            position=position,
            created_at=row.created_at,
        ),
        updated_at=row.updated_at,
    )


def offers(sowing: Sowing, ware: Ware) -> None:
    """What merchants elsewhere ask for the variants: about the same, some more, some less."""
    for variant in ware.variants:
        for merchant in sowing.rng.sample(MERCHANTS, sowing.rng.choice((0, 1, 1, 2, 3))):
            factor = sowing.rng.randint(88, 124)
            offer = Offer(
                organization_id=variant.organization_id,
                store_id=variant.store_id,
                product_id=variant.product_id,
                variant_id=variant.id,
                merchant=merchant,
                url=f"https://{merchant.lower()}.example/item/{sowing.rng.getrandbits(40):010x}",
                price=variant.price * factor // 100 // CENT * CENT,
                currency=variant.currency,
                in_stock=sowing.chance(0.9),
                created_at=sowing.between(variant.created_at, sowing.now),
            )
            sowing.rows.add(offer)


def figure(ware: Ware) -> None:
    """Write what the product keeps of its variants."""
    prices = [variant.price for variant in ware.variants]
    ware.product.price_min, ware.product.price_max = min(prices), max(prices)
    ware.product.stock = sum(variant.stock for variant in ware.variants)
