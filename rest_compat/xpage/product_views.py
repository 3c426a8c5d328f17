"""Products as the contract shows them."""

from collections.abc import Sequence
from typing import Any

from db.models import Category, Product, ProductStatus, Property
from resolvers import categories, fetch, files, products, properties, variants
from resolvers.context import Context
from rest_compat.xpage import file_views, variant_views
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.wire import instant

COLUMNS = (
    Product.uuid,
    Product.slug,
    Product.title,
    Product.description,
    Product.page_title,
    Product.meta_description,
    Product.is_digital,
    Product.status,
    Product.category_id,
    Product.created_at,
)
ACTIVE, INACTIVE = "active", "inactive"
SHOWN = {
    ProductStatus.ACTIVE: ACTIVE,
    ProductStatus.DRAFT: INACTIVE,
    ProductStatus.ARCHIVED: INACTIVE,
}
"""What the dialect calls the status of a product."""


def written(status: str, before: ProductStatus | None = None) -> ProductStatus:
    """The status that a client means; one that it sees already stays what it is."""
    if before is not None and SHOWN[before] == status:
        return before
    return ProductStatus.ACTIVE if status == ACTIVE else ProductStatus.DRAFT


def meant(status: str) -> tuple[ProductStatus, ...]:
    """All statuses that the dialect shows so."""
    return tuple(each for each, name in SHOWN.items() if name == status)


async def of_products(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The products that the viewer may see, by key."""
    found = await fetch.rows_of(ctx, products.by_id, keys, {}, COLUMNS)
    rows = [row for row in found if row is not None]
    keys, inside = [row.id for row in rows], embedding(ctx)
    options = await variant_views.offered(inside, keys)
    sold = await fetch.rows_of(inside, variants.of_products, keys, {}, variant_views.COLUMNS)
    wares = await variant_views.shown(inside, [each for own in sold for each in own], options)
    facts = await fetch.rows_of(
        inside, properties.of_products, keys, {}, (Property.uuid, Property.name, Property.value)
    )
    filed = await fetch.rows_of(
        inside,
        categories.by_id,
        [row.category_id for row in rows],
        {},
        (Category.uuid, Category.name),
    )
    tracked = await fetch.values_of(inside, variants.stock_tracked, keys, {})
    beyond = await fetch.values_of(inside, variants.sells_when_out_of_stock, keys, {})
    images = await file_views.of_owners(inside, files.images_of_products, keys)
    videos = await file_views.of_owners(inside, files.ugc_videos_of_products, keys)
    return {
        row.id: {
            "id": str(row.uuid),
            "slug": row.slug,
            "title": row.title,
            "description": row.description,
            "page_title": row.page_title,
            "meta_description": row.meta_description,
            "is_digital": row.is_digital,
            "status": SHOWN[row.status],
            "stock_tracked": bool(tracked[at]),
            "allow_order_when_oos": bool(beyond[at]),
            "created_at": instant(row.created_at),
            "image": next(iter(images[row.id]), None),
            "images": images[row.id],
            "ugc_videos": videos[row.id],
            "options": [_option(option) for option in options[row.id]],
            **_variants([wares[each.id] for each in sold[at]], options[row.id]),
            "category": _category(filed[at]),
            "properties": [
                {"id": str(fact.uuid), "name": fact.name, "value": fact.value} for fact in facts[at]
            ],
        }
        for at, row in enumerate(rows)
    }


def _variants(shown: list[dict[str, Any]], options: Sequence[Any]) -> dict[str, Any]:
    """A simple product has a default variant and no others."""
    if not options and len(shown) == 1:
        return {"variants": [], "default": shown[0]}
    return {"variants": shown, "default": None}


def _option(option: Any) -> dict[str, Any]:
    return {
        "id": str(option.uuid),
        "order": option.position,
        "name": option.name,
        "values": [{"order": at, "value": value} for at, value in enumerate(option.choices)],
    }


def _category(category: Any) -> dict[str, Any] | None:
    return None if category is None else {"id": str(category.uuid), "name": category.name}
