"""Balances, their ledger, top-ups and deposits in GraphQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from db import models
from resolvers import api_keys, balances, deposits, orders, topups
from resolvers.context import Context
from schema.arguments import graphql_enum
from schema.payloads import UserError, errors_field, mutation
from schema.relations import (
    Connection,
    Node,
    batched,
    computed,
    connection,
    lookup,
    noun,
    plain,
    relation,
)
from schema.relations import amount as sum_of  # ``amount`` is a field here
from schema.scalars import Money, exactly, money

if TYPE_CHECKING:
    from schema.api_keys import ApiKey
    from schema.orders import Order

graphql_enum(models.TransferKind)
graphql_enum(models.TopUpStatus)
_A, _E, _T, _U = models.Account, models.LedgerEntry, models.Transfer, models.TopUp
_X = models.Deposit


@strawberry.type(description="Sums over a balance's history.")
class BalanceTotals:
    topped_up: Money = strawberry.field(description="All that came in, corrections included.")
    spent: Money = strawberry.field(description="All that was spent, net of refunds.")
    refunded: Money = strawberry.field(description="All that came back from purchases.")


async def _totals(ctx: Context, accounts: Sequence[tuple[Any, ...]]) -> list[BalanceTotals]:
    found = await balances.totals_of(ctx, [key for key, _ in accounts])
    return [
        BalanceTotals(
            topped_up=exactly(totals.topped_up, unit),
            spent=exactly(totals.spent, unit),
            refunded=exactly(totals.refunded, unit),
        )
        for totals, (_, unit) in zip(found, accounts, strict=True)
    ]


@noun(
    models.Transfer,
    balances.transfer_by_id,
    "Money moved between two accounts; it never changes, a refund is another transfer.",
)
class Transfer(Node):
    kind: models.TransferKind = plain("Why money moved.")
    amount: Money = sum_of(_T.amount, _T.unit, "How much.")
    reference: str = plain("Unique: the same thing cannot move money twice.")
    memo: str | None = plain("Remark for the books.")
    created_at: datetime = plain("When it happened.")
    order: Annotated["Order", strawberry.lazy("schema.orders")] | None = relation(
        orders.by_id, to="Order", on=_T.order_id, about="The order it was for."
    )
    reverses: Annotated["Transfer", strawberry.lazy("schema.balances")] | None = relation(
        balances.transfer_by_id, to="Transfer", on=_T.reverses_id, about="What it gives back."
    )


@noun(models.LedgerEntry, balances.entry_by_id, "One movement of a balance.")
class LedgerEntry(Node):
    kind: models.TransferKind = plain("Why the balance moved.")
    amount: Money = sum_of(_E.amount, _E.unit, "What was added; negative for what was taken.")
    balance_after: Money = sum_of(_E.balance_after, _E.unit, "The balance after it.")
    created_at: datetime = plain("When it happened.")
    transfer: Transfer | None = relation(
        balances.transfer_by_id, to="Transfer", on=_E.transfer_id, about="The movement whole."
    )
    balance: Annotated["Balance", strawberry.lazy("schema.balances")] | None = relation(
        balances.by_id, to="Balance", on=_E.account_id, about="The balance that moved."
    )


@noun(models.TopUp, topups.by_id, "Money that somebody said they would send.")
class TopUp(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    network: str = plain("Where it is to be sent.")
    address: str = plain("The wallet it is to be sent to.")
    amount: Money = sum_of(_U.amount, _U.currency, "Send exactly this: it tells senders apart.")
    requested_amount: Money = sum_of(_U.requested_amount, _U.currency, "What was asked for.")
    status: models.TopUpStatus = plain("Whether it has come.")
    expires_at: datetime = plain("Money that comes later is credited by hand.")
    credited_at: datetime | None = plain("When it was credited.")
    created_at: datetime = plain("When it was announced.")
    balance: Annotated["Balance", strawberry.lazy("schema.balances")] | None = relation(
        balances.by_id, to="Balance", on=_U.account_id, about="The balance it is for."
    )


@noun(models.Deposit, deposits.by_id, "Money seen on a chain.")
class Deposit(Node):
    network: str = plain("On which network.")
    transaction_hash: str = plain("The chain's name for it.")
    address: str = plain("The wallet that received it.")
    amount: Money = computed(lambda amount: money(amount, "USDT"), _X.amount, about="How much.")
    seen_at: datetime = plain("When the chain confirmed it.")
    top_up: TopUp | None = relation(
        topups.by_id, to="TopUp", on=_X.top_up_id, about="The top-up that it pays."
    )
    is_credited: bool = computed(
        lambda transfer_id: transfer_id is not None,
        _X.transfer_id,
        about="Whether it was credited.",
    )


@noun(models.Account, balances.by_id, "Prepaid money in one unit.", name="Balance")
class Balance(Node):
    unit: str = plain("What it is counted in: USDT, ...")
    balance: Money = sum_of(_A.balance, _A.unit, "What is there now; never negative.")
    totals: BalanceTotals = batched(_totals, _A.id, _A.unit, about="Sums over its history.")
    created_at: datetime = plain("When it was opened.")
    updated_at: datetime = plain("When it last moved.")
    api_key: Annotated["ApiKey", strawberry.lazy("schema.api_keys")] | None = relation(
        api_keys.by_id,
        to="ApiKey",
        on=_A.api_key_id,
        about="The key whose balance it is; null for the organization's own.",
    )
    entries: Connection[LedgerEntry] = connection(
        balances.entries_of_accounts, to="LedgerEntry", on=_A.id, about="Its history."
    )
    top_ups: Connection[TopUp] = connection(
        topups.of_accounts, to="TopUp", on=_A.id, about="Announced top-ups."
    )


@strawberry.type(description="What a change of a balance came to.")
class BalancePayload:
    balance: Balance | None = relation(balances.by_id, to="Balance", about="The balance now.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What announcing a top-up came to.")
class TopUpPayload:
    top_up: TopUp | None = relation(topups.by_id, to="TopUp", about="What to send, and where.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What crediting a deposit came to.")
class DepositPayload:
    deposit: Deposit | None = relation(deposits.by_id, to="Deposit", about="The deposit now.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What can be asked about balances.")
class BalanceQuery:
    balance: Balance | None = lookup(balances.by_id, to="Balance", about="A balance by id.")
    balances: Connection[Balance] = connection(
        balances.listing, to="Balance", about="Balances that you may see."
    )
    top_up: TopUp | None = lookup(topups.by_id, to="TopUp", about="A top-up by id.")
    top_ups: Connection[TopUp] = connection(
        topups.listing, to="TopUp", about="Announced top-ups that you may see."
    )
    deposits: Connection[Deposit] = connection(
        deposits.listing, to="Deposit", about="Money seen on chains, for those who credit by hand."
    )


@strawberry.type(description="What can be done about balances.")
class BalanceMutation:
    create_top_up: TopUpPayload = mutation(
        topups.create, "Announce money; sent exactly so within an hour, it is credited by itself."
    )
    adjust_balance: BalancePayload = mutation(balances.adjust, "Correct a balance by hand.")
    credit_deposit: DepositPayload = mutation(
        deposits.credit, "Credit money that matched no top-up."
    )
