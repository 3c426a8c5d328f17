"""Orders: what somebody bought, from the order's placing to its end."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import FulfillmentStatus, Order, OrderLine, PaymentStatus
from resolvers import contacts, idempotency, jobs, refunds, stock, transitions
from resolvers.contacts import ContactInput
from resolvers.context import Context
from resolvers.errors import Conflict, NotFound
from resolvers.inputs import ABSENT, MicroUnits, clean
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Text, checked
from resolvers.viewer import visible
from resolvers.writes import put

SORTS = sorts(
    "OrderSort",
    default="created_at_desc",
    id=Order.id,
    created_at=Order.created_at,
    updated_at=Order.updated_at,
    total=Order.total,
    quantity=Order.quantity,
)


@dataclass(frozen=True, kw_only=True)
class OrderFilter:
    """Which orders; all given conditions must hold."""

    search: Annotated[str | None, "Text in the reference, e-mail, or the customer's name."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    customer_id: Annotated[int | None, KeyOf("Customer"), "Only of this customer."] = None
    product_id: Annotated[
        Sequence[int] | None, KeyOf("Product"), "With a line of any of these products."
    ] = None
    api_key_id: Annotated[int | None, KeyOf("ApiKey"), "Placed with this API key."] = None
    ref: Annotated[str | None, "Exactly this reference."] = None
    payment_status: Annotated[Sequence[PaymentStatus] | None, "Any of these."] = None
    fulfillment_status: Annotated[Sequence[FulfillmentStatus] | None, "Any of these."] = None
    min_total: Annotated[int | None, MicroUnits, "Total of at least this."] = None
    max_total: Annotated[int | None, MicroUnits, "Total of at most this."] = None
    archived: Annotated[bool | None, "Archived ones only, or others only."] = None
    created_after: Annotated[datetime | None, "Placed at or after."] = None
    created_before: Annotated[datetime | None, "Placed before."] = None
    updated_after: Annotated[datetime | None, "Changed at or after."] = None
    updated_before: Annotated[datetime | None, "Changed before."] = None


def _searched(text: str) -> Any:
    customer = models.Customer
    name = exists().where(
        customer.id == Order.customer_id,
        or_(
            contains(customer.first_name, text),
            contains(customer.last_name, text),
            contains(customer.email, text),
        ),
    )
    return or_(contains(Order.ref, text), contains(Order.email, text), name)


CONDITIONS: Conditions = {
    "search": _searched,
    "store_id": lambda key: Order.store_id == key,
    "customer_id": lambda key: Order.customer_id == key,
    "product_id": lambda keys: exists().where(
        OrderLine.order_id == Order.id, OrderLine.product_id.in_(keys)
    ),
    "api_key_id": lambda key: Order.api_key_id == key,
    "ref": lambda ref: Order.ref == ref,
    "payment_status": Order.payment_status.in_,
    "fulfillment_status": Order.fulfillment_status.in_,
    "min_total": lambda least: Order.total >= least,
    "max_total": lambda most: Order.total <= most,
    "archived": lambda wanted: (
        Order.archived_at.is_not(None) if wanted else Order.archived_at.is_(None)
    ),
    "created_after": lambda at: Order.created_at >= at,
    "created_before": lambda at: Order.created_at < at,
    "updated_after": lambda at: Order.updated_at >= at,
    "updated_before": lambda at: Order.updated_at < at,
}


@one(Order, by=Order.id, permission="order:view")
def by_id(orders: Any) -> Any:
    return orders


@page(Order, sorts=SORTS, permission="order:view")
def listing(orders: Any, *, filter: OrderFilter | None = None) -> Any:
    return narrowed(orders, filter, CONDITIONS)


of_stores = listing.by_column(Order.store_id)
of_customers = listing.by_column(Order.customer_id)
of_api_keys = listing.by_column(Order.api_key_id)


def new_ref() -> str:
    """A reference that people can read out: ten characters without look-alikes."""
    return "".join(secrets.choice("23456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(10))


async def locked(tx: AsyncSession, ctx: Context, order_id: int, permission: str) -> Order:
    """The order, locked until the end of the transaction. Raises ``NotFound``."""
    found = visible(ctx.require(permission), Order).where(Order.id == order_id).with_for_update()
    order = (await tx.scalars(found)).one_or_none()
    if order is None:
        raise NotFound("order", field=("id",))
    return order


@dataclass(frozen=True, kw_only=True)
class OrderChanges:
    """What people may correct on an order. Statuses and money have mutations of their own."""

    note: Annotated[str | None, Text(2000, 0), "A remark for the store's people."] = ABSENT
    contact: Annotated[ContactInput, "Who buys, and where the goods go."] = ABSENT
    billing: Annotated[ContactInput, "Where the bill goes."] = ABSENT
    archived: Annotated[bool, "Whether lists of open work leave it out."] = ABSENT


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Order"), "The order."],
    changes: OrderChanges,
    expected_version: int | None = None,
) -> int:
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        order = await locked(tx, ctx, id, "order:update")
        check_version(order, expected_version)
        if (archived := values.pop("archived", None)) is not None:
            order.archived_at = ctx.services.clock() if archived else None
        put(order, contacts.columns(values.pop("contact", None)))
        put(order, contacts.columns(values.pop("billing", None), contacts.BILLING))
        put(order, values)
        transitions.tell(tx, order, "order.status_changed")
    return id


def check_version(order: Order, expected: int | None) -> None:
    if expected is not None and expected != order.version:
        raise Conflict("somebody else changed this order", field=("expectedVersion",))


async def cancel(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Order"), "An order that is not fulfilled yet."],
    reason: Annotated[str | None, "Why; the buyer may see it."] = None,
    expected_version: int | None = None,
    idempotency_key: str | None = None,
) -> int:
    """End an open order: its goods return to stock, what was paid is refunded.

    Raises ``Conflict`` where it is fulfilled or has ended already.
    """
    call = {"id": id, "reason": reason}
    async with ctx.transaction() as tx:
        if await idempotency.first_answer(ctx, tx, "cancelOrder", idempotency_key, call):
            return id
        order = await locked(tx, ctx, id, "order:update")
        check_version(order, expected_version)
        why = clean(reason, "reason", most=500) if reason is not None else None
        await end(ctx, tx, order, FulfillmentStatus.CANCELLED, reason=why)
        await idempotency.keep(ctx, tx, "cancelOrder", idempotency_key, {"id": id})
    return id


async def end(
    ctx: Context,
    tx: AsyncSession,
    order: Order,
    ending: FulfillmentStatus,
    *,
    reason: str | None,
) -> None:
    """Fail, expire or cancel a locked, open order, and give back its goods and its money."""
    if order.fulfillment_status not in transitions.OPEN:
        raise Conflict(f"an order that is {order.fulfillment_status} cannot become {ending}")
    await stock.put_back(tx, order)
    refunded = await refunds.give_back(tx, order, refunds.left(order), reason=reason)
    paid = PaymentStatus.REFUNDED if refunded else None
    if order.payment_status is PaymentStatus.PENDING:
        paid = PaymentStatus.ABANDONED
    at = ctx.services.clock()
    transitions.move(tx, order, at=at, payment=paid, fulfillment=ending, reason=reason)
    open_jobs = (
        select(models.Job)
        .where(models.Job.order_id == order.id, models.Job.status.in_(jobs.OPEN))
        .with_for_update()
    )
    for job in (await tx.scalars(open_jobs)).all():
        await jobs.give_up(
            ctx, tx, job, models.JobStatus.CANCELLED, code="ORDER_ENDED",
            message=f"the order has become {ending}",
        )  # fmt: skip
