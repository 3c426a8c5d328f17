"""Paying by card: accounts that money goes to, checkout sessions, disputes."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Edited, Keyed, Tenant, statuses
from db.models.stores import InStore
from db.uuid7 import uuid7


class CheckoutStatus(StrEnum):
    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class ConnectedAccount(Keyed, Tenant, Edited, Base, kw_only=True):
    """An organization's own account with a payment service, where its buyers' money goes.

    ``reference`` is the service's name of it (``acct_…``).
    """

    __tablename__ = "connected_account"
    __table_args__ = (
        UniqueConstraint("organization_id", "provider"),
        UniqueConstraint("provider", "reference"),
    )

    provider: Mapped[str]
    reference: Mapped[str]
    charges_enabled: Mapped[bool] = mapped_column(default=False)
    payouts_enabled: Mapped[bool] = mapped_column(default=False)
    details_submitted: Mapped[bool] = mapped_column(default=False)


class CheckoutSession(Keyed, InStore, Edited, Base, kw_only=True):
    """A page on which one buyer may pay one order, for as long as its goods are kept for them.

    It is written down before the payment service knows of it: without a ``reference`` the service
    has not answered (yet). ``account`` is the connected account's reference, ``fee`` the platform's
    part of ``amount`` (micro-units), ``payment_reference`` the payment that came of it (``pi_…``).
    """

    __tablename__ = "checkout_session"
    __table_args__ = (
        UniqueConstraint("provider", "reference"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("fee >= 0 AND fee <= amount", name="fee"),
        Index("ix_checkout_session_open", "status", "expires_at"),
        Index("ix_checkout_session_payment", "provider", "payment_reference"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    provider: Mapped[str]
    account: Mapped[str | None] = mapped_column(default=None)
    reference: Mapped[str | None] = mapped_column(default=None)
    url: Mapped[str | None] = mapped_column(default=None)
    amount: Mapped[int]
    fee: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    success_url: Mapped[str]
    cancel_url: Mapped[str]
    status: Mapped[CheckoutStatus] = mapped_column(
        statuses(CheckoutStatus, name="status"), default=CheckoutStatus.OPEN
    )
    expires_at: Mapped[datetime]
    payment_reference: Mapped[str | None] = mapped_column(default=None)


class Dispute(Keyed, InStore, Edited, Base, kw_only=True):
    """A buyer's bank asks for money back (a chargeback). ``status`` is in the service's words."""

    __tablename__ = "dispute"
    __table_args__ = (
        UniqueConstraint("provider", "reference"),
        CheckConstraint("amount >= 0", name="amount"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    provider: Mapped[str]
    reference: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str | None] = mapped_column(default=None)
    status: Mapped[str]


class ProviderEvent(Keyed, Base, kw_only=True):
    """A message of a payment service that was acted upon: the same one again changes nothing."""

    __tablename__ = "provider_event"
    __table_args__ = (UniqueConstraint("provider", "reference"),)

    provider: Mapped[str]
    reference: Mapped[str]
    topic: Mapped[str]


class SimulatedCheckout(Keyed, Edited, Base, kw_only=True):
    """A checkout session of the embedded payment service. No real money moves.

    ``details`` is what its page shows; ``buyer`` what the person who pressed Pay has typed;
    ``refunds`` holds {reference, amount, key} of each.
    """

    __tablename__ = "simulated_checkout"

    reference: Mapped[str] = mapped_column(unique=True)
    amount: Mapped[int]
    currency: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    success_url: Mapped[str]
    cancel_url: Mapped[str]
    status: Mapped[CheckoutStatus] = mapped_column(
        statuses(CheckoutStatus, name="status"), default=CheckoutStatus.OPEN
    )
    expires_at: Mapped[datetime]
    payment_reference: Mapped[str | None] = mapped_column(unique=True, default=None)
    refunds: Mapped[list[Any]] = mapped_column(default_factory=list[Any])
    buyer: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
