"""Double entry: micro-units move between accounts, each move once, no balance below zero."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.base import now
from db.models import AccountRole, TransferKind
from resolvers.errors import InsufficientBalance, Invalid, NotFound
from resolvers.events import BALANCE, announce

USDT = "USDT"
GENERATIONS = "GENERATIONS"
QUOTAS = frozenset({GENERATIONS})
"""Units that a plan grants. Nobody gives them to themselves."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account: a key's (``key:7``) or the organization's own (``org``)."""

    organization_id: int
    api_key_id: int | None = None

    @property
    def name(self) -> str:
        return "org" if self.api_key_id is None else f"key:{self.api_key_id}"


async def account(
    tx: AsyncSession, owner: Owner, unit: str, role: AccountRole = AccountRole.BALANCE
) -> models.Account:
    """The owner's account of this role and unit, opened at its first use."""
    name = owner.name if role is AccountRole.BALANCE else "-"
    found = select(models.Account).where(
        models.Account.organization_id == owner.organization_id,
        models.Account.role == role,
        models.Account.owner == name,
        models.Account.unit == unit,
    )
    if (existing := (await tx.scalars(found)).one_or_none()) is not None:
        return existing
    insert = sqlite.insert if tx.get_bind().dialect.name == "sqlite" else postgresql.insert
    at = now()
    opened = insert(models.Account).values(
        organization_id=owner.organization_id,
        api_key_id=owner.api_key_id if role is AccountRole.BALANCE else None,
        role=role,
        owner=name,
        unit=unit,
        balance=0,
        version=1,
        created_at=at,
        updated_at=at,
    )
    await tx.execute(opened.on_conflict_do_nothing())  # somebody else may open it at this moment
    return (await tx.scalars(found)).one()


async def transfer(
    tx: AsyncSession,
    *,
    kind: TransferKind,
    reference: str,
    debit: models.Account,
    credit: models.Account,
    amount: int,
    order_id: int | None = None,
    reverses_id: int | None = None,
    memo: str | None = None,
) -> models.Transfer:
    """Move ``amount`` micro-units from ``debit`` to ``credit``.

    ``reference`` makes it happen once: a second transfer with the same reference is the first one,
    which is returned and nothing moves. Raises ``InsufficientBalance`` where the debited balance
    does not cover the amount, and ``Invalid`` for no or a negative amount or two units.
    """
    if amount <= 0:
        raise Invalid("an amount to transfer is greater than zero", field=("amount",))
    if debit.unit != credit.unit:
        raise Invalid("a transfer stays within one unit")
    debit, credit = await locked(tx, [debit.id, credit.id])
    done = select(models.Transfer).where(models.Transfer.reference == reference)
    if (earlier := (await tx.scalars(done)).one_or_none()) is not None:
        return earlier
    if debit.role is AccountRole.BALANCE and debit.balance < amount:
        raise InsufficientBalance(
            "the balance does not cover this",
            details={"required": amount, "available": debit.balance, "unit": debit.unit},
        )
    moved = models.Transfer(
        organization_id=debit.organization_id,
        kind=kind,
        reference=reference,
        debit_account_id=debit.id,
        credit_account_id=credit.id,
        amount=amount,
        unit=debit.unit,
        order_id=order_id,
        reverses_id=reverses_id,
        memo=memo,
    )
    tx.add(moved)
    await tx.flush()
    for side, signed in ((debit, -amount), (credit, amount)):
        side.balance += signed
        tx.add(
            models.LedgerEntry(
                organization_id=side.organization_id,
                account_id=side.id,
                transfer_id=moved.id,
                kind=kind,
                amount=signed,
                balance_after=side.balance,
                unit=side.unit,
            )
        )
        if side.role is AccountRole.BALANCE:
            announce(
                tx,
                "balance.changed",
                organization_id=side.organization_id,
                store_id=None,
                subject=(BALANCE, side.id),
                kind=kind.value,
                amount=signed,
                balance=side.balance,
                unit=side.unit,
                api_key_id=side.api_key_id,
                transfer_id=moved.id,
            )
    await tx.flush()
    return moved


async def reverse(
    tx: AsyncSession, original_id: int, *, amount: int, reference: str, memo: str | None = None
) -> models.Transfer:
    """Give back ``amount`` of an earlier transfer; all reversals together never exceed it."""
    original = await tx.get(models.Transfer, original_id)
    if original is None:
        raise NotFound("transfer")
    debit, credit = await locked(tx, [original.credit_account_id, original.debit_account_id])
    earlier = select(models.Transfer).where(models.Transfer.reverses_id == original.id)
    reversals = (await tx.scalars(earlier)).all()
    if any(reversal.reference == reference for reversal in reversals):
        return next(reversal for reversal in reversals if reversal.reference == reference)
    if sum(reversal.amount for reversal in reversals) + amount > original.amount:
        raise Invalid("a refund cannot exceed what was paid", field=("amount",))
    return await transfer(
        tx,
        kind=TransferKind.REFUND,
        reference=reference,
        debit=debit,
        credit=credit,
        amount=amount,
        order_id=original.order_id,
        reverses_id=original.id,
        memo=memo,
    )


async def locked(tx: AsyncSession, ids: Sequence[int]) -> list[models.Account]:
    """The accounts, locked until the end of the transaction, in one order for everybody."""
    found = (
        select(models.Account)
        .where(models.Account.id.in_(ids))
        .order_by(models.Account.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    accounts = {row.id: row for row in await tx.scalars(found)}
    return [accounts[key] for key in ids]
