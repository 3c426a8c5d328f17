"""Payments by Stripe: what is paid, refunded and disputed, whatever gets lost on the way."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from db import models
from db.base import now
from resolvers import settlements
from resolvers.services import Services
from tests.buying import SOLD, fees, set_plan, stock_of, the_session
from tests.callers import GraphQL, Rest
from tests.kit import Make, gid, work
from tests.selling import REFUND, Sale, open_sale, shuffled, taking_cards
from tests.state import check_books, events, everything
from tests.stripe_server import Fault, StripeServer

Paying = Callable[..., Awaitable[Sale]]
OPEN = r"POST /checkout/sessions"
STATE = r"GET /checkout/sessions/\w+"
CREATE = """mutation ($input: NewCheckoutSession!, $once: String) {
  createCheckoutSession(input: $input, idempotencyKey: $once) {
    checkoutSession { id reference applicationFee { amount } amount { amount currency } }
    errors { code field message } } }"""
EXPIRE = """mutation ($id: ID!) { expireCheckoutSession(id: $id) {
  checkoutSession { status } errors { code field } } }"""
ONBOARD = """mutation ($to: String!) { startOnboarding(returnUrl: $to, refreshUrl: $to) {
  url connectedAccount { reference chargesEnabled } errors { code field } } }"""
ACCOUNT = "{ viewer { organization { connectedAccount { reference chargesEnabled } } } }"


@pytest.fixture
async def server(services: Services) -> AsyncGenerator[StripeServer]:
    async with taking_cards(services) as opened:
        yield opened


@pytest.fixture
def paying(make: Make, instxnt: Rest, gql: GraphQL, server: StripeServer) -> Paying:
    return partial(open_sale, make, instxnt, gql, server)


@pytest.fixture
async def sale(paying: Paying) -> Sale:
    return await paying(price="30.00", stock=3)


async def shown(sale: Sale) -> Any:
    return (await sale.gql.data(SOLD, key=sale.shop.key, id=gid(await sale.order())))["order"]


async def test_a_payment_is_told_in_any_order_and_as_often_as_it_likes(
    sale: Sale, services: Services
) -> None:
    session = await sale.open(quantity=2)
    at_stripe = sale.stripe.sessions[session]
    assert at_stripe["account"] == sale.account
    assert "application_fee_amount" not in at_stripe["_intent_data"]  # Pro
    sale.stripe.pay(session)

    await sale.deliver(*reversed(sale.stripe.sent), *sale.stripe.sent)

    order = await shown(sale)
    assert (order["paymentStatus"], order["fulfillmentStatus"]) == ("PAID", "UNFULFILLED")
    assert order["payments"] == [
        {"method": "CARD", "reference": at_stripe["payment_intent"], "amount": {"amount": "60.00"}}
    ]
    assert order["contact"] == {
        "firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "city": "Ulm",
        "country": "DE",
    }  # fmt: skip
    assert order["customer"]["amountSpent"] == {"amount": "60.00"}
    row = await sale.order()
    assert (row.address, row.card_brand, row.card_last4) == ("1 Main St, Flat 2", "visa", "4242")
    assert len(await events(services, "order.status_changed")) == 1
    assert await stock_of(services, sale.shop.variant) == 1
    async with services.database.write() as tx:
        assert len((await tx.scalars(select(models.ProviderEvent))).all()) == 3
    await check_books(services)


async def test_messages_at_once_are_one_payment(sale: Sale, services: Services) -> None:
    session = await sale.open()
    sale.stripe.pay(session)

    await asyncio.gather(*(sale.deliver(event) for event in sale.stripe.sent * 3))

    assert len(await events(services, "order.status_changed")) == 1
    assert (await shown(sale))["paymentStatus"] == "PAID"
    await check_books(services)


async def test_what_is_not_stripes_or_not_ours_changes_nothing(
    sale: Sale, services: Services
) -> None:
    session = await sale.open()
    sale.stripe.pay(session)
    told = sale.stripe.sent[-1]
    before = await everything(services)

    await sale.deliver(told, signature=told.signature("whsec_wrong"), status=400)
    await sale.deliver(told, signature=told.signature(at=1_700_000_000), status=400)
    await sale.deliver(told, signature="nonsense", status=400)
    other = sale.stripe.event("charge.refunded", {"object": "charge"}, sale.account)
    await sale.deliver(told, signature=other.signature(), status=400)
    answer = await sale.client.post("/stripe/webhook", data=b"\xff")
    assert answer.status == 400
    assert await everything(services) == before
    stranger = sale.stripe.account()
    thing = sale.stripe.sessions[session]
    for event in (
        sale.stripe.event("checkout.session.completed", thing, stranger),
        sale.stripe.event("checkout.session.completed", thing, None),
        sale.stripe.event(
            "checkout.session.completed",
            {**thing, "id": "cs_x", "metadata": {"session": "x"}, "payment_intent": None},
            sale.account,
        ),
        sale.stripe.event("charge.succeeded", {"object": "charge", "payment_intent": "pi_none"},
                          sale.account),
        sale.stripe.event("customer.created", {"object": "customer"}, sale.account),
        sale.stripe.event("account.updated", {"object": "account"}, "acct_nobody"),
    ):  # fmt: skip
        await sale.deliver(event)
    assert (await shown(sale))["paymentStatus"] == "PENDING"


async def test_a_session_that_is_another_than_we_asked_for_pays_nothing(
    sale: Sale, services: Services
) -> None:
    session = await sale.open()
    sale.stripe.sessions[session]["amount_total"] = 1
    sale.stripe.pay(session)

    await sale.deliver_all()
    services.clock = lambda: now() + timedelta(minutes=6)

    assert [await settlements.sweep(services) for _ in range(2)] == [1, 0]
    assert (await shown(sale))["paymentStatus"] == "PENDING"
    await check_books(services)


async def test_of_what_nobody_told_us_the_sweep_hears(sale: Sale, services: Services) -> None:
    sale.stripe.pay(await sale.open())
    assert await settlements.sweep(services) == 0
    services.clock = lambda: now() + timedelta(minutes=6)

    assert await settlements.sweep(services) == 1

    assert (await shown(sale))["paymentStatus"] == "PAID"
    before = len(sale.stripe.requests)
    assert await settlements.sweep(services) == 0
    assert len(sale.stripe.requests) == before
    await check_books(services)


@pytest.mark.parametrize("left", [3, 0])
async def test_paid_after_it_had_expired_it_takes_its_goods_again_or_does_without(
    sale: Sale, services: Services, left: int
) -> None:
    session = await sale.open()
    sale.stripe.expire(session)
    await sale.deliver_all()
    assert (await shown(sale))["paymentStatus"] == "ABANDONED"
    assert await stock_of(services, sale.shop.variant) == 3
    async with services.database.write() as tx:
        (await tx.get_one(models.Variant, sale.shop.variant.id)).stock = left
    sale.stripe.sessions[session]["status"] = "open"
    sale.stripe.pay(session)

    await sale.deliver_all()

    order = await shown(sale)
    assert (order["paymentStatus"], order["fulfillmentStatus"]) == ("PAID", "UNFULFILLED")
    assert await stock_of(services, sale.shop.variant) == max(0, left - 1)
    assert order["failureReason"] == (None if left else settlements.NO_GOODS)
    async with services.database.write() as tx:
        audited = select(models.AuditEntry).where(
            models.AuditEntry.action == "checkout.paid_without_stock"
        )
        assert len((await tx.scalars(audited)).all()) == (0 if left else 1)
    await check_books(services)
    if not left:
        await sale.gql.done(
            "mutation ($id: ID!) { cancelOrder(id: $id) { errors { code } } }",
            key=sale.shop.key, id=order["id"],
        )  # fmt: skip
        await work(services)
        assert await stock_of(services, sale.shop.variant) == 0
        assert (await shown(sale))["refunds"][0]["status"] == "REFUNDED"
        await check_books(services)


async def test_an_order_that_was_cancelled_before_it_is_paid_is_paid_back(
    sale: Sale, services: Services
) -> None:
    session = await sale.open()
    cancel = "mutation ($id: ID!) { cancelOrder(id: $id) { errors { code } } }"
    await sale.gql.done(cancel, key=sale.shop.key, id=gid(await sale.order()))
    sale.stripe.pay(session)

    await sale.deliver_all()
    await work(services)

    order = await shown(sale)
    assert (order["paymentStatus"], order["fulfillmentStatus"]) == ("REFUNDED", "CANCELLED")
    assert [each["amount"] for each in sale.stripe.refunds.values()] == [3000]
    assert await stock_of(services, sale.shop.variant) == 3
    await check_books(services)


async def test_the_session_of_a_cancelled_order_is_closed(sale: Sale, services: Services) -> None:
    session = await sale.open()
    cancel = "mutation ($id: ID!) { cancelOrder(id: $id) { errors { code } } }"
    await sale.gql.done(cancel, key=sale.shop.key, id=gid(await sale.order()))

    await settlements.sweep(services)

    assert sale.stripe.sessions[session]["status"] == "expired"
    assert (await shown(sale))["checkoutSession"]["status"] == "EXPIRED"


async def test_money_that_takes_days_is_waited_for(sale: Sale, services: Services) -> None:
    first, second = await sale.open(), await sale.open()
    for session in (first, second):
        sale.stripe.pay(session, later=True)
    await sale.deliver_all()
    services.clock = lambda: now() + timedelta(hours=2)
    await settlements.sweep(services)
    assert (await shown(sale))["paymentStatus"] == "PENDING"

    sale.stripe.arrive(second)
    sale.stripe.arrive(first, failed=True)
    await sale.deliver_all()

    assert (await shown(sale))["paymentStatus"] == "PAID"
    async with services.database.write() as tx:
        found = select(models.Order.payment_status).order_by(models.Order.id)
        assert (await tx.scalars(found)).all() == ["abandoned", "paid"]
    assert await stock_of(services, sale.shop.variant) == 2


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize("kind", ["down", "drop", "lost", "limit", "noise"])
async def test_without_an_answer_nothing_is_half_done(
    sale: Sale, services: Services, kind: str
) -> None:
    """Asked again it is the same session, also where the first was made and the answer lost."""
    times = 1 if kind == "limit" else 2  # the library asks twice, but not after that
    sale.stripe.faults = [Fault(OPEN, kind, times)]

    assert (await sale.shop.ask(sale.door)).status == 503

    order = await shown(sale)
    assert (order["paymentStatus"], order["fulfillmentStatus"]) == ("ABANDONED", "CANCELLED")
    assert await stock_of(services, sale.shop.variant) == 3
    sale.stripe.faults = [Fault(OPEN, kind, times)]
    assert (await sale.shop.ask(sale.door, once="a")).status == 503
    assert await stock_of(services, sale.shop.variant) == 2

    again = await sale.shop.ask(sale.door, once="a")

    assert again.status == 200
    assert await stock_of(services, sale.shop.variant) == 2
    made = [
        each for each in sale.stripe.sessions.values() if each["id"] == again.body["session_id"]
    ]
    assert len(made) == 1
    sale.stripe.faults = [Fault(OPEN, "lost", times=1)]
    assert (await sale.shop.ask(sale.door)).status == 200  # the library asks again by itself


async def test_a_session_of_which_only_stripe_knows_is_found_by_its_payment(
    sale: Sale, services: Services
) -> None:
    sale.stripe.faults = [Fault(OPEN, "lost", times=2)]
    assert (await sale.shop.ask(sale.door, once="a")).status == 503
    [session] = sale.stripe.sessions
    sale.stripe.pay(session)

    await sale.deliver_all()

    assert (await shown(sale))["paymentStatus"] == "PAID"
    assert (await the_session(services)).reference == session


async def test_what_was_never_opened_expires(sale: Sale, services: Services) -> None:
    sale.stripe.faults = [Fault(OPEN, "down", times=2)]
    assert (await sale.shop.ask(sale.door, once="a")).status == 503
    services.clock = lambda: now() + timedelta(seconds=3601)

    await settlements.sweep(services)

    assert (await shown(sale))["paymentStatus"] == "ABANDONED"
    assert await stock_of(services, sale.shop.variant) == 3
    assert (await sale.shop.ask(sale.door, once="a")).status == 400


async def test_a_message_that_could_not_be_acted_upon_is_sent_again(
    sale: Sale, services: Services
) -> None:
    session = await sale.open()
    sale.stripe.pay(session)
    sale.stripe.faults = [Fault(STATE, "down", times=2)]
    told = sale.stripe.sent[-1]

    await sale.deliver(told, status=503)
    assert (await shown(sale))["paymentStatus"] == "PENDING"
    await sale.deliver(told)

    assert (await shown(sale))["paymentStatus"] == "PAID"
    await check_books(services)


async def test_expiring_by_hand_closes_it_at_stripe_unless_it_was_paid(
    sale: Sale, services: Services
) -> None:
    wanted = {"storeId": gid(sale.shop.store), "successUrl": f"{sale.shop.host}/a",
              "cancelUrl": f"{sale.shop.host}/b"}  # fmt: skip
    made = (await sale.gql.done(CREATE, key=sale.shop.key, input=wanted))["checkoutSession"]
    done = await sale.gql.done(EXPIRE, key=sale.shop.key, id=made["id"])
    assert done["checkoutSession"] == {"status": "EXPIRED"}
    assert sale.stripe.sessions[made["reference"]]["status"] == "expired"
    assert await stock_of(services, sale.shop.variant) == 3
    made = (await sale.gql.done(CREATE, key=sale.shop.key, input=wanted))["checkoutSession"]
    sale.stripe.pay(made["reference"])

    refusals = await sale.gql.refused(EXPIRE, key=sale.shop.key, id=made["id"])

    assert refusals == ["CONFLICT id"]
    assert (await shown(sale))["paymentStatus"] == "PAID"
    paid = "mutation ($id: ID!) { markOrderPaid(id: $id) { errors { code field } } }"
    await sale.gql.done(CREATE, key=sale.shop.key, input=wanted)
    refusals = await sale.gql.refused(paid, key=sale.shop.key, id=gid(await sale.order()))
    assert refusals == ["CONFLICT id"]


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("price", "plan", "units", "fee"),
    [
        ("9.99 USD", models.Plan.FREE, 999, 30),
        ("1550 JPY", models.Plan.FREE, 1550, 47),
        ("12.350 KWD", models.Plan.FREE, 12350, 370),
        ("150 ISK", models.Plan.FREE, 15000, 500),
        ("9.99 USD", models.Plan.PRO, 999, None),
    ],
)
async def test_amounts_are_in_the_units_that_stripe_counts_in(
    paying: Paying, price: str, plan: models.Plan, units: int, fee: int | None
) -> None:
    amount, currency = price.split()
    sale = await paying(price=amount, currency=currency)
    make, gql, server = sale.shop.make, sale.gql, sale.stripe
    await set_plan(make, "Acme", plan)
    wanted = {"storeId": gid(sale.shop.store), "successUrl": f"{sale.shop.host}/a",
              "cancelUrl": f"{sale.shop.host}/b"}  # fmt: skip
    session = (await gql.done(CREATE, key=sale.shop.key, input=wanted))["checkoutSession"]
    at_stripe = server.sessions[session["reference"]]
    asked = at_stripe["_intent_data"].get("application_fee_amount")
    assert (at_stripe["amount_total"], asked) == (units, fee and str(fee))
    server.pay(session["reference"])
    await sale.deliver_all()
    refund = units // 3 // 100 * 100 or 300
    server.refund(session["reference"], refund)
    server.refund(session["reference"], units - refund)
    await sale.deliver_all()

    order = await shown(sale)
    assert order["paymentStatus"] == "REFUNDED"
    assert order["refundedTotal"] == order["total"]
    assert set((await fees(make.services)).values()) <= {0}
    assert [each["amount_refunded"] for each in server.fees.values()] == ([fee] if fee else [])
    await check_books(make.services)


async def test_a_seller_without_an_account_connects_one(
    make: Make, instxnt: Rest, gql: GraphQL, server: StripeServer
) -> None:
    sale = await open_sale(make, instxnt, gql, server)
    async with make.services.database.write() as tx:
        [row] = (await tx.scalars(select(models.ConnectedAccount))).all()
        await tx.delete(row)
    refused = await sale.shop.ask(instxnt)
    assert (refused.status, refused.body["field"]) == (400, "store_id")
    bad = await gql.refused(ONBOARD, key=sale.shop.key, to="javascript:1")
    assert bad == ["INVALID returnUrl", "INVALID refreshUrl"]

    begun = await gql.done(ONBOARD, key=sale.shop.key, to="https://shop.example/back")

    async def redirected() -> tuple[int, str | None]:
        answer = await instxnt.client.get(
            "/instxnt/api/auth/stripe", headers=sale.shop.key.headers, allow_redirects=False
        )
        return answer.status, answer.headers.get("Location")

    assert begun["url"].startswith("https://connect.stripe.com/setup/e/acct_")
    assert await redirected() == (302, begun["url"])
    account = begun["connectedAccount"]["reference"]
    assert len(server.accounts) == 2
    assert (await sale.shop.ask(instxnt)).body["field"] == "store_id"
    server.enable(account)
    await sale.deliver_all()
    data = await gql.data(ACCOUNT, key=sale.shop.key)
    connected = {"reference": account, "chargesEnabled": True}
    assert data["viewer"]["organization"]["connectedAccount"] == connected
    assert (await sale.shop.ask(instxnt)).status == 200
    for _ in range(9):
        assert (await redirected())[0] == 302
    assert (await redirected())[0] == 429
    async with make.services.database.write() as tx:
        (await tx.scalars(select(models.ConnectedAccount))).one().charges_enabled = False
    del server.accounts[account]
    assert (await sale.shop.ask(instxnt)).body["field"] == "store_id"


# Money that goes back


async def test_refunds_of_ours_and_of_the_dashboard_add_up(sale: Sale, services: Services) -> None:
    await set_plan(sale.shop.make, "Acme", models.Plan.FREE)
    wanted = {"storeId": gid(sale.shop.store), "successUrl": f"{sale.shop.host}/a",
              "cancelUrl": f"{sale.shop.host}/b"}  # fmt: skip
    made = (await sale.gql.done(CREATE, key=sale.shop.key, input=wanted))["checkoutSession"]
    session = made["reference"]
    sale.stripe.pay(session)
    await sale.deliver_all()
    assert await fees(services) == {"USD": 900_000}

    first = await sale.refund("10.01")
    assert first == {"paymentStatus": "PARTIALLY_REFUNDED", "refundedTotal": {"amount": "10.01"}}
    assert (await shown(sale))["refunds"][0]["status"] == "PENDING"
    await work(services)
    sale.stripe.refund(session, 999)
    await sale.deliver_all()
    await sale.refund()
    await work(services)
    events_then = len(await events(services, "order.refunded"))
    await sale.deliver_all()

    order = await shown(sale)
    assert [(each["status"], each["amount"]["amount"]) for each in order["refunds"]] == [
        ("REFUNDED", "10.01"), ("REFUNDED", "9.99"), ("REFUNDED", "10.00"),
    ]  # fmt: skip
    assert {each["reference"] for each in order["refunds"]} == set(sale.stripe.refunds)
    assert order["paymentStatus"] == "REFUNDED"
    assert await fees(services) == {"USD": 0}
    assert [fee["amount_refunded"] for fee in sale.stripe.fees.values()] == [90]
    assert len(await events(services, "order.refunded")) == events_then
    moved = [
        event.payload["payment_status"] for event in await events(services, "order.status_changed")
    ]
    assert moved == ["paid", "partially_refunded", "partially_refunded", "refunded"]
    await check_books(services)


@pytest.mark.parametrize("kind", ["down", "lost"])
async def test_a_refund_is_made_once_however_often_it_is_tried(
    sale: Sale, services: Services, kind: str
) -> None:
    await sale.sold()
    sale.stripe.faults = [Fault("POST /refunds", kind, times=2)]
    await sale.refund("5")

    await work(services)

    assert len(sale.stripe.refunds) == 1
    assert (await shown(sale))["refunds"][0]["status"] == "REFUNDED"


async def test_a_refund_that_is_tried_again_after_days_is_found(
    sale: Sale, services: Services
) -> None:
    await sale.sold()
    sale.stripe.faults = [Fault("POST /refunds", "lost", times=3)]
    await sale.refund("5")
    async with services.database.write() as tx:
        (await tx.scalars(select(models.Job))).one().max_attempts = 1
    await work(services)
    assert (await shown(sale))["refunds"][0]["status"] == "PENDING"
    assert (await shown(sale))["refundedTotal"] == {"amount": "5.00"}
    sale.stripe.forget_keys()
    sale.stripe.faults = []
    services.clock = lambda: now() + timedelta(days=3)

    await settlements.sweep(services)
    await work(services)

    assert len(sale.stripe.refunds) == 1
    assert (await shown(sale))["refunds"][0]["status"] == "REFUNDED"
    await check_books(services)


async def test_what_stripe_refuses_to_refund_is_there_as_before(
    sale: Sale, services: Services
) -> None:
    session = await sale.sold()
    sale.stripe.dispute(session)
    before = await shown(sale)
    told = await sale.refund("5")
    assert told["paymentStatus"] == "PARTIALLY_REFUNDED"

    await work(services)

    order = await shown(sale)
    assert [each["status"] for each in order["refunds"]] == ["FAILED"]
    for name in ("paymentStatus", "refundedTotal", "customer"):
        assert order[name] == before[name]
    moved = await events(services, "order.status_changed")
    assert [each.payload["payment_status"] for each in moved] == [
        "paid", "partially_refunded", "paid",
    ]  # fmt: skip
    await check_books(services)


async def test_a_refund_that_comes_back_counts_no_more(sale: Sale, services: Services) -> None:
    session = await sale.sold()
    sale.stripe.refund_status = "pending"
    await sale.refund()
    await work(services)
    await sale.deliver_all()
    settle = "mutation ($id: ID!) { settleRefund(id: $id) { errors { code field } } }"
    async with services.database.write() as tx:
        refund = (await tx.scalars(select(models.Refund))).one()
    assert (refund.status, refund.reference) == ("pending", next(iter(sale.stripe.refunds)))
    assert await sale.gql.refused(settle, key=sale.shop.key, id=gid(refund)) == ["CONFLICT id"]
    for status, shows in (("failed", "PAID"), ("succeeded", "REFUNDED"), ("failed", "PAID")):
        sale.stripe.settle_refund(str(refund.reference), status)
        await sale.deliver_all()
        assert (await shown(sale))["paymentStatus"] == shows
        await check_books(services)

    sale.stripe.refund_status = "succeeded"
    sale.stripe.refund(session, 3000)
    await sale.deliver_all()

    order = await shown(sale)
    assert [each["status"] for each in order["refunds"]] == ["FAILED", "REFUNDED"]
    assert order["paymentStatus"] == "REFUNDED"
    await check_books(services)


async def test_a_promise_gives_way_to_what_was_refunded_already(
    sale: Sale, services: Services
) -> None:
    session = await sale.sold()
    await sale.refund("20")
    sale.stripe.refund(session, 3000)

    await sale.deliver_all()
    await work(services)

    order = await shown(sale)
    assert [(each["status"], each["amount"]["amount"]) for each in order["refunds"]] == [
        ("FAILED", "20.00"), ("REFUNDED", "30.00"),
    ]  # fmt: skip
    assert order["paymentStatus"] == "REFUNDED"
    await check_books(services)


async def test_nobody_calls_back_a_refund_that_is_under_way(sale: Sale, services: Services) -> None:
    await sale.sold()
    await sale.refund("20")
    async with services.database.write() as tx:
        job = (await tx.scalars(select(models.Job))).one()
    cancel = "mutation ($id: ID!) { cancelJob(id: $id) { errors { code field } } }"

    assert await sale.gql.refused(cancel, key=sale.shop.key, id=gid(job)) == ["CONFLICT id"]
    end = "mutation ($id: ID!) { cancelOrder(id: $id) { errors { code } } }"
    await sale.gql.done(end, key=sale.shop.key, id=gid(await sale.order()))
    await work(services)

    assert sum(each["amount"] for each in sale.stripe.refunds.values()) == 3000
    assert (await shown(sale))["paymentStatus"] == "REFUNDED"
    await check_books(services)


async def test_disputes_are_told_once_and_followed(sale: Sale, services: Services) -> None:
    session = await sale.sold()
    dispute = sale.stripe.dispute(session)
    await sale.deliver(*sale.stripe.sent, *sale.stripe.sent)
    sale.stripe.decide(dispute, "lost")
    await sale.deliver_all()

    assert (await shown(sale))["disputes"] == [
        {"reference": dispute, "status": "lost", "reason": "fraudulent",
         "amount": {"amount": "30.00"}}
    ]  # fmt: skip
    [told] = await events(services, "order.disputed")
    assert told.payload["dispute"] == dispute
    assert told.payload["status"] == "needs_response"
    query = """{ orders { nodes { disputes { reference } checkoutSession { reference } } } }"""
    stranger = await sale.shop.make.key("Other")
    assert (await sale.gql.data(query, key=stranger))["orders"]["nodes"] == []


def story(sale: Sale, session: str) -> None:
    """Paid, disputed, won, refunded in the dashboard three times, one of which came back."""
    sale.stripe.pay(session)
    sale.stripe.decide(sale.stripe.dispute(session), "won")
    sale.stripe.refund(session, 1000)
    failed = sale.stripe.refund(session, 500)
    sale.stripe.settle_refund(failed, "failed")
    sale.stripe.refund(session, 2000)


async def outcome(services: Services, order_id: int) -> Any:
    """Rows and books of an order, without what differs by chance."""
    async with services.database.write() as tx:
        order = await tx.get_one(models.Order, order_id)
        refunds = (await tx.scalars(select(models.Refund).filter_by(order_id=order_id))).all()
        disputes = (await tx.scalars(select(models.Dispute).filter_by(order_id=order_id))).all()
        payments = (await tx.scalars(select(models.Payment).filter_by(order_id=order_id))).all()
        moved = (await tx.scalars(select(models.Transfer).filter_by(order_id=order_id))).all()
    books: dict[Any, int] = {}
    for each in moved:
        books[each.debit_account_id] = books.get(each.debit_account_id, 0) - each.amount
        books[each.credit_account_id] = books.get(each.credit_account_id, 0) + each.amount
    return (
        order.payment_status, order.fulfillment_status, order.refunded_total, order.email,
        sorted((each.amount, each.status) for each in refunds),
        [(each.amount, each.status) for each in disputes],
        [(each.amount, each.method) for each in payments],
        books,
    )  # fmt: skip


async def test_a_story_has_one_end_whatever_is_told_when(sale: Sale, services: Services) -> None:
    """Some messages come while it goes on, some later, some twice, some never."""
    await set_plan(sale.shop.make, "Acme", models.Plan.FREE)
    async with services.database.write() as tx:
        (await tx.get_one(models.Variant, sale.shop.variant.id)).stock = 100
    wanted = {"storeId": gid(sale.shop.store), "successUrl": f"{sale.shop.host}/a",
              "cancelUrl": f"{sale.shop.host}/b"}  # fmt: skip
    ends: list[Any] = []
    for seed in range(8):
        made = (await sale.gql.done(CREATE, key=sale.shop.key, input=wanted))["checkoutSession"]
        sale.stripe.sent = []
        story(sale, made["reference"])
        told = shuffled(sale.stripe.sent, seed)
        if seed % 2:
            await asyncio.gather(*(sale.deliver(event) for event in told[: seed + 2]))
        else:
            await sale.deliver(*told)
        ends.append(await outcome(services, (await sale.order()).id))
        sale.stripe.sent = []

    *first, books = ends[0]
    assert first[0] == "refunded"
    assert all(end == (*first, books) for end in ends), ends
    assert set(books.values()) == {0}
    await check_books(services)
    assert await sale.gql.refused(
        REFUND, key=sale.shop.key, input={"orderId": gid(await sale.order())}
    ) == ["CONFLICT"]
