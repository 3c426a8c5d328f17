"""The ledger: accounts, transfers between them, and money announced from outside."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Edited, Keyed, Tenant, statuses
from db.models.stores import InStore
from db.uuid7 import uuid7


class AccountRole(StrEnum):
    """BALANCE is somebody's money; the others are where it comes from and goes to."""

    BALANCE = "balance"
    DEPOSITS = "deposits"
    SALES = "sales"
    ADJUSTMENTS = "adjustments"
    FEES = "fees"


class TransferKind(StrEnum):
    TOP_UP = "top_up"
    PURCHASE = "purchase"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    PAYMENT = "payment"
    FEE = "fee"


class Account(Keyed, Tenant, Edited, Base, kw_only=True):
    """An account in one unit. ``owner`` tells the accounts of a role apart: ``key:7``, ``org``.

    ``balance`` (micro-units) is the sum of the account's entries, written with them. Somebody's
    balance is never negative; over all accounts of a unit the sum is zero.
    """

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("organization_id", "role", "owner", "unit"),
        CheckConstraint("role <> 'balance' OR balance >= 0", name="balance_is_never_negative"),
    )

    api_key_id: Mapped[int | None] = mapped_column(
        ForeignKey("api_key.id"), index=True, default=None
    )
    role: Mapped[AccountRole] = mapped_column(statuses(AccountRole, name="role"))
    owner: Mapped[str]
    unit: Mapped[str]
    balance: Mapped[int] = mapped_column(default=0)


class Transfer(Keyed, Tenant, Base, kw_only=True):
    """Micro-units moved from one account to another; never changed, never deleted.

    ``reference`` is unique: the same debit, refund or credit cannot happen twice. A refund names
    the transfer that it gives back (``reverses_id``).
    """

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
    )

    kind: Mapped[TransferKind] = mapped_column(statuses(TransferKind, name="kind"))
    reference: Mapped[str] = mapped_column(unique=True)
    debit_account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    credit_account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    amount: Mapped[int]
    unit: Mapped[str]
    order_id: Mapped[int | None] = mapped_column(
        ForeignKey("orders.id", use_alter=True, name="fk_transfer_order_id"),
        index=True,
        default=None,
    )
    reverses_id: Mapped[int | None] = mapped_column(
        ForeignKey("transfer.id"), index=True, default=None
    )
    memo: Mapped[str | None] = mapped_column(default=None)


class LedgerEntry(Keyed, Tenant, Base, kw_only=True):
    """One side of a transfer as its account sees it: ``amount`` is negative for a debit."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        UniqueConstraint("transfer_id", "account_id"),
        CheckConstraint("amount <> 0", name="amount"),
        Index("ix_ledger_entry_account", "account_id", "id"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfer.id"))
    kind: Mapped[TransferKind] = mapped_column(statuses(TransferKind, name="kind"))
    amount: Mapped[int]
    balance_after: Mapped[int]
    unit: Mapped[str]


class TopUpStatus(StrEnum):
    PENDING = "pending"
    CREDITED_AUTO = "credited_auto"
    CREDITED_MANUAL = "credited_manual"
    EXPIRED = "expired"


class TopUp(Keyed, InStore, Edited, Base, kw_only=True):
    """Money that somebody said they would send. Found again by network and exact ``amount``."""

    __tablename__ = "top_up"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_top_up_open", "status", "network", "expires_at"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    api_key_id: Mapped[int | None] = mapped_column(
        ForeignKey("api_key.id"), index=True, default=None
    )
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    network: Mapped[str]
    address: Mapped[str]
    requested_amount: Mapped[int]
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(default="USDT")
    status: Mapped[TopUpStatus] = mapped_column(
        statuses(TopUpStatus, name="status"), default=TopUpStatus.PENDING
    )
    expires_at: Mapped[datetime]
    credited_at: Mapped[datetime | None] = mapped_column(default=None)


class Deposit(Keyed, Tenant, Base, kw_only=True):
    """A transfer seen on a chain. Unmatched ones wait for an admin's manual credit."""

    __tablename__ = "deposit"
    __table_args__ = (
        UniqueConstraint("network", "transaction_hash"),
        CheckConstraint("amount > 0", name="amount"),
    )

    network: Mapped[str]
    transaction_hash: Mapped[str]
    address: Mapped[str]
    amount: Mapped[int]
    seen_at: Mapped[datetime]
    top_up_id: Mapped[int | None] = mapped_column(
        ForeignKey("top_up.id"), unique=True, default=None
    )
    transfer_id: Mapped[int | None] = mapped_column(
        ForeignKey("transfer.id"), unique=True, default=None
    )


class ChainTransfer(Keyed, Base, kw_only=True):
    """What the simulated chain of the embedded default has recorded. No real money moves."""

    __tablename__ = "simulated_chain_transfer"

    network: Mapped[str] = mapped_column(index=True)
    transaction_hash: Mapped[str] = mapped_column(unique=True)
    address: Mapped[str]
    amount: Mapped[int]
