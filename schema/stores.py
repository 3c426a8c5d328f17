"""Stores in GraphQL, with their settings."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import (
    addresses,
    app_installations,
    brands,
    categories,
    customers,
    domains,
    files,
    jobs,
    landing_pages,
    orders,
    primary_products,
    products,
    reviews,
    store_settings,
    stores,
    webhook_endpoints,
)
from schema.arguments import graphql_enum
from schema.payloads import UserError, deleted_id, errors_field, mutation
from schema.relations import (
    Connection,
    Node,
    batched,
    connection,
    lookup,
    noun,
    plain,
    relation,
)
from schema.scalars import JSON
from schema.store_figures import StoreAnalytics, analytics_of_store

if TYPE_CHECKING:
    from schema.apps import AppInstallation
    from schema.brands import Brand
    from schema.categories import Category
    from schema.customers import Customer
    from schema.domains import Domain
    from schema.files import File
    from schema.jobs import Job
    from schema.landing_pages import LandingPage
    from schema.orders import Order
    from schema.products import Product
    from schema.reviews import Review
    from schema.webhooks import WebhookEndpoint

graphql_enum(models.StoreStatus)
_S = models.Store


@noun(models.StoreSetting, store_settings.by_id, "One free-form setting of a store.")
class StoreSetting(Node):
    group: str = plain("Which settings it is one of.")
    name: str = plain("Its name within the group.")
    value: JSON = plain("What it is set to.")
    created_at: datetime = plain("When it was first set.")
    updated_at: datetime = plain("When it was last set.")
    version: int = plain("Raised by every change.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=models.StoreSetting.store_id, about="The store."
    )


@noun(models.Store, stores.by_id, "A shop of an organization.")
class Store(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    name: str = plain("Its name, as buyers see it.")
    subdomain: str = plain("Unique among all stores.")
    url: str = batched(addresses.of_stores, _S.id, about="Where buyers find it.")
    description: str | None = plain("What it is about.")
    status: models.StoreStatus = plain("Whether buyers can enter it.")
    currency: str = plain("What prices of new products are kept in.")
    wholesale: bool = plain("Whether programs buy in batches here.")
    created_at: datetime = plain("When it was opened.")
    updated_at: datetime = plain("When it was last edited.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    settings: list[StoreSetting] = relation(
        store_settings.of_stores,
        to="StoreSetting",
        on=_S.id,
        about="Its settings, by group and name.",
    )
    analytics: StoreAnalytics = analytics_of_store()
    primary_product: Annotated["Product", strawberry.lazy("schema.products")] | None = relation(
        primary_products.of_stores,
        to="Product",
        on=_S.id,
        about="What a storefront with one product sells: the marked one, else the oldest.",
    )
    products: Connection[Annotated["Product", strawberry.lazy("schema.products")]] = connection(
        products.of_stores, to="Product", on=_S.id, about="What it sells."
    )
    brands: Connection[Annotated["Brand", strawberry.lazy("schema.brands")]] = connection(
        brands.of_stores, to="Brand", on=_S.id, about="The brands it carries."
    )
    category_tree: list[Annotated["Category", strawberry.lazy("schema.categories")]] = relation(
        categories.roots, to="Category", on=_S.id, about="The categories without a parent."
    )
    categories: Connection[Annotated["Category", strawberry.lazy("schema.categories")]] = (
        connection(categories.of_stores, to="Category", on=_S.id, about="All its categories.")
    )
    customers: Connection[Annotated["Customer", strawberry.lazy("schema.customers")]] = connection(
        customers.of_stores, to="Customer", on=_S.id, about="Who buys in it."
    )
    reviews: Connection[Annotated["Review", strawberry.lazy("schema.reviews")]] = connection(
        reviews.of_stores, to="Review", on=_S.id, about="What buyers say about its products."
    )
    orders: Connection[Annotated["Order", strawberry.lazy("schema.orders")]] = connection(
        orders.of_stores, to="Order", on=_S.id, about="Orders placed in it."
    )
    jobs: Connection[Annotated["Job", strawberry.lazy("schema.jobs")]] = connection(
        jobs.of_stores, to="Job", on=_S.id, about="Work done for it."
    )
    webhook_endpoints: Connection[
        Annotated["WebhookEndpoint", strawberry.lazy("schema.webhooks")]
    ] = connection(
        webhook_endpoints.of_stores,
        to="WebhookEndpoint",
        on=_S.id,
        about="Addresses that are told of its events.",
    )
    domains: Connection[Annotated["Domain", strawberry.lazy("schema.domains")]] = connection(
        domains.of_stores, to="Domain", on=_S.id, about="Host names of its own."
    )
    landing_pages: Connection[Annotated["LandingPage", strawberry.lazy("schema.landing_pages")]] = (
        connection(
            landing_pages.of_stores, to="LandingPage", on=_S.id, about="Pages for single products."
        )
    )
    app_installations: Connection[Annotated["AppInstallation", strawberry.lazy("schema.apps")]] = (
        connection(
            app_installations.of_stores,
            to="AppInstallation",
            on=_S.id,
            about="The apps that it has, or had.",
        )
    )
    files: Connection[Annotated["File", strawberry.lazy("schema.files")]] = connection(
        files.of_stores, to="File", on=_S.id, about="Its stored files."
    )


@strawberry.type(description="What became of a store.")
class StorePayload:
    store: Store | None = relation(stores.by_id, to="Store", about="The store; null if refused.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a store that was to be deleted.")
class DeleteStorePayload:
    deleted_id: strawberry.ID | None = deleted_id("Store")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Stores.")
class StoreQuery:
    store: Store | None = lookup(stores.by_id, to="Store", about="A store by id.")
    stores: Connection[Store] = connection(
        stores.listing, to="Store", about="The stores that you may see."
    )


@strawberry.type(description="Changes of stores.")
class StoreMutation:
    create_store: StorePayload = mutation(stores.create, "Open a store.")
    update_store: StorePayload = mutation(stores.update, "Change a store.")
    delete_store: DeleteStorePayload = mutation(
        stores.delete, "Delete a store with everything in it; `restoreStore` undoes it for 30 days."
    )
    restore_store: StorePayload = mutation(stores.restore, "Bring back a deleted store.")
    update_store_settings: StorePayload = mutation(
        store_settings.update, "Write some of a store's settings."
    )
