"""Shipping carriers in GraphQL."""

from uuid import UUID

import strawberry

from db import models
from resolvers import shipping_carriers
from schema.arguments import graphql_enum
from schema.relations import Connection, Node, connection, noun, plain

graphql_enum(models.CarrierStatus)


@noun(
    models.ShippingCarrier,
    shipping_carriers.by_id,
    "Who takes parcels. Carriers are the platform's: every store has the same.",
)
class ShippingCarrier(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    name: str = plain("Its name.")
    code: str = plain('Its short name, unique on the platform: "ups".')
    status: models.CarrierStatus = plain("Whether it takes new parcels.")
    tracking_url: str | None = plain(
        "Where parcels are followed, with `{number}` for the tracking number."
    )


@strawberry.type(description="Shipping carriers.")
class ShippingCarrierQuery:
    shipping_carriers: Connection[ShippingCarrier] = connection(
        shipping_carriers.carriers, to="ShippingCarrier", about="All that take parcels at present."
    )
