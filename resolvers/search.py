"""Search of products by words, and the text that is searched."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, false, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Product, Variant
from db.search import Found
from db.words import terms, without_markup, words


def text_of(title: str, slug: str, description: str | None, skus: Sequence[str | None]) -> str:
    """The words by which a product is found."""
    return words((title, slug, *skus, without_markup(description or "")))


async def refresh(tx: AsyncSession, product_id: int) -> None:
    """Write the search text of a product that is held already, from it and its live variants.

    Call it wherever one of these texts may have changed. A product that the session has loaded is
    stale afterwards.
    """
    await tx.flush()
    found = select(Product.title, Product.slug, Product.description, Product.search_text)
    row = (await tx.execute(found.where(Product.id == product_id))).one()
    skus = select(Variant.sku).where(
        Variant.product_id == product_id, Variant.deleted_at.is_(None), Variant.sku.is_not(None)
    )
    ordered = skus.order_by(Variant.position, Variant.id)
    text = text_of(row.title, row.slug, row.description, list(await tx.scalars(ordered)))
    if text != row.search_text:
        await tx.execute(
            update(Product)
            .where(Product.id == product_id)
            # It follows from an edit and is none itself.
            .values(search_text=text, updated_at=Product.updated_at)
            .execution_options(synchronize_session=False)
        )


def found(query: str) -> ColumnElement[bool]:
    """The products that have a word beginning with each word of a query.

    A blank query asks for nothing in particular, one without a letter or digit finds nothing.
    """
    if terms(query):
        wanted: Any = Found(Product, query)
        return wanted
    return false() if query.strip() else true()
