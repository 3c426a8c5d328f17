"""Stripe: checkout sessions on sellers' own accounts (Connect Express, direct charges)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import aiohttp
import orjson
import stripe
import structlog
from stripe import StripeClient

from db.models import CheckoutStatus
from resolvers import countries, currencies
from resolvers.errors import Invalid, Malformed, StoreError, Unauthenticated, Unavailable
from resolvers.money import MICRO
from resolvers.payment_service import (
    AccountState,
    Buyer,
    DisputeState,
    Notice,
    OpenedSession,
    PaymentState,
    RefundOutcome,
    RefundState,
    SessionState,
    SessionToOpen,
)

log = structlog.get_logger()
NAME = "stripe"
TIMEOUT = 20.0
RETRIES = 2
TOLERANCE = 300
"""Seconds for which a message may have been under way."""
LONGEST_TITLE = 250
PAGE = 100
# Two of the currencies without decimals are written with two, for old times' sake.
WITHOUT_DECIMALS = currencies.WHOLE - {"ISK", "UGX"}
TOPICS = (
    "account.updated",
    "charge.",
    "checkout.session.",
    "payment_intent.",
    "refund.",
)
NOWHERE = frozenset(
    {
        "AS", "CC", "CU", "CX", "FM", "HM", "IR", "KP", "MH", "MP", "NF", "PW", "SY", "UM",
        "VI",
    }
)  # fmt: skip
"""Countries that Stripe takes no addresses in."""
FAILED = ("failed", "canceled")
GONE = ("account_invalid", "account_closed", "platform_account_required")


def to_minor(amount: int, currency: str) -> int:
    """Micro-units in the units that Stripe counts in. Raises ``Invalid`` for what lies between."""
    units, rest = divmod(amount * _per_unit(currency), MICRO)
    if rest:
        raise Invalid(f"{currency} has no such small amounts")
    return units


def from_minor(units: int, currency: str) -> int:
    return units * MICRO // _per_unit(currency)


def _per_unit(currency: str) -> int:
    if currency in WITHOUT_DECIMALS:
        return 1
    return 1000 if currency in currencies.THREE_DECIMALS else 100


class StripePayments:
    """Implements ``resolvers.payment_service.PaymentService`` by the ``stripe`` library.

    Requests that get no answer are made again with the same key of idempotency.
    """

    name = NAME

    def __init__(
        self,
        key: str,
        *,
        webhook_secrets: Sequence[str] = (),
        base_url: str = "https://api.stripe.com",
        retries: int = RETRIES,
    ) -> None:
        """``webhook_secrets``: those of the endpoints for the platform and for its accounts."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        self._http = stripe.AIOHTTPClient(timeout=timeout)
        self._used = False
        self._secrets = tuple(webhook_secrets)
        self._client = StripeClient(
            key,
            http_client=self._http,
            base_addresses={"api": base_url.rstrip("/")},
            max_network_retries=retries,
        )

    async def close(self) -> None:
        if self._used:
            await self._http.close_async()

    # Accounts

    def own_account(self, organization_id: int) -> AccountState | None:
        return None

    async def create_account(self, organization_id: int, name: str) -> AccountState:
        wanted: Any = {
            "type": "express",
            "business_profile": {"name": name[:LONGEST_TITLE]},
            "capabilities": {
                "card_payments": {"requested": True},
                "transfers": {"requested": True},
            },
            "metadata": {"organization": str(organization_id)},
        }
        async with self._asking():
            made = await self._client.v1.accounts.create_async(
                wanted, {"idempotency_key": f"account:{organization_id}"}
            )
        return _account(made.to_dict())

    async def account(self, reference: str) -> AccountState:
        async with self._asking():
            found = await self._client.v1.accounts.retrieve_async(reference)
        return _account(found.to_dict())

    async def onboarding_url(self, reference: str, *, return_url: str, refresh_url: str) -> str:
        async with self._asking():
            link = await self._client.v1.account_links.create_async(
                {
                    "account": reference,
                    "type": "account_onboarding",
                    "return_url": return_url,
                    "refresh_url": refresh_url,
                }
            )
        return link.url

    # Sessions

    async def open_session(self, wanted: SessionToOpen) -> OpenedSession:
        ours = {"session": str(wanted.uuid)}
        price = {
            "currency": wanted.currency.lower(),
            "unit_amount": to_minor(wanted.unit_price, wanted.currency),
            "product_data": {"name": wanted.title[:LONGEST_TITLE]},
        }
        params: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": str(wanted.uuid),
            "metadata": ours,
            "line_items": [{"quantity": wanted.quantity, "price_data": price}],
            "payment_intent_data": {"metadata": ours},
            "adaptive_pricing": {"enabled": False},  # what is paid is what was asked for
            "success_url": wanted.success_url,
            "cancel_url": wanted.cancel_url,
            "expires_at": int(wanted.expires_at.timestamp()),
        }
        if wanted.fee:
            fee = to_minor(wanted.fee, wanted.currency)
            params["payment_intent_data"]["application_fee_amount"] = fee
        if wanted.shipped:
            served = sorted(countries.names().keys() - NOWHERE)
            params["shipping_address_collection"] = {"allowed_countries": served}
        async with self._asking():
            made = await self._client.v1.checkout.sessions.create_async(
                cast("Any", params),
                {"stripe_account": wanted.account, "idempotency_key": f"session:{wanted.uuid}"},
            )
        return OpenedSession(made.id, made.url or "")

    async def session(self, reference: str, account: str) -> SessionState:
        async with self._asking():
            found = await self._client.v1.checkout.sessions.retrieve_async(
                reference,
                {"expand": ["payment_intent.latest_charge"]},
                {"stripe_account": account},
            )
        session: dict[str, Any] = found.to_dict()
        currency = str(session["currency"]).upper()
        status = _status(session)
        payment = None
        if status is CheckoutStatus.COMPLETE and session.get("payment_intent"):
            payment = await self._payment(session["payment_intent"], account, currency)
        return SessionState(
            reference=reference,
            uuid=_uuid(session.get("metadata"), "session"),
            status=status,
            amount=from_minor(session["amount_total"], currency),
            currency=currency,
            payment=payment,
            buyer=_buyer(session),
        )

    async def _payment(self, intent: dict[str, Any], account: str, currency: str) -> PaymentState:
        charge: dict[str, Any] = intent.get("latest_charge") or {}
        method: dict[str, Any] = charge.get("payment_method_details") or {}
        card: dict[str, Any] = method.get("card") or {}
        fee = charge.get("application_fee")
        options: Any = {"stripe_account": account}
        of_payment: Any = {"payment_intent": intent["id"], "limit": PAGE}
        async with self._asking():
            refunds = await self._client.v1.refunds.list_async(of_payment, options)
            made = [each.to_dict() async for each in refunds.auto_paging_iter()]
            disputes = await self._client.v1.disputes.list_async(of_payment, options)
            disputed = [each.to_dict() async for each in disputes.auto_paging_iter()]
            returned = 0
            if fee and made:  # the fee is the platform's, whose account this is not
                kept = await self._client.v1.application_fees.retrieve_async(fee)
                returned = kept.amount_refunded
        return PaymentState(
            reference=intent["id"],
            card_brand=card.get("brand"),
            card_last4=card.get("last4"),
            fee_reference=fee,
            fee_returned=from_minor(returned, currency),
            refunds=[_refund(each) for each in sorted(made, key=_age)],
            disputes=[
                DisputeState(
                    reference=each["id"],
                    amount=from_minor(each["amount"], currency),
                    status=each["status"],
                    reason=each.get("reason"),
                )
                for each in sorted(disputed, key=_age)
            ],
        )

    async def expire_session(self, reference: str, account: str) -> None:
        async with self._asking():
            try:
                await self._client.v1.checkout.sessions.expire_async(
                    reference, None, {"stripe_account": account}
                )
            except stripe.InvalidRequestError:  # it has ended; how, whoever asks finds out
                log.info("checkout_session_has_ended", reference=reference)

    # Money that goes back

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
        params: dict[str, Any] = {
            "payment_intent": payment,
            "amount": to_minor(amount, currency),
            "metadata": {"refund": str(uuid)},
        }
        if with_fee:
            params["refund_application_fee"] = True
        async with self._asking():
            made = await self._client.v1.refunds.create_async(
                cast("Any", params),
                {"stripe_account": account, "idempotency_key": f"refund:{uuid}"},
            )
        return _refund(made.to_dict())

    async def return_fee(
        self, payment: PaymentState, *, key: str, amount: int, currency: str
    ) -> None:
        if payment.fee_reference is None:
            return
        async with self._asking():
            await self._client.v1.application_fees.refunds.create_async(
                payment.fee_reference,
                {"amount": to_minor(amount, currency)},
                {"idempotency_key": key},
            )

    # Messages

    async def session_of_payment(self, payment: str, account: str) -> UUID | None:
        async with self._asking():
            try:
                found = await self._client.v1.payment_intents.retrieve_async(
                    payment, None, {"stripe_account": account}
                )
            except stripe.InvalidRequestError:
                return None
        return _uuid(found.to_dict().get("metadata"), "session")

    def notice(self, body: bytes, signature: str | None) -> Notice | None:
        self._verify(body, signature)
        try:
            event: Any = orjson.loads(body)
            topic, thing = str(event["type"]), event["data"]["object"]
            reference, account = str(event["id"]), event.get("account")
            kind = str(thing.get("object"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Malformed("this is no event of Stripe's") from error
        if not topic.startswith(TOPICS):
            return None
        payment = thing["id"] if kind == "payment_intent" else thing.get("payment_intent")
        return Notice(
            reference=reference,
            topic=topic,
            account=account,
            session_uuid=_uuid(thing.get("metadata"), "session"),
            session=thing["id"] if kind == "checkout.session" else None,
            payment=payment if isinstance(payment, str) else None,
        )

    def _verify(self, body: bytes, signature: str | None) -> None:
        verify = cast("Any", stripe.WebhookSignature.verify_header)
        for secret in self._secrets:
            try:
                verify(body, signature, secret, TOLERANCE)
            except (stripe.SignatureVerificationError, UnicodeDecodeError):
                continue
            return
        raise Unauthenticated("this is not signed by Stripe, or too long ago")

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[None]:
        """Have what the library raises be what the store expects."""
        self._used = True
        try:
            yield
        except stripe.StripeError as error:
            raise _refusal(error) from error
        except (aiohttp.ClientError, TimeoutError) as error:  # in the middle of an answer
            raise Unavailable("the payment service does not answer") from error


def _refusal(error: stripe.StripeError) -> StoreError:
    if _code(error) in GONE:
        return Invalid("the seller's account is not connected any more")
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError):
        return Invalid(error.user_message or "the payment service refuses this")
    if not isinstance(error, stripe.APIConnectionError):
        log.error("stripe_refuses", status=error.http_status, code=error.code, why=str(error))
    return Unavailable("the payment service does not answer")


def _code(error: stripe.StripeError) -> str | None:
    """Some kinds of errors have their code in the body only."""
    body: Any = error.json_body
    try:
        return error.code or body["error"].get("code")
    except (KeyError, TypeError, AttributeError):
        return None


def _account(found: dict[str, Any]) -> AccountState:
    return AccountState(
        reference=found["id"],
        charges_enabled=bool(found.get("charges_enabled")),
        payouts_enabled=bool(found.get("payouts_enabled")),
        details_submitted=bool(found.get("details_submitted")),
    )


def _status(session: dict[str, Any]) -> CheckoutStatus:
    """Some ways to pay take days: a buyer has done their part, and the money may never come."""
    if session["status"] == "expired":
        return CheckoutStatus.EXPIRED
    if session["status"] == "open":
        return CheckoutStatus.OPEN
    if session["payment_status"] != "unpaid":
        return CheckoutStatus.COMPLETE
    intent: dict[str, Any] = session.get("payment_intent") or {}
    failed = intent.get("status") in ("canceled", "requires_payment_method")
    return CheckoutStatus.EXPIRED if failed else CheckoutStatus.OPEN


def _buyer(session: dict[str, Any]) -> Buyer:
    details: dict[str, Any] = session.get("customer_details") or {}
    collected: dict[str, Any] = session.get("collected_information") or {}
    shipping: dict[str, Any] = collected.get("shipping_details") or {}
    address: dict[str, Any] = shipping.get("address") or details.get("address") or {}
    lines = [address.get("line1"), address.get("line2")]
    return Buyer(
        email=details.get("email"),
        name=shipping.get("name") or details.get("name"),
        phone=details.get("phone"),
        address=", ".join(line for line in lines if line) or None,
        city=address.get("city"),
        state=address.get("state"),
        postal_code=address.get("postal_code"),
        country=address.get("country"),
    )


def _refund(made: dict[str, Any]) -> RefundState:
    status = made.get("status")
    outcome = RefundOutcome.FAILED if status in FAILED else RefundOutcome.PENDING
    return RefundState(
        reference=made["id"],
        amount=from_minor(made["amount"], str(made["currency"]).upper()),
        outcome=RefundOutcome.ARRIVED if status == "succeeded" else outcome,
        uuid=_uuid(made.get("metadata"), "refund"),
        reason=made.get("reason"),
    )


def _age(made: dict[str, Any]) -> tuple[int, str]:
    return made["created"], made["id"]


def _uuid(metadata: Any, name: str) -> UUID | None:
    """One of ours in what Stripe keeps with a thing; anybody may have written something there."""
    try:
        return UUID(str(metadata[name]))
    except (KeyError, TypeError, ValueError):
        return None
