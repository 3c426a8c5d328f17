"""What a customer has bought, in figures that are kept on the customer: lists sort by them.

Counted are orders that are not abandoned: an abandoned one is a checkout that nobody finished, and
whoever left ten of them has not bought ten times. A cancelled order counts, since it was placed.
Spent is what was paid for them and not promised back, in the customer's own currency.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ScalarSelect, Select, Update, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Customer, Order, PaymentStatus
from resolvers.events import announce

_PAID = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


def latest_orders() -> Update:
    """Have every customer know the latest of their orders: for rows that were written together."""
    return update(Customer).values(
        {Customer.latest_order_id: _latest(), Customer.updated_at: Customer.updated_at}
    )


def _theirs() -> tuple[Any, Any]:
    return (Order.customer_id == Customer.id, Order.payment_status != PaymentStatus.ABANDONED)


def _latest() -> ScalarSelect[Any]:
    return (
        select(Order.id)
        .where(*_theirs())
        .order_by(Order.created_at.desc(), Order.id.desc())
        .limit(1)
        .correlate(Customer)
        .scalar_subquery()
    )


def figures() -> Select[Any]:
    """Of each customer: ``order_count``, ``amount_spent`` and ``latest_order_id`` by the orders."""
    paid = case(
        (
            Order.payment_status.in_(_PAID) & (Order.currency == Customer.currency),
            Order.total - Order.refunded_total,
        ),
        else_=0,
    )
    return select(
        Customer.id,
        *(
            select(value).where(*_theirs()).correlate(Customer).scalar_subquery().label(name)
            for name, value in (
                ("order_count", func.count()),
                ("amount_spent", func.coalesce(func.sum(paid), 0)),
            )
        ),
        _latest().label("latest_order_id"),
    )


async def refresh(tx: AsyncSession, customer_ids: Iterable[int | None]) -> None:
    """Write the figures of customers whose orders change in this transaction.

    Customers are locked last of all rows, by ascending key, and only here and where they are
    edited themselves; the figures are read after that, so that they see what another writer of the
    same customer has just committed.
    """
    keys = sorted({key for key in customer_ids if key is not None})
    if not keys:
        return
    await tx.flush()
    chosen = Customer.id.in_(keys)
    locked = (
        select(
            Customer.id,
            Customer.organization_id,
            Customer.store_id,
            Customer.order_count,
            Customer.amount_spent,
            Customer.latest_order_id,
        )
        .where(chosen)
        .order_by(Customer.id)
        .with_for_update(key_share=True)
    )
    before = {row.id: row for row in await tx.execute(locked)}
    for now in (await tx.execute(figures().where(chosen))).all():
        was = before[now.id]
        values = {
            "order_count": now.order_count,
            "amount_spent": int(now.amount_spent),
            "latest_order_id": now.latest_order_id,
        }
        if all(getattr(was, name) == value for name, value in values.items()):
            continue
        # Nobody has edited the customer: they stay the version that they were.
        changed = update(Customer).where(Customer.id == now.id).values(**values)
        await tx.execute(changed.execution_options(synchronize_session=False))
        announce(
            tx,
            "customer.updated",
            organization_id=was.organization_id,
            store_id=was.store_id,
            subject=("customer", was.id),
        )
