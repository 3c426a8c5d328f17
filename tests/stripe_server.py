"""A server that speaks the part of Stripe's API that the gateway uses, as Stripe does.

Form-encoded requests, keys of idempotency, sellers' accounts by ``Stripe-Account``, errors of
Stripe's form, signed events. What people do at Stripe (pay, refund in the dashboard, dispute) are
methods; each puts the events that Stripe would send into ``sent``.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY = "sk_test_of_tests"
SECRET = "whsec_of_tests"
HALF_HOUR, DAY = 1800, 86400
NO_DECIMALS = ("jpy", "krw", "clp")
THREE_DECIMALS = ("kwd", "bhd")


class StripeRefuses(Exception):
    def __init__(self, status: int, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.kind = "idempotency_error" if code == "idempotency" else "invalid_request_error"


@dataclass
class Fault:
    """What goes wrong with requests, given as ``POST /path``.

    ``down`` (503), ``drop`` (the connection breaks before anything has happened), ``lost`` (after
    it has), ``limit`` (429), ``noise`` (no JSON).
    """

    asked: str
    kind: str
    times: int = 1


@dataclass(frozen=True)
class Event:
    body: bytes

    @property
    def topic(self) -> str:
        return json.loads(self.body)["type"]

    def signature(self, secret: str = SECRET, *, at: int | None = None) -> str:
        stamp = int(time.time()) if at is None else at
        signed = f"{stamp}.".encode() + self.body
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return f"t={stamp},v1={digest}"


@dataclass
class StripeServer:
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    sent: list[Event] = field(default_factory=list)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    charges: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    disputes: dict[str, dict[str, Any]] = field(default_factory=dict)
    fees: dict[str, dict[str, Any]] = field(default_factory=dict)
    refund_status: str = "succeeded"
    _kept: dict[tuple[str, str], tuple[Any, int, Any]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=count)

    # What people do at Stripe

    def account(self, *, charges_enabled: bool = True) -> str:
        """A seller's account that is open; its reference."""
        return self._account(charges_enabled=charges_enabled)["id"]

    def enable(self, account: str) -> None:
        found = self.accounts[account]
        found |= {"charges_enabled": True, "payouts_enabled": True, "details_submitted": True}
        self._tell("account.updated", found, account)

    def pay(self, session_id: str, *, email: str = "ada@example.com", later: bool = False) -> None:
        """A buyer pays; ``later`` by a way that takes days."""
        session = self.sessions[session_id]
        assert session["status"] == "open"
        intent = self._intent(session)
        session |= {
            "status": "complete",
            "payment_intent": intent["id"],
            "customer_details": {"email": email, "name": "Ada Lovelace", "phone": None,
                                 "address": {"country": "DE"}},
            "collected_information": {"shipping_details": {
                "name": "Ada Lovelace", "address": {
                    "line1": "1 Main St", "line2": "Flat 2", "city": "Ulm", "state": None,
                    "postal_code": "89073", "country": "DE"}}},
        }  # fmt: skip
        if later:
            intent["status"] = "processing"
            self._tell("checkout.session.completed", session, session["account"])
            return
        self._charge(session, intent)
        account = session["account"]
        self._tell("payment_intent.succeeded", intent, account)
        self._tell("charge.succeeded", self.charges[intent["latest_charge"]], account)
        self._tell("checkout.session.completed", session, account)

    def arrive(self, session_id: str, *, failed: bool = False) -> None:
        """What was paid by a slow way comes in, or does not."""
        session = self.sessions[session_id]
        intent = self.intents[session["payment_intent"]]
        if failed:
            intent["status"] = "requires_payment_method"
            self._tell("checkout.session.async_payment_failed", session, session["account"])
            return
        self._charge(session, intent)
        self._tell("checkout.session.async_payment_succeeded", session, session["account"])

    def expire(self, session_id: str) -> None:
        session = self.sessions[session_id]
        assert session["status"] == "open"
        session["status"] = "expired"
        self._tell("checkout.session.expired", session, session["account"])

    def refund(self, session_id: str, amount: int, *, status: str = "succeeded") -> str:
        """The seller gives money back in the dashboard; the platform's part stays where it is."""
        intent = self.intents[self.sessions[session_id]["payment_intent"]]
        return self._refund(intent, amount, {}, status)["id"]

    def settle_refund(self, refund_id: str, status: str) -> None:
        refund = self.refunds[refund_id]
        refund["status"] = status
        if status in ("failed", "canceled"):
            self.charges[refund["charge"]]["amount_refunded"] -= refund["amount"]
        self._tell(
            "refund.failed" if status == "failed" else "refund.updated", refund, refund["account"]
        )

    def dispute(self, session_id: str, *, reason: str = "fraudulent") -> str:
        session = self.sessions[session_id]
        made = self._made("dp", "dispute", account=session["account"], status="needs_response",
                          reason=reason, amount=session["amount_total"],
                          currency=session["currency"],
                          payment_intent=session["payment_intent"])  # fmt: skip
        self.disputes[made["id"]] = made
        self._tell("charge.dispute.created", made, session["account"])
        return made["id"]

    def decide(self, dispute_id: str, status: str) -> None:
        self.disputes[dispute_id]["status"] = status
        self._tell("charge.dispute.closed", self.disputes[dispute_id],
                   self.disputes[dispute_id]["account"])  # fmt: skip

    def event(self, topic: str, thing: Any, account: str | None) -> Event:
        body = {
            "id": f"evt_{next(self._numbers):06}",
            "object": "event",
            "type": topic,
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": thing},
        }
        if account is not None:
            body["account"] = account
        return Event(json.dumps(body).encode())

    def _tell(self, topic: str, thing: Any, account: str | None) -> None:
        self.sent.append(self.event(topic, thing, account))

    # How Stripe keeps it

    def _made(self, prefix: str, kind: str, **values: Any) -> dict[str, Any]:
        n = next(self._numbers)
        return {"id": f"{prefix}_{n:06}", "object": kind, "created": n, "livemode": False, **values}

    def _account(self, **values: Any) -> dict[str, Any]:
        enabled = bool(values.get("charges_enabled"))
        made = self._made("acct", "account", payouts_enabled=enabled, details_submitted=enabled)
        self.accounts[made["id"]] = made | {"charges_enabled": False} | values
        return self.accounts[made["id"]]

    def _intent(self, session: dict[str, Any]) -> dict[str, Any]:
        made = self._made(
            "pi", "payment_intent", account=session["account"], status="requires_payment_method",
            amount=session["amount_total"], currency=session["currency"], latest_charge=None,
            metadata=session["_intent_data"].get("metadata", {}),
            application_fee_amount=session["_intent_data"].get("application_fee_amount"),
        )  # fmt: skip
        self.intents[made["id"]] = made
        return made

    def _charge(self, session: dict[str, Any], intent: dict[str, Any]) -> None:
        fee_id = None
        if intent["application_fee_amount"]:
            fee = self._made("fee", "application_fee", account=session["account"],
                             amount=int(intent["application_fee_amount"]), amount_refunded=0,
                             currency=session["currency"])  # fmt: skip
            fee_id = fee["id"]
            self.fees[fee_id] = fee
        charge = self._made(
            "ch", "charge", account=session["account"], payment_intent=intent["id"], paid=True,
            amount=session["amount_total"], amount_refunded=0, currency=session["currency"],
            application_fee=fee_id, metadata=intent["metadata"],
            payment_method_details={"type": "card", "card": {"brand": "visa", "last4": "4242"}},
        )  # fmt: skip
        self.charges[charge["id"]] = charge
        intent |= {"status": "succeeded", "latest_charge": charge["id"]}
        session["payment_status"] = "paid"

    def _refund(
        self, intent: dict[str, Any], amount: int | None, metadata: dict[str, str], status: str
    ) -> dict[str, Any]:
        charge = self.charges[intent["latest_charge"]]
        left = charge["amount"] - charge["amount_refunded"]
        if left == 0:
            raise StripeRefuses(400, "Charge has already been refunded.",
                                code="charge_already_refunded")  # fmt: skip
        if amount is not None and amount > left:
            raise StripeRefuses(400, "Refund amount is greater than unrefunded amount on charge")
        amount = amount or left
        charge["amount_refunded"] += amount
        made = self._made(
            "re", "refund", account=intent["account"], amount=amount, status=status, reason=None,
            currency=intent["currency"], charge=charge["id"], payment_intent=intent["id"],
            metadata=metadata,
        )  # fmt: skip
        self.refunds[made["id"]] = made
        self._tell("charge.refunded", charge, intent["account"])
        self._tell("refund.created", made, intent["account"])
        return made

    # What programs ask

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/v1")
        self.requests.append(f"{request.method} {path}")
        fault = self._fault(f"{request.method} {path}")
        match fault:
            case "down":
                return _error(503, "api_error", "Down")
            case "limit":
                return _error(429, "rate_limit_error", "Slow down", code="rate_limit")
            case "noise":
                return web.Response(status=502, text="<html>Bad gateway</html>")
            case "drop":
                return _cut(request)
            case _:
                pass
        status, body = await self._answer(request, path)
        if fault == "lost":
            return _cut(request)
        return web.json_response(body, status=status, headers={"Request-Id": "req_test"})

    def _fault(self, asked: str) -> str | None:
        for fault in self.faults:
            if fault.times and re.fullmatch(fault.asked, asked):
                fault.times -= 1
                return fault.kind
        return None

    async def _answer(self, request: web.Request, path: str) -> tuple[int, Any]:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return 401, _problem("invalid_request_error", "Invalid API Key provided")
        text = await request.text() if request.method == "POST" else request.query_string
        given = _decoded(text)
        key = (request.headers.get("Stripe-Account", ""), request.headers.get("Idempotency-Key"))
        if request.method == "POST" and key[1] is not None and key in self._kept:
            before, status, body = self._kept[key]  # pyright: ignore[reportArgumentType]
            if before != (path, text):
                return 400, _problem("idempotency_error", "Keys are for the same parameters")
            return status, body
        try:
            status, body = 200, self._do(request, path, given)
        except StripeRefuses as refusal:
            status, body = refusal.status, _problem(refusal.kind, str(refusal), refusal.code)
        if request.method == "POST" and key[1] is not None and status == 200:
            self._kept[key[0], key[1]] = ((path, text), status, json.loads(json.dumps(body)))
        return status, body

    def forget_keys(self) -> None:
        """A day has passed."""
        self._kept.clear()

    def _do(self, request: web.Request, path: str, given: dict[str, Any]) -> Any:
        account = request.headers.get("Stripe-Account")
        if account is not None and account not in self.accounts:
            raise StripeRefuses(403, "No such account", code="account_invalid")
        for method, pattern, act in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                return act(self, account, given, *found.groups())
        raise StripeRefuses(404, f"Unrecognized request URL ({request.method}: {path})")

    def _of(self, things: dict[str, Any], key: str, account: str | None) -> dict[str, Any]:
        found = things.get(key)
        if found is None or (account is not None and found["account"] != account):
            raise StripeRefuses(404, f"No such thing: {key}", code="resource_missing")
        return found

    def create_account(self, _: str | None, given: dict[str, Any]) -> Any:
        if given.get("type") != "express":
            raise StripeRefuses(400, "Only Express is known here")
        return self._account(metadata=given.get("metadata", {}))

    def get_account(self, _: str | None, _given: dict[str, Any], key: str) -> Any:
        if key not in self.accounts:
            raise StripeRefuses(403, "No such account", code="account_invalid")
        return self.accounts[key]

    def create_link(self, _: str | None, given: dict[str, Any]) -> Any:
        if given["account"] not in self.accounts:
            raise StripeRefuses(400, "No such account")
        return {"object": "account_link", "created": 1, "expires_at": 2,
                "url": f"https://connect.stripe.com/setup/e/{given['account']}"}  # fmt: skip

    def create_session(self, account: str | None, given: dict[str, Any]) -> Any:
        if account is None or not self.accounts[account]["charges_enabled"]:
            raise StripeRefuses(400, "This account cannot currently make live charges.")
        [line] = given["line_items"].values()
        price = line["price_data"]
        currency, unit = price["currency"], int(price["unit_amount"])
        total = unit * int(line["quantity"])
        data = given.get("payment_intent_data", {})
        fee = int(data.get("application_fee_amount", 0))
        seconds = int(given["expires_at"]) - time.time()
        if not HALF_HOUR <= seconds + 1 <= DAY + 1:
            raise StripeRefuses(400, "`expires_at` must be 30 minutes to 24 hours off")
        if currency != currency.lower() or total <= 0 or fee > total:
            raise StripeRefuses(400, "Invalid amount or currency")
        if currency in THREE_DECIMALS and (unit % 10 or fee % 10):
            raise StripeRefuses(400, "The last digit of a three-decimal amount must be 0")
        made = self._made(
            "cs_test", "checkout.session", account=account, status="open", payment_status="unpaid",
            amount_total=total, currency=currency, payment_intent=None,
            client_reference_id=given.get("client_reference_id"),
            metadata=given.get("metadata", {}), success_url=given["success_url"],
            cancel_url=given["cancel_url"], expires_at=int(given["expires_at"]),
            customer_details=None, collected_information=None, _intent_data=data,
        )  # fmt: skip
        made["url"] = f"https://checkout.stripe.com/c/pay/{made['id']}"
        self.sessions[made["id"]] = made
        return made

    def get_session(self, account: str | None, given: dict[str, Any], key: str) -> Any:
        found = dict(self._of(self.sessions, key, account))
        assert "payment_intent.latest_charge" in given.get("expand", {}).values()
        if found["payment_intent"]:
            intent = dict(self.intents[found["payment_intent"]])
            intent["latest_charge"] = self.charges.get(intent["latest_charge"] or "")
            found["payment_intent"] = intent
        return found

    def expire_session(self, account: str | None, _: dict[str, Any], key: str) -> Any:
        found = self._of(self.sessions, key, account)
        if found["status"] != "open":
            raise StripeRefuses(400, 'Only Checkout Sessions with a status in ["open"] can be '
                                     "expired.")  # fmt: skip
        self.expire(key)
        return found

    def get_intent(self, account: str | None, _: dict[str, Any], key: str) -> Any:
        return self._of(self.intents, key, account)

    def create_refund(self, account: str | None, given: dict[str, Any]) -> Any:
        intent = self._of(self.intents, given["payment_intent"], account)
        if any(each["payment_intent"] == intent["id"] for each in self.disputes.values()):
            raise StripeRefuses(400, "This charge has been charged back.", code="charge_disputed")
        amount = int(given["amount"]) if "amount" in given else None
        made = self._refund(intent, amount, given.get("metadata", {}), self.refund_status)
        if given.get("refund_application_fee") == "true":
            charge = self.charges[made["charge"]]
            fee = self.fees[charge["application_fee"]]
            share = fee["amount"] * charge["amount_refunded"] // charge["amount"]
            fee["amount_refunded"] = max(fee["amount_refunded"], share)
        return made

    def list_refunds(self, account: str | None, given: dict[str, Any]) -> Any:
        return self._list(self.refunds, account, given, "/v1/refunds")

    def list_disputes(self, account: str | None, given: dict[str, Any]) -> Any:
        return self._list(self.disputes, account, given, "/v1/disputes")

    def _list(
        self, things: dict[str, Any], account: str | None, given: dict[str, Any], url: str
    ) -> Any:
        """Newest first, a page at a time."""
        found = [each for each in reversed(things.values())
                 if each["account"] == account
                 and each["payment_intent"] == given["payment_intent"]]  # fmt: skip
        if (after := given.get("starting_after")) is not None:
            place = [each["id"] for each in found].index(after)
            found = found[place + 1 :]
        most = min(int(given.get("limit", 10)), 2)  # small pages, so that they are turned
        return {"object": "list", "url": url, "data": found[:most], "has_more": len(found) > most}

    def get_fee(self, account: str | None, _: dict[str, Any], key: str) -> Any:
        if account is not None or key not in self.fees:
            raise StripeRefuses(404, "No such application fee", code="resource_missing")
        return self.fees[key]

    def refund_fee(self, account: str | None, given: dict[str, Any], key: str) -> Any:
        fee = self.get_fee(account, given, key)
        if fee["amount_refunded"] + int(given["amount"]) > fee["amount"]:
            raise StripeRefuses(400, "Refund amount is greater than unrefunded amount on fee")
        fee["amount_refunded"] += int(given["amount"])
        return self._made("fr", "fee_refund", amount=int(given["amount"]), fee=key)


ROUTES: list[tuple[str, str, Any]] = [
    ("POST", r"/accounts", StripeServer.create_account),
    ("GET", r"/accounts/(\w+)", StripeServer.get_account),
    ("POST", r"/account_links", StripeServer.create_link),
    ("POST", r"/checkout/sessions", StripeServer.create_session),
    ("GET", r"/checkout/sessions/(\w+)", StripeServer.get_session),
    ("POST", r"/checkout/sessions/(\w+)/expire", StripeServer.expire_session),
    ("GET", r"/payment_intents/(\w+)", StripeServer.get_intent),
    ("POST", r"/refunds", StripeServer.create_refund),
    ("GET", r"/refunds", StripeServer.list_refunds),
    ("GET", r"/disputes", StripeServer.list_disputes),
    ("GET", r"/application_fees/(\w+)", StripeServer.get_fee),
    ("POST", r"/application_fees/(\w+)/refunds", StripeServer.refund_fee),
]


def _problem(kind: str, message: str, code: str | None = None) -> Any:
    error = {"type": kind, "message": message}
    return {"error": error if code is None else {**error, "code": code}}


def _error(status: int, kind: str, message: str, *, code: str | None = None) -> web.Response:
    return web.json_response(_problem(kind, message, code), status=status)


def _cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _decoded(text: str) -> dict[str, Any]:
    """``a[b][0]=c`` as nested dictionaries, which is how Stripe reads forms."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *path, last = re.findall(r"[^\[\]]+", name)
        place = found
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return found


@asynccontextmanager
async def stripe_server() -> AsyncGenerator[StripeServer]:
    made = StripeServer()
    app = web.Application()
    app.router.add_route("*", "/v1/{tail:.*}", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made
