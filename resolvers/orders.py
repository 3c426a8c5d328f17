"""Orders: what somebody bought, from the order's placing to its end."""

import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import FulfillmentStatus, Order, PaymentStatus
from resolvers import contacts, customer_figures, idempotency, jobs, refunds, stock, transitions
from resolvers.contacts import ContactInput
from resolvers.context import Context
from resolvers.errors import Conflict, NotFound
from resolvers.inputs import ABSENT, clean
from resolvers.keys import KeyOf
from resolvers.order_filters import CONDITIONS, SORTS, OrderFilter
from resolvers.reads import narrowed, one, page
from resolvers.rules import Text, checked
from resolvers.viewer import Viewer, visible
from resolvers.writes import put, seen


@one(Order, by=Order.id, permission="order:view")
def by_id(orders: Any) -> Any:
    return orders


@page(Order, sorts=SORTS, permission="order:view")
def listing(orders: Any, *, filter: OrderFilter | None = None) -> Any:
    return narrowed(orders, filter, CONDITIONS)


of_stores = listing.by_column(Order.store_id)
of_customers = listing.by_column(Order.customer_id)
of_landing_pages = listing.by_column(Order.landing_page_id)
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
    customer_id: Annotated[int | None, KeyOf("Customer"), "Whose order it is."] = ABSENT
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
        before = order.customer_id
        if values.get("customer_id") is not None:
            await expect_customer(tx, ctx.require(), order.store_id, values["customer_id"])
        put(order, values)
        transitions.tell(tx, order, "order.status_changed")
        if order.customer_id != before:
            await customer_figures.refresh(tx, [before, order.customer_id])
    return id


async def expect_customer(
    tx: AsyncSession, viewer: Viewer, store_id: int, key: int, *, within: str = "changes"
) -> None:
    """Raise ``NotFound`` for somebody who is no customer of the store.

    They are not locked: customers are locked last, by their figures.
    """
    field = (within, "customer_id")
    customer = await seen(tx, viewer, models.Customer, key, field=field)
    if customer.store_id != store_id:
        raise NotFound("customer", field=field)


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
    """Fail, expire or cancel a locked, open order, and give back its goods and its money.

    An abandoned order holds no goods (``recording`` takes none for it), so it gives none back.
    """
    if order.fulfillment_status not in transitions.OPEN:
        raise Conflict(f"an order that is {order.fulfillment_status} cannot become {ending}")
    if order.payment_status is not PaymentStatus.ABANDONED:
        await stock.put_back(tx, order)
    refunded = await refunds.give_back(tx, order, refunds.left(order), reason=reason)
    paid = PaymentStatus.REFUNDED if refunded else None
    if order.payment_status is PaymentStatus.PENDING:
        paid = PaymentStatus.ABANDONED
    at = ctx.services.clock()
    transitions.move(tx, order, at=at, payment=paid, fulfillment=ending, reason=reason)
    open_jobs = (
        select(models.Job)
        .where(
            models.Job.order_id == order.id,
            models.Job.status.in_(jobs.OPEN),
            models.Job.kind.not_in(jobs.outliving()),
        )
        .with_for_update()
    )
    for job in (await tx.scalars(open_jobs)).all():
        await jobs.give_up(
            ctx, tx, job, models.JobStatus.CANCELLED, code="ORDER_ENDED",
            message=f"the order has become {ending}",
        )  # fmt: skip
    await customer_figures.refresh(tx, [order.customer_id])
