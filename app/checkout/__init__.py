"""Pages of the embedded payment service. Plain forms: they work without scripts, and have none."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from db.models import CheckoutStatus, SimulatedCheckout
from providers import simulated_payments
from providers.simulated_payments import SimulatedPayments
from resolvers import checkouts, currencies, settlements
from resolvers.countries import Country
from resolvers.errors import Conflict, NotFound, StoreError
from resolvers.money import MICRO, decimal
from resolvers.rules import Email, Rule, Text
from resolvers.services import Services

log = structlog.get_logger()
FOLDER = Path(__file__).parent
STYLE = FOLDER.joinpath("style.css").read_text().strip()
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
FORM_MARK = "demo checkout form"
PAID = "It is paid already"
EXPIRED = "It has expired"


@dataclass(frozen=True, slots=True)
class Field:
    """One line of the form; ``value`` is a sample until somebody types."""

    name: str
    label: str
    value: str
    rule: Rule
    most: int = 120
    type: str = "text"
    needed: bool = False


BUYER = (
    Field("email", "E-mail", "ada.sample@example.com", Email, 254, "email", needed=True),
    Field("name", "Name", "Ada Sample", Text(120, 0)),
)
ADDRESS = (
    Field("address", "Street and house", "1 Sample Street", Text(500, 0), 500),
    Field("city", "Town", "Springfield", Text(120, 0)),
    Field("state", "State or region", "IL", Text(120, 0)),
    Field("postal_code", "Postal code", "62701", Text(40, 0), 40),
    Field("country", "Country (two letters)", "US", Country(), 2),
)


class DemoCheckout:
    """Where buyers pay, and sellers connect an account, without Stripe."""

    def __init__(self, services: Services, payments: SimulatedPayments) -> None:
        self._services = services
        self._payments = payments

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(simulated_payments.PAGE, self._show),
            web.post(simulated_payments.PAGE, self._press),
            web.get(simulated_payments.ACCOUNT_PAGE, self._account),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        try:
            checkout = await self._payments.checkout(request.match_info["reference"])
        except NotFound:
            return self._nothing_here()
        return self._page(checkout)

    async def _press(self, request: web.Request) -> web.Response:
        reference = request.match_info["reference"]
        try:
            checkout = await self._payments.checkout(reference)
        except NotFound:
            return self._nothing_here()
        return await self._pressed(request, checkout)

    async def _pressed(self, request: web.Request, checkout: SimulatedCheckout) -> web.Response:
        reference = checkout.reference
        given = {name: str(text) for name, text in (await request.post()).items()}
        if not self._is_from_here(request, reference, given.get("token", "")):
            return self._message(
                403, "Not from this page", "This did not come from the form of the checkout page."
            )
        if given.get("action") == "cancel":
            return web.Response(status=303, headers={"Location": checkout.cancel_url})
        if given.get("action") != "pay" or checkout.status is not CheckoutStatus.OPEN:
            return self._page(checkout, wrong="Press one of the buttons.", status=400)
        fields = _typed(checkout, given)
        try:
            buyer = {field.name: _checked(field) for field in fields}
        except ValueError as error:
            return self._page(checkout, fields, wrong=str(error), status=400)
        return await self._pay(reference, buyer)

    async def _pay(self, reference: str, buyer: Mapping[str, str]) -> web.Response:
        try:
            checkout = await self._payments.pay(reference, buyer)
        except Conflict:
            return self._ended(await self._payments.checkout(reference))
        try:
            await self._settle(reference)
        except StoreError:  # it is paid: a sweep settles it
            log.exception("demo_checkout_not_settled", reference=reference)
        return web.Response(status=303, headers={"Location": checkout.success_url})

    async def _settle(self, reference: str) -> None:
        key = await checkouts.key_of(self._services, reference)
        if key is not None:
            await settlements.settle(self._services, key)

    async def _account(self, request: web.Request) -> web.Response:
        back = request.query.get("back", "")
        try:
            mark = bytes.fromhex(request.query.get("mark", ""))
        except ValueError:
            mark = b""
        ours = self._services.vault.is_marked(simulated_payments.ADDRESS_MARK, back, mark)
        return self._message(
            200,
            "Nothing to connect",
            "Every seller has an account in the demo by itself. With Stripe configured, this is "
            "where sellers tell Stripe who they are and where their money goes.",
            link=back if ours else None,
            link_text="Back",
        )

    def _is_from_here(self, request: web.Request, reference: str, token: str) -> bool:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        try:
            mark = bytes.fromhex(token)
        except ValueError:
            return False
        return self._services.vault.is_marked(FORM_MARK, reference, mark)

    # What is answered

    @cached_property
    def _templates(self) -> Any:
        from jinja2 import Environment, FileSystemLoader  # noqa: PLC0415 - starting does without it

        return Environment(
            loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )

    def _page(
        self,
        checkout: SimulatedCheckout,
        fields: tuple[Field, ...] | None = None,
        *,
        wrong: str | None = None,
        status: int = 200,
    ) -> web.Response:
        if checkout.status is not CheckoutStatus.OPEN:
            return self._ended(checkout)
        details = checkout.details
        return self._html(
            status,
            "page.html",
            # Some browsers hold this against the address that a form's answer redirects to.
            forms=(checkout.success_url, checkout.cancel_url),
            seller=details["seller"],
            title=details["title"],
            quantity=details["quantity"],
            amount=price(checkout.amount, checkout.currency),
            fields=fields or _fields(checkout),
            token=self._services.vault.mark(FORM_MARK, checkout.reference).hex(),
            wrong=wrong,
        )

    def _ended(self, checkout: SimulatedCheckout) -> web.Response:
        if checkout.status is CheckoutStatus.COMPLETE:
            return self._message(
                409, PAID, "This checkout was paid before, and is not paid a second time.",
                link=checkout.success_url, link_text="Back to the store",
            )  # fmt: skip
        return self._message(
            410, EXPIRED, "This checkout is over. Nothing was paid; begin again in the store.",
            link=checkout.cancel_url, link_text="Back to the store",
        )  # fmt: skip

    def _nothing_here(self) -> web.Response:
        return self._message(404, "No such checkout", "There is no checkout at this address.")

    def _message(
        self,
        status: int,
        title: str,
        message: str,
        *,
        link: str | None = None,
        link_text: str = "",
    ) -> web.Response:
        return self._html(
            status, "message.html", title=title, message=message, link=link, link_text=link_text
        )

    def _html(
        self, status: int, template: str, *, forms: tuple[str, ...] = (), **values: Any
    ) -> web.Response:
        text = self._templates.get_template(template).render(style=STYLE, **values)
        targets = " ".join(["'self'", *sorted({_origin(url) for url in forms})])
        policy = (
            f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action {targets}; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        headers = {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def price(amount: int, currency: str) -> str:
    """Micro-units as people read them."""
    whole = currency in currencies.WHOLE and amount % MICRO == 0
    return f"{amount // MICRO if whole else decimal(amount)} {currency}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _fields(checkout: SimulatedCheckout) -> tuple[Field, ...]:
    return BUYER + ADDRESS if checkout.details["shipped"] else BUYER


def _typed(checkout: SimulatedCheckout, given: Mapping[str, str]) -> tuple[Field, ...]:
    return tuple(replace(field, value=given.get(field.name, "")) for field in _fields(checkout))


def _checked(field: Field) -> str:
    """What was typed, as it is kept. Raises ``ValueError`` with a sentence."""
    if not field.value.strip() and not field.needed:
        return ""
    try:
        return str(field.rule.check(field.value))
    except ValueError as error:
        raise ValueError(f"{field.label}: {error}.") from error
