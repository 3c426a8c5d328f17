"""The wholesale trade: what its clients browse, the smallest batch, and the money of a client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import and_, case, func, literal, or_, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from db.models import (
    Account,
    AccountRole,
    Category,
    Product,
    ProductStatus,
    Store,
    StoreSetting,
    Variant,
)
from resolvers import balances, fetch, ledger
from resolvers.balances import Totals
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.inputs import MicroUnits
from resolvers.reads import Conditions, narrowed, page, sorts
from resolvers.viewer import visible

GROUP = "wholesale"
FLOOR = "minimum_purchase"
MAX_QUANTITY = 10_000

SORTS = sorts("LotSort", default="id_asc", id=Product.id)


# The smallest batch


async def floor(tx: AsyncSession, store_id: int) -> int:
    """What one purchase must come to at least, in micro-units of the store's currency; 0: nothing.

    It is the store's setting ``wholesale.minimum_purchase``: ``{"micro": 7500000}``.
    """
    found = select(StoreSetting.value).where(
        StoreSetting.store_id == store_id, StoreSetting.group == GROUP, StoreSetting.name == FLOOR
    )
    return _micro(await tx.scalar(found))


def _micro(setting: Mapping[str, Any] | None) -> int:
    micro = (setting or {}).get("micro", 0)
    return micro if isinstance(micro, int) else 0


def minimum_batch(min_quantity: int, unit_price: int, purchase_floor: int) -> int:
    """The smallest quantity that can be ordered at ``unit_price`` (micro-units)."""
    if unit_price <= 0 or purchase_floor <= 0:
        return min_quantity
    return max(min_quantity, -(-purchase_floor // unit_price))


# The catalogue


@dataclass(frozen=True, kw_only=True)
class LotFilter:
    """Which lots; all given conditions must hold."""

    id: Annotated[int | None, "Of exactly this product."] = None
    category: Annotated[str | None, "Filed in the category of exactly this slug."] = None
    sku: Annotated[str | None, "Exactly this SKU."] = None
    min_price: Annotated[int | None, MicroUnits, "A unit costs at least this."] = None
    max_price: Annotated[int | None, MicroUnits, "A unit costs at most this."] = None
    min_stock: Annotated[int | None, "At least this many units can be ordered."] = None


@dataclass(frozen=True, slots=True)
class Lot:
    """A product as wholesale clients see it: one variant, sold in batches.

    ``price`` is micro-units of USDT a unit. ``min_quantity`` is the smallest batch after all rules.
    """

    id: int
    variant_id: int
    store_id: int
    sku: str | None
    title: str
    category: str | None
    price: int
    min_quantity: int
    stock: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """A category with what it holds in stock; ``min_price`` in micro-units a unit."""

    slug: str
    name: str
    product_count: int
    min_price: int | None


_each = aliased(Variant)
_default_variant = (
    select(_each.id)
    .where(_each.product_id == Product.id, _each.deleted_at.is_(None))
    .order_by(_each.position, _each.id)
    .limit(1)
    .correlate(Product)
    .scalar_subquery()
)
_orderable = case(
    (
        or_(Variant.stock_tracked.is_(False), Variant.sell_when_out_of_stock),
        literal(MAX_QUANTITY, Variant.stock.type),
    ),
    else_=Variant.stock,
)
CONDITIONS: Conditions = {
    "id": lambda key: Product.id == key,
    "category": lambda slug: Category.slug == slug,
    "sku": lambda sku: Variant.sku == sku,
    "min_price": lambda least: Variant.price >= least,
    "max_price": lambda most: Variant.price <= most,
    "min_stock": lambda units: _orderable >= units,
}
_COLUMNS: tuple[Any, ...] = (
    Product.id,
    Product.store_id,
    Product.title,
    Product.min_quantity,
    Variant.id.label("variant_id"),
    Variant.sku,
    Variant.price,
    Category.slug,
    _orderable.label("orderable"),
    StoreSetting.value.label("floor"),
)


@page(Product, sorts=SORTS, permission="product:view")
def lots(products: Any, *, filter: LotFilter | None = None) -> Any:
    """Products on sale in wholesale stores, each with the first of its variants, in USDT."""
    on_sale = (
        products.join(Variant, Variant.id == _default_variant)
        .join(Store, Store.id == Product.store_id)
        .outerjoin(
            Category, and_(Category.id == Product.category_id, Category.deleted_at.is_(None))
        )
        .outerjoin(
            StoreSetting,
            and_(
                StoreSetting.store_id == Product.store_id,
                StoreSetting.group == GROUP,
                StoreSetting.name == FLOOR,
            ),
        )
        .where(
            Product.status == ProductStatus.ACTIVE,
            Store.wholesale.is_(True),
            Variant.currency == ledger.USDT,
        )
    )
    return narrowed(on_sale, filter, CONDITIONS)


async def lot(ctx: Context, product_id: int) -> Lot:
    """The lot of a product, in stock or not. Raises ``NotFound``."""
    found = await catalogue(ctx, LotFilter(id=product_id), page=1, size=1)
    if not found:
        raise NotFound("product")
    return found[0]


async def catalogue(ctx: Context, wanted: LotFilter, *, page: int, size: int) -> Sequence[Lot]:
    """Page number ``page`` (from 1) of the lots, by product id."""
    rows = await fetch.numbered_page(
        ctx, lots, {"filter": wanted}, page=page, size=size, sort=None, columns=_COLUMNS
    )
    return [_lot(row) for row in rows]


def _lot(row: Row[Any]) -> Lot:
    return Lot(
        id=row.id,
        variant_id=row.variant_id,
        store_id=row.store_id,
        sku=row.sku,
        title=row.title,
        category=row.slug,
        price=row.price,
        min_quantity=minimum_batch(row.min_quantity, row.price, _micro(row.floor)),
        stock=row.orderable,
    )


async def shelves(ctx: Context) -> Sequence[Shelf]:
    """Every category of the wholesale stores, in order; empty ones too. One statement."""
    viewer = ctx.require("product:view")
    goods = (
        lots.build(visible(viewer, Product), filter=LotFilter(min_stock=1))
        .with_only_columns(Product.id, Product.category_id, Variant.price)
        .subquery()
    )
    found = (
        visible(viewer, Category)
        .join(Store, Store.id == Category.store_id)
        .outerjoin(goods, goods.c.category_id == Category.id)
        .where(Store.wholesale.is_(True))
        .with_only_columns(
            Category.slug, Category.name, func.count(goods.c.id), func.min(goods.c.price)
        )
        .group_by(Category.id)
        .order_by(Category.position, Category.id)
    )
    return [Shelf(*row) for row in await ctx.rows(found)]


# A client's money


async def totals(ctx: Context) -> Totals:
    """What came to the caller's own USDT balance and what went: nothing where it has none yet."""
    viewer = ctx.require("balance:view")
    found = (
        visible(viewer, Account)
        .where(
            Account.role == AccountRole.BALANCE,
            Account.owner == balances.owner_of(viewer).name,
            Account.unit == ledger.USDT,
        )
        .with_only_columns(Account.id)
    )
    ids = [row.id for row in await ctx.rows(found)]
    if not ids:
        return Totals(topped_up=0, spent=0, refunded=0)
    [of_account] = await balances.totals_of(ctx, ids)
    return of_account
