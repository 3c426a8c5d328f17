"""Categories: the tree in which a store files its products.

``path`` holds the ids of a category's ancestors, the root first: ``/`` of a root, ``/1/7/`` of a
child of 7. Whoever changes the tree holds its store, so that no two changes can make a circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Category, Product, Store
from resolvers import idempotency, slugs
from resolvers.context import Context
from resolvers.errors import Conflict
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, many, narrowed, one, page, sorts, value
from resolvers.rules import Between, Slug, Text, checked
from resolvers.writes import held, put, referred, seen

POSITION = Between(0, 1_000_000)
IN_ORDER = (Category.position, Category.id)
DEEPEST = 20
SORTS = sorts(
    "CategorySort",
    default="position_asc",
    id=Category.id,
    created_at=Category.created_at,
    name=Category.name,
    position=Category.position,
)


@dataclass(frozen=True, kw_only=True)
class CategoryFilter:
    """Which categories; all given conditions must hold."""

    search: Annotated[str | None, "Text in the name or the description."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    parent_id: Annotated[int | None, KeyOf("Category"), "Only right below this one."] = None
    below: Annotated[
        tuple[int, ...] | None, KeyOf("Category"), "Only any of these, or anywhere below them."
    ] = None
    is_root: Annotated[bool | None, "Only those without a parent, or only others."] = None
    slug: Annotated[str | None, "Exactly this slug."] = None


def at_or_below(keys: Sequence[int]) -> Any:
    """The live categories of these keys, and everything below them."""
    inside = [Category.path.contains(f"/{key}/", autoescape=True) for key in keys]
    return select(Category.id).where(
        or_(Category.id.in_(keys), *inside), Category.deleted_at.is_(None)
    )


CONDITIONS: Conditions = {
    "search": lambda text: or_(contains(Category.name, text), contains(Category.description, text)),
    "store_id": lambda key: Category.store_id == key,
    "parent_id": lambda key: Category.parent_id == key,
    "below": lambda keys: Category.id.in_(at_or_below(keys)),
    "is_root": lambda wanted: (
        Category.parent_id.is_(None) if wanted else Category.parent_id.is_not(None)
    ),
    "slug": lambda slug: Category.slug == slug,
}


@one(Category, by=Category.id, permission="product:view")
def by_id(categories: Any) -> Any:
    return categories


@page(Category, sorts=SORTS, permission="product:view")
def listing(categories: Any, *, filter: CategoryFilter | None = None) -> Any:
    return narrowed(categories, filter, CONDITIONS)


of_stores = listing.by_column(Category.store_id)


@many(Category, by=Category.store_id, order=IN_ORDER, permission="product:view")
def roots(categories: Any) -> Any:
    return categories.where(Category.parent_id.is_(None))


@many(Category, by=Category.parent_id, order=IN_ORDER, permission="product:view")
def children(categories: Any) -> Any:
    return categories


def ancestors(path: str) -> list[int]:
    """Keys of the categories in a ``path``, the root first."""
    return [int(key) for key in path.split("/") if key]


@value(Product, by=Product.category_id, default=0, permission="product:view")
def product_count(products: Any) -> Any:
    filed = products.with_only_columns(Product.category_id, func.count())
    return filed.group_by(Product.category_id)


@dataclass(frozen=True, kw_only=True)
class NewCategory:
    """A category to add."""

    store_id: Annotated[int, KeyOf("Store"), "The store whose products it files."]
    name: Annotated[str, Text(120), "Its name."]
    slug: Annotated[str | None, Slug, "Unique in the store; made of the name if left out."] = None
    description: Annotated[str | None, Text(5000, 0), "What is found here."] = None
    parent_id: Annotated[int | None, KeyOf("Category"), "Right below this one; else a root."] = None
    position: Annotated[int, POSITION, "Its place among its siblings."] = 0


@dataclass(frozen=True, kw_only=True)
class CategoryChanges:
    """What to change about a category."""

    name: Annotated[str, Text(120), "Its name."] = ABSENT
    slug: Annotated[str, Slug, "Unique in the store."] = ABSENT
    description: Annotated[str | None, Text(5000, 0), "What is found here."] = ABSENT
    parent_id: Annotated[
        int | None, KeyOf("Category"), "Move it, with all below, here; null makes it a root."
    ] = ABSENT
    position: Annotated[int, POSITION, "Its place among its siblings."] = ABSENT


async def create(ctx: Context, *, input: NewCategory, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("product:create")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        store = await held(tx, viewer, Store, input.store_id, field=("input", "store_id"))
        path = "/"
        if input.parent_id is not None:
            parent = await referred(
                tx, viewer, Category, input.parent_id,
                field=("input", "parent_id"), store_id=store.id,
            )  # fmt: skip
            path = _within(parent, "input", height=1)
        values["slug"] = await slugs.claimed(
            tx, Category.slug, values["slug"], values["name"],
            Category.store_id == store.id, otherwise="category",
        )  # fmt: skip
        category = Category(organization_id=store.organization_id, **values)
        category.path = path
        tx.add(category)
        await tx.flush()
        return category.id

    return await idempotency.once(ctx, "createCategory", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Category"), "The category."],
    changes: CategoryChanges,
    expected_version: int | None = None,
) -> int:
    """Raises ``Conflict`` for a parent that is the category itself or lies below it."""
    viewer = ctx.require("product:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        store_id = (await seen(tx, viewer, Category, id)).store_id
        await held(tx, viewer, Store, store_id)
        category = await held(tx, viewer, Category, id, expected_version=expected_version)
        if (slug := values.get("slug", category.slug)) != category.slug:
            await slugs.claimed(
                tx, Category.slug, slug, "", Category.store_id == store_id,
                otherwise="category", inside="changes",
            )  # fmt: skip
        if "parent_id" in values and values["parent_id"] != category.parent_id:
            path = "/"
            if (parent_id := values["parent_id"]) is not None:
                field = ("changes", "parent_id")
                parent = await referred(
                    tx, viewer, Category, parent_id, field=field, store_id=store_id
                )
                if f"/{id}/" in f"{parent.path}{parent.id}/":
                    raise Conflict("a category cannot lie below itself", field=field)
                path = _within(parent, "changes", height=await _height(tx, category))
            await _move(tx, category, path)
        put(category, values)
    return id


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Category"), "The category."],
    expected_version: int | None = None,
) -> int:
    """Delete a category; what it held, categories and products, moves up to its parent."""
    viewer = ctx.require("product:delete")
    async with ctx.transaction() as tx:
        store_id = (await seen(tx, viewer, Category, id)).store_id
        await held(tx, viewer, Store, store_id)
        category = await held(tx, viewer, Category, id, expected_version=expected_version)
        await _replace_prefix(tx, category, category.path)
        for row, holder in ((Category, Category.parent_id), (Product, Product.category_id)):
            contents = sql_update(row).where(holder == id)
            await tx.execute(
                contents.values({holder: category.parent_id, row.version: row.version + 1})
            )
        category.deleted_at = ctx.services.clock()
        category.slug = slugs.released(category.slug, id)
    return id


def _within(parent: Category, inside: str, *, height: int) -> str:
    """The path of the children of ``parent``. Raises ``Conflict`` where the tree gets too deep."""
    path = f"{parent.path}{parent.id}/"
    if path.count("/") - 1 + height > DEEPEST:
        raise Conflict(f"a tree is at most {DEEPEST} deep", field=(inside, "parent_id"))
    return path


async def _height(tx: AsyncSession, category: Category) -> int:
    """How many levels a category and all below it have."""
    inside = f"{category.path}{category.id}/"
    paths = await tx.scalars(
        select(Category.path).where(Category.path.startswith(inside, autoescape=True)).distinct()
    )
    return 1 + max((path.count("/") - inside.count("/") + 1 for path in paths), default=0)


async def _move(tx: AsyncSession, category: Category, path: str) -> None:
    await _replace_prefix(tx, category, f"{path}{category.id}/")
    category.path = path


async def _replace_prefix(tx: AsyncSession, category: Category, path: str) -> None:
    """Put everything below a category below ``path`` instead."""
    inside = f"{category.path}{category.id}/"
    await tx.execute(
        sql_update(Category)
        .where(Category.path.startswith(inside, autoescape=True))
        .values(path=path + func.substr(Category.path, len(inside) + 1))
        .execution_options(synchronize_session=False)
    )
