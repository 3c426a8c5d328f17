"""Deposits seen on a chain, and those that an admin credits by hand."""

from dataclasses import dataclass
from typing import Annotated, Any

from db.models import Account, AccountRole, Deposit, TopUp, TopUpStatus
from resolvers import audit, topups
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.keys import KeyOf
from resolvers.reads import one, page, sorts
from resolvers.viewer import visible

SORTS = sorts("DepositSort", default="id_desc", id=Deposit.id, amount=Deposit.amount)


@one(Deposit, by=Deposit.id, permission="balance:adjust")
def by_id(deposits: Any) -> Any:
    return deposits


@page(Deposit, sorts=SORTS, permission="balance:adjust")
def listing(
    deposits: Any,
    *,
    credited: Annotated[bool | None, "Those that reached a balance only, or others only."] = None,
) -> Any:
    if credited is None:
        return deposits
    done = Deposit.transfer_id.is_not(None)
    return deposits.where(done if credited else ~done)


@dataclass(frozen=True, kw_only=True)
class DepositCredit:
    """Where a deposit that matched nothing belongs: a top-up, or a balance."""

    deposit_id: Annotated[int, KeyOf("Deposit"), "The deposit."]
    top_up_id: Annotated[int | None, KeyOf("TopUp"), "The top-up that it was meant for."] = None
    balance_id: Annotated[int | None, KeyOf("Balance"), "Or the balance that it is for."] = None


async def credit(ctx: Context, *, input: DepositCredit) -> int:
    """Credit a deposit by hand, whole. Raises ``Conflict`` where it was credited already."""
    viewer = ctx.require("balance:adjust")
    if (input.top_up_id is None) == (input.balance_id is None):
        raise Invalid("name a top-up or a balance", field=("input", "topUpId"))
    async with ctx.transaction() as tx:
        found = visible(viewer, Deposit).where(Deposit.id == input.deposit_id).with_for_update()
        deposit = (await tx.scalars(found)).one_or_none()
        if deposit is None:
            raise NotFound("deposit", field=("input", "depositId"))
        if deposit.transfer_id is not None:
            raise Conflict("this deposit was credited already")
        if input.top_up_id is not None:
            wanted = visible(viewer, TopUp).where(TopUp.id == input.top_up_id).with_for_update()
            topup = (await tx.scalars(wanted)).one_or_none()
            if topup is None:
                raise NotFound("top-up", field=("input", "topUpId"))
            if topup.status in (TopUpStatus.CREDITED_AUTO, TopUpStatus.CREDITED_MANUAL):
                raise Conflict("this top-up was credited already")
            await topups.settle(ctx, tx, deposit, topup, TopUpStatus.CREDITED_MANUAL)
        else:
            balance = visible(viewer, Account).where(
                Account.id == input.balance_id, Account.role == AccountRole.BALANCE
            )
            account = (await tx.scalars(balance)).one_or_none()
            if account is None:
                raise NotFound("balance", field=("input", "balanceId"))
            deposit.transfer_id = await topups.move(tx, deposit, account, deposit.amount)
            audit.write(
                tx, viewer, "credit", ("api_key", account.api_key_id),
                deposit_id=deposit.id, amount=deposit.amount,
            )  # fmt: skip
    return input.deposit_id
