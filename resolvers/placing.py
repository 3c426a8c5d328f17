"""Placing an order: goods, price and payment in one transaction, or nothing at all."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import Order, OrderLine, PaymentStatus, Product, Variant
from resolvers import (
    contacts,
    customer_figures,
    fulfillment,
    idempotency,
    ledger,
    orders,
    stock,
    transitions,
    wholesale,
)
from resolvers.balances import payer
from resolvers.contacts import ContactInput
from resolvers.context import Context
from resolvers.errors import BelowMinimum, Invalid, NotFound
from resolvers.inputs import clean
from resolvers.keys import KeyOf
from resolvers.outbound import checked_url
from resolvers.rules import checked
from resolvers.viewer import Viewer, visible

MAX_LINES = 100


@dataclass(frozen=True, kw_only=True)
class PlaceOrderLine:
    """Some units of a variant."""

    variant_id: Annotated[int, KeyOf("Variant"), "What to buy."]
    quantity: Annotated[int, "How many units, 1 to 10,000."] = 1


@dataclass(frozen=True, kw_only=True)
class PlaceOrder:
    """An order that is paid from a balance at once."""

    store_id: Annotated[int, KeyOf("Store"), "Where to buy."]
    lines: Annotated[Sequence[PlaceOrderLine], "What to buy, one line a variant."]
    balance_id: Annotated[
        int | None, KeyOf("Balance"), "The balance that pays; by default the caller's own."
    ] = None
    customer_id: Annotated[int | None, KeyOf("Customer"), "Who buys."] = None
    contact: Annotated[ContactInput | None, "Who buys, and where the goods go."] = None
    billing: Annotated[ContactInput | None, "Where the bill goes."] = None
    note: Annotated[str | None, "A remark for the store's people."] = None
    webhook_url: Annotated[str | None, "Told of each change of the order's status."] = None


async def place(
    ctx: Context,
    *,
    input: PlaceOrder,
    idempotency_key: str | None = None,
) -> int:
    """Place and pay an order; digital goods are handed over by a job at once.

    Refusals, in this order: an unknown store or variant, fewer units than the smallest batch, not
    enough stock, not enough balance. After any of them nothing has changed.
    """
    viewer = ctx.require("order:create")
    wanted = _quantities(input)
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, "placeOrder", idempotency_key, asdict(input))
        if kept is not None:
            return kept["order"]
        store = await _store(tx, viewer, input.store_id)
        bought = await _variants(tx, viewer, store, list(wanted))
        await _check_batches(tx, store, bought, wanted)
        taken = await stock.take(tx, wanted, [variant for variant, _ in bought])
        order = await _add(
            tx, viewer, store, given=input, bought=bought, wanted=wanted, taken=taken
        )
        await _pay(ctx, tx, viewer, order, input)
        order.fulfillment_status = await fulfillment.begin(tx, order)
        transitions.tell(tx, order, "order.created")
        await customer_figures.refresh(tx, [order.customer_id])
        await idempotency.keep(ctx, tx, "placeOrder", idempotency_key, {"order": order.id})
        return order.id


def _quantities(given: PlaceOrder) -> dict[int, int]:
    if not 1 <= len(given.lines) <= MAX_LINES:
        raise Invalid(f"an order has 1 to {MAX_LINES} lines", field=("input", "lines"))
    wanted: defaultdict[int, int] = defaultdict(int)
    for at, line in enumerate(given.lines):
        wanted[line.variant_id] += line.quantity
        if line.quantity < 1 or wanted[line.variant_id] > wholesale.MAX_QUANTITY:
            raise Invalid(
                f"a quantity is between 1 and {wholesale.MAX_QUANTITY}",
                field=("input", "lines", at, "quantity"),
            )
    return dict(wanted)


async def _store(tx: AsyncSession, viewer: Viewer, store_id: int) -> models.Store:
    found = visible(viewer, models.Store).where(models.Store.id == store_id)
    store = (await tx.scalars(found)).one_or_none()
    if store is None:
        raise NotFound("store", field=("input", "storeId"))
    return store


async def _variants(
    tx: AsyncSession, viewer: Viewer, store: models.Store, ids: Sequence[int]
) -> list[tuple[Variant, Product]]:
    """Variants on sale in the store with their products, locked, by variant id."""
    mine = visible(viewer, Variant).where(Variant.id.in_(ids), Variant.store_id == store.id)
    await stock.lock(tx, mine)
    found = (
        mine.add_columns(Product)
        .join(Product, Product.id == Variant.product_id)
        .where(
            Product.deleted_at.is_(None),
            Product.status == models.ProductStatus.ACTIVE,
        )
        .order_by(Variant.id)
        .execution_options(populate_existing=True)
    )
    rows = [(row[0], row[1]) for row in (await tx.execute(found)).all()]
    if len(rows) != len(ids):
        raise NotFound("product", field=("input", "lines"))
    if len({variant.currency for variant, _ in rows}) > 1:
        raise Invalid("one order has one currency", field=("input", "lines"))
    return rows


async def _check_batches(
    tx: AsyncSession,
    store: models.Store,
    bought: Sequence[tuple[Variant, Product]],
    wanted: Mapping[int, int],
) -> None:
    floor = await wholesale.floor(tx, store.id) if store.wholesale else 0
    for variant, product in bought:
        least = wholesale.minimum_batch(product.min_quantity, variant.price, floor)
        if wanted[variant.id] < least:
            raise BelowMinimum(
                f"the smallest batch is {least} units, requested {wanted[variant.id]}",
                field=("input", "lines"),
                details={"minimum": least, "requested": wanted[variant.id]},
            )


async def _add(
    tx: AsyncSession,
    viewer: Viewer,
    store: models.Store,
    *,
    given: PlaceOrder,
    bought: Sequence[tuple[Variant, Product]],
    wanted: Mapping[int, int],
    taken: Mapping[int, int],
) -> Order:
    if given.customer_id is not None:
        await orders.expect_customer(tx, viewer, store.id, given.customer_id, within="input")
    total = sum(variant.price * wanted[variant.id] for variant, _ in bought)
    order = Order(
        organization_id=store.organization_id,
        store_id=store.id,
        ref=orders.new_ref(),
        customer_id=given.customer_id,
        api_key_id=viewer.api_key_id,
        currency=bought[0][0].currency,
        subtotal=total,
        total=total,
        quantity=sum(wanted.values()),
        note=clean(given.note, "note", most=2000) if given.note is not None else None,
        **_contacts(given),
        webhook_url=checked_url(given.webhook_url, ("input", "webhookUrl")),
    )
    tx.add(order)
    await tx.flush()
    for variant, product in bought:
        tx.add(
            OrderLine(
                organization_id=order.organization_id,
                store_id=order.store_id,
                order_id=order.id,
                product_id=product.id,
                variant_id=variant.id,
                title=product.title,
                sku=variant.sku,
                quantity=wanted[variant.id],
                taken=taken[variant.id],
                unit_price=variant.price,
                total=variant.price * wanted[variant.id],
                currency=variant.currency,
                is_digital=product.is_digital,
                options=dict(variant.options),
            )
        )
    await tx.flush()
    return order


def _contacts(given: PlaceOrder) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, prefix in (("contact", ""), ("billing", contacts.BILLING)):
        if (wanted := getattr(given, name)) is not None:
            found |= contacts.columns(checked(wanted, "input", name), prefix)
    return found


async def _pay(
    ctx: Context, tx: AsyncSession, viewer: Viewer, order: Order, given: PlaceOrder
) -> None:
    """Debit the balance. Goods that cost nothing are paid without a transfer."""
    balance = await payer(tx, viewer, order.currency, given.balance_id)
    reference, transfer_id = f"order:{order.id}", None
    if order.total:
        owner = ledger.Owner(order.organization_id)
        sales = await ledger.account(tx, owner, order.currency, models.AccountRole.SALES)
        moved = await ledger.transfer(
            tx,
            kind=models.TransferKind.PURCHASE,
            reference=reference,
            debit=balance,
            credit=sales,
            amount=order.total,
            order_id=order.id,
        )
        transfer_id = moved.id
    tx.add(
        models.Payment(
            organization_id=order.organization_id,
            store_id=order.store_id,
            order_id=order.id,
            method=models.PaymentMethod.BALANCE,
            amount=order.total,
            currency=order.currency,
            reference=reference,
            transfer_id=transfer_id,
        )
    )
    order.payment_status = PaymentStatus.PAID
    order.paid_at = ctx.services.clock()
