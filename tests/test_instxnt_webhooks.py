"""instxnt: what endpoints are told in its words, signed as its verifier expects, in their order."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from db import models
from db.base import now
from db.models import FulfillmentStatus, PaymentStatus
from resolvers.context import Context
from resolvers.events import announce
from resolvers.services import Services
from rest_compat.instxnt import contract
from rest_compat.instxnt.webhooks import SIGNATURE, TOPICS, signature
from rest_compat.instxnt.wire import order_id, store_id
from tests.callers import GraphQL
from tests.kit import Key, Make, gid
from tests.receivers import Clock, Post, Receiver

CREATE = """mutation ($input: NewWebhookEndpoint!) { createWebhookEndpoint(input: $input) {
  webhookEndpoint { id format topics } secret errors { code field message } } }"""
UPDATE = """mutation ($id: ID!, $changes: WebhookEndpointChanges!) {
  updateWebhookEndpoint(id: $id, changes: $changes) {
    webhookEndpoint { topics } errors { code field } } }"""
REFUND = """mutation ($input: NewRefund!) { refundOrder(input: $input) {
  order { id } errors { code message } } }"""
RECORD = """mutation ($input: RecordOrder!) { recordOrder(input: $input) {
  order { id } errors { code message } } }"""
PUBLISH = """mutation ($id: ID!) { updateStore(id: $id, changes: {status: LIVE}) {
  errors { code } } }"""


@pytest.fixture
def clock(services: Services) -> Clock:
    services.clock = made = Clock()
    return made


class Shop:
    """A store, its staff, and an endpoint that is told in the contract's words."""

    def __init__(self, gql: GraphQL, make: Make, store: models.Store, key: Key) -> None:
        self.gql, self.make, self.store, self.key = gql, make, store, key

    async def endpoint(self, url: str, *topics: str) -> str:
        """Its secret."""
        given = {
            "storeId": gid(self.store),
            "url": url,
            "topics": topics or ["*"],
            "format": "instxnt",
        }
        made = await self.gql.done(CREATE, key=self.key, input=given)
        return made["secret"]

    async def order(self, **columns: Any) -> models.Order:
        values = {"payment_status": PaymentStatus.PAID, "total": "30.00", **columns}
        order = await self.make.order(self.store, **values)
        await self.make.order_line(order)
        return order

    async def happen(self, topic: str, order: models.Order, **payload: Any) -> None:
        """Announce an event, as the operation that causes it would."""
        async with Context(self.make.services).transaction() as tx:
            announce(
                tx,
                topic,
                organization_id=self.store.organization_id,
                store_id=self.store.id,
                subject=(topic.partition(".")[0], order.id),
                **payload,
            )


@pytest.fixture
async def shop(gql: GraphQL, make: Make) -> Shop:
    return Shop(gql, make, await make.store(), await make.key())


def verified(headers: Mapping[str, str], body: str, secret: str, at: datetime) -> Any:
    """What a receiver reads, who splits the header on commas and equals signs."""
    parts = dict(part.split("=", 1) for part in headers[SIGNATURE.lower()].split(","))
    assert abs(int(parts["t"]) - at.timestamp()) < 300
    assert re.fullmatch("[0-9a-f]{64}", parts["v1"])
    digest = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    assert hmac.compare_digest(digest, parts["v1"])
    return json.loads(body)


def test_the_signature_is_the_one_of_the_contracts_example() -> None:
    example = contract().extension("x-webhook-delivery")["signature"]["x-test-vector"]
    made = signature(example["secret"], example["raw_body"], 1777213381)
    assert made == {SIGNATURE: f"t=1777213381,v1={example['v1']}"}


def expect_contract(message: Any) -> None:
    schema = "StoreEvent" if message["type"] == "store.published" else "OrderEvent"
    assert contract().schema(schema).problems(message) == []


async def test_a_story_of_one_order_is_told_once_each_in_its_order(
    shop: Shop, receiver: Receiver, post: Post, clock: Clock
) -> None:
    secret = await shop.endpoint(receiver.url)
    product = await shop.make.product(shop.store)
    variant = await shop.make.only_variant(product)
    line = {"variantId": gid(variant), "quantity": 1}
    recorded = {
        "storeId": gid(shop.store),
        "status": "PAID",
        "lines": [line],
        "contact": {"email": "jane@example.com", "firstName": "Jane"},
    }
    made = await shop.gql.done(RECORD, key=shop.key, input=recorded)
    for amount in ("2.00", "3.00", None):
        given = {"orderId": made["order"]["id"], "amount": amount}
        await shop.gql.done(REFUND, key=shop.key, input=given)
    while await post.turn():
        pass
    messages = [verified(*seen, secret, clock()) for seen in receiver.seen]
    assert [message["type"] for message in messages] == [
        "order.paid",
        "order.partially_refunded",
        "order.partially_refunded",
        "order.refunded",
    ]
    amounts = [message["data"].get("refunded_amount_cents") for message in messages]
    assert amounts == [None, 200, 300, None]
    assert len({message["id"] for message in messages}) == 4
    for message in messages:
        expect_contract(message)
        assert message["store_id"] == store_id(shop.store.uuid)
        assert message["data"]["order"]["buyer"]["email"] == "jane@example.com"
        assert message["data"]["order"]["total_cents"] == 1000


async def test_paid_and_fulfilled_at_once_are_two_messages(
    shop: Shop, receiver: Receiver, post: Post
) -> None:
    await shop.endpoint(receiver.url)
    order = await shop.order(fulfillment_status=FulfillmentStatus.FULFILLED)
    await shop.happen(
        "order.status_changed",
        order,
        payment_status="paid",
        previous_payment_status="pending",
        fulfillment_status="fulfilled",
        previous_fulfillment_status="unfulfilled",
        refunded_total=0,
    )
    while await post.turn():
        pass
    assert [message["type"] for message in receiver.bodies] == ["order.paid", "order.fulfilled"]
    first, second = (message["id"] for message in receiver.bodies)
    assert first != second
    for message in receiver.bodies:
        expect_contract(message)
        assert message["data"]["order"]["id"] == order_id(order.uuid)


async def test_a_store_that_goes_live_and_a_dispute_are_told(
    shop: Shop, receiver: Receiver, post: Post
) -> None:
    await shop.endpoint(receiver.url, "store.published", "order.dispute_opened")
    order = await shop.order()
    await shop.happen("order.disputed", order)
    await shop.happen("order.created", order, payment_status="paid")  # nobody asked for it
    async with Context(shop.make.services).transaction() as tx:
        announce(
            tx,
            "store.published",
            organization_id=shop.store.organization_id,
            store_id=shop.store.id,
            subject=("store", shop.store.id),
        )
    while await post.turn():
        pass
    assert sorted(message["type"] for message in receiver.bodies) == [
        "order.dispute_opened",
        "store.published",
    ]
    for message in receiver.bodies:
        expect_contract(message)


async def test_a_message_is_sent_again_with_the_same_id_and_a_fresh_time(
    shop: Shop, receiver: Receiver, post: Post, clock: Clock
) -> None:
    secret = await shop.endpoint(receiver.url)
    waits = (60, 300, 1800, 7200, 43200)
    receiver.plan.extend([500, 302, 404, 429, 500])
    await shop.happen("order.created", await shop.order(), payment_status="paid")
    await post.turn()
    for wait in waits:
        clock.pass_(wait - 1)
        assert await post.turn() == 0
        clock.pass_(1)
        assert await post.turn() == 1
        verified(*receiver.seen[-1], secret, clock())
    assert len(receiver.seen) == 6
    assert len({body for _, body in receiver.seen}) == 1
    assert len({headers[SIGNATURE.lower()] for headers, _ in receiver.seen}) == 6
    clock.pass_(10**6)
    assert await post.turn() == 0


async def test_what_is_no_news_in_the_contract_is_not_told(
    shop: Shop, receiver: Receiver, post: Post
) -> None:
    await shop.endpoint(receiver.url)
    order = await shop.order()
    pending = await shop.order(payment_status=PaymentStatus.PENDING)
    await shop.happen("order.created", pending, payment_status="pending")
    same = {
        "payment_status": "paid",
        "previous_payment_status": "paid",
        "fulfillment_status": "processing",
        "previous_fulfillment_status": "unfulfilled",
        "refunded_total": 0,
    }
    await shop.happen("order.status_changed", order, **same)
    edited = same | {"previous_payment_status": None, "previous_fulfillment_status": None}
    await shop.happen("order.status_changed", order, **edited)
    for before, after in (("refunded", "partially_refunded"), ("partially_refunded", "paid")):
        failed = {"previous_payment_status": before, "payment_status": after}  # a refund has
        await shop.happen("order.status_changed", order, **(same | failed))
    await shop.happen("store.updated", order)
    assert await post.turn() == 0
    assert receiver.seen == []


async def test_nothing_is_told_of_a_store_that_was_deleted_meanwhile(
    shop: Shop, receiver: Receiver, post: Post
) -> None:
    await shop.endpoint(receiver.url)
    await shop.happen("order.created", await shop.order(), payment_status="paid")
    async with shop.make.services.database.write() as tx:
        (await tx.get_one(models.Store, shop.store.id)).deleted_at = now()
    assert await post.turn() == 0


async def test_endpoints_ask_for_topics_of_their_format(shop: Shop) -> None:
    given = {"storeId": gid(shop.store), "url": "https://example.com/", "topics": ["order.paid"]}
    for more, field in (
        ({}, ["input", "topics"]),
        ({"format": "instxnt", "topics": ["product.created"]}, ["input", "topics"]),
        ({"format": "pigeon"}, ["input", "format"]),
    ):
        answer = await shop.gql.data(CREATE, key=shop.key, input=given | more)
        [error] = answer["createWebhookEndpoint"]["errors"]
        assert (error["code"], error["field"]) == ("INVALID", field)
    made = await shop.gql.done(
        CREATE, key=shop.key, input=given | {"format": "instxnt", "topics": list(TOPICS)}
    )
    assert made["webhookEndpoint"]["format"] == "instxnt"
    key = made["webhookEndpoint"]["id"]
    for topics, errors in ((["order.*"], 0), (["order.created"], 1)):
        answer = await shop.gql.data(UPDATE, key=shop.key, id=key, changes={"topics": topics})
        assert len(answer["updateWebhookEndpoint"]["errors"]) == errors


async def test_endpoints_of_both_formats_hear_of_one_event_each_in_its_words(
    shop: Shop, receiver: Receiver, post: Post, services: Services
) -> None:
    await shop.endpoint(f"{receiver.url}/instxnt")
    own = {"storeId": gid(shop.store), "url": f"{receiver.url}/own", "topics": ["*"]}
    await shop.gql.done(CREATE, key=shop.key, input=own)
    order = await shop.order()
    await shop.happen("order.created", order, payment_status="paid", ref=order.ref)
    while await post.turn():
        pass
    told = {message.get("type", message.get("topic")) for message in receiver.bodies}
    assert told == {"order.paid", "order.created"}
    assert services.clock().astimezone(UTC).year == 2026
