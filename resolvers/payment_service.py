"""The payment service that takes cards for sellers: what the store asks of it, and is told by it.

Amounts are micro-units here; what a service counts in is its client's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, cast
from uuid import UUID

from db.models import CheckoutStatus
from resolvers.errors import Unavailable


@dataclass(frozen=True, slots=True)
class AccountState:
    """A seller's account with the service, and what it may do by now."""

    reference: str
    charges_enabled: bool
    payouts_enabled: bool
    details_submitted: bool


@dataclass(frozen=True, slots=True)
class SessionToOpen:
    """A page on which one buyer may pay once. ``uuid`` is ours, and makes it happen once.

    ``account`` receives the money, less ``fee``, which is the platform's.
    """

    uuid: UUID
    account: str
    title: str
    quantity: int
    unit_price: int
    amount: int
    fee: int
    currency: str
    shipped: bool
    seller: str
    success_url: str
    cancel_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedSession:
    reference: str
    url: str


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who paid, and where the goods go, as they said themselves."""

    email: str | None = None
    name: str | None = None
    phone: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class RefundOutcome(StrEnum):
    PENDING = "pending"
    ARRIVED = "arrived"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefundState:
    """``uuid`` is that of our refund; without one it was made at the service itself."""

    reference: str
    amount: int
    outcome: RefundOutcome
    uuid: UUID | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeState:
    """``status`` and ``reason`` in the service's words."""

    reference: str
    amount: int
    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentState:
    """Money that has come. Refunds are in the order in which they were made.

    ``fee_reference`` names the platform's part at the service, ``fee_returned`` is what of it has
    gone back to the seller.
    """

    reference: str
    card_brand: str | None = None
    card_last4: str | None = None
    fee_reference: str | None = None
    fee_returned: int = 0
    refunds: Sequence[RefundState] = ()
    disputes: Sequence[DisputeState] = ()


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session as it is now.

    COMPLETE with a payment is paid. OPEN may still become anything, also where the buyer has done
    their part and the money is on its way. EXPIRED will never be paid.
    """

    reference: str
    uuid: UUID | None
    status: CheckoutStatus
    amount: int
    currency: str
    payment: PaymentState | None = None
    buyer: Buyer = field(default_factory=Buyer)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message of the service whose signature is right: something has happened, go and look.

    ``account`` is the seller's account in which it has happened.
    """

    reference: str
    topic: str
    account: str | None = None
    session_uuid: UUID | None = None
    session: str | None = None
    payment: str | None = None


class PaymentService(Protocol):
    """Takes cards for sellers.

    Each method raises ``Unavailable`` where the service cannot be reached: nobody knows then
    whether it has acted. ``Invalid`` is its final refusal.
    """

    @property
    def name(self) -> str: ...

    def own_account(self, organization_id: int) -> AccountState | None:
        """The account that an organization has without doing anything; None where it has none."""
        ...

    async def create_account(self, organization_id: int, name: str) -> AccountState:
        """Once for each organization, however often it is asked."""
        ...

    async def account(self, reference: str) -> AccountState: ...

    async def onboarding_url(self, reference: str, *, return_url: str, refresh_url: str) -> str:
        """Where the seller says who they are. It is good for minutes, and once."""
        ...

    async def open_session(self, wanted: SessionToOpen) -> OpenedSession:
        """Once for each ``uuid``, however often it is asked."""
        ...

    async def session(self, reference: str, account: str) -> SessionState: ...

    async def expire_session(self, reference: str, account: str) -> None:
        """Let nobody pay there any more. One that has ended already stays as it is."""
        ...

    async def refund(
        self,
        payment: str,
        account: str,
        *,
        uuid: UUID,
        amount: int,
        currency: str,
        with_fee: bool,
    ) -> RefundState:
        """Give money back, once for each ``uuid``; ``with_fee`` also the platform's part of it."""
        ...

    async def return_fee(
        self, payment: PaymentState, *, key: str, amount: int, currency: str
    ) -> None:
        """Give the seller ``amount`` of the platform's part back, once for each ``key``."""
        ...

    async def session_of_payment(self, payment: str, account: str) -> UUID | None:
        """Our session that a payment came of; None where it is not one of ours."""
        ...

    def notice(self, body: bytes, signature: str | None) -> Notice | None:
        """What a message says; None where it says nothing of interest.

        Raises ``Unauthenticated`` for one that is not the service's, or too old, ``Malformed``.
        """
        ...


class _NoPayments:
    """Where nobody has configured a service: who asks is told so."""

    name = "none"

    def __getattr__(self, _: str) -> Any:
        raise Unavailable("no payment service is configured in this process")


def no_payments() -> PaymentService:
    """What stands in for a service in processes that have none."""
    return cast("PaymentService", _NoPayments())
