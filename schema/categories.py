"""Categories in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import categories, products, stores
from schema.payloads import UserError, deleted_id, errors_field, mutation
from schema.relations import (
    Connection,
    Node,
    connection,
    links,
    lookup,
    noun,
    plain,
    relation,
    rooted,
    value,
)

if TYPE_CHECKING:
    from schema.products import Product
    from schema.stores import Store

_C = models.Category
_ROOTS = categories.roots  # ``categories`` is a field where this is used
_Category = Annotated["Category", strawberry.lazy("schema.categories")]


@noun(models.Category, categories.by_id, "A node of the tree in which a store files its products.")
class Category(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    name: str = plain("Its name.")
    slug: str = plain("Unique within the store; part of its address.")
    description: str | None = plain("What is found here.")
    position: int = plain("Its place among its siblings.")
    created_at: datetime = plain("When it was added.")
    updated_at: datetime = plain("When it was last edited.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    product_count: int = value(
        categories.product_count, on=_C.id, about="How many products are filed right here."
    )
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_C.store_id, about="The store whose products it files."
    )
    parent: _Category | None = relation(
        categories.by_id, to="Category", on=_C.parent_id, about="Right above; null for a root."
    )
    ancestors: list[_Category] = links(
        categories.by_id,
        to="Category",
        on=_C.path,
        each=categories.ancestors,
        about="All above, the root first: a trail of breadcrumbs.",
    )
    children: list[_Category] = relation(
        categories.children, to="Category", on=_C.id, about="Right below, in order."
    )
    products: Connection[Annotated["Product", strawberry.lazy("schema.products")]] = connection(
        products.of_categories, to="Product", on=_C.id, about="What is filed right here."
    )


@strawberry.type(description="What became of a category.")
class CategoryPayload:
    category: Category | None = relation(
        categories.by_id, to="Category", about="The category; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a category that was to be deleted.")
class DeleteCategoryPayload:
    deleted_id: strawberry.ID | None = deleted_id("Category")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Categories.")
class CategoryQuery:
    category: Category | None = lookup(categories.by_id, to="Category", about="A category by id.")
    categories: Connection[Category] = connection(
        categories.listing, to="Category", about="Categories of all stores that you may see."
    )
    category_tree: list[Category] = rooted(
        _ROOTS,
        to="Category",
        of="Store",
        about="A store's categories without a parent; ask for `children`.",
    )


@strawberry.type(description="Changes of categories.")
class CategoryMutation:
    create_category: CategoryPayload = mutation(categories.create, "Add a category to a store.")
    update_category: CategoryPayload = mutation(
        categories.update, "Change a category, or move it with all below."
    )
    delete_category: DeleteCategoryPayload = mutation(
        categories.delete, "Delete a category; what it held moves up to its parent."
    )
