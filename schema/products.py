"""Products in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import (
    brands,
    cataloguing,
    categories,
    faq_entries,
    files,
    landing_pages,
    offers,
    options,
    order_lines,
    primary_products,
    products,
    properties,
    reviews,
    stores,
    variants,
)
from schema.arguments import graphql_enum
from schema.faq_entries import FaqEntry
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
    value,
)
from schema.scalars import JSON, Money

if TYPE_CHECKING:
    from schema.brands import Brand
    from schema.categories import Category
    from schema.files import File
    from schema.landing_pages import LandingPage
    from schema.offers import Offer
    from schema.orders import OrderLine
    from schema.reviews import Review
    from schema.stores import Store
    from schema.variants import Option, Variant

graphql_enum(models.ProductStatus)
_P = models.Product


@noun(models.Property, properties.by_id, 'A fact about a product: "Material", "Aluminium".')
class Property(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    name: str = plain("What it is about.")
    value: str = plain("What is the case.")
    position: int = plain("Its place among the product's properties.")
    created_at: datetime = plain("When it was added.")
    product: Annotated["Product", strawberry.lazy("schema.products")] = relation(
        products.by_id, to="Product", on=models.Property.product_id, about="The product."
    )


@noun(models.Product, products.by_id, "Something a store sells, in one or more variants.")
class Product(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    title: str = plain("Its name, as buyers see it.")
    slug: str = plain("Unique within the store; part of its address.")
    description: str | None = plain("What it is, as HTML or text.")
    description_html: str | None = plain("What it is, as HTML that is safe to show.")
    status: models.ProductStatus = plain("Whether buyers see it.")
    is_digital: bool = plain("Whether nothing is shipped.")
    min_quantity: int = plain("The smallest number of units sold at once.")
    page_title: str | None = plain("Title of its page, for search engines.")
    meta_description: str | None = plain("Summary for search engines.")
    keywords: list[str] = plain("What people may look for, in order.")
    is_primary: bool = plain("Whether it is marked as what its storefront sells.")
    attributes: JSON = plain("Free-form properties.")
    currency: str = plain("Of the prices of all its variants.")
    price: Money = amount(_P.price_min, _P.currency, "Lowest price.")
    min_price: Money = amount(_P.price_min, _P.currency, "Price of its cheapest variant.")
    max_price: Money = amount(_P.price_max, _P.currency, "Price of its dearest variant.")
    stock: int = plain("Units of all variants that can be sold now.")
    in_stock: bool = computed(lambda stock: stock > 0, _P.stock, about="Whether any is left.")
    stock_tracked: bool = value(
        variants.stock_tracked, on=_P.id, about="Whether sales take from the stock of any variant."
    )
    sells_when_out_of_stock: bool = value(
        variants.sells_when_out_of_stock,
        on=_P.id,
        about="Whether every variant sells beyond its stock.",
    )
    rating: float | None = computed(
        lambda average, count: average / 1000 if count else None,
        _P.rating_average,
        _P.review_count,
        about="Average stars of published reviews; null without any.",
    )
    review_count: int = plain("How many reviews are published.")
    created_at: datetime = plain("When it was added.")
    updated_at: datetime = plain("When it was last edited; sales are no edits.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_P.store_id, about="The store that sells it."
    )
    brand: Annotated["Brand", strawberry.lazy("schema.brands")] | None = relation(
        brands.by_id, to="Brand", on=_P.brand_id, about="Who makes it."
    )
    category: Annotated["Category", strawberry.lazy("schema.categories")] | None = relation(
        categories.by_id, to="Category", on=_P.category_id, about="Where it is filed."
    )
    options: list[Annotated["Option", strawberry.lazy("schema.variants")]] = relation(
        options.of_products, to="Option", on=_P.id, about="How its variants differ, in order."
    )
    variants: list[Annotated["Variant", strawberry.lazy("schema.variants")]] = relation(
        variants.of_products, to="Variant", on=_P.id, about="What is bought, in order."
    )
    properties: list[Property] = relation(
        properties.of_products, to="Property", on=_P.id, about="Facts about it, in order."
    )
    faq: list[FaqEntry] = relation(
        faq_entries.of_products, to="FaqEntry", on=_P.id, about="What buyers ask, in order."
    )
    offers: Connection[Annotated["Offer", strawberry.lazy("schema.offers")]] = connection(
        offers.of_products, to="Offer", on=_P.id, about="What merchants elsewhere ask for it."
    )
    order_lines: Connection[Annotated["OrderLine", strawberry.lazy("schema.orders")]] = connection(
        order_lines.of_products, to="OrderLine", on=models.Product.id, about="How it was sold."
    )
    reviews: Connection[Annotated["Review", strawberry.lazy("schema.reviews")]] = connection(
        reviews.of_products, to="Review", on=_P.id, about="What buyers say about it."
    )
    landing_pages: Connection[Annotated["LandingPage", strawberry.lazy("schema.landing_pages")]] = (
        connection(
            landing_pages.of_products, to="LandingPage", on=_P.id, about="Pages that sell it alone."
        )
    )
    images: list[Annotated["File", strawberry.lazy("schema.files")]] = relation(
        files.images_of_products, to="File", on=_P.id, about="Its pictures, in order."
    )
    ugc_videos: list[Annotated["File", strawberry.lazy("schema.files")]] = relation(
        files.ugc_videos_of_products, to="File", on=_P.id, about="Videos by its buyers, in order."
    )
    downloads: list[Annotated["File", strawberry.lazy("schema.files")]] = relation(
        files.downloads_of_products, to="File", on=_P.id, about="What its buyers may download."
    )


@strawberry.type(description="What became of a product.")
class ProductPayload:
    product: Product | None = relation(
        products.by_id, to="Product", about="The product; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a product that was to be deleted.")
class DeleteProductPayload:
    deleted_id: strawberry.ID | None = deleted_id("Product")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Products.")
class ProductQuery:
    product: Product | None = lookup(products.by_id, to="Product", about="A product by id.")
    products: Connection[Product] = connection(
        products.listing, to="Product", about="Products of all stores that you may see."
    )


@strawberry.type(description="Changes of products.")
class ProductMutation:
    create_product: ProductPayload = mutation(
        cataloguing.create, "Add a product with all that belongs to it."
    )
    update_product: ProductPayload = mutation(
        cataloguing.update, "Change a product and what belongs to it, all or nothing."
    )
    delete_product: DeleteProductPayload = mutation(
        products.delete, "Delete a product with its variants, offers, reviews and landing pages."
    )
    set_product_options: ProductPayload = mutation(
        options.replace, "Say anew how the variants of a product differ."
    )
    set_primary_product: ProductPayload = mutation(
        primary_products.choose, "Mark a product as the one that its storefront sells."
    )
