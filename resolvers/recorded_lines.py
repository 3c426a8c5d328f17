"""Lines of orders that were made elsewhere: units of a variant, or of what nobody sells here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Order, OrderLine, Product, Store, Variant
from resolvers import stock
from resolvers.errors import Invalid, NotFound
from resolvers.inputs import MicroUnits
from resolvers.keys import KeyOf
from resolvers.rules import Between, JsonObject, Price, Text
from resolvers.viewer import Viewer, visible
from resolvers.wholesale import MAX_QUANTITY


@dataclass(frozen=True, kw_only=True)
class RecordOrderLine:
    """Some units of one thing. Without a variant it needs a title and a price of its own."""

    variant_id: Annotated[int | None, KeyOf("Variant"), "What was bought."] = None
    title: Annotated[str | None, Text(), "Its name; the product's by default."] = None
    sku: Annotated[str | None, Text(120), "Its number; the variant's by default."] = None
    quantity: Annotated[int, Between(1, MAX_QUANTITY), "How many units."] = 1
    unit_price: Annotated[
        int | None, MicroUnits, Price(), "What one unit cost; the variant's price by default."
    ] = None
    options: Annotated[
        dict[str, Any] | None, JsonObject(), "What was chosen; the variant's choices by default."
    ] = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is put down; ``unit_price`` is micro-units of ``currency``."""

    variant: Variant | None
    title: str
    sku: str | None
    quantity: int
    unit_price: int
    currency: str
    is_digital: bool
    options: Mapping[str, Any]

    @property
    def total(self) -> int:
        return self.unit_price * self.quantity

    def row(self, order: Order, taken: int) -> OrderLine:
        """As a row of an order; ``taken`` units of it came out of stock."""
        return OrderLine(
            organization_id=order.organization_id,
            store_id=order.store_id,
            order_id=order.id,
            product_id=self.variant.product_id if self.variant else None,
            variant_id=self.variant.id if self.variant else None,
            title=self.title,
            sku=self.sku,
            quantity=self.quantity,
            unit_price=self.unit_price,
            total=self.total,
            currency=self.currency,
            is_digital=self.is_digital,
            options=dict(self.options),
            taken=taken,
        )


async def described(
    tx: AsyncSession,
    viewer: Viewer,
    store: Store,
    given: Sequence[Mapping[str, Any]],
    *,
    currency: str,
) -> list[Line]:
    """Checked ``RecordOrderLine`` values as lines, their variants locked.

    Raises ``NotFound`` for variants of another store, ``Invalid``.
    """
    keys = {each["variant_id"] for each in given if each["variant_id"] is not None}
    mine = visible(viewer, Variant).where(Variant.id.in_(keys), Variant.store_id == store.id)
    variants: dict[int, tuple[Variant, Product]] = {}
    if keys:
        await stock.lock(tx, mine)
        found = mine.add_columns(Product).join(Product, Product.id == Variant.product_id)
        rows = await tx.execute(found.execution_options(populate_existing=True))
        variants = {row[0].id: (row[0], row[1]) for row in rows}
    return [
        _line(each, variants, currency, ("input", "lines", at)) for at, each in enumerate(given)
    ]


def _line(
    given: Mapping[str, Any],
    variants: Mapping[int, tuple[Variant, Product]],
    currency: str,
    path: tuple[str | int, ...],
) -> Line:
    variant = product = None
    price, key = given["unit_price"], given["variant_id"]
    if key is not None:
        if key not in variants:
            raise NotFound("variant", field=(*path, "variant_id"))
        variant, product = variants[key]
        if price is None and variant.currency == currency:
            price = variant.price
    title = given["title"] or (product.title if product else None)
    if title is None:
        raise Invalid("a line without a variant needs a title", field=(*path, "title"))
    if price is None:
        raise Invalid(
            "this line needs a price in the order's currency", field=(*path, "unit_price")
        )
    chosen = variant.options if variant else {}
    return Line(
        variant=variant,
        title=title,
        sku=given["sku"] or (variant.sku if variant else None),
        quantity=given["quantity"],
        unit_price=price,
        currency=currency,
        is_digital=product.is_digital if product else False,
        options=chosen if given["options"] is None else given["options"],
    )


async def take(tx: AsyncSession, lines: Sequence[Line]) -> list[int]:
    """Take the variants of the lines from stock; how many units that were, of each line.

    Raises ``InsufficientStock``.
    """
    wanted: defaultdict[int, int] = defaultdict(int)
    variants: dict[int, Variant] = {}
    for line in lines:
        if line.variant is not None:
            wanted[line.variant.id] += line.quantity
            variants[line.variant.id] = line.variant
    taken = await stock.take(tx, wanted, [variants[key] for key in sorted(variants)])
    return [_share(taken, line.variant and line.variant.id, line.quantity) for line in lines]


def _share(taken: dict[int, int], variant_id: int | None, quantity: int) -> int:
    """A line's part of what was taken of its variant; the rest is left for the lines after it."""
    if variant_id is None:
        return 0
    share = min(quantity, taken.get(variant_id, 0))
    taken[variant_id] = taken.get(variant_id, 0) - share
    return share


async def take_again(tx: AsyncSession, order: Order) -> None:
    """Take the goods of an order that was abandoned. Raises ``InsufficientStock``."""
    bought = select(OrderLine).where(
        OrderLine.order_id == order.id, OrderLine.variant_id.is_not(None)
    )
    lines = (await tx.scalars(bought.order_by(OrderLine.id))).all()
    wanted: defaultdict[int, int] = defaultdict(int)
    for line in lines:
        wanted[line.variant_id or 0] += line.quantity
    live = select(Variant).where(Variant.id.in_(wanted), Variant.deleted_at.is_(None))
    if not wanted:
        return
    await stock.lock(tx, live)
    fresh = live.order_by(Variant.id).execution_options(populate_existing=True)
    taken = await stock.take(tx, wanted, (await tx.scalars(fresh)).all())
    for line in lines:
        line.taken = _share(taken, line.variant_id, line.quantity)
