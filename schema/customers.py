"""Customers in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import customers, orders, reviews, stores
from schema.arguments import graphql_enum
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
from schema.scalars import Money

if TYPE_CHECKING:
    from schema.orders import Order
    from schema.reviews import Review
    from schema.stores import Store

graphql_enum(models.SubscriptionStatus)
_C = models.Customer


@noun(models.Customer, customers.by_id, "Somebody who buys in a store.")
class Customer(Node):
    uuid: UUID = plain("The id under which old interfaces know them.")
    name: str | None = computed(
        customers.full_name, _C.first_name, _C.last_name, about="Given and family name."
    )
    first_name: str | None = plain("Given name.")
    last_name: str | None = plain("Family name.")
    email: str | None = plain("E-mail address.")
    phone: str | None = plain("Telephone number.")
    address: str | None = plain("Street and house.")
    city: str | None = plain("Town.")
    state: str | None = plain("State or region.")
    postal_code: str | None = plain("Postal code.")
    country: str | None = plain("Country.")
    subscription_status: models.SubscriptionStatus = plain("Whether they want to be written to.")
    order_count: int = plain("How many orders they have placed.")
    amount_spent: Money = amount(_C.amount_spent, _C.currency, "What they have spent, in all.")
    created_at: datetime = plain("When they came.")
    updated_at: datetime = plain("When they were last changed.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_C.store_id, about="The store they buy in."
    )
    latest_order: Annotated["Order", strawberry.lazy("schema.orders")] | None = relation(
        orders.by_id, to="Order", on=_C.latest_order_id, about="What they have bought last."
    )
    orders: Connection[Annotated["Order", strawberry.lazy("schema.orders")]] = connection(
        orders.of_customers, to="Order", on=models.Customer.id, about="What they have bought."
    )
    reviews: Connection[Annotated["Review", strawberry.lazy("schema.reviews")]] = connection(
        reviews.of_customers, to="Review", on=_C.id, about="What they say about products."
    )


@strawberry.type(description="What became of a customer.")
class CustomerPayload:
    customer: Customer | None = relation(
        customers.by_id, to="Customer", about="The customer; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a customer who was to be deleted.")
class DeleteCustomerPayload:
    deleted_id: strawberry.ID | None = deleted_id("Customer")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Customers.")
class CustomerQuery:
    customer: Customer | None = lookup(customers.by_id, to="Customer", about="A customer by id.")
    customers: Connection[Customer] = connection(
        customers.listing, to="Customer", about="Customers of all stores that you may see."
    )


@strawberry.type(description="Changes of customers.")
class CustomerMutation:
    create_customer: CustomerPayload = mutation(customers.create, "Add a customer to a store.")
    update_customer: CustomerPayload = mutation(customers.update, "Change a customer.")
    delete_customer: DeleteCustomerPayload = mutation(
        customers.delete, "Delete a customer; their orders and reviews stay, without them."
    )
