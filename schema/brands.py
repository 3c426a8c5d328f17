"""Brands in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models
from resolvers import brands, products, stores
from schema.arguments import graphql_enum
from schema.payloads import UserError, deleted_id, errors_field, mutation
from schema.relations import Connection, Node, connection, lookup, noun, plain, relation, value

if TYPE_CHECKING:
    from schema.products import Product
    from schema.stores import Store

graphql_enum(models.BrandRole)
_B = models.Brand


@noun(models.Brand, brands.by_id, "A maker: a brand, or an artist or a label of a record.")
class Brand(Node):
    name: str = plain("Its name.")
    slug: str = plain("Unique within the store and the role; part of its address.")
    role: models.BrandRole = plain("What it is to the products.")
    description: str | None = plain("What it is known for.")
    website: str | None = plain("Its own site.")
    created_at: datetime = plain("When it was added.")
    updated_at: datetime = plain("When it was last edited.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    product_count: int = value(brands.product_count, on=_B.id, about="How many products it has.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_B.store_id, about="The store that carries it."
    )
    products: Connection[Annotated["Product", strawberry.lazy("schema.products")]] = connection(
        products.of_brands, to="Product", on=_B.id, about="What it makes."
    )


@strawberry.type(description="What became of a brand.")
class BrandPayload:
    brand: Brand | None = relation(brands.by_id, to="Brand", about="The brand; null if refused.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a brand that was to be deleted.")
class DeleteBrandPayload:
    deleted_id: strawberry.ID | None = deleted_id("Brand")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Brands.")
class BrandQuery:
    brand: Brand | None = lookup(brands.by_id, to="Brand", about="A brand by id.")
    brands: Connection[Brand] = connection(
        brands.listing, to="Brand", about="Brands of all stores that you may see."
    )


@strawberry.type(description="Changes of brands.")
class BrandMutation:
    create_brand: BrandPayload = mutation(brands.create, "Add a brand to a store.")
    update_brand: BrandPayload = mutation(brands.update, "Change a brand.")
    delete_brand: DeleteBrandPayload = mutation(
        brands.delete, "Delete a brand; its products stay, without a brand."
    )
