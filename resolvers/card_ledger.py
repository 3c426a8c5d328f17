"""Payments by card in the books.

A payment moves from DEPOSITS (the world outside) to SALES, and the platform's part on from there to
FEES, in the order's currency. Refunds go the same way back. What of the fee has gone back always
follows from what of the order has, all together, so that cents add up whatever came in which order.
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import AccountRole, CheckoutSession, Order, Refund, Transfer, TransferKind
from resolvers import currencies, ledger


async def pay(tx: AsyncSession, order: Order, session: CheckoutSession) -> int:
    """Book the payment of a locked order, once; the key of its transfer."""
    owner = ledger.Owner(order.organization_id)
    deposits = await ledger.account(tx, owner, order.currency, AccountRole.DEPOSITS)
    sales = await ledger.account(tx, owner, order.currency, AccountRole.SALES)
    moved = await ledger.transfer(
        tx,
        kind=TransferKind.PAYMENT,
        reference=f"checkout:{session.uuid}",
        debit=deposits,
        credit=sales,
        amount=order.total,
        order_id=order.id,
    )
    if session.fee:
        fees = await ledger.account(tx, owner, order.currency, AccountRole.FEES)
        await ledger.transfer(
            tx,
            kind=TransferKind.FEE,
            reference=fee_reference(session),
            debit=sales,
            credit=fees,
            amount=session.fee,
            order_id=order.id,
        )
    return moved.id


def fee_reference(session: CheckoutSession) -> str:
    return f"checkout:{session.uuid}:fee"


async def refund(tx: AsyncSession, order: Order, refund: Refund) -> int:
    """Book a refund of a locked order; the key of its transfer. ``settle_fee`` is left to do."""
    owner = ledger.Owner(order.organization_id)
    deposits = await ledger.account(tx, owner, order.currency, AccountRole.DEPOSITS)
    sales = await ledger.account(tx, owner, order.currency, AccountRole.SALES)
    reference = f"refund:{refund.uuid}"
    if refund.transfer_id is not None:  # it had failed, and did go back after all
        reference = f"{(await tx.get_one(Transfer, refund.transfer_id)).reference}:again"
    moved = await ledger.transfer(
        tx,
        kind=TransferKind.REFUND,
        reference=reference,
        debit=sales,
        credit=deposits,
        amount=refund.amount,
        order_id=order.id,
        memo=refund.reason,
    )
    return moved.id


async def undo_refund(tx: AsyncSession, order: Order, refund: Refund) -> None:
    """Book money that did not go back as being here again; ``settle_fee`` is left to do."""
    if refund.transfer_id is None:
        return
    went = await tx.get_one(Transfer, refund.transfer_id)
    owner = ledger.Owner(order.organization_id)
    deposits = await ledger.account(tx, owner, order.currency, AccountRole.DEPOSITS)
    sales = await ledger.account(tx, owner, order.currency, AccountRole.SALES)
    await ledger.transfer(
        tx,
        kind=TransferKind.PAYMENT,
        reference=f"{went.reference}:failed",
        debit=deposits,
        credit=sales,
        amount=went.amount,
        order_id=order.id,
        memo="the refund failed",
    )


async def settle_fee(tx: AsyncSession, order: Order, session: CheckoutSession) -> None:
    """Make the part of the fee that went back agree with what of the locked order did."""
    if not session.fee:
        return
    found = select(Transfer).where(Transfer.reference == fee_reference(session))
    paid = (await tx.scalars(found)).one_or_none()
    if paid is None:
        return
    of_fee = (
        Transfer.order_id == order.id,
        Transfer.kind == TransferKind.FEE,
        Transfer.id != paid.id,
    )
    went_back = select(
        func.coalesce(
            func.sum(Transfer.amount).filter(Transfer.debit_account_id == paid.credit_account_id), 0
        )
        - func.coalesce(
            func.sum(Transfer.amount).filter(Transfer.credit_account_id == paid.credit_account_id),
            0,
        ),
        func.count(),
    ).where(*of_fee)
    back, moves = (await tx.execute(went_back)).one()
    share = currencies.fee_share(session.fee, order.refunded_total, order.total, order.currency)
    if share == back:
        return
    owner = ledger.Owner(order.organization_id)
    sales = await ledger.account(tx, owner, order.currency, AccountRole.SALES)
    fees = await ledger.account(tx, owner, order.currency, AccountRole.FEES)
    debit, credit = (fees, sales) if share > back else (sales, fees)
    await ledger.transfer(
        tx,
        kind=TransferKind.FEE,
        reference=f"{paid.reference}:{moves + 1}",
        debit=debit,
        credit=credit,
        amount=abs(share - int(back)),
        order_id=order.id,
        reverses_id=paid.id if debit is fees else None,
    )
