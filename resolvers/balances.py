"""Balances: prepaid money of wholesale clients and organizations, and its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Account, AccountRole, LedgerEntry, Transfer, TransferKind
from db.uuid7 import uuid7
from resolvers import audit, idempotency, ledger
from resolvers.context import Context
from resolvers.errors import Forbidden, Invalid, NotFound
from resolvers.inputs import MicroUnits, clean
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, many, narrowed, one, page, sorts
from resolvers.viewer import Viewer, visible

SORTS = sorts("BalanceSort", default="id_asc", id=Account.id, balance=Account.balance)
ENTRY_SORTS = sorts("LedgerEntrySort", default="id_desc", id=LedgerEntry.id)


@dataclass(frozen=True, kw_only=True)
class LedgerEntryFilter:
    """Which entries; all given conditions must hold."""

    kind: Annotated[TransferKind | None, "Only of this kind."] = None


ENTRY_CONDITIONS: Conditions = {"kind": lambda kind: LedgerEntry.kind == kind}


@one(Account, by=Account.id, permission="balance:view")
def by_id(accounts: Any) -> Any:
    return accounts.where(Account.role == AccountRole.BALANCE)


@page(Account, sorts=SORTS, permission="balance:view")
def listing(accounts: Any, *, unit: Annotated[str | None, "Only of this unit."] = None) -> Any:
    balances = accounts.where(Account.role == AccountRole.BALANCE)
    return balances if unit is None else balances.where(Account.unit == unit)


of_api_keys = listing.by_column(Account.api_key_id)


@one(LedgerEntry, by=LedgerEntry.id, permission="balance:view")
def entry_by_id(entries: Any) -> Any:
    return entries


@page(LedgerEntry, sorts=ENTRY_SORTS, permission="balance:view")
def entries(entries: Any, *, filter: LedgerEntryFilter | None = None) -> Any:
    return narrowed(entries, filter, ENTRY_CONDITIONS)


entries_of_accounts = entries.by_column(LedgerEntry.account_id)


@one(Transfer, by=Transfer.id, permission="balance:view")
def transfer_by_id(transfers: Any) -> Any:
    return transfers


@many(Transfer, by=Transfer.order_id, order=(Transfer.id,), permission="balance:view")
def transfers_of_orders(transfers: Any) -> Any:
    return transfers


@dataclass(frozen=True, slots=True)
class Totals:
    """Micro-units. ``spent`` is net of refunds, so that balance = topped up - spent."""

    topped_up: int
    spent: int
    refunded: int


async def totals_of(ctx: Context, account_ids: Sequence[int]) -> list[Totals]:
    """The sums of each account's entries, by one statement."""
    viewer = ctx.require("balance:view")
    found = (
        visible(viewer, LedgerEntry)
        .where(LedgerEntry.account_id.in_(account_ids))
        .with_only_columns(LedgerEntry.account_id, LedgerEntry.kind, func.sum(LedgerEntry.amount))
        .group_by(LedgerEntry.account_id, LedgerEntry.kind)
    )
    rows: Sequence[Any] = await ctx.rows(found)
    sums = {(row[0], row[1]): int(row[2]) for row in rows}

    def of_account(key: int) -> Totals:
        of = {kind: sums.get((key, kind), 0) for kind in TransferKind}
        return Totals(
            topped_up=of[TransferKind.TOP_UP] + of[TransferKind.ADJUSTMENT],
            spent=-of[TransferKind.PURCHASE] - of[TransferKind.REFUND],
            refunded=of[TransferKind.REFUND],
        )

    return [of_account(key) for key in account_ids]


async def own(ctx: Context, unit: str) -> Account:
    """The caller's own balance in a unit, opened at its first use."""
    viewer = ctx.require("balance:view")
    async with ctx.transaction() as tx:
        return await ledger.account(tx, owner_of(viewer), unit)


def owner_of(viewer: Viewer) -> ledger.Owner:
    """A wholesale key has a balance of its own; everybody else uses the organization's."""
    return ledger.Owner(viewer.organization_id, viewer.api_key_id if viewer.own_only else None)


async def payer(tx: AsyncSession, viewer: Viewer, unit: str, balance_id: int | None) -> Account:
    """The balance that pays: the given one if the viewer sees it, else the viewer's own."""
    if balance_id is None:
        return await ledger.account(tx, owner_of(viewer), unit)
    found = visible(viewer, Account).where(
        Account.id == balance_id, Account.role == AccountRole.BALANCE
    )
    account = (await tx.scalars(found)).one_or_none()
    if account is None:
        raise NotFound("balance", field=("input", "balanceId"))
    if account.unit != unit:
        raise Invalid(
            f"this balance is in {account.unit}, not {unit}", field=("input", "balanceId")
        )
    return account


@dataclass(frozen=True, kw_only=True)
class BalanceAdjustment:
    """A correction of a balance by hand."""

    balance_id: Annotated[int, KeyOf("Balance"), "The balance."]
    amount: Annotated[int, MicroUnits, "What is added; negative takes away."]
    memo: Annotated[str, "Why, for the books."]


async def adjust(
    ctx: Context,
    *,
    input: BalanceAdjustment,
    idempotency_key: str | None = None,
) -> int:
    """Credit or debit a balance by hand.

    Raises ``InsufficientBalance`` for too large a debit, ``Forbidden`` for a quota: that follows
    the plan, whoever owns the balance.
    """
    viewer = ctx.require("balance:adjust")
    memo = clean(input.memo, "memo", most=500)
    call = {"balance": input.balance_id, "amount": input.amount, "memo": memo}
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, "adjustBalance", idempotency_key, call)
        if kept is not None:
            return kept["balance"]
        found = visible(viewer, Account).where(
            Account.id == input.balance_id, Account.role == AccountRole.BALANCE
        )
        account = (await tx.scalars(found.with_for_update())).one_or_none()
        if account is None:
            raise NotFound("balance", field=("input", "balanceId"))
        if account.unit in ledger.QUOTAS:
            raise Forbidden(f"what there is of {account.unit} follows the plan")
        owner = ledger.Owner(account.organization_id)
        other = await ledger.account(tx, owner, account.unit, AccountRole.ADJUSTMENTS)
        debit, credit = (other, account) if input.amount > 0 else (account, other)
        await ledger.transfer(
            tx,
            kind=TransferKind.ADJUSTMENT,
            reference=f"adjustment:{uuid7()}",
            debit=debit,
            credit=credit,
            amount=abs(input.amount),
            memo=memo,
        )
        audit.write(
            tx, viewer, "credit", ("api_key", account.api_key_id),
            balance_id=account.id, amount=input.amount, unit=account.unit, memo=memo,
        )  # fmt: skip
        await idempotency.keep(ctx, tx, "adjustBalance", idempotency_key, {"balance": account.id})
    return input.balance_id
