"""Contacts of orders in GraphQL."""

from typing import Any

import strawberry

from db import models
from engine import DECLARATION, Column, Record
from resolvers.contacts import NAMES
from schema.arguments import camel


@strawberry.type(description="A person and where they are found, in the words of that moment.")
class Contact:
    first_name: str | None = strawberry.field(description="Given name.")
    last_name: str | None = strawberry.field(description="Family name.")
    email: str | None = strawberry.field(description="E-mail address.")
    phone: str | None = strawberry.field(description="Telephone number.")
    address: str | None = strawberry.field(description="Street and house.")
    city: str | None = strawberry.field(description="Town.")
    state: str | None = strawberry.field(description="State or region.")
    postal_code: str | None = strawberry.field(description="Postal code.")
    country: str | None = strawberry.field(description="Country, as ISO 3166-1 alpha-2 code.")


def contact_of_order(about: str, *, prefix: str = "") -> Any:
    """The contact that an order's columns of a prefix hold."""
    columns = {name: getattr(models.Order, f"{prefix}{name}") for name in NAMES}

    def resolve(root: Any) -> Contact:
        return Contact(**{name: getattr(root, column.key) for name, column in columns.items()})

    fields = {camel(name): Column(column) for name, column in columns.items()}
    return strawberry.field(
        resolver=resolve,
        description=about,
        metadata={DECLARATION: Record(fields, models.Order.id)},
    )
