"""Top-ups: money that is announced, seen on a chain, and credited once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID
from zlib import crc32

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import AccountRole, TopUp, TopUpStatus, TransferKind
from resolvers import audit, idempotency, ledger
from resolvers.balances import payer
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.inputs import MicroUnits
from resolvers.keys import KeyOf
from resolvers.money import MICRO
from resolvers.reads import Conditions, narrowed, one, page, sorts
from resolvers.services import ChainDeposit, Services
from resolvers.viewer import Viewer, visible

log = structlog.get_logger()
LEAST, MOST = 1 * MICRO, 100_000 * MICRO
TOLERANCE = MICRO // 100
# A deposit within the tolerance of one amount must be outside that of any other.
SPACING = 3 * TOLERANCE
DEFAULT_NETWORK = "usdt_trc_20"
SORTS = sorts(
    "TopUpSort",
    default="created_at_desc",
    id=TopUp.id,
    created_at=TopUp.created_at,
    amount=TopUp.amount,
)


@dataclass(frozen=True, kw_only=True)
class TopUpFilter:
    """Which top-ups; all given conditions must hold."""

    status: Annotated[TopUpStatus | None, "Only of this status."] = None
    network: Annotated[str | None, "Only on this network."] = None


CONDITIONS: Conditions = {
    "status": lambda status: TopUp.status == status,
    "network": lambda network: TopUp.network == network,
}


@one(TopUp, by=TopUp.id, permission="topup:view")
def by_id(topups: Any) -> Any:
    return topups


@one(TopUp, by=TopUp.uuid, permission="topup:view")
def by_uuid(topups: Any, *, since: datetime | None = None) -> Any:
    """``since``: those announced earlier do not exist any more."""
    return topups if since is None else topups.where(TopUp.created_at >= since)


@page(TopUp, sorts=SORTS, permission="topup:view")
def listing(topups: Any, *, filter: TopUpFilter | None = None) -> Any:
    return narrowed(topups, filter, CONDITIONS)


of_accounts = listing.by_column(TopUp.account_id)


@dataclass(frozen=True, kw_only=True)
class NewTopUp:
    """Money that the caller is about to send."""

    amount: Annotated[int, MicroUnits, "How much, 1 to 100,000 USDT."]
    network: Annotated[str, "Where it is sent: usdt_trc_20, usdt_bep_20, ..."] = DEFAULT_NETWORK
    balance_id: Annotated[
        int | None, KeyOf("Balance"), "The balance to top up; by default the caller's own."
    ] = None


async def create(
    ctx: Context,
    *,
    input: NewTopUp,
    idempotency_key: str | None = None,
) -> int:
    """Announce a top-up; money of just this amount on this network within an hour is credited.

    One wallet a network serves everybody and amounts tell the senders apart. So an amount that
    could be confused with another announced lately is raised by a few cents: ``amount`` of the
    answer is what must be sent.
    """
    viewer = ctx.require("topup:create")
    address = ctx.services.chain.wallet(input.network)
    if address is None:
        raise Invalid("no such network", field=("input", "network"))
    if not LEAST <= input.amount <= MOST:
        raise Invalid("a top-up is between 1 and 100000 USDT", field=("input", "amount"))
    call = {"amount": input.amount, "network": input.network, "balance": input.balance_id}
    now, figures = ctx.services.clock(), ctx.services.wholesale
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, "createTopUp", idempotency_key, call)
        if kept is not None:
            return kept["topUp"]
        account = await payer(tx, viewer, ledger.USDT, input.balance_id)
        await _serialise(ctx, tx, input.network)
        since = now - timedelta(seconds=figures.topup_record_lifetime)
        amount = await _free_amount(tx, input.network, input.amount, since)
        topup = TopUp(
            organization_id=viewer.organization_id,
            store_id=await _store(tx, viewer),
            api_key_id=account.api_key_id,
            account_id=account.id,
            network=input.network,
            address=address,
            requested_amount=input.amount,
            amount=amount,
            expires_at=now + timedelta(seconds=figures.topup_lifetime),
            created_at=now,
        )
        tx.add(topup)
        await tx.flush()
        await idempotency.keep(ctx, tx, "createTopUp", idempotency_key, {"topUp": topup.id})
        return topup.id


async def _store(tx: AsyncSession, viewer: Viewer) -> int:
    """The wholesale store that a top-up is for: the viewer's, or the organization's first."""
    found = (
        visible(viewer, models.Store)
        .with_only_columns(models.Store.id)
        .order_by(models.Store.wholesale.desc(), models.Store.id)
        .limit(1)
    )
    store_id = await tx.scalar(found)
    if store_id is None:
        raise NotFound("store")
    return store_id


async def _serialise(ctx: Context, tx: AsyncSession, network: str) -> None:
    """Let one caller at a time choose an amount on a network (SQLite writes in turn anyway)."""
    if not ctx.services.database.is_sqlite:
        lock = crc32(f"top_up:{network}".encode())
        await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})


async def _free_amount(tx: AsyncSession, network: str, wanted: int, since: datetime) -> int:
    """The nearest amount upwards that no top-up of late could be confused with."""
    taken = (
        await tx.scalars(
            select(TopUp.amount).where(
                TopUp.network == network,
                TopUp.created_at >= since,
                TopUp.status.in_((TopUpStatus.PENDING, TopUpStatus.EXPIRED)),
                TopUp.amount > wanted - SPACING,
            )
        )
    ).all()
    amount = wanted
    for other in sorted(taken):
        if abs(other - amount) < SPACING:
            amount = other + SPACING
    return amount


# Deposits


async def scan(services: Services) -> int:
    """Look for deposits, credit those that match a top-up; returns how many were new.

    Then expire what nobody paid. A chain that cannot be read expires nothing.
    """
    now = services.clock()
    since = now - timedelta(seconds=services.wholesale.topup_record_lifetime)
    gateway, new = Context(services), 0
    for deposit in sorted(await services.chain.deposits(since), key=lambda seen: seen.seen_at):
        known = select(models.Deposit.id).where(
            models.Deposit.network == deposit.network,
            models.Deposit.transaction_hash == deposit.transaction_hash,
        )
        if not await gateway.rows(known):
            new += await _record(gateway, deposit)
    await _expire(gateway, now)
    return new


async def _record(gateway: Context, seen: ChainDeposit) -> bool:
    async with gateway.transaction() as tx:
        await _serialise(gateway, tx, seen.network)
        match = await _match(tx, seen)
        organization_id = match.organization_id if match else await _owner(tx, seen)
        if organization_id is None:
            log.warning("deposit_of_nobody", network=seen.network, hash=seen.transaction_hash)
            return False
        known = select(models.Deposit.id).where(
            models.Deposit.network == seen.network,
            models.Deposit.transaction_hash == seen.transaction_hash,
        )
        if await tx.scalar(known) is not None:
            return False
        deposit = models.Deposit(
            organization_id=organization_id,
            network=seen.network,
            transaction_hash=seen.transaction_hash,
            address=seen.address,
            amount=seen.amount,
            seen_at=seen.seen_at,
        )
        tx.add(deposit)
        await tx.flush()
        if match is not None:
            system = gateway.as_system(organization_id)
            await settle(system, tx, deposit, match, TopUpStatus.CREDITED_AUTO)
    return True


async def _match(tx: AsyncSession, seen: ChainDeposit) -> TopUp | None:
    """The top-up that was open when the money came, of that amount give or take a cent."""
    found = (
        select(TopUp)
        .where(
            TopUp.network == seen.network,
            TopUp.status == TopUpStatus.PENDING,
            TopUp.amount.between(seen.amount - TOLERANCE, seen.amount + TOLERANCE),
            TopUp.created_at <= seen.seen_at,
            TopUp.expires_at >= seen.seen_at,
        )
        .with_for_update()
    )
    matching = (await tx.scalars(found)).all()
    return matching[0] if len(matching) == 1 else None


async def _owner(tx: AsyncSession, seen: ChainDeposit) -> int | None:
    """Whose admins shall look after a deposit that matches nothing: the nearest guess."""
    near = (
        select(TopUp.organization_id)
        .where(TopUp.network == seen.network)
        .order_by(func.abs(TopUp.amount - seen.amount), TopUp.id.desc())
        .limit(1)
    )
    seller = select(models.Store.organization_id).where(models.Store.wholesale.is_(True))
    return await tx.scalar(near) or await tx.scalar(seller.order_by(models.Store.id).limit(1))


async def settle(
    ctx: Context,
    tx: AsyncSession,
    deposit: models.Deposit,
    topup: TopUp,
    status: TopUpStatus,
) -> None:
    """Credit a deposit to the balance of a top-up; found automatically, its announced amount."""
    account = await tx.get_one(models.Account, topup.account_id)
    amount = topup.amount if status is TopUpStatus.CREDITED_AUTO else deposit.amount
    deposit.transfer_id = await move(tx, deposit, account, amount)
    deposit.top_up_id = topup.id
    topup.status, topup.credited_at = status, ctx.services.clock()
    audit.write(
        tx, ctx.require(), "topup_credited", ("api_key", topup.api_key_id),
        top_up=str(topup.uuid), amount=amount, network=topup.network,
    )  # fmt: skip


async def move(
    tx: AsyncSession, deposit: models.Deposit, account: models.Account, amount: int
) -> int:
    """Move a deposit's money to a balance, once; returns the transfer's key."""
    owner = ledger.Owner(account.organization_id)
    outside = await ledger.account(tx, owner, account.unit, AccountRole.DEPOSITS)
    moved = await ledger.transfer(
        tx,
        kind=TransferKind.TOP_UP,
        reference=f"deposit:{deposit.network}:{deposit.transaction_hash}",
        debit=outside,
        credit=account,
        amount=amount,
    )
    return moved.id


async def _expire(gateway: Context, now: datetime) -> None:
    late = select(TopUp.id).where(TopUp.status == TopUpStatus.PENDING, TopUp.expires_at < now)
    if not (rows := await gateway.rows(late)):
        return
    async with gateway.transaction() as tx:
        found = select(TopUp).where(
            TopUp.id.in_([row.id for row in rows]), TopUp.status == TopUpStatus.PENDING
        )
        for topup in (await tx.scalars(found.with_for_update())).all():
            topup.status = TopUpStatus.EXPIRED


def parse_uuid(text: str) -> UUID | None:
    """A UUID in any of its spellings, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
