"""Landing pages in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import addresses, domains, files, landing_pages, orders, products, stores
from schema.arguments import graphql_enum
from schema.payloads import UserError, deleted_id, errors_field, mutation
from schema.relations import Connection, Node, batched, connection, lookup, noun, plain, relation

if TYPE_CHECKING:
    from schema.domains import Domain
    from schema.files import File
    from schema.orders import Order
    from schema.products import Product
    from schema.stores import Store

graphql_enum(models.CodType)
_L = models.LandingPage


@noun(models.LandingPage, landing_pages.by_id, "A page of its own for one product.")
class LandingPage(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    title: str = plain("Its name, as buyers see it.")
    slug: str = plain("Unique within the store; part of its address.")
    url: str = batched(
        addresses.of_landing_pages, _L.store_id, _L.domain_id, _L.slug, about="Its address."
    )
    meta_description: str | None = plain("Summary for search engines.")
    language: str | None = plain("What it is written in, as BCP 47 tag.")
    cod_type: models.CodType = plain("How it takes orders that are paid on delivery.")
    screenshot_url: str | None = plain("Where a picture of it is.")
    published_at: datetime | None = plain("Since when buyers see it; null if they do not.")
    created_at: datetime = plain("When it was made.")
    updated_at: datetime = plain("When it was last changed.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    product: Annotated["Product", strawberry.lazy("schema.products")] = relation(
        products.by_id, to="Product", on=_L.product_id, about="What it sells."
    )
    domain: Annotated["Domain", strawberry.lazy("schema.domains")] | None = relation(
        domains.by_id,
        to="Domain",
        on=_L.domain_id,
        about="The domain it was put on; null for the store's primary one.",
    )
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_L.store_id, about="The store that it sells for."
    )
    images: list[Annotated["File", strawberry.lazy("schema.files")]] = relation(
        files.images_of_landing_pages, to="File", on=_L.id, about="Its pictures, in order."
    )
    orders: Connection[Annotated["Order", strawberry.lazy("schema.orders")]] = connection(
        orders.of_landing_pages, to="Order", on=_L.id, about="What was ordered on it."
    )


@strawberry.type(description="What became of a landing page.")
class LandingPagePayload:
    landing_page: LandingPage | None = relation(
        landing_pages.by_id, to="LandingPage", about="The page; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a landing page that was to be deleted.")
class DeleteLandingPagePayload:
    deleted_id: strawberry.ID | None = deleted_id("LandingPage")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Landing pages.")
class LandingPageQuery:
    landing_page: LandingPage | None = lookup(
        landing_pages.by_id, to="LandingPage", about="A landing page by id."
    )
    landing_pages: Connection[LandingPage] = connection(
        landing_pages.listing,
        to="LandingPage",
        about="Landing pages of all stores that you may see.",
    )


@strawberry.type(description="Changes of landing pages.")
class LandingPageMutation:
    create_landing_page: LandingPagePayload = mutation(
        landing_pages.create, "Make a landing page; buyers see it once it is published."
    )
    update_landing_page: LandingPagePayload = mutation(
        landing_pages.update, "Change a landing page."
    )
    publish_landing_page: LandingPagePayload = mutation(
        landing_pages.publish, "Show a landing page to buyers."
    )
    unpublish_landing_page: LandingPagePayload = mutation(
        landing_pages.unpublish, "Hide a landing page from buyers."
    )
    delete_landing_page: DeleteLandingPagePayload = mutation(
        landing_pages.delete, "Delete a landing page; orders that came from it stay."
    )
