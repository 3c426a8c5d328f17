"""Recording orders that were made elsewhere, as at an external checkout, and their payment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import FulfillmentStatus, Order, PaymentStatus
from resolvers import (
    buyers,
    contacts,
    customer_figures,
    fulfillment,
    idempotency,
    orders,
    recorded_lines,
    transitions,
)
from resolvers.contacts import ContactInput
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid
from resolvers.inputs import MicroUnits
from resolvers.keys import KeyOf
from resolvers.recorded_lines import Line, RecordOrderLine
from resolvers.rules import (
    MOST_MONEY,
    Count,
    Currency,
    JsonObject,
    Matching,
    Price,
    Text,
    WebAddress,
    checked,
)
from resolvers.viewer import Viewer
from resolvers.writes import referred

LAST4 = Matching(r"[0-9]{4}", "the last four digits")


class RecordedStatus(StrEnum):
    """What had become of the money when an order was recorded."""

    PENDING = "pending"
    PAID = "paid"
    ABANDONED = "abandoned"


@dataclass(frozen=True, kw_only=True)
class RecordOrder:
    """An order that was made elsewhere.

    Its total is the subtotal with shipping, tip and fee, less the discount.
    """

    store_id: Annotated[int, KeyOf("Store"), "The store that it is of."]
    ref: Annotated[str | None, Text(64), "Its reference; made here when left out."] = None
    status: Annotated[RecordedStatus, "What has become of the money."] = RecordedStatus.PENDING
    customer_id: Annotated[
        int | None,
        KeyOf("Customer"),
        "Who bought; by default the customer with the contact's e-mail address, added where there "
        "is none.",
    ] = None
    contact: Annotated[ContactInput | None, "Who bought, and where the goods go."] = None
    billing: Annotated[ContactInput | None, "Where the bill goes."] = None
    lines: Annotated[Sequence[RecordOrderLine], Count(100), "What was bought."] = ()
    currency: Annotated[
        str | None, Currency, "Currency of all amounts; the store's by default."
    ] = None
    subtotal: Annotated[
        int | None, MicroUnits, Price(), "Sum of the lines; to be given where there are none."
    ] = None
    shipping: Annotated[int, MicroUnits, Price(), "Cost of shipping."] = 0
    shipping_name: Annotated[str | None, Text(), "How it is shipped, in words."] = None
    discount: Annotated[int, MicroUnits, Price(), "What was taken off."] = 0
    discount_code: Annotated[str | None, Text(120), "The code that took it off."] = None
    tip: Annotated[int, MicroUnits, Price(), "What was added for the staff."] = 0
    tip_type: Annotated[str | None, Text(40), 'How the buyer put it: "percent", "amount".'] = None
    tip_value: Annotated[int, MicroUnits, Price(), "The number that the buyer put."] = 0
    fee: Annotated[int, MicroUnits, Price(), "What paying in this way cost."] = 0
    bundle_name: Annotated[str | None, Text(), "The bundle that was bought."] = None
    bundle_option_name: Annotated[str | None, Text(), "The choice within it."] = None
    bundle_price: Annotated[int | None, MicroUnits, Price(), "What the bundle cost."] = None
    total: Annotated[int | None, MicroUnits, Price(), "What was to be paid; must agree."] = None
    payment_provider_id: Annotated[
        int | None, KeyOf("PaymentProvider"), "The way in which it was paid."
    ] = None
    card_brand: Annotated[str | None, Text(40), 'Whose card it was: "visa".'] = None
    card_last4: Annotated[str | None, LAST4, "The last four digits of the card."] = None
    landing_page_id: Annotated[
        int | None, KeyOf("LandingPage"), "The landing page that it came from."
    ] = None
    source_link: Annotated[str | None, WebAddress(), "The page that it came from."] = None
    metadata: Annotated[dict[str, Any] | None, JsonObject(), "Anything else about it."] = None
    note: Annotated[str | None, Text(2000, 0), "A remark for the store's people."] = None
    archived: Annotated[bool, "Whether lists of open work leave it out."] = False
    cancelled: Annotated[bool, "Whether it was cancelled by then."] = False


async def record(ctx: Context, *, input: RecordOrder, idempotency_key: str | None = None) -> int:
    """Take note of an order. Its money has moved, or will move, elsewhere.

    Goods of an order that is neither abandoned nor cancelled are taken from stock, and wait to be
    sent; once it is paid, digital ones are handed over. Raises ``InsufficientStock``.
    """
    viewer = ctx.require("order:create")
    if viewer.own_only:
        raise Forbidden("this key buys; it cannot say what was paid elsewhere")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        return await _record(ctx, tx, viewer, values)

    return await idempotency.once(ctx, "recordOrder", idempotency_key, input, work)


async def _record(ctx: Context, tx: AsyncSession, viewer: Viewer, values: dict[str, Any]) -> int:
    contact = contacts.columns(values.pop("contact"))
    if values["customer_id"] is None and contact.get("email"):
        await buyers.wait_for(ctx, tx, values["store_id"], contact["email"])
    store = await _referred(tx, viewer, values)
    values["currency"] = values["currency"] or store.currency
    if values["customer_id"] is not None:
        key = values["customer_id"]
        await orders.expect_customer(tx, viewer, store.id, key, within="input")
    elif contact.get("email"):
        values["customer_id"] = await buyers.known(tx, store, contact)
    status, cancelled = values.pop("status"), values.pop("cancelled")
    lines = await recorded_lines.described(
        tx, viewer, store, values.pop("lines"), currency=values["currency"]
    )
    taken = [0] * len(lines)
    if status is not RecordedStatus.ABANDONED and not cancelled:
        taken = await recorded_lines.take(tx, lines)
    order = _order(ctx, store, values, contact, lines)
    order.api_key_id = viewer.api_key_id
    order.payment_status = PaymentStatus(status)
    await _expect_new(tx, order)
    if cancelled:
        order.fulfillment_status = FulfillmentStatus.CANCELLED
        order.cancelled_at = ctx.services.clock()
    tx.add(order)
    await tx.flush()
    tx.add_all(line.row(order, units) for line, units in zip(lines, taken, strict=True))
    if status is RecordedStatus.PAID:
        order.paid_at = ctx.services.clock()
        tx.add(_payment(order))
    if not cancelled:
        if status is RecordedStatus.PAID:
            order.fulfillment_status = await fulfillment.begin(tx, order)
        elif status is RecordedStatus.PENDING:
            await fulfillment.pack(tx, order)  # much is paid for on delivery only
    transitions.tell(tx, order, "order.created")
    await customer_figures.refresh(tx, [order.customer_id])
    return order.id


async def _referred(tx: AsyncSession, viewer: Viewer, values: Mapping[str, Any]) -> models.Store:
    store = await referred(
        tx, viewer, models.Store, values["store_id"], field=("input", "store_id")
    )
    for name, row in (
        ("payment_provider_id", models.PaymentProvider),
        ("landing_page_id", models.LandingPage),
    ):
        if (key := values[name]) is not None:
            await referred(tx, viewer, row, key, field=("input", name), store_id=store.id)
    return store


def _order(
    ctx: Context,
    store: models.Store,
    values: dict[str, Any],
    contact: Mapping[str, Any],
    lines: Sequence[Line],
) -> Order:
    """Raises ``Invalid`` for amounts that do not agree."""
    wanted, total = values.pop("subtotal"), values.pop("total")
    of_lines = sum(line.total for line in lines)
    subtotal = of_lines if wanted is None else wanted
    if lines and subtotal != of_lines:
        raise Invalid("the lines come to another subtotal", field=("input", "subtotal"))
    charged = values["shipping"] + values["tip"] + values["fee"]
    due = subtotal + charged - values["discount"]
    if due < 0:
        raise Invalid("more is taken off than there is to pay", field=("input", "discount"))
    if total not in (None, due) or due > MOST_MONEY:
        raise Invalid("the amounts come to another total", field=("input", "total"))
    archived, metadata = values.pop("archived"), values.pop("metadata")
    values["ref"] = values["ref"] or orders.new_ref()
    return Order(
        organization_id=store.organization_id,
        **contact,
        **contacts.columns(values.pop("billing"), contacts.BILLING),
        **values,
        subtotal=subtotal,
        total=due,
        quantity=sum(line.quantity for line in lines),
        attributes=metadata or {},
        archived_at=ctx.services.clock() if archived else None,
    )


async def _expect_new(tx: AsyncSession, order: Order) -> None:
    same = select(Order.id).where(Order.store_id == order.store_id, Order.ref == order.ref)
    if await tx.scalar(same) is not None:
        raise Conflict("the store has an order of this reference", field=("input", "ref"))


def _payment(order: Order) -> models.Payment:
    return models.Payment(
        organization_id=order.organization_id,
        store_id=order.store_id,
        order_id=order.id,
        method=models.PaymentMethod.EXTERNAL,
        amount=order.total,
        currency=order.currency,
        reference=f"order:{order.id}",
    )


async def mark_paid(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Order"), "An order that is not paid yet."],
    expected_version: int | None = None,
    idempotency_key: str | None = None,
) -> int:
    """Note that the money of an order came in elsewhere, as on delivery.

    Digital goods are handed over then. What was abandoned takes its goods from stock now. Raises
    ``Conflict`` for one that was paid, ``InsufficientStock``.
    """
    ctx.require("order:update")

    async def work(tx: AsyncSession) -> int:
        order = await orders.locked(tx, ctx, id, "order:update")
        orders.check_version(order, expected_version)
        await _expect_no_checkout(tx, order)
        is_open = order.fulfillment_status in transitions.OPEN
        if is_open and order.payment_status is PaymentStatus.ABANDONED:
            await recorded_lines.take_again(tx, order)
        started = await fulfillment.begin(tx, order) if is_open else order.fulfillment_status
        transitions.move(
            tx, order, at=ctx.services.clock(), payment=PaymentStatus.PAID,
            fulfillment=None if started is order.fulfillment_status else started,
        )  # fmt: skip
        tx.add(_payment(order))
        await customer_figures.refresh(tx, [order.customer_id])
        return order.id

    call = {"id": id, "expected_version": expected_version}
    return await idempotency.once(ctx, "markOrderPaid", idempotency_key, call, work)


async def _expect_no_checkout(tx: AsyncSession, order: Order) -> None:
    """Raise ``Conflict`` while somebody may be paying the order by card: it would be paid twice."""
    session = models.CheckoutSession
    is_open = select(session.id).where(
        session.order_id == order.id, session.status == models.CheckoutStatus.OPEN
    )
    if order.payment_status is PaymentStatus.PENDING and await tx.scalar(is_open) is not None:
        raise Conflict("its buyer may be paying by card; expire its checkout first", field=("id",))
