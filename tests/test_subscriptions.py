"""Live events over graphql-transport-ws, and resuming without loss or repetition."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from db import models
from resolvers.services import Services
from tests.callers import Client, GraphQL
from tests.kit import Installed, Key, Make, fund, gid, work

ORDERS = """subscription ($store: ID, $after: ID) { orders(storeId: $store, after: $after) {
  id topic paymentStatus fulfillmentStatus previousFulfillmentStatus order { ref } } }"""
ORDER = """subscription ($id: ID!, $after: ID) { orderStatus(id: $id, after: $after) {
  id fulfillmentStatus order { id } } }"""
JOB = "subscription ($id: ID!) { jobStatus(id: $id) { id status progress job { kind } } }"
BALANCE = """subscription ($id: ID!) { balance(id: $id) {
  id kind amount { amount } balanceAfter { amount } } }"""
PLACE = """mutation ($input: PlaceOrder!) { placeOrder(input: $input) {
  order { id jobs { nodes { id } } } errors { message } } }"""


class Socket:
    """One graphql-transport-ws connection with one subscription."""

    def __init__(self, ws: Any) -> None:
        self.ws = ws

    async def next(self) -> Any:
        """The next event."""
        payload = await self.payload()
        assert "errors" not in payload, payload
        [event] = payload["data"].values()
        return event

    async def payload(self) -> Any:
        """All that the next message says."""
        while True:
            message = await self.ws.receive_json(timeout=20)
            if message["type"] == "next":
                return message["payload"]
            assert message["type"] in ("ping", "pong"), message

    async def silence(self) -> None:
        """Nothing arrives before the answer to a ping does."""
        await self.ws.send_json({"type": "ping"})
        message = await self.ws.receive_json(timeout=20)
        assert message["type"] == "pong", message


@asynccontextmanager
async def subscribed(
    client: Client,
    key: Key | Installed,
    document: str,
    *,
    request_id: str = "of-a-test",
    **variables: Any,
) -> AsyncGenerator[Socket]:
    headers, protocols = {"X-Request-Id": request_id}, ["graphql-transport-ws"]
    async with client.ws_connect("/graphql", protocols=protocols, headers=headers) as ws:
        await ws.send_json({"type": "connection_init", "payload": key.headers})
        assert (await ws.receive_json(timeout=20))["type"] == "connection_ack"
        payload = {"query": document, "variables": variables}
        await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})
        yield Socket(ws)


class Shop:
    def __init__(self, make: Make, services: Services, gql: GraphQL) -> None:
        self.make, self.services, self.gql = make, services, gql

    async def open(self) -> "Shop":
        self.store = await self.make.store(currency="USDT", wholesale=True)
        product = await self.make.product(self.store, items=20, price="1.00")
        self.variant = await self.make.only_variant(product)
        self.client_key = await self.make.wholesale_key(self.store)
        self.staff = await self.make.key()
        self.balance = await fund(self.services, self.client_key, "50")
        return self

    async def place(self) -> Any:
        line = {"variantId": gid(self.variant)}
        wanted = {"storeId": gid(self.store), "lines": [line]}
        data = await self.gql.data(PLACE, key=self.client_key, input=wanted)
        return data["placeOrder"]["order"]


async def attached(services: Services, count: int) -> None:
    """Wait until so many subscribers are attached to the feed."""
    while services.events.subscriber_count < count:  # noqa: ASYNC110 - a turn of the loop, no time
        await asyncio.sleep(0)


async def test_an_order_is_heard_from_processing_to_completion(
    client: Client, make: Make, services: Services, gql: GraphQL
) -> None:
    shop = await Shop(make, services, gql).open()
    async with subscribed(client, shop.staff, ORDERS, store=gid(shop.store)) as socket:
        await attached(services, 1)
        await shop.place()
        created = await socket.next()
        await work(services)
        done = await socket.next()

    assert (created["topic"], created["fulfillmentStatus"]) == ("order.created", "PROCESSING")
    assert (done["topic"], done["fulfillmentStatus"]) == ("order.status_changed", "FULFILLED")
    assert done["previousFulfillmentStatus"] == "PROCESSING"
    assert int(created["id"]) < int(done["id"])


async def test_watching_one_order_begins_with_its_present_state(
    client: Client, make: Make, services: Services, gql: GraphQL
) -> None:
    shop = await Shop(make, services, gql).open()
    order = await shop.place()
    await shop.place()
    async with subscribed(client, shop.client_key, ORDER, id=order["id"]) as socket:
        first = await socket.next()
        await work(services)
        second = await socket.next()

    assert (first["fulfillmentStatus"], second["fulfillmentStatus"]) == ("PROCESSING", "FULFILLED")
    assert second["order"]["id"] == order["id"]


async def test_a_cut_connection_resumes_without_loss_or_repetition(
    client: Client, make: Make, services: Services, gql: GraphQL
) -> None:
    shop = await Shop(make, services, gql).open()
    heard: list[str] = []
    placing = asyncio.create_task(_keep_placing(shop, 12))
    after = "0"
    while len(heard) < 12:  # every connection is cut after three events
        async with subscribed(client, shop.staff, ORDERS, after=after) as socket:
            for _ in range(3):
                event = await socket.next()
                heard.append(event["order"]["ref"])
                after = event["id"]
    await placing

    async with services.database.write() as session:
        order = models.Order
        refs = (await session.scalars(order.__table__.select().with_only_columns(order.ref))).all()
    assert sorted(heard) == sorted(refs)
    async with subscribed(client, shop.staff, ORDERS, after=after) as socket:
        await socket.silence()


async def _keep_placing(shop: Shop, count: int) -> None:
    for _ in range(count):
        await shop.place()


async def test_jobs_and_balances_are_heard_too(
    client: Client, make: Make, services: Services, gql: GraphQL
) -> None:
    shop = await Shop(make, services, gql).open()
    order = await shop.place()
    [job] = order["jobs"]["nodes"]
    async with (
        subscribed(client, shop.client_key, JOB, id=job["id"]) as jobs,
        subscribed(client, shop.client_key, BALANCE, id=gid(shop.balance)) as balances,
    ):
        debit = await balances.next()
        while debit["kind"] != "PURCHASE":  # it begins with what was the newest at that moment
            debit = await balances.next()
        assert (await jobs.next())["status"] == "QUEUED"
        await work(services)
        seen = [await jobs.next()]
        while seen[-1]["status"] != "SUCCEEDED":
            seen.append(await jobs.next())

    assert (debit["kind"], debit["amount"]["amount"]) == ("PURCHASE", "-1.00")
    assert debit["balanceAfter"]["amount"] == "49.00"
    assert [event["status"] for event in seen] == ["RUNNING", "SUCCEEDED"]
    assert seen[-1]["job"]["kind"] == "fulfill_order"


async def test_nobody_hears_of_others(
    client: Client, make: Make, services: Services, gql: GraphQL
) -> None:
    shop = await Shop(make, services, gql).open()
    stranger = await make.key("Other")
    rival = await make.wholesale_key(shop.store)
    async with (
        subscribed(client, stranger, ORDERS) as foreign,
        subscribed(client, rival, ORDERS) as competing,
        subscribed(client, shop.client_key, ORDERS) as own,
    ):
        await attached(services, 3)
        await shop.place()
        await own.next()
        await foreign.silence()
        await competing.silence()


async def test_a_foreign_order_cannot_be_watched(
    client: Client, make: Make, services: Services, gql: GraphQL
) -> None:
    shop = await Shop(make, services, gql).open()
    order = await shop.place()
    stranger = await make.key("Other")
    async with client.ws_connect("/graphql", protocols=["graphql-transport-ws"]) as ws:
        await ws.send_json({"type": "connection_init", "payload": stranger.headers})
        await ws.receive_json(timeout=20)
        payload = {"query": ORDER, "variables": {"id": order["id"]}}
        await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})
        answer = await ws.receive_json(timeout=20)

    errors = answer["payload"]["errors"] if answer["type"] == "next" else answer["payload"]
    assert [error["extensions"]["code"] for error in errors] == ["NOT_FOUND"]


async def test_an_event_id_that_never_was_is_refused(
    client: Client, make: Make, services: Services, gql: GraphQL
) -> None:
    shop = await Shop(make, services, gql).open()
    for after in ("999999", "-1", "x", "9" * 40):
        async with client.ws_connect("/graphql", protocols=["graphql-transport-ws"]) as ws:
            await ws.send_json({"type": "connection_init", "payload": shop.staff.headers})
            await ws.receive_json(timeout=20)
            payload = {"query": ORDERS, "variables": {"after": after}}
            await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})
            answer = await ws.receive_json(timeout=20)
        errors = answer["payload"]["errors"] if answer["type"] == "next" else answer["payload"]
        assert [error["extensions"]["code"] for error in errors] == ["INVALID"], after


EVENTS = """subscription ($store: ID, $topics: [String!], $after: ID) {
  events(storeId: $store, topics: $topics, after: $after) {
    id topic subjectId node { id ... on Product { title } ... on Order { ref } } } }"""
RENAME = """mutation ($id: ID!, $title: String!) {
  updateProduct(id: $id, changes: { title: $title }) { errors { message } } }"""


async def test_everything_that_happens_in_a_store_is_heard_in_order(
    client: Client, gql: GraphQL, make: Make, services: Services
) -> None:
    shop = await Shop(make, services, gql).open()
    ware = await make.product(shop.store)
    async with subscribed(client, shop.staff, EVENTS, store=gid(shop.store)) as socket:
        await attached(services, 1)
        await gql.data(RENAME, key=shop.staff, id=gid(ware), title="Renamed")
        order = await shop.place()
        heard = [await socket.next() for _ in range(3)]
        elsewhere = await make.product(await make.store())
        await gql.data(RENAME, key=shop.staff, id=gid(elsewhere), title="Of another store")
        await socket.silence()

    assert heard[0]["topic"] == "product.updated"
    assert heard[0]["node"] == {"id": gid(ware), "title": "Renamed"}
    orders = [event for event in heard if event["topic"] == "order.created"]
    assert [event["subjectId"] for event in orders] == [order["id"]]
    positions = [int(event["id"]) for event in heard]
    assert positions == sorted(set(positions))


async def test_of_everything_each_hears_what_they_may_see_and_want(
    client: Client, gql: GraphQL, make: Make, services: Services
) -> None:
    shop = await Shop(make, services, gql).open()
    ware = await make.product(shop.store)
    only_products = await make.key(permissions=frozenset({"product:view"}))
    stranger = await make.key("Other")
    async with (
        subscribed(client, only_products, EVENTS) as limited,
        subscribed(client, stranger, EVENTS) as foreign,
        subscribed(client, shop.staff, EVENTS, topics=["order.*"]) as choosy,
    ):
        await attached(services, 3)
        await shop.place()
        await gql.data(RENAME, key=shop.staff, id=gid(ware), title="Renamed")
        seen = await limited.next()
        chosen = await choosy.next()
        await limited.silence()
        await foreign.silence()

    assert (seen["topic"], seen["node"]["title"]) == ("product.updated", "Renamed")
    assert chosen["topic"] == "order.created"
    assert chosen["node"]["ref"]


async def test_a_store_that_goes_live_is_heard_of(
    client: Client, gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    live = """mutation ($id: ID!) { updateStore(id: $id, changes: {status: LIVE}) {
      errors { code } } }"""
    async with subscribed(client, key, EVENTS, topics=["store.published"]) as socket:
        await attached(services, 1)
        await gql.done(live, key=key, id=gid(store))
        heard = await socket.next()

    assert (heard["topic"], heard["node"]) == ("store.published", {"id": gid(store)})


async def test_topics_that_are_none_are_refused(client: Client, make: Make) -> None:
    async with subscribed(client, await make.key(), EVENTS, topics=["order.vanished"]) as socket:
        payload = await socket.payload()
    assert payload["errors"][0]["extensions"]["code"] == "INVALID"
