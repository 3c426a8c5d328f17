"""Questions about products in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models
from resolvers import faq_entries, products
from schema.relations import Node, noun, plain, relation

if TYPE_CHECKING:
    from schema.products import Product


@noun(models.FaqEntry, faq_entries.by_id, "A question that buyers of a product ask.")
class FaqEntry(Node):
    question: str = plain("What they ask.")
    answer: str = plain("What the store says to it.")
    position: int = plain("Its place among the product's questions.")
    created_at: datetime = plain("When it was added.")
    product: Annotated["Product", strawberry.lazy("schema.products")] = relation(
        products.by_id, to="Product", on=models.FaqEntry.product_id, about="The product."
    )
