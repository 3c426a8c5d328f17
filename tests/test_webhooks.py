"""Webhooks: who is told, in which words, signed how, and what happens when nobody listens."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from db import models
from jobs.courier import Courier
from providers.outbound import OutboundHttp
from resolvers import webhooks
from resolvers.context import Context
from resolvers.events import EventRecord, number
from resolvers.services import Services
from resolvers.webhooks import DEFAULT, Message
from tests.callers import GraphQL
from tests.kit import Key, Make, gid
from tests.receivers import Clock, Post, Receiver

PATIENCE = 20.0
BACKOFF = DEFAULT.backoff
CREATE = """mutation ($input: NewWebhookEndpoint!) { createWebhookEndpoint(input: $input) {
  webhookEndpoint { id url topics active store { id } } secret errors { code field } } }"""
RENAME = """mutation ($id: ID!, $name: String!) {
  updateStore(id: $id, changes: {name: $name}) { errors { code } } }"""
LOG = """{ webhookDeliveries(sort: ID_ASC) { nodes {
  id topic format status attempts responseStatus nextAttemptAt deliveredAt body
  attemptsLog { status error response durationMs }
  endpoint { id } order { id } store { id } } } }"""


@pytest.fixture
def clock(services: Services) -> Clock:
    services.clock = clock = Clock()
    return clock


@dataclass
class Shop:
    """A store with an endpoint, and the key of somebody who works there."""

    gql: GraphQL
    store: models.Store
    key: Key
    endpoint: Any = None
    secret: str = ""

    async def listen(self, url: str, *topics: str) -> Any:
        given = {"storeId": gid(self.store), "url": url, "topics": topics or ["store.updated"]}
        data = await self.gql.data(CREATE, key=self.key, input=given)
        made = data["createWebhookEndpoint"]
        assert made["errors"] == []
        self.endpoint, self.secret = made["webhookEndpoint"], made["secret"]
        return self.endpoint

    async def rename(self, name: str) -> None:
        """Cause an event, ``store.updated``."""
        data = await self.gql.data(RENAME, key=self.key, id=gid(self.store), name=name)
        assert data["updateStore"]["errors"] == []

    async def log(self) -> list[Any]:
        return (await self.gql.data(LOG, key=self.key))["webhookDeliveries"]["nodes"]


@pytest.fixture
async def shop(gql: GraphQL, make: Make) -> Shop:
    return Shop(gql, await make.store(), await make.key())


async def test_an_event_is_told_to_an_endpoint_that_asked_for_it_and_the_signatures_verify(
    shop: Shop, post: Post, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await shop.listen(receiver.url)
    await shop.rename("Renamed")

    assert await post.turn() == 1

    [(headers, body)] = receiver.seen
    told = json.loads(body)
    assert (told["topic"], told["store_id"]) == ("store.updated", gid(shop.store))
    assert told["data"] == {
        "id": gid(shop.store),
        "name": "Renamed",
        "status": "draft",
        "deleted": False,
    }
    own = hmac.new(shop.secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    assert headers["x-webhook-signature"] == own
    assert headers["x-storegraph-topic"] == "store.updated"
    assert headers["x-storegraph-delivery"] == headers["webhook-id"]
    assert headers["webhook-timestamp"] == str(int(clock().timestamp()))
    secret = base64.b64decode(shop.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    standard = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{standard}"
    [entry] = await shop.log()
    assert entry["id"] == headers["webhook-id"]
    assert (entry["status"], entry["responseStatus"]) == ("DELIVERED", 204)
    assert (entry["endpoint"]["id"], entry["body"]) == (endpoint["id"], body)
    assert await post.turn() == 0


@pytest.mark.parametrize(
    ("topics", "told"),
    [(["*"], 1), (["store.*"], 1), (["order.*"], 0), (["order.*", "store.updated"], 1)],
)
async def test_topics_say_what_an_endpoint_is_told(
    shop: Shop, post: Post, receiver: Receiver, topics: Sequence[str], told: int
) -> None:
    await shop.listen(receiver.url, *topics)
    await shop.rename("Renamed")

    assert await post.turn() == told
    assert len(receiver.seen) == told


async def test_others_are_told_nothing(
    shop: Shop, post: Post, receiver: Receiver, gql: GraphQL, make: Make
) -> None:
    foreign = Shop(gql, await make.store("Other"), await make.key("Other"))
    sibling = Shop(gql, await make.store(), shop.key)
    paused = await shop.listen(receiver.url)
    await foreign.listen(receiver.url, "*")
    await sibling.listen(receiver.url, "*")
    pause = """mutation ($id: ID!) { updateWebhookEndpoint(id: $id, changes: {active: false}) {
      webhookEndpoint { active } errors { code } } }"""
    data = await gql.data(pause, key=shop.key, id=paused["id"])
    assert data["updateWebhookEndpoint"]["webhookEndpoint"] == {"active": False}

    await shop.rename("Renamed")

    assert await post.turn() == 0
    assert receiver.seen == []


async def test_a_failing_receiver_is_tried_again_with_growing_pauses_until_it_accepts(
    shop: Shop, post: Post, receiver: Receiver, clock: Clock
) -> None:
    await shop.listen(receiver.url)
    await shop.rename("Renamed")
    receiver.plan.extend([500, 503])

    assert await post.turn() == 1
    clock.pass_(4)
    assert await post.turn() == 0
    clock.pass_(1)
    assert await post.turn() == 1
    clock.pass_(14)
    assert await post.turn() == 0
    clock.pass_(1)
    assert await post.turn() == 1

    [entry] = await shop.log()
    assert (entry["status"], entry["attempts"]) == ("DELIVERED", 3)
    assert [attempt["status"] for attempt in entry["attemptsLog"]] == [500, 503, 204]
    assert entry["attemptsLog"][0]["response"] == "heard"
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1


async def test_it_is_given_up_after_five_retries_and_can_be_sent_again_by_hand(
    shop: Shop, post: Post, receiver: Receiver, clock: Clock
) -> None:
    await shop.listen(receiver.url)
    await shop.rename("Renamed")
    receiver.plan.extend([500] * 6)

    assert await post.turn() == 1
    for wait in BACKOFF:
        clock.pass_(wait)
        assert await post.turn() == 1
    clock.pass_(3600)
    assert await post.turn() == 0
    [entry] = await shop.log()
    assert (entry["status"], entry["attempts"], entry["nextAttemptAt"]) == ("FAILED", 6, None)

    again = """mutation ($id: ID!) { redeliverWebhook(id: $id) {
      webhookDelivery { status attempts } errors { code } } }"""
    data = await shop.gql.data(again, key=shop.key, id=entry["id"])
    assert data["redeliverWebhook"]["webhookDelivery"] == {"status": "PENDING", "attempts": 0}
    refused = await shop.gql.data(again, key=shop.key, id=entry["id"])
    assert refused["redeliverWebhook"]["errors"] == [{"code": "CONFLICT"}]
    assert await post.turn() == 1
    [entry] = await shop.log()
    assert (entry["status"], len(entry["attemptsLog"])) == ("DELIVERED", 7)


@pytest.mark.parametrize("status", [302, 307, 400, 410, 429])
async def test_a_redirect_or_a_refusal_ends_it(
    shop: Shop, post: Post, receiver: Receiver, status: int
) -> None:
    await shop.listen(receiver.url)
    await shop.rename("Renamed")
    receiver.plan.append(status)

    assert await post.turn() == 1

    [entry] = await shop.log()
    assert (entry["status"], entry["responseStatus"]) == ("FAILED", status)
    assert len(receiver.seen) == 1


async def test_a_receiver_that_never_answers_counts_as_failing(
    shop: Shop, services: Services, clock: Clock
) -> None:
    never = asyncio.Event()

    async def handle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    http = OutboundHttp(private_addresses=True, timeout=0.1)
    port = server.sockets[0].getsockname()[1]
    await shop.listen(f"http://127.0.0.1:{port}/")
    await shop.rename("Renamed")

    assert await Post(services, Courier(services, http)).turn() == 1

    [entry] = await shop.log()
    assert entry["status"] == "PENDING"
    assert entry["attemptsLog"][0]["error"] == "no answer within 0.1 seconds"
    due = datetime.fromisoformat(entry["nextAttemptAt"])
    assert due == clock() + timedelta(seconds=BACKOFF[0])
    never.set()
    server.close()
    await http.close()


async def test_our_own_network_is_refused_by_default_and_for_good(
    shop: Shop, services: Services, receiver: Receiver, clock: Clock
) -> None:
    await shop.listen(receiver.url.replace("127.0.0.1", "localhost"))
    await shop.rename("Renamed")
    http = OutboundHttp()

    assert await Post(services, Courier(services, http)).turn() == 1
    clock.pass_(3600)
    assert await Post(services, Courier(services, http)).turn() == 0

    [entry] = await shop.log()
    assert entry["status"] == "FAILED"
    assert entry["attemptsLog"][0]["error"] == "leads to an address that is not public"
    assert receiver.seen == []
    await http.close()


async def test_messages_about_one_object_arrive_in_order(
    shop: Shop, post: Post, receiver: Receiver, clock: Clock, make: Make
) -> None:
    other = Shop(shop.gql, await make.store(), shop.key)
    await shop.listen(receiver.url)
    await other.listen(receiver.url)
    receiver.plan.append(500)
    for name in ("one", "two"):
        await shop.rename(name)

    assert await post.turn() == 1
    await other.rename("of another object")
    assert await post.turn() == 1
    clock.pass_(BACKOFF[0])
    assert await post.turn() == 2

    names = [body["data"]["name"] for body in receiver.bodies]
    assert names == ["one", "of another object", "one", "two"]


async def test_a_dialect_shapes_messages_of_its_own(
    shop: Shop, post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def broken(_ctx: Context, _event: EventRecord) -> list[Message]:
        raise RuntimeError

    async def shape(ctx: Context, event: EventRecord) -> list[Message]:
        seen.append(ctx.require().credential)
        message = Message(receiver.url, f'{{"name": "{event.payload["name"]}"}}', {"X-Own": "1"})
        return [message, message]

    monkeypatch.setattr(webhooks, "_SHAPINGS", [])
    monkeypatch.setattr(webhooks, "_SCHEDULES", {})
    webhooks.register_shaper("store.", broken, format="broken")
    webhooks.register_shaper("store.updated", shape, format="old")
    webhooks.register_shaper("store.updated", shape, format="old")
    webhooks.register_shaper("order.", shape, format="old")
    await shop.rename("Renamed")

    assert await post.turn() == 1

    [(headers, body)] = receiver.seen
    assert (headers["x-own"], headers["content-type"]) == ("1", "application/json")
    assert body == '{"name": "Renamed"}'
    assert seen == ["system"]
    [entry] = await shop.log()
    assert (entry["format"], entry["endpoint"]) == ("old", None)


async def test_what_is_stored_of_a_message_cannot_be_read_without_the_key(
    shop: Shop, post: Post, receiver: Receiver, services: Services
) -> None:
    await shop.listen(receiver.url)
    await shop.rename("Confidential")
    await post.turn()

    async with services.database.read() as connection:
        bodies = (await connection.execute(select(models.WebhookDelivery.body))).scalars().all()
    assert len(bodies) == 1
    assert "Confidential" not in bodies[0]


async def test_a_courier_that_dies_with_a_message_in_hand_leaves_it_to_the_next_one(
    shop: Shop, post: Post, receiver: Receiver, services: Services, clock: Clock
) -> None:
    await shop.listen(receiver.url)
    await shop.rename("Renamed")
    await number(services.database)

    class Dying:
        async def post(self, *_: Any, **__: Any) -> Any:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Courier(services, Dying()).turn()

    assert await post.turn() == 0  # it may still be on its way
    clock.pass_(30)
    assert await post.turn() == 1
    assert len(receiver.seen) == 1


async def test_two_couriers_make_and_send_each_message_once(
    shop: Shop, post: Post, receiver: Receiver, services: Services
) -> None:
    await shop.listen(receiver.url)
    for n in range(12):
        await shop.rename(f"Name {n}")
    http = OutboundHttp(private_addresses=True)
    other = Post(services, Courier(services, http))

    await asyncio.gather(post.turn(), other.turn(), return_exceptions=True)
    await post.turn()

    told = [body["data"]["name"] for body in receiver.bodies]
    assert told == [f"Name {n}" for n in range(12)]
    async with services.database.read() as connection:
        made = select(func.count()).select_from(models.WebhookDelivery)
        assert (await connection.execute(made)).scalar() == 12
    await http.close()


async def test_a_running_courier_hears_of_events_by_itself(
    shop: Shop, receiver: Receiver, services: Services
) -> None:
    await shop.listen(receiver.url)
    http = OutboundHttp(private_addresses=True)
    courier = Courier(services, http, poll=60)
    await courier.start()
    async with asyncio.timeout(PATIENCE):
        await shop.rename("Renamed")
        await receiver.came.wait()
    await courier.stop(5)
    await http.close()

    [entry] = await shop.log()
    assert entry["status"] == "DELIVERED"


async def test_a_rotated_secret_signs_what_is_sent_from_then_on(
    shop: Shop, post: Post, receiver: Receiver
) -> None:
    endpoint = await shop.listen(receiver.url)
    await shop.rename("Renamed")
    rotate = """mutation ($id: ID!) { rotateWebhookSecret(id: $id) {
      secret errors { code } } }"""
    fresh = (await shop.gql.data(rotate, key=shop.key, id=endpoint["id"]))["rotateWebhookSecret"]

    await post.turn()

    [(headers, body)] = receiver.seen
    assert fresh["secret"] != shop.secret
    assert headers["x-webhook-signature"] == webhooks.signature(fresh["secret"], body)


async def test_a_deleted_endpoint_is_told_nothing_more_and_its_log_stays(
    shop: Shop, post: Post, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await shop.listen(receiver.url)
    await shop.rename("Renamed")
    receiver.plan.append(500)
    await post.turn()
    delete = """mutation ($id: ID!) { deleteWebhookEndpoint(id: $id) {
      deletedId errors { code } } }"""

    data = await shop.gql.data(delete, key=shop.key, id=endpoint["id"])
    assert data["deleteWebhookEndpoint"] == {"deletedId": endpoint["id"], "errors": []}
    clock.pass_(3600)
    await shop.rename("Again")

    assert await post.turn() == 0
    [entry] = await shop.log()
    assert (entry["status"], entry["endpoint"]) == ("FAILED", None)


@pytest.mark.parametrize(
    ("changed", "code", "path"),
    [
        ({"url": "ftp://example.com"}, "INVALID", ["input", "url"]),
        ({"url": "http://user:pw@example.com"}, "INVALID", ["input", "url"]),
        ({"topics": []}, "INVALID", ["input", "topics"]),
        ({"topics": ["order.paid"]}, "INVALID", ["input", "topics"]),
        ({"description": "x" * 501}, "INVALID", ["input", "description"]),
        ({"storeId": "U3RvcmU6OTk5OTk5"}, "NOT_FOUND", ["input", "storeId"]),
    ],
)
async def test_an_endpoint_that_makes_no_sense_is_refused(
    shop: Shop, changed: dict[str, Any], code: str, path: list[str]
) -> None:
    given = {"storeId": gid(shop.store), "url": "https://example.com/", "topics": ["*"], **changed}

    data = await shop.gql.data(CREATE, key=shop.key, input=given)

    [error] = data["createWebhookEndpoint"]["errors"]
    assert error["code"] == code
    assert [part.replace("_id", "Id") for part in error["field"]] == path
    assert data["createWebhookEndpoint"]["secret"] is None


async def test_endpoints_and_messages_of_another_tenant_do_not_exist(
    shop: Shop, post: Post, receiver: Receiver, make: Make
) -> None:
    endpoint = await shop.listen(receiver.url)
    await shop.rename("Renamed")
    await post.turn()
    [entry] = await shop.log()
    stranger = await make.key("Other")
    look = """query ($endpoint: ID!, $delivery: ID!) {
      webhookEndpoint(id: $endpoint) { id } webhookDelivery(id: $delivery) { id }
      webhookEndpoints { totalCount } webhookDeliveries { totalCount } }"""

    data = await shop.gql.data(look, key=stranger, endpoint=endpoint["id"], delivery=entry["id"])

    assert data == {
        "webhookEndpoint": None,
        "webhookDelivery": None,
        "webhookEndpoints": {"totalCount": 0},
        "webhookDeliveries": {"totalCount": 0},
    }


async def test_deliveries_of_many_endpoints_cost_one_statement(
    shop: Shop, post: Post, receiver: Receiver, statements: list[str]
) -> None:
    for _ in range(3):
        await shop.listen(receiver.url)
    await shop.rename("Renamed")
    await post.turn()
    statements.clear()

    data = await shop.gql.data(
        "{ webhookEndpoints { nodes { url deliveries(first: 2) { nodes { status } } } } }",
        key=shop.key,
    )

    assert [len(e["deliveries"]["nodes"]) for e in data["webhookEndpoints"]["nodes"]] == [1, 1, 1]
    asked = [statement for statement in statements if "webhook" in statement]
    assert len(asked) == 2  # the endpoints, their deliveries
