"""The product of a store."""

from collections.abc import Mapping
from typing import Any

from resolvers import cataloguing, fetch, primary_products
from resolvers.faq_entries import FaqEntryInput
from resolvers.product_inputs import ProductChanges
from rest_compat.instxnt import product_views
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.fields import named
from rest_compat.instxnt.wire import micro

NAMES: Mapping[str, str] = {
    "price": "price_cents",
    "page_title": "seo.title",
    "meta_description": "seo.description",
    "keywords": "seo.keywords",
    "question": "q",
    "answer": "a",
}
_PLAIN = ("title", "description", "description_html")
_SEO = {"title": "page_title", "description": "meta_description", "keywords": "keywords"}


async def get_product(ctx: Asking, store_id: str) -> dict[str, Any]:
    return await product_views.of_store(ctx, ctx.subject)


async def update_product(ctx: Asking, store_id: str, body: dict[str, Any]) -> dict[str, Any]:
    found = await fetch.find(ctx, primary_products.of_stores, ctx.subject, (), what="product")
    with named(NAMES):
        await cataloguing.update(ctx, id=found.id, changes=_changes(body))
    return await product_views.of_store(ctx, ctx.subject)


def _changes(body: Mapping[str, Any]) -> ProductChanges:
    given: dict[str, Any] = {name: body[name] for name in _PLAIN if name in body}
    if "price_cents" in body:
        given["price"] = micro(body["price_cents"])
    if "faq" in body:
        given["faq"] = tuple(
            FaqEntryInput(question=each["q"], answer=each["a"]) for each in body["faq"]
        )
    seo: Mapping[str, Any] = body.get("seo", {})
    given |= {_SEO[name]: seo[name] for name in _SEO if name in seo}
    return ProductChanges(**given)
