"""xPage: what apps are told, as whom, in which order, and what happens when they do not listen."""

import asyncio
import hashlib
import hmac
import os
import shutil
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select, update

from db import models
from db.base import now
from db.models import InstallationStatus
from jobs.courier import Courier
from providers.outbound import OutboundHttp
from resolvers.apps import TOPICS
from resolvers.context import Context
from resolvers.events import announce, number
from resolvers.services import Services
from rest_compat.xpage import contract, webhooks
from rest_compat.xpage.product_views import of_products
from tests.callers import GraphQL
from tests.desk import Clock
from tests.kit import Installed, Key, Make, gid

CLIENTS = Path(__file__).with_name("clients")
MAY_SKIP = os.environ.get("STOREGRAPH_TEST_REQUIRE_SERVICES") != "1"
RETRIES = (60, 300, 1800, 7200, 43200)
OURS = {
    "product.created": "product.created",
    "product.updated": "product.updated",
    "order.created": "order.created",
    "order.status_changed": "order.updated",
    "order.refunded": "order.updated",
    "delivery.updated": "order.updated",
    "customer.created": "customer.created",
    "customer.updated": "customer.updated",
    "review.created": "review.created",
}
LOG = """{ webhookDeliveries(sort: ID_ASC) { nodes {
  id topic format status attempts responseStatus body attemptsLog { status error }
  installation { id appName } endpoint { id } order { id } } } }"""
REDELIVER = """mutation ($id: ID!) { redeliverWebhook(id: $id) {
  webhookDelivery { status } errors { code message field } } }"""
UNINSTALL = "mutation ($id: ID!) { uninstallApp(id: $id) { errors { code message field } } }"
EDIT = """mutation ($id: ID!, $title: String!) {
  updateProduct(id: $id, changes: {title: $title}) { errors { code message field } } }"""


@pytest.fixture
def clock(services: Services) -> Clock:
    services.clock = made = Clock(now())
    return made


@dataclass
class Receiver:
    """An app's server: answers with the planned statuses, then with 204."""

    url: str = ""
    plan: deque[int] = field(default_factory=deque)
    seen: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.seen.append((request.headers, await request.read()))
        return web.Response(status=self.plan.popleft() if self.plan else 204)

    @property
    def told(self) -> list[Any]:
        return [orjson.loads(body) for _, body in self.seen]


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    made, app = Receiver(), web.Application()
    app.router.add_post("/{path:.*}", made.handle)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/hook"))
        yield made


@dataclass
class Shop:
    """A store that sells one product, its staff, and the post that brings apps news."""

    gql: GraphQL
    services: Services
    courier: Courier
    make: Make
    store: models.Store
    product: models.Product
    key: Key

    async def turn(self) -> int:
        await number(self.services.database)
        return await self.courier.turn()

    async def app(self, receiver: Receiver, **more: Any) -> Installed:
        given = {"topics": ["*"], "webhook_url": receiver.url, **more}
        return await self.make.installed(self.store, **given)

    async def edit(self, title: str) -> None:
        await self.gql.done(EDIT, key=self.key, id=gid(self.product), title=title)

    async def log(self) -> list[Any]:
        return (await self.gql.data(LOG, key=self.key))["webhookDeliveries"]["nodes"]

    async def happen(self, topic: str, subject_id: int, **payload: Any) -> None:
        """Announce an event, as the operation that causes it would."""
        subject = topic.partition(".")[0]
        async with Context(self.services).transaction() as tx:
            announce(
                tx,
                topic,
                organization_id=self.store.organization_id,
                store_id=self.store.id,
                subject=(subject, subject_id),
                **payload,
            )


@pytest.fixture
async def shop(gql: GraphQL, make: Make, services: Services, clock: Clock) -> AsyncGenerator[Shop]:
    http = OutboundHttp(private_addresses=True, timeout=1)
    store = await make.store(subdomain="harbour")
    product = await make.product(store, title="Mount")
    courier = Courier(services, http)
    yield Shop(gql, services, courier, make, store, product, await make.key())
    await http.close()
    assert clock() is not None


async def order_of(shop: Shop) -> models.Order:
    return await shop.make.save(
        models.Order(
            organization_id=shop.store.organization_id,
            store_id=shop.store.id,
            ref=uuid4().hex,
            currency="USD",
            total=0,
            quantity=0,
        )
    )


@dataclass
class Views:
    """Stands in for how rows are shown: which were asked for, and by whom."""

    asked: list[tuple[str, Sequence[int]]] = field(default_factory=list)

    async def show(self, ctx: Context, keys: Sequence[int]) -> dict[int, Any]:
        self.asked.append((ctx.require().credential, list(keys)))
        return {key: {"key": key} for key in keys}


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> Views:
    made = Views()
    shown = {name: replace(told, view=made.show) for name, told in webhooks.TOLD.items()}
    monkeypatch.setattr(webhooks, "TOLD", shown)
    return made


async def test_a_change_is_told_in_the_dialects_words_and_signed(
    shop: Shop, receiver: Receiver
) -> None:
    app = await shop.app(receiver)
    await shop.edit("Magnetic mount")

    assert await shop.turn() == 1

    [(headers, body)] = receiver.seen
    told = orjson.loads(body)
    assert (told["topic"], told["install_id"]) == ("product.updated", str(app.row.uuid))
    assert told["shop_domain"] == "harbour.localhost"
    assert told["data"]["id"] == str(shop.product.uuid)
    assert told["data"]["title"] == "Magnetic mount"
    digest = hmac.new(app.signing_secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-XPage-Signature"] == f"sha256={digest}"
    assert headers["X-XPage-Topic"] == "product.updated"
    assert headers["X-XPage-Shop-Domain"] == "harbour.localhost"
    assert headers["Content-Type"] == "application/json"
    [entry] = await shop.log()
    assert entry["body"] == body.decode()
    assert (entry["format"], entry["status"]) == ("xpage", "DELIVERED")
    assert entry["installation"] == {"id": gid(app.row), "appName": app.app.name}
    assert await shop.turn() == 0


async def test_the_data_is_what_the_api_shows_to_the_app(shop: Shop, receiver: Receiver) -> None:
    await shop.app(receiver)
    await shop.edit("Magnetic mount")
    await shop.turn()

    staff = Context(shop.services).as_system(shop.store.organization_id)
    [told] = receiver.told
    assert told["data"] == (await of_products(staff, [shop.product.id]))[shop.product.id]


@pytest.mark.skipif(shutil.which("node") is None and MAY_SKIP, reason="Node is not installed")
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_the_documents_way_of_verifying_takes_what_is_sent_and_nothing_else(
    shop: Shop, receiver: Receiver
) -> None:
    app = await shop.app(receiver)
    await shop.edit('Größe "XL", 5 €')
    await shop.turn()
    [(headers, body)] = receiver.seen
    signature = headers["X-XPage-Signature"]

    async def verified(secret: str, signature: str, body: bytes) -> str:
        process = await asyncio.create_subprocess_exec(
            "node", str(CLIENTS / "verify.mjs"), secret, signature,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate(body)
        assert process.returncode == 0
        return out.decode().strip()

    assert await verified(app.signing_secret, signature, body) == "genuine product.updated"
    assert await verified(app.signing_secret, signature, body + b" ") == "forged"
    assert await verified(app.client_secret, signature, body) == "forged"
    assert await verified(app.signing_secret, signature.upper(), body) == "forged"


# Who is told what


@pytest.mark.parametrize(("event", "topic"), OURS.items())
async def test_each_event_has_its_topic_and_needs_the_permission_to_look(
    shop: Shop, receiver: Receiver, views: Views, event: str, topic: str
) -> None:
    subject = topic.partition(".")[0]
    app = await shop.app(receiver, topics=[topic], permissions=[f"{subject}:view"])
    await shop.app(receiver, topics=[topic], permissions=["store:view"])
    await shop.app(receiver, topics=[f"{subject}.deleted", "shop.*"])
    order = await order_of(shop)
    subject_id = order.id + 1 if event == "delivery.updated" else order.id
    await shop.happen(event, subject_id, order_id=order.id)

    assert await shop.turn() == 1

    [(headers, _)], [told] = receiver.seen, receiver.told
    assert told == {
        "topic": topic,
        "install_id": str(app.row.uuid),
        "shop_domain": "harbour.localhost",
        "data": {"key": order.id},
    }
    assert headers["X-XPage-Topic"] == topic
    assert views.asked == [(f"installation:{app.row.id}", [order.id])]


def test_every_topic_of_the_contract_is_told() -> None:
    named = {name for name in contract().spec["webhooks"] if not name.startswith("app.")}

    assert set(OURS.values()) == set(TOPICS) == named
    schema = contract().schema("Topic")
    assert all(schema.problems(topic, ()) == [] for topic in TOPICS)


@pytest.mark.parametrize("event", ["product.deleted", "review.updated", "store.updated"])
async def test_other_events_are_told_to_no_app(
    shop: Shop, receiver: Receiver, views: Views, event: str
) -> None:
    await shop.app(receiver)
    await shop.happen(event, shop.product.id)

    assert await shop.turn() == 0
    assert views.asked == []


async def test_only_active_installations_of_the_store_are_told(
    shop: Shop, receiver: Receiver, make: Make
) -> None:
    told = {"topics": ["*"], "webhook_url": receiver.url}
    app = (await shop.app(receiver)).app
    for status in InstallationStatus:
        if status is not InstallationStatus.ACTIVE:
            await shop.app(receiver, status=status)
    await make.installed(await make.store(), app=app)
    await make.installed(await make.store(), **told)
    await make.installed(await make.store("Other"), app=app)
    await make.installed(await make.store("Other"), **told)
    await shop.app(receiver, webhook_url=None)
    await shop.app(receiver, topics=[])
    deleted = await shop.app(receiver)
    async with shop.services.database.write() as tx:
        gone = update(models.App).where(models.App.id == deleted.app.id)
        await tx.execute(gone.values(deleted_at=now()))
    await shop.edit("Magnetic mount")

    assert await shop.turn() == 1
    [entry] = await shop.log()
    assert entry["installation"]["appName"] == app.name


async def test_an_app_of_another_organization_is_told_of_the_store_that_has_it_only(
    shop: Shop, receiver: Receiver, make: Make
) -> None:
    elsewhere = await make.store("Other")
    app = (await make.installed(elsewhere, topics=["*"], webhook_url=receiver.url)).app
    here = await make.installed(shop.store, app=app)
    await shop.edit("Magnetic mount")

    assert await shop.turn() == 1

    [told] = receiver.told
    assert told["install_id"] == str(here.row.uuid)
    stranger = await make.key("Other")
    log = await shop.gql.data("{ webhookDeliveries { totalCount } }", key=stranger)
    assert log["webhookDeliveries"]["totalCount"] == 0


async def test_an_app_that_may_not_see_all_of_it_does_not_keep_others_from_hearing(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = await shop.app(receiver, permissions=["product:view"])
    app = await shop.app(receiver)

    async def show(ctx: Context, keys: Sequence[int]) -> dict[int, Any]:
        ctx.require("file:browse")
        return {key: {} for key in keys}

    told = webhooks.TOLD["product.updated"]
    shown = {"product.updated": replace(told, view=show)}
    monkeypatch.setattr(webhooks, "TOLD", shown)
    await shop.edit("Magnetic mount")

    assert await shop.turn() == 1
    assert [each["install_id"] for each in receiver.told] == [str(app.row.uuid)]
    assert few.row.id != app.row.id


async def test_what_is_gone_by_then_is_not_told(shop: Shop, receiver: Receiver) -> None:
    await shop.app(receiver)
    await shop.edit("Magnetic mount")
    async with shop.services.database.write() as tx:
        await tx.execute(update(models.Product).values(deleted_at=now()))

    assert await shop.turn() == 0
    assert await shop.log() == []


# Each once, in order


async def test_two_apps_with_one_address_are_both_told(shop: Shop, receiver: Receiver) -> None:
    apps = [await shop.app(receiver) for _ in range(2)]
    await shop.edit("Magnetic mount")

    assert await shop.turn() == 2

    assert {told["install_id"] for told in receiver.told} == {str(app.row.uuid) for app in apps}
    for app in apps:
        [(headers, body)] = [
            each for each in receiver.seen if str(app.row.uuid).encode() in each[1]
        ]
        digest = hmac.new(app.signing_secret.encode(), body, hashlib.sha256).hexdigest()
        assert headers["X-XPage-Signature"] == f"sha256={digest}"


async def test_an_endpoint_and_an_app_of_one_store_are_each_told_in_their_own_words(
    shop: Shop, receiver: Receiver, make: Make
) -> None:
    app = await shop.app(receiver)
    await make.save(
        models.WebhookEndpoint(
            organization_id=shop.store.organization_id,
            store_id=shop.store.id,
            url=receiver.url,
            topics=["product.*"],
            secret_encrypted=shop.services.vault.seal("whsec_c2VjcmV0"),
        )
    )
    await shop.edit("Magnetic mount")

    assert await shop.turn() == 2

    by_app = [told for told in receiver.told if "install_id" in told]
    assert [told["install_id"] for told in by_app] == [str(app.row.uuid)]
    assert {entry["format"] for entry in await shop.log()} == {"xpage", "storegraph"}


async def test_a_courier_that_dies_and_two_at_once_tell_each_event_once(
    shop: Shop, receiver: Receiver, clock: Clock
) -> None:
    await shop.app(receiver)
    for n in range(6):
        await shop.edit(f"Mount {n}")
    await number(shop.services.database)

    class Dying:
        async def post(self, *_: Any, **__: Any) -> Any:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Courier(shop.services, Dying()).turn()
    http = OutboundHttp(private_addresses=True)
    other = Courier(shop.services, http)
    clock.pass_(30)
    await asyncio.gather(shop.courier.turn(), other.turn(), return_exceptions=True)
    await shop.turn()
    await http.close()

    assert len(receiver.seen) == 6
    async with shop.services.database.read() as connection:
        made = select(func.count()).select_from(models.WebhookDelivery)
        assert (await connection.execute(made)).scalar() == 6
    assert {entry["status"] for entry in await shop.log()} == {"DELIVERED"}


async def test_what_happens_to_one_order_arrives_in_order_at_each_app(
    shop: Shop, receiver: Receiver, views: Views, clock: Clock
) -> None:
    first, second = await shop.app(receiver), await shop.app(receiver)
    one, two = await order_of(shop), await order_of(shop)
    receiver.plan.append(500)
    await shop.happen("order.created", one.id)
    await shop.turn()
    failed = receiver.told[0]["install_id"]
    await shop.happen("delivery.updated", 31, order_id=one.id)
    await shop.happen("order.created", two.id)
    receiver.seen.clear()

    await shop.turn()
    held_up = [told for told in receiver.told if told["install_id"] == failed]
    others = [told for told in receiver.told if told["install_id"] != failed]
    assert [told["data"]["key"] for told in held_up] == [two.id]
    assert {told["data"]["key"] for told in others} == {one.id, two.id}
    receiver.seen.clear()
    clock.pass_(60)
    await shop.turn()

    assert [told["topic"] for told in receiver.told] == ["order.created", "order.updated"]
    assert {told["install_id"] for told in receiver.told} == {failed}
    assert failed in {str(first.row.uuid), str(second.row.uuid)}
    assert len(views.asked) == 6


# When nobody listens


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410, 429, 500, 503])
async def test_whatever_is_no_success_is_tried_again_on_the_contracts_schedule(
    shop: Shop, receiver: Receiver, clock: Clock, status: int
) -> None:
    app = await shop.app(receiver)
    await shop.edit("Magnetic mount")
    receiver.plan.extend([status] * 6)

    assert await shop.turn() == 1
    for wait in RETRIES:
        clock.pass_(wait - 1)
        assert await shop.turn() == 0
        clock.pass_(1)
        assert await shop.turn() == 1
    clock.pass_(10 * 86400)
    assert await shop.turn() == 0

    [entry] = await shop.log()
    assert (entry["status"], entry["attempts"]) == ("FAILED", 6)
    assert [attempt["status"] for attempt in entry["attemptsLog"]] == [status] * 6
    assert len({(headers["X-XPage-Signature"], body) for headers, body in receiver.seen}) == 1

    # By hand, and in spite of a new secret: the very same message.
    async with shop.services.database.write() as tx:
        fresh = shop.services.vault.seal("signing_fresh")
        row = await tx.get_one(models.App, app.app.id)
        row.signing_secret_encrypted = fresh
    await shop.gql.done(REDELIVER, key=shop.key, id=entry["id"])
    assert await shop.turn() == 1
    assert len({(headers["X-XPage-Signature"], body) for headers, body in receiver.seen}) == 1
    [entry] = await shop.log()
    assert entry["status"] == "DELIVERED"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_a_success(shop: Shop, receiver: Receiver, status: int) -> None:
    await shop.app(receiver)
    await shop.edit("Magnetic mount")
    receiver.plan.append(status)

    assert await shop.turn() == 1

    [entry] = await shop.log()
    assert (entry["status"], entry["responseStatus"]) == ("DELIVERED", status)


async def test_an_app_that_is_uninstalled_hears_nothing_more(
    shop: Shop, receiver: Receiver, clock: Clock
) -> None:
    app = await shop.app(receiver)
    await shop.edit("Magnetic mount")
    receiver.plan.append(500)
    await shop.turn()

    await shop.gql.done(UNINSTALL, key=shop.key, id=gid(app.row))
    await shop.edit("Mount")
    clock.pass_(86400)

    assert await shop.turn() == 0
    [entry] = await shop.log()
    assert entry["status"] == "FAILED"
    refused = await shop.gql.refused(REDELIVER, key=shop.key, id=entry["id"])
    assert refused == ["CONFLICT id"]
    assert len(receiver.seen) == 1


async def test_a_message_made_while_its_app_was_uninstalled_is_given_up(
    shop: Shop, receiver: Receiver, clock: Clock
) -> None:
    app = await shop.app(receiver)
    await shop.edit("Magnetic mount")
    receiver.plan.append(500)
    await shop.turn()
    async with shop.services.database.write() as tx:  # as if it had been made just after
        row = await tx.get_one(models.AppInstallation, app.row.id)
        row.status = InstallationStatus.UNINSTALLED
        await tx.execute(update(models.WebhookDelivery).values(next_attempt_at=clock()))

    assert await shop.turn() == 0

    [entry] = await shop.log()
    assert entry["status"] == "FAILED"
    assert entry["attemptsLog"][-1]["error"] == "its app is not active in the store"
    assert len(receiver.seen) == 1


async def test_the_log_of_an_installation_costs_one_statement(
    shop: Shop, receiver: Receiver, statements: list[str]
) -> None:
    for _ in range(3):
        await shop.app(receiver)
    await shop.edit("Magnetic mount")
    await shop.turn()
    query = """{ appInstallations { nodes { appName webhookDeliveries(first: 2) {
      nodes { status topic } } } } }"""
    statements.clear()

    data = await shop.gql.data(query, key=shop.key)

    logs = [each["webhookDeliveries"]["nodes"] for each in data["appInstallations"]["nodes"]]
    assert logs == [[{"status": "DELIVERED", "topic": "product.updated"}]] * 3
    assert len([each for each in statements if "webhook_delivery" in each]) == 1
