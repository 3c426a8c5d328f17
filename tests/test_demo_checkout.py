"""The embedded payment service: its page, and an order from opening to its end."""

import asyncio
from datetime import timedelta

import pytest

from db import models
from db.base import now
from providers.simulated_payments import SimulatedPayments
from resolvers import settlements
from resolvers.services import Services
from rest_compat.instxnt import wire
from tests.buying import (
    SOLD,
    DemoPage,
    Shop,
    fees,
    only_order,
    open_shop,
    set_plan,
    stock_of,
    the_session,
)  # fmt: skip
from tests.callers import GraphQL, Rest
from tests.kit import Make, gid, work
from tests.state import check_books, events, everything

REFUND = """mutation ($input: NewRefund!) { refundOrder(input: $input) {
  order { paymentStatus } errors { code message field } } }"""


@pytest.fixture
async def shop(make: Make) -> Shop:
    return await open_shop(make, stock=3, price="29.99")


def later(services: Services, seconds: float) -> None:
    assert isinstance(services.payments, SimulatedPayments)
    at = now() + timedelta(seconds=seconds)
    services.clock = services.payments.clock = lambda: at


async def test_a_session_keeps_the_goods_and_is_paid_once(
    shop: Shop, instxnt: Rest, gql: GraphQL, services: Services
) -> None:
    await set_plan(shop.make, "Acme", models.Plan.PRO)
    opened = await shop.opened(instxnt, quantity=2)
    assert opened["session_id"].startswith("cs_demo_")
    assert await stock_of(services, shop.variant) == 1
    page = DemoPage(instxnt.client, opened["url"])
    seen = await page.look()
    assert seen.status == 200
    assert "No money moves" in seen.text
    assert "Magnetic &lt;Mount&gt;" in seen.text
    assert "59.98 USD" in seen.text
    assert "<script" not in seen.text
    assert "default-src 'none'" in seen.headers["Content-Security-Policy"]

    paid = await page.press("pay")

    assert paid.status == 303
    assert paid.headers["Location"] == f"{shop.host}/thanks?s={opened['session_id']}"
    order = await only_order(services)
    found = (await gql.data(SOLD, key=shop.key, id=gid(order)))["order"]
    session = await the_session(services)
    assert found == {
        "id": gid(order), "paymentStatus": "PAID", "fulfillmentStatus": "UNFULFILLED",
        "refundedTotal": {"amount": "0.00"}, "total": {"amount": "59.98"}, "failureReason": None,
        "contact": {"firstName": "Ada", "lastName": "Lovelace King", "email": "ada@example.com",
                    "city": "Ulm", "country": "DE"},
        "customer": {"email": "ada@example.com", "orderCount": 1,
                     "amountSpent": {"amount": "59.98"}},
        "payments": [{"method": "CARD", "reference": session.payment_reference,
                      "amount": {"amount": "59.98"}}],
        "refunds": [], "disputes": [],
        "checkoutSession": {
            "status": "COMPLETE", "reference": opened["session_id"], "url": opened["url"],
            "paymentReference": session.payment_reference, "amount": {"amount": "59.98"},
            "applicationFee": {"amount": "0.00"}},
    }  # fmt: skip
    before = await everything(services)
    again = await page.press("pay", token="00" * 32)
    assert (again.status, "Not from this page" in again.text) == (403, True)
    closed = await page.look()
    assert (closed.status, "paid already" in closed.text) == (409, True)
    await settlements.settle(services, session.id)
    assert {**await everything(services), "checkout_session": []} == {
        **before, "checkout_session": [],
    }  # fmt: skip
    assert await stock_of(services, shop.variant) == 1
    told = await events(services, "order.status_changed")
    assert [event.payload["payment_status"] for event in told] == ["paid"]
    await check_books(services)


async def test_nothing_else_is_sold_where_the_primary_product_is_not_on_sale(
    shop: Shop, instxnt: Rest, services: Services
) -> None:
    other = await shop.make.product(shop.store, price="1.00")
    named = wire.variant_id((await shop.make.only_variant(other)).uuid)
    async with services.database.write() as tx:
        product = await tx.get_one(models.Product, shop.product.id)
        product.is_primary, product.status = True, models.ProductStatus.DRAFT
    before = await everything(services)

    refused = await shop.ask(instxnt)

    assert (refused.status, refused.body["code"]) == (404, "not_found")
    # The simulated account's row comes about when somebody first asks for it.
    assert {**await everything(services), "connected_account": []} == before
    await shop.opened(instxnt, variant_id=named)
    assert (await only_order(services)).total == 1_000_000


async def test_pressing_pay_twice_at_once_pays_once(
    shop: Shop, instxnt: Rest, services: Services
) -> None:
    page = DemoPage(instxnt.client, (await shop.opened(instxnt))["url"])
    token = services.vault.mark("demo checkout form", page.path.rsplit("/", 1)[1]).hex()

    pages = await asyncio.gather(*(page.press("pay", token=token) for _ in range(4)))

    assert sorted(each.status for each in pages) == [303, 409, 409, 409]
    assert len(await events(services, "order.status_changed")) == 1
    await check_books(services)


async def test_cancel_leaves_it_open_and_what_is_typed_is_checked(
    shop: Shop, instxnt: Rest, services: Services
) -> None:
    page = DemoPage(instxnt.client, (await shop.opened(instxnt))["url"])

    gone = await page.press("cancel")
    assert (gone.status, gone.headers["Location"]) == (303, f"{shop.host}/cart")
    for field, text in (("email", "<b>"), ("country", "??"), ("name", "x" * 121), ("city", "\0")):
        wrong = await page.press("pay", **{field: text})
        assert wrong.status == 400
        assert "<b>" not in wrong.text
    assert (await page.press("buy")).status == 400
    assert (await page.press("pay", token="no")).status == 403
    other = DemoPage(instxnt.client, (await shop.opened(instxnt))["url"])
    token = services.vault.mark("demo checkout form", other.path.rsplit("/", 1)[1]).hex()
    assert (await page.press("pay", token=token)).status == 403
    assert (await instxnt.client.get("/checkout/demo/cs_demo_none")).status == 404
    assert (await instxnt.client.post("/checkout/demo/cs_demo_none")).status == 404
    assert (await page.look()).status == 200


async def test_what_nobody_pays_in_time_is_for_others(
    shop: Shop, instxnt: Rest, gql: GraphQL, services: Services
) -> None:
    page = DemoPage(instxnt.client, (await shop.opened(instxnt, quantity=3))["url"])
    refused = await shop.ask(instxnt)
    assert (refused.status, refused.body["code"]) == (400, "validation_failed")
    later(services, 3601)

    assert await settlements.sweep(services) == 1

    gone = await page.press("pay")
    assert (gone.status, "expired" in (await page.look()).text) == (403, True)
    order = await only_order(services)
    found = (await gql.data(SOLD, key=shop.key, id=gid(order)))["order"]
    assert (found["paymentStatus"], found["fulfillmentStatus"]) == ("ABANDONED", "CANCELLED")
    assert found["checkoutSession"]["status"] == "EXPIRED"
    assert await stock_of(services, shop.variant) == 3
    assert await settlements.sweep(services) == 0


async def test_of_two_buyers_one_gets_the_last_unit(
    make: Make, instxnt: Rest, services: Services
) -> None:
    shop = await open_shop(make, stock=1)

    replies = await asyncio.gather(*(shop.ask(instxnt) for _ in range(4)))

    assert sorted(reply.status for reply in replies) == [200, 400, 400, 400]
    assert await stock_of(services, shop.variant) == 0


async def test_the_same_call_is_the_same_session(
    shop: Shop, instxnt: Rest, services: Services
) -> None:
    first, *others = await asyncio.gather(*(shop.opened(instxnt, once="a") for _ in range(3)))

    assert others == [first, first]
    assert await shop.opened(instxnt, once="b") != first
    assert (await shop.ask(instxnt, once="a", quantity=2)).status == 400
    assert await stock_of(services, shop.variant) == 1


async def test_what_is_wrong_is_said_and_keeps_nothing(
    shop: Shop, instxnt: Rest, make: Make, services: Services
) -> None:
    free = await make.only_variant(await make.product(shop.store, price="0"))
    odd = await make.only_variant(await make.product(shop.store, price="1.005"))
    stranger = await open_shop(make, of="Other")
    await make.domain(shop.store, name="lamp.example")
    before = await everything(services)

    for wrong, status, field in (
        ({"success_url": "https://evil.example/a"}, 400, "success_url"),
        ({"cancel_url": f"{stranger.host}/cart"}, 400, "cancel_url"),
        ({"success_url": "http://lamp.example/a"}, 400, "success_url"),
        ({"success_url": "https://lamp.example:8443/a"}, 400, "success_url"),
        ({"success_url": "https://lamp.example@evil.example/"}, 400, "success_url"),
        ({"success_url": "https://evil.example\\@lamp.example/"}, 400, "success_url"),
        ({"success_url": "javascript:alert(1)"}, 400, "success_url"),
        ({"quantity": 0}, 400, "quantity"),
        ({"quantity": 10_001}, 400, "quantity"),
        ({"variant_id": wire.variant_id(free.uuid)}, 400, "variant_id"),
        ({"variant_id": wire.variant_id(odd.uuid)}, 400, "variant_id"),
        ({"variant_id": wire.variant_id(stranger.variant.uuid)}, 403, None),
        ({"variant_id": "vr_nothing"}, 404, None),
        ({"store_id": wire.store_id(stranger.store.uuid)}, 403, None),
    ):
        reply = await shop.ask(instxnt, once=None, **wrong)
        assert (reply.status, reply.body.get("field")) == (status, field), wrong
    after = await everything(services)
    assert {**after, "connected_account": []} == {**before, "connected_account": []}
    own = {"success_url": "https://lamp.example/thanks", "cancel_url": "http://x.localhost:8000/"}
    own["cancel_url"] = f"http://{shop.store.subdomain}.localhost:8000/cart"
    await shop.opened(instxnt, **own)
    async with services.database.write() as tx:
        store = await tx.get_one(models.Store, shop.store.id)
        store.status = models.StoreStatus.SUSPENDED
    assert (await shop.ask(instxnt)).body["field"] == "store_id"


async def test_refunds_go_back_by_card_with_the_platforms_part(
    make: Make, instxnt: Rest, gql: GraphQL, services: Services
) -> None:
    shop = await open_shop(make, price="9.99", stock=1)
    async with services.database.write() as tx:
        owner = await tx.get_one(models.Organization, shop.store.organization_id)
        owner.plan = models.Plan.FREE
    made = await gql.done(
        """mutation ($input: NewCheckoutSession!) { createCheckoutSession(input: $input) {
        checkoutSession { url applicationFee { amount } order { id } } errors { code } } }""",
        key=shop.key,
        input={"storeId": gid(shop.store), "successUrl": f"{shop.host}/a",
               "cancelUrl": f"{shop.host}/b"},
    )  # fmt: skip
    session = made["checkoutSession"]
    assert session["applicationFee"] == {"amount": "0.30"}
    await DemoPage(instxnt.client, session["url"]).press("pay")
    assert await fees(services) == {"USD": 300_000}

    for amount, status, fee in (("3.33", "PENDING", 200_000), ("3.33", "PENDING", 100_000)):
        wanted = {"orderId": session["order"]["id"], "amount": amount}
        await gql.done(REFUND, key=shop.key, input=wanted)
        found = (await gql.data(SOLD, key=shop.key, id=session["order"]["id"]))["order"]
        assert (found["refunds"][-1]["status"], found["paymentStatus"]) == (
            status, "PARTIALLY_REFUNDED",
        )  # fmt: skip
        assert await fees(services) == {"USD": fee}
        await check_books(services)
        await work(services)
    await gql.done(REFUND, key=shop.key, input={"orderId": session["order"]["id"]})
    await work(services)

    found = (await gql.data(SOLD, key=shop.key, id=session["order"]["id"]))["order"]
    assert {each["status"] for each in found["refunds"]} == {"REFUNDED"}
    assert all(each["reference"].startswith("re_demo_") for each in found["refunds"])
    assert found["paymentStatus"] == "REFUNDED"
    assert found["customer"]["amountSpent"] == {"amount": "0.00"}
    assert await fees(services) == {"USD": 0}
    await check_books(services)


async def test_digital_goods_are_handed_over_once_they_are_paid(
    make: Make, instxnt: Rest, gql: GraphQL, services: Services
) -> None:
    shop = await open_shop(make, items=2)
    page = DemoPage(instxnt.client, (await shop.opened(instxnt))["url"])
    assert "Street" not in (await page.look()).text

    await page.press("pay")
    await work(services)

    found = (await gql.data(SOLD, key=shop.key, id=gid(await only_order(services))))["order"]
    assert (found["paymentStatus"], found["fulfillmentStatus"]) == ("PAID", "FULFILLED")


async def test_sellers_have_an_account_in_the_demo_by_itself(
    shop: Shop, instxnt: Rest, gql: GraphQL
) -> None:
    ask = """mutation ($to: String!) { startOnboarding(returnUrl: $to, refreshUrl: $to) {
      url connectedAccount { reference chargesEnabled provider } errors { code } } }"""
    back = "https://shop.example/a?b=<c>"

    begun = await gql.done(ask, key=shop.key, to=back.replace("<c>", "c"))

    assert begun["connectedAccount"]["provider"] == "simulated"
    assert begun["connectedAccount"]["chargesEnabled"] is True
    path = begun["url"].split("8000", 1)[1]
    page = await instxnt.client.get(path)
    text = await page.text()
    assert "No money moves" in text
    assert 'href="https://shop.example/a?b=c"' in text
    forged = await instxnt.client.get(path.replace("shop.example", "evil.example"))
    assert "evil.example" not in await forged.text()
    clerk = await shop.make.key(permissions=frozenset({"order:create", "order:view"}))
    answer = await gql(ask, key=clerk, to="https://shop.example/")
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_sessions_are_listed_by_one_statement_a_level(
    shop: Shop, instxnt: Rest, gql: GraphQL, statements: list[str]
) -> None:
    for _ in range(3):
        await shop.opened(instxnt)
    query = """{ checkoutSessions(filter: {status: OPEN}, sort: ID_ASC) { totalCount nodes {
      store { id } order { checkoutSession { id } disputes { id } refunds { reference } } } }
      viewer { organization { connectedAccount { reference } } } }"""
    await gql.data(query, key=shop.key)
    statements.clear()

    data = await gql.data(query, key=shop.key)

    assert data["checkoutSessions"]["totalCount"] == 3
    account = data["viewer"]["organization"]["connectedAccount"]["reference"]
    assert account == f"acct_demo_{shop.store.organization_id}"
    # Who asks, sessions and their count, stores, orders, and of these sessions, disputes and
    # refunds; the organization and its account.
    assert len(statements) == 10
    other = await shop.make.key("Other")
    assert (await gql.data(query, key=other))["checkoutSessions"]["totalCount"] == 0


async def test_each_change_needs_its_permission(shop: Shop, instxnt: Rest, gql: GraphQL) -> None:
    await shop.opened(instxnt)
    session, url = await the_session(shop.services), f"{shop.host}/a"
    create = """mutation ($id: ID!, $url: String!) { createCheckoutSession(input: {storeId: $id,
      successUrl: $url, cancelUrl: $url}) { errors { code } } }"""
    expire = "mutation ($id: ID!) { expireCheckoutSession(id: $id) { errors { code } } }"
    for permission, document, variables in (
        ("order:create", create, {"id": gid(shop.store), "url": url}),
        ("order:update", expire, {"id": gid(session)}),
    ):
        others = {"order:view", "order:create", "order:update", "store:view"} - {permission}
        key = await shop.make.key(permissions=frozenset(others))
        before = await everything(shop.services)

        answer = await gql(document, key=key, **variables)

        assert answer["errors"][0]["extensions"]["details"] == {"permission": permission}
        assert await everything(shop.services) == before
