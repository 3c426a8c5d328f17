"""Questions that buyers of a product ask, and the answers to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FaqEntry, Product
from resolvers.reads import many, one
from resolvers.rules import Text

MOST_FAQ_ENTRIES = 50


@dataclass(frozen=True, kw_only=True)
class FaqEntryInput:
    """A question that buyers of a product ask, and the answer."""

    question: Annotated[str, Text(500), "The question."]
    answer: Annotated[str, Text(5000), "The answer."]


@one(FaqEntry, by=FaqEntry.id, permission="product:view")
def by_id(entries: Any) -> Any:
    return entries


@many(
    FaqEntry,
    by=FaqEntry.product_id,
    order=(FaqEntry.position, FaqEntry.id),
    permission="product:view",
)
def of_products(entries: Any) -> Any:
    return entries


async def write(tx: AsyncSession, product: Product, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Make these all questions of a held product. One that is asked already keeps its id."""
    found = select(FaqEntry).where(FaqEntry.product_id == product.id)
    existing = list(await tx.scalars(found.order_by(FaqEntry.position, FaqEntry.id)))
    for position, values in enumerate(wanted):
        entry = next((each for each in existing if each.question == values["question"]), None)
        if entry is None:
            entry = FaqEntry(
                organization_id=product.organization_id,
                store_id=product.store_id,
                product_id=product.id,
                **values,
            )
            tx.add(entry)
        else:
            existing.remove(entry)
        entry.answer, entry.position = values["answer"], position
    for entry in existing:
        await tx.delete(entry)
