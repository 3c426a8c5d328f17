"""The embedded payment service: pages of the gateway itself, on which no money moves."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from db.base import now
from db.engine import Database
from db.models import CheckoutStatus, SimulatedCheckout
from resolvers.errors import Conflict, Invalid, NotFound, Unauthenticated
from resolvers.payment_service import (
    AccountState,
    Buyer,
    Notice,
    OpenedSession,
    PaymentState,
    RefundOutcome,
    RefundState,
    SessionState,
    SessionToOpen,
)
from resolvers.services import Clock
from resolvers.vault import Vault

NAME = "simulated"
PAGE = "/checkout/demo/{reference}"
ACCOUNT_PAGE = "/checkout/demo-account"
ADDRESS_MARK = "demo onboarding"


class SimulatedPayments:
    """Implements ``resolvers.payment_service.PaymentService`` in a table.

    Every organization has an account there that may take payments. References say that they are
    of a demo; nobody can guess them.
    """

    name = NAME

    def __init__(
        self, database: Database, vault: Vault, *, public_url: str, clock: Clock = now
    ) -> None:
        """``public_url`` is where the gateway's pages are found, without a slash at the end."""
        self._database = database
        self._vault = vault
        self._public_url = public_url
        self.clock = clock

    def own_account(self, organization_id: int) -> AccountState | None:
        return _account(f"acct_demo_{organization_id}")

    async def create_account(self, organization_id: int, name: str) -> AccountState:
        return _account(f"acct_demo_{organization_id}")

    async def account(self, reference: str) -> AccountState:
        return _account(reference)

    async def onboarding_url(self, reference: str, *, return_url: str, refresh_url: str) -> str:
        """A page that says that there is nothing to do, and leads back."""
        mark = self._vault.mark(ADDRESS_MARK, return_url).hex()
        query = urlencode({"back": return_url, "mark": mark})
        return f"{self._public_url}{ACCOUNT_PAGE}?{query}"

    async def open_session(self, wanted: SessionToOpen) -> OpenedSession:
        mark = self._vault.mark("demo checkout", str(wanted.uuid)).hex()[:40]
        reference = f"cs_demo_{mark}"
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        at = self.clock()
        made = insert(SimulatedCheckout).values(
            reference=reference,
            amount=wanted.amount,
            currency=wanted.currency,
            details={
                "uuid": str(wanted.uuid),
                "seller": wanted.seller,
                "title": wanted.title,
                "quantity": wanted.quantity,
                "unit_price": wanted.unit_price,
                "shipped": wanted.shipped,
            },
            success_url=wanted.success_url.replace("{CHECKOUT_SESSION_ID}", reference),
            cancel_url=wanted.cancel_url,
            status=CheckoutStatus.OPEN,
            expires_at=wanted.expires_at,
            payment_reference=None,
            refunds=[],
            buyer={},
            version=1,
            created_at=at,
            updated_at=at,
        )
        async with self._database.write() as tx:
            await tx.execute(made.on_conflict_do_nothing())
        return OpenedSession(reference, self._public_url + PAGE.format(reference=reference))

    async def session(self, reference: str, account: str) -> SessionState:
        row = await self.checkout(reference)
        return SessionState(
            reference=row.reference,
            uuid=UUID(row.details["uuid"]),
            status=row.status,
            amount=row.amount,
            currency=row.currency,
            payment=_payment(row),
            buyer=Buyer(**row.buyer),
        )

    async def checkout(self, reference: str) -> SimulatedCheckout:
        """A session as its page shows it. Raises ``NotFound``."""
        async with self._database.write() as tx:
            return await self._locked(tx, SimulatedCheckout.reference == reference)

    async def pay(self, reference: str, buyer: Mapping[str, str | None]) -> SimulatedCheckout:
        """What pressing the button does. Raises ``NotFound``, ``Conflict`` for one that has ended.

        ``buyer`` has the fields of ``Buyer``.
        """
        async with self._database.write() as tx:
            row = await self._locked(tx, SimulatedCheckout.reference == reference)
            if row.status is CheckoutStatus.OPEN:
                row.status = CheckoutStatus.COMPLETE
                row.payment_reference = reference.replace("cs_demo_", "pi_demo_", 1)
                row.buyer = {name: text for name, text in buyer.items() if text}
                return row
            ended = row.status
        raise Conflict(
            "this was paid already" if ended is CheckoutStatus.COMPLETE else "this has expired"
        )

    async def expire_session(self, reference: str, account: str) -> None:
        async with self._database.write() as tx:
            row = await self._locked(tx, SimulatedCheckout.reference == reference)
            if row.status is CheckoutStatus.OPEN:
                row.status = CheckoutStatus.EXPIRED

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
        async with self._database.write() as tx:
            row = await self._locked(tx, SimulatedCheckout.payment_reference == payment)
            made = next((each for each in row.refunds if each["key"] == str(uuid)), None)
            if made is None:
                if sum(each["amount"] for each in row.refunds) + amount > row.amount:
                    raise Invalid("more than is left of the payment")
                made = {
                    "reference": f"re_demo_{uuid.hex}",
                    "amount": amount,
                    "key": str(uuid),
                }
                row.refunds = [*row.refunds, made]
        return _refund(made)

    async def return_fee(
        self, payment: PaymentState, *, key: str, amount: int, currency: str
    ) -> None:
        """Its fees are in the gateway's own books only."""

    async def session_of_payment(self, payment: str, account: str) -> UUID | None:
        found = select(SimulatedCheckout).where(SimulatedCheckout.payment_reference == payment)
        async with self._database.write() as tx:
            row = (await tx.scalars(found)).one_or_none()
        return None if row is None else UUID(row.details["uuid"])

    def notice(self, body: bytes, signature: str | None) -> Notice | None:
        raise Unauthenticated("no payment service that sends messages is configured")

    async def _locked(self, tx: AsyncSession, condition: Any) -> SimulatedCheckout:
        """The session, which expires here at the latest when somebody looks at it after its end."""
        found = select(SimulatedCheckout).where(condition).with_for_update()
        row = (await tx.scalars(found)).one_or_none()
        if row is None:
            raise NotFound("checkout session")
        if row.status is CheckoutStatus.OPEN and row.expires_at <= self.clock():
            row.status = CheckoutStatus.EXPIRED
            await tx.flush()
        return row


def _account(reference: str) -> AccountState:
    return AccountState(
        reference, charges_enabled=True, payouts_enabled=True, details_submitted=True
    )


def _payment(row: SimulatedCheckout) -> PaymentState | None:
    if row.payment_reference is None:
        return None
    return PaymentState(
        reference=row.payment_reference,
        card_brand="demo",
        refunds=[_refund(each) for each in row.refunds],
    )


def _refund(made: Mapping[str, Any]) -> RefundState:
    return RefundState(
        reference=made["reference"],
        amount=made["amount"],
        outcome=RefundOutcome.ARRIVED,
        uuid=UUID(made["key"]),
    )
