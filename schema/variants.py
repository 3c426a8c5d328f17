"""Variants in GraphQL, the options in which they differ, and their stock."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import (
    files,
    offers,
    options,
    order_lines,
    products,
    stock_adjustments,
    stock_items,
    stores,
    variants,
)
from schema.payloads import UserError, deleted_id, errors_field, mutation
from schema.relations import (
    Connection,
    Node,
    amount,
    computed,
    connection,
    lookup,
    noun,
    plain,
    relation,
)
from schema.scalars import JSON, Money

if TYPE_CHECKING:
    from schema.files import File
    from schema.offers import Offer
    from schema.orders import OrderLine
    from schema.products import Product
    from schema.stores import Store

_V = models.Variant


@noun(models.Option, options.by_id, 'A way in which the variants of a product differ: "Size".')
class Option(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    name: str = plain("What differs.")
    choices: list[str] = plain("Its values, in order.")
    position: int = plain("Its place among the product's options.")
    created_at: datetime = plain("When it was added.")
    product: Annotated["Product", strawberry.lazy("schema.products")] = relation(
        products.by_id, to="Product", on=models.Option.product_id, about="The product."
    )


@noun(models.Variant, variants.by_id, "What is actually bought: a price and a stock.")
class Variant(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    title: str = plain("Its name.")
    sku: str | None = plain("The seller's own number of it.")
    price: Money = amount(_V.price, _V.currency, "What one unit costs.")
    compare_price: Money | None = amount(_V.compare_price, _V.currency, "What it cost before.")
    base_price: Money | None = amount(
        _V.base_price, _V.currency, "Where dynamic pricing began; null where the price is fixed."
    )
    dynamic_pricing: bool = computed(
        lambda base_price: base_price is not None,
        _V.base_price,
        about="Whether the price rises with demand.",
    )
    repriced_at: datetime | None = plain("When dynamic pricing last moved the price.")
    stock: int = plain("Units that can be sold now.")
    stock_tracked: bool = plain("Whether sales take from the stock.")
    sell_when_out_of_stock: bool = plain("Whether it sells beyond its stock.")
    available: bool = computed(
        lambda stock, is_tracked, beyond: stock > 0 or not is_tracked or beyond,
        _V.stock,
        _V.stock_tracked,
        _V.sell_when_out_of_stock,
        about="Whether it can be bought now.",
    )
    options: JSON = plain('The chosen value of each option: {"Size": "L"}.')
    position: int = plain("Its place among the product's variants.")
    created_at: datetime = plain("When it was added.")
    updated_at: datetime = plain("When it was last changed.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    product: Annotated["Product", strawberry.lazy("schema.products")] = relation(
        products.by_id, to="Product", on=_V.product_id, about="The product that it is one of."
    )
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_V.store_id, about="The store that sells it."
    )
    order_lines: Connection[Annotated["OrderLine", strawberry.lazy("schema.orders")]] = connection(
        order_lines.of_variants, to="OrderLine", on=models.Variant.id, about="How it was sold."
    )
    offers: Connection[Annotated["Offer", strawberry.lazy("schema.offers")]] = connection(
        offers.of_variants, to="Offer", on=_V.id, about="What merchants elsewhere ask for it."
    )
    images: list[Annotated["File", strawberry.lazy("schema.files")]] = relation(
        files.images_of_variants, to="File", on=_V.id, about="Its pictures, in order."
    )
    downloads: list[Annotated["File", strawberry.lazy("schema.files")]] = relation(
        files.downloads_of_variants, to="File", on=_V.id, about="What its buyers may download."
    )


@strawberry.type(description="What became of a variant.")
class VariantPayload:
    variant: Variant | None = relation(
        variants.by_id, to="Variant", about="The variant; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a variant that was to be deleted.")
class DeleteVariantPayload:
    deleted_id: strawberry.ID | None = deleted_id("Variant")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Variants.")
class VariantQuery:
    variant: Variant | None = lookup(variants.by_id, to="Variant", about="A variant by id.")
    variants: Connection[Variant] = connection(
        variants.listing, to="Variant", about="Variants of all products that you may see."
    )


@strawberry.type(description="Changes of variants and of their stock.")
class VariantMutation:
    create_variant: VariantPayload = mutation(variants.create, "Add a variant to a product.")
    update_variant: VariantPayload = mutation(variants.update, "Change a variant.")
    delete_variant: DeleteVariantPayload = mutation(
        variants.delete, "Delete a variant with its offers; a product keeps at least one."
    )
    adjust_stock: VariantPayload = mutation(
        stock_adjustments.adjust, "Change a variant's stock by some units, or to a count."
    )
    add_stock_items: VariantPayload = mutation(
        stock_items.add, "Put digital goods in stock, to be handed over one by one."
    )
