"""How many generations an organization may start in a day (UTC), kept in the ledger.

One generation is one whole unit of ``GENERATIONS``. At the first start of a day, what was left of
the day before lapses and the plan's allowance is granted; a plan that is raised later that day
grants the difference, one that is lowered takes nothing back before the day ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Account, AccountRole, Job, Organization, Plan, Transfer, TransferKind
from resolvers import ledger
from resolvers.context import Context
from resolvers.errors import RateLimited
from resolvers.money import MICRO
from resolvers.viewer import visible

UNIT = ledger.GENERATIONS
ALLOWANCES = {Plan.FREE: 5, Plan.PRO: 100}
"""Generations a day."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Generations of today. ``left`` and ``used`` together are ``limit``."""

    limit: int
    used: int
    left: int
    resets_at: datetime


async def of_organizations(
    ctx: Context, organizations: Sequence[tuple[int, Plan]]
) -> Sequence[Quota]:
    """The quota of each organization, given with its plan. One statement; nothing is granted."""
    viewer, now = ctx.require("product:update"), ctx.services.clock()
    references = [name for key, _ in organizations for name in _grants(key, _day(now))]
    granted = (
        select(func.coalesce(func.sum(Transfer.amount), 0))
        .where(Transfer.credit_account_id == Account.id, Transfer.reference.in_(references))
        .correlate(Account)
        .scalar_subquery()
    )
    found = (
        visible(viewer, Account)
        .where(
            Account.organization_id.in_([key for key, _ in organizations]),
            Account.role == AccountRole.BALANCE,
            Account.owner == ledger.Owner(0).name,
            Account.unit == UNIT,
        )
        .with_only_columns(Account.organization_id, Account.balance, granted.label("granted"))
    )
    rows: Sequence[Any] = await ctx.rows(found)
    of: dict[int, Any] = {row.organization_id: row for row in rows}
    return [_quota(of.get(key), ALLOWANCES[Plan(plan)], now) for key, plan in organizations]


def _quota(row: Any, allowance: int, now: datetime) -> Quota:
    granted, balance = (int(row.granted), int(row.balance)) if row is not None else (0, 0)
    # Before the day's first start the balance is what will lapse.
    granted, kept = granted // MICRO, balance // MICRO if granted else 0
    left = kept + max(0, allowance - granted)
    limit = max(granted, allowance, left)
    return Quota(limit, limit - left, left, _midnight(now))


async def charge(ctx: Context, tx: AsyncSession, job: Job) -> None:
    """Take one generation for a run of a job. Raises ``RateLimited`` until 00:00 UTC."""
    now, books = ctx.services.clock(), await _books(tx, job.organization_id)
    plan = select(Organization.plan).where(Organization.id == job.organization_id)
    allowance = ALLOWANCES[(await tx.scalars(plan)).one()]
    await _renew(tx, books, _day(now), allowance)
    if books.balance.balance < MICRO:
        wait = ceil((_midnight(now) - now).total_seconds())
        raise RateLimited(
            f"today's {allowance} generations are used up",
            retry_after=wait,
            limit=allowance,
        )
    await ledger.transfer(
        tx,
        kind=TransferKind.PURCHASE,
        reference=_reference(job),
        debit=books.balance,
        credit=books.sales,
        amount=MICRO,
        memo=_day(now).isoformat(),
    )


async def give_back(ctx: Context, tx: AsyncSession, job: Job) -> None:
    """Return what the job's run was charged; of a day that is over, it lapses with that day."""
    charged = select(Transfer).where(Transfer.reference == _reference(job))
    paid = (await tx.scalars(charged)).one_or_none()
    if paid is None:
        return
    books, day = await _books(tx, job.organization_id), _day(ctx.services.clock())
    await ledger.reverse(
        tx, paid.id, amount=paid.amount, reference=f"{paid.reference}:refund", memo=paid.memo
    )
    if paid.memo != day.isoformat() and await _granted(tx, books, day):
        await _lapse(tx, books, paid.amount, f"{paid.reference}:lapsed")


@dataclass(frozen=True, slots=True)
class _Books:
    """The accounts of one organization, locked."""

    balance: Account
    adjustments: Account
    sales: Account


async def _books(tx: AsyncSession, organization_id: int) -> _Books:
    owner = ledger.Owner(organization_id)
    roles = (AccountRole.BALANCE, AccountRole.ADJUSTMENTS, AccountRole.SALES)
    opened = [await ledger.account(tx, owner, UNIT, role) for role in roles]
    return _Books(*await ledger.locked(tx, [account.id for account in opened]))


async def _renew(tx: AsyncSession, books: _Books, day: date, allowance: int) -> None:
    organization_id, granted = books.balance.organization_id, await _granted(tx, books, day)
    if not granted and books.balance.balance:
        await _lapse(tx, books, books.balance.balance, f"{_of_day(organization_id, day)}:lapsed")
    if granted < allowance * MICRO:
        await ledger.transfer(
            tx,
            kind=TransferKind.ADJUSTMENT,
            reference=f"{_of_day(organization_id, day)}:{allowance}",
            debit=books.adjustments,
            credit=books.balance,
            amount=allowance * MICRO - granted,
            memo=f"generations of {day}",
        )


async def _lapse(tx: AsyncSession, books: _Books, amount: int, reference: str) -> None:
    await ledger.transfer(
        tx,
        kind=TransferKind.ADJUSTMENT,
        reference=reference,
        debit=books.balance,
        credit=books.adjustments,
        amount=amount,
        memo="left over from a day before",
    )


async def _granted(tx: AsyncSession, books: _Books, day: date) -> int:
    """What was granted for a day so far (micro-units)."""
    grants = _grants(books.balance.organization_id, day)
    amount = func.coalesce(func.sum(Transfer.amount), 0)
    return int(await tx.scalar(select(amount).where(Transfer.reference.in_(grants))) or 0)


def _grants(organization_id: int, day: date) -> list[str]:
    """The references of all that may be granted for a day: by the allowance that it leads to."""
    return [f"{_of_day(organization_id, day)}:{each}" for each in ALLOWANCES.values()]


def _of_day(organization_id: int, day: date) -> str:
    return f"generations:{organization_id}:{day}"


def _reference(job: Job) -> str:
    """Of the charge for a job's run; only the first one has the job's name alone."""
    return f"generation:{job.id}" if job.run == 1 else f"generation:{job.id}:{job.run}"


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _midnight(now: datetime) -> datetime:
    return datetime.combine(_day(now) + timedelta(days=1), time(), UTC)
