"""Disputes: a buyer's bank asks for a payment back."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import CheckoutSession, Dispute, Order
from resolvers import transitions
from resolvers.events import ORDER, announce
from resolvers.payment_service import DisputeState
from resolvers.reads import many, one


@one(Dispute, by=Dispute.id, permission="order:view")
def by_id(disputes: Any) -> Any:
    return disputes


@many(Dispute, by=Dispute.order_id, order=(Dispute.id,), permission="order:view")
def of_orders(disputes: Any) -> Any:
    return disputes


async def known(tx: AsyncSession, order: Order) -> dict[str, Dispute]:
    """Those of a locked order, by the service's name of them."""
    found = await tx.scalars(select(Dispute).where(Dispute.order_id == order.id))
    return {dispute.reference: dispute for dispute in found}


def apply(
    tx: AsyncSession,
    order: Order,
    session: CheckoutSession,
    states: Sequence[DisputeState],
    before: Mapping[str, Dispute],
) -> None:
    """Have the disputes of a locked order be what the service says of them.

    A new one is announced as ``order.disputed``, what becomes of it as a change of the order.
    """
    for state in states:
        dispute = before.get(state.reference)
        if dispute is None:
            tx.add(
                Dispute(
                    organization_id=order.organization_id,
                    store_id=order.store_id,
                    order_id=order.id,
                    provider=session.provider,
                    reference=state.reference,
                    amount=state.amount,
                    currency=session.currency,
                    reason=state.reason,
                    status=state.status,
                )
            )
            _announce(tx, order, session, state)
        elif (dispute.amount, dispute.status) != (state.amount, state.status):
            dispute.amount, dispute.status, dispute.reason = (
                state.amount,
                state.status,
                state.reason,
            )
            transitions.tell(tx, order, "order.status_changed")


def _announce(
    tx: AsyncSession, order: Order, session: CheckoutSession, state: DisputeState
) -> None:
    announce(
        tx,
        "order.disputed",
        organization_id=order.organization_id,
        store_id=order.store_id,
        subject=(ORDER, order.id),
        ref=order.ref,
        payment_status=order.payment_status.value,
        fulfillment_status=order.fulfillment_status.value,
        refunded_total=order.refunded_total,
        api_key_id=order.api_key_id,
        dispute=state.reference,
        amount=state.amount,
        currency=session.currency,
        status=state.status,
        reason=state.reason,
    )
