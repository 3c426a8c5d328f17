"""Properties: facts about a product that buyers see ("Material": "Aluminium")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Product, Property
from resolvers.reads import many, one
from resolvers.rules import Text

MOST_PROPERTIES = 100


@dataclass(frozen=True, kw_only=True)
class PropertyInput:
    """A fact about a product."""

    name: Annotated[str, Text(120), 'What it is about: "Material".']
    value: Annotated[str, Text(2000), 'What is the case: "Aluminium".']


@one(Property, by=Property.id, permission="product:view")
def by_id(properties: Any) -> Any:
    return properties


@many(
    Property,
    by=Property.product_id,
    order=(Property.position, Property.id),
    permission="product:view",
)
def of_products(properties: Any) -> Any:
    return properties


async def write(tx: AsyncSession, product: Product, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Make these all properties of a held product. One of the same name keeps its id."""
    found = select(Property).where(Property.product_id == product.id)
    existing = list(await tx.scalars(found.order_by(Property.position, Property.id)))
    for position, values in enumerate(wanted):
        kept = next((each for each in existing if each.name == values["name"]), None)
        if kept is None:
            kept = Property(
                organization_id=product.organization_id,
                store_id=product.store_id,
                product_id=product.id,
                **values,
            )
            tx.add(kept)
        else:
            existing.remove(kept)
        kept.value, kept.position = values["value"], position
    for each in existing:
        await tx.delete(each)
