"""Installations: apps in stores, which say what they may do, and what the apps make of it."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from db import models
from db.base import now
from db.models import JobStatus
from jobs.background import working
from providers.outbound import OutboundHttp
from resolvers import install_flows, jobs
from resolvers.context import Context
from resolvers.services import Services
from resolvers.viewer import system
from rest_compat.xpage import contract
from tests.callers import Client, GraphQL
from tests.desk import (
    ASKED,
    AUDIT,
    CONFIRM,
    DELETE,
    GRANT,
    INSTALL,
    LOG,
    RETRY,
    UNINSTALL,
    Clock,
    Desk,
    Server,
    pending,
)
from tests.kit import Make, gid, work
from tests.state import events, everything
from tests.test_subscriptions import attached, subscribed

PATIENCE = 20.0


@pytest.fixture
def clock(services: Services) -> Clock:
    services.clock = made = Clock(now())
    return made


@pytest.fixture
async def server(services: Services) -> AsyncGenerator[Server]:
    made, app = Server(), web.Application()
    app.router.add_post("/install", made.handle)
    services.sender = http = OutboundHttp(private_addresses=True, timeout=0.3)
    async with TestServer(app) as opened:
        made.url = str(opened.make_url("/install"))
        yield made
        if made.stuck is not None:
            made.stuck.set()
    await http.close()
    services.sender = None


@pytest.fixture
async def desk(gql: GraphQL, make: Make) -> Desk:
    return Desk(gql, await make.store(), await make.key())


@pytest.fixture
async def stranger(gql: GraphQL, make: Make) -> Desk:
    return Desk(gql, await make.store("Other"), await make.key("Other"))


# Installing


async def test_without_an_install_url_an_app_is_active_at_once(
    desk: Desk, services: Services
) -> None:
    app = (await desk.register())["app"]

    made = await desk.install(app, permissions=["order:view"])

    assert made["installation"] | {"id": "", "uuid": "", "activatedAt": ""} == {
        "id": "",
        "uuid": "",
        "appName": "Till",
        "permissions": ["order:view"],
        "status": "ACTIVE",
        "activatedAt": "",
        "uninstalledAt": None,
        "app": {"id": app["id"]},
        "store": {"id": gid(desk.store)},
    }
    assert made["installation"]["activatedAt"]
    assert made["redirectUrl"] is None
    assert await work(services) == 0
    assert await desk.audited() == [("register", "app"), ("install", "app_installation")]


async def test_anybodys_app_is_installed_by_its_client_id_and_stays_theirs(
    desk: Desk, stranger: Desk
) -> None:
    app = (await stranger.register())["app"]

    made = await desk.install(app)
    listing = """{ apps { totalCount } appInstallations { totalCount nodes { id appName } } }"""
    mine = await desk.gql.data(listing, key=desk.key)
    theirs = await desk.gql.data(listing, key=stranger.key)
    by_id = await desk.gql.refused(
        INSTALL, key=desk.key, input={"storeId": gid(desk.store), "appId": app["id"]}
    )

    assert made["installation"]["permissions"] == ASKED
    assert made["installation"]["app"] is None
    node = {"id": made["installation"]["id"], "appName": "Till"}
    assert mine["appInstallations"] == {"totalCount": 1, "nodes": [node]}
    assert mine["apps"]["totalCount"] == 0
    assert theirs["appInstallations"]["totalCount"] == 0
    assert by_id == ["NOT_FOUND input.appId"]


async def test_an_own_app_is_installed_by_its_id_and_once_only(desk: Desk) -> None:
    app = (await desk.register())["app"]
    wanted = {"storeId": gid(desk.store), "appId": app["id"]}

    first = await desk.gql.done(INSTALL, key=desk.key, input=wanted, once="1")
    again = await desk.gql.done(INSTALL, key=desk.key, input=wanted, once="1")
    twice = await desk.gql.refused(INSTALL, key=desk.key, input=wanted)
    await desk.gql.done(UNINSTALL, key=desk.key, id=first["installation"]["id"])
    anew = await desk.gql.done(INSTALL, key=desk.key, input=wanted)

    assert again["installation"]["id"] == first["installation"]["id"]
    assert twice == ["CONFLICT input.storeId"]
    assert anew["installation"]["uuid"] != first["installation"]["uuid"]


async def test_an_installation_that_makes_no_sense_is_refused(
    desk: Desk, services: Services, make: Make
) -> None:
    app = (await desk.register())["app"]
    gone = (await desk.register())["app"]
    await desk.gql.done(DELETE, key=desk.key, id=gone["id"])
    foreign = await make.store("Other")
    before = await everything(services)

    for changed, refused in (
        ({"permissions": ["order:view", "order:update"]}, ["INVALID input.permissions.1"]),
        ({"clientId": "public_nobody"}, ["NOT_FOUND input.clientId"]),
        ({"clientId": gone["clientId"]}, ["NOT_FOUND input.clientId"]),
        ({"clientId": None}, ["INVALID input.clientId"]),
        ({"appId": app["id"]}, ["INVALID input.clientId"]),
        ({"storeId": gid(foreign)}, ["NOT_FOUND input.storeId"]),
        ({"flow": "REDIRECT"}, ["INVALID input.flow"]),
    ):
        wanted = desk.wanted(app) | changed
        assert await desk.gql.refused(INSTALL, key=desk.key, input=wanted) == refused, changed
    assert await everything(services) == before


async def test_nobody_grants_more_than_they_may(desk: Desk, services: Services, make: Make) -> None:
    app = (await desk.register())["app"]
    few = await make.key(permissions=frozenset({"app:*", "store:view", "product:*"}))
    before = await everything(services)
    refused = await desk.gql(INSTALL, key=few, input=desk.wanted(app))
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await everything(services) == before

    wanted = desk.wanted(app, permissions=["product:view"])
    made = await desk.gql.done(INSTALL, key=few, input=wanted)
    key = made["installation"]["id"]
    more = {"permissions": ["product:view", "order:view"]}
    refused = await desk.gql(GRANT, key=few, id=key, changes=more)
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    granted = await desk.gql.done(GRANT, key=desk.key, id=key, changes=more)
    kept = await desk.gql.done(GRANT, key=few, id=key, changes=more)

    assert granted["installation"]["permissions"] == ["order:view", "product:view"]
    assert kept["installation"]["permissions"] == ["order:view", "product:view"]


async def test_what_is_granted_changes_what_the_app_may_do_at_once(desk: Desk, make: Make) -> None:
    app = await make.installed(desk.store, permissions=["store:view", "order:view"])
    look = "{ orders { totalCount } }"
    assert await desk.gql.data(look, key=app) == {"orders": {"totalCount": 0}}

    await desk.gql.done(GRANT, key=desk.key, id=gid(app.row), changes={"permissions": []})

    refused = await desk.gql(look, key=app)
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    [log] = (await desk.gql.data(AUDIT, key=desk.key))["auditLog"]["nodes"]
    assert (log["action"], log["details"]) == (
        "grant",
        {"added": [], "removed": ["order:view", "store:view"]},
    )
    beyond = await desk.gql.refused(
        GRANT, key=desk.key, id=gid(app.row), changes={"permissions": ["customer:view"]}
    )
    assert beyond == ["INVALID changes.permissions.0"]


# The direct flow


async def test_an_app_that_answers_200_is_active(
    desk: Desk, services: Services, server: Server, clock: Clock
) -> None:
    registered = await desk.register(installUrl=server.url)
    made = await desk.install(registered["app"])
    assert made["installation"]["status"] == "PENDING"

    assert await work(services) == 1

    assert await desk.status(made) == "ACTIVE"
    [(headers, body)] = server.seen
    told = orjson.loads(body)
    assert contract().webhook("app.installed").problems(told) == []
    assert told == {
        "event": "app.installed",
        "install_id": made["installation"]["uuid"],
        "timestamp": told["timestamp"],
    }
    secret = registered["signingSecret"].encode()
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
    assert headers["X-XPage-Signature"] == f"sha256={digest}"
    assert headers["Content-Type"] == "application/json"
    assert clock() is not None


@pytest.mark.parametrize("status", [201, 204, 302, 400, 404, 500])
async def test_an_app_that_answers_anything_else_is_inactive_until_it_agrees(
    desk: Desk, services: Services, server: Server, status: int
) -> None:
    server.plan.append(status)
    made = await desk.install((await desk.register(installUrl=server.url))["app"])
    key = made["installation"]["id"]
    pending = await desk.gql.refused(RETRY, key=desk.key, id=key)
    await work(services)
    assert await desk.status(made) == "INACTIVE"

    again = await desk.gql.done(RETRY, key=desk.key, id=key)
    assert again["installation"]["status"] == "PENDING"
    await work(services)

    assert await desk.status(made) == "ACTIVE"
    assert pending == ["CONFLICT id"]
    assert await desk.gql.refused(RETRY, key=desk.key, id=key) == ["CONFLICT id"]
    assert len(server.seen) == 2


async def test_an_app_that_does_not_answer_is_inactive(
    desk: Desk, services: Services, server: Server
) -> None:
    server.stuck = asyncio.Event()
    silent = await desk.install((await desk.register(installUrl=server.url))["app"])
    closed = await desk.install(
        (await desk.register(installUrl="http://127.0.0.1:9/install"))["app"]
    )

    await work(services)

    assert await desk.status(silent) == await desk.status(closed) == "INACTIVE"
    query = "{ jobs(sort: ID_ASC) { nodes { kind status output } } }"
    told = (await desk.gql.data(query, key=desk.key))["jobs"]["nodes"]
    assert [job["status"] for job in told] == ["SUCCEEDED", "SUCCEEDED"]
    assert told[0]["output"]["error"] == "no answer within 0.3 seconds"


async def test_our_own_network_is_not_reached(
    desk: Desk, services: Services, server: Server
) -> None:
    services.sender = http = OutboundHttp()
    made = await desk.install((await desk.register(installUrl=server.url))["app"])

    await work(services)
    await http.close()

    assert await desk.status(made) == "INACTIVE"
    assert server.seen == []


async def test_a_job_that_dies_after_asking_asks_again_in_the_same_words(
    desk: Desk, services: Services, server: Server, clock: Clock
) -> None:
    made = await desk.install((await desk.register(installUrl=server.url))["app"])
    http = services.sender
    assert http is not None

    class Dying:
        async def post(self, url: str, *, body: str, headers: Mapping[str, str]) -> Any:
            await http.post(url, body=body, headers=headers)
            raise asyncio.CancelledError

    services.sender = Dying()
    async with services.database.read() as connection:
        [job] = (await connection.execute(select(models.Job.id))).scalars().all()
    with pytest.raises(asyncio.CancelledError):
        await install_flows.run(Context(services, system(desk.store.organization_id)), job)
    assert await desk.status(made) == "PENDING"
    clock.pass_(100)
    services.sender = http
    await work(services)

    assert await desk.status(made) == "ACTIVE"
    assert server.seen[0][1] == server.seen[1][1]
    assert len(server.seen) == 2


async def test_a_cancelled_job_leaves_it_inactive(
    desk: Desk, services: Services, server: Server
) -> None:
    made = await desk.install((await desk.register(installUrl=server.url))["app"])
    async with services.database.read() as connection:
        [job] = (await connection.execute(select(models.Job.id))).scalars().all()

    await jobs.cancel(Context(services, system(desk.store.organization_id)), id=job)

    assert await desk.status(made) == "INACTIVE"
    assert await work(services) == 0
    assert server.seen == []


async def test_what_was_uninstalled_meanwhile_stays_so(
    desk: Desk, services: Services, server: Server
) -> None:
    made = await desk.install((await desk.register(installUrl=server.url))["app"])
    await desk.gql.done(UNINSTALL, key=desk.key, id=made["installation"]["id"])

    await work(services)

    assert await desk.status(made) == "UNINSTALLED"
    assert server.seen == []
    retried = await desk.gql.refused(RETRY, key=desk.key, id=made["installation"]["id"])
    assert retried == ["CONFLICT id"]


async def test_a_running_gateway_asks_by_itself(
    desk: Desk, services: Services, server: Server, client: Client
) -> None:
    http = OutboundHttp(private_addresses=True)
    watch = "subscription { appInstallations { status installation { id appName } } }"
    async with (
        working(services, http, [], executor_id="asking", grace=lambda: 5.0),
        subscribed(client, desk.key, watch) as socket,
    ):
        await attached(services, 1)
        made = await desk.install((await desk.register(installUrl=server.url))["app"])
        async with asyncio.timeout(PATIENCE):
            heard = [await socket.next(), await socket.next()]
    await http.close()

    assert [event["status"] for event in heard] == ["PENDING", "ACTIVE"]
    assert heard[1]["installation"]["id"] == made["installation"]["id"]
    async with services.database.read() as connection:
        statuses = (await connection.execute(select(models.Job.status))).scalars().all()
    assert len(statuses) == 1
    assert statuses[0] in (JobStatus.RUNNING, JobStatus.SUCCEEDED)


# The redirect flow


def test_the_contracts_test_vectors_verify() -> None:
    vector = contract().extension("x-webhook-delivery")["x-test-vector"]
    secret = vector["signing_secret"]
    signed = install_flows.signature(secret, vector["raw_body"])
    pairs = parse_qsl(vector["redirect_query_sorted"])

    assert signed == vector["X-XPage-Signature"]
    assert install_flows.sorted_query(pairs[::-1]) == vector["redirect_query_sorted"]
    query = vector["redirect_query_sorted"].encode()
    assert hmac.new(secret.encode(), query, hashlib.sha256).hexdigest() == vector["redirect_hmac"]


async def test_an_app_confirms_with_the_state_that_the_browser_brought(
    desk: Desk, stranger: Desk, clock: Clock
) -> None:
    registered = await stranger.register(installUrl="https://till.example/in?tag=a%20b#top")
    made = await desk.install(registered["app"], flow="REDIRECT")
    assert made["installation"]["status"] == "PENDING"
    parts = urlsplit(made["redirectUrl"])
    given = dict(parse_qsl(parts.query))
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == (
        "https", "till.example", "/in", "top",
    )  # fmt: skip
    assert given["install_id"] == made["installation"]["uuid"]
    assert given["timestamp"] == str(int(clock().timestamp()))
    signed, _, digest = parts.query.partition("&hmac=")
    assert [pair.split("=")[0] for pair in signed.split("&")] == [
        "install_id", "state", "tag", "timestamp",
    ]  # fmt: skip
    secret = registered["signingSecret"].encode()
    assert digest == hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()
    assert made["installation"]["uuid"] not in given["state"]

    for _ in range(2):
        done = await desk.gql.done(CONFIRM, state=given["state"])
        assert done["installId"] == made["installation"]["uuid"]

    assert await desk.status(made) == "ACTIVE"
    assert (await desk.audited())[-1] == ("confirm_install", "app_installation")
    assert len(await desk.audited()) == 2


async def test_a_state_that_is_none_or_too_old_confirms_nothing(
    desk: Desk, services: Services, clock: Clock
) -> None:
    app = (await desk.register(installUrl="https://till.example/"))["app"]
    made = await desk.install(app, flow="REDIRECT")
    state = dict(parse_qsl(urlsplit(made["redirectUrl"]).query))["state"]
    other = services.vault.seal({"installation": str(uuid4()), "at": int(clock().timestamp())})
    before = await everything(services)

    for wrong in ("", "?", state[:-5], services.vault.seal("text"), services.vault.seal({}), other):
        assert await desk.gql.refused(CONFIRM, state=wrong) == ["INVALID state"], wrong
    clock.pass_(3601)
    assert await desk.gql.refused(CONFIRM, state=state) == ["INVALID state"]
    assert await everything(services) == before

    again = await desk.gql.done(RETRY, key=desk.key, id=made["installation"]["id"], flow="REDIRECT")
    fresh = dict(parse_qsl(urlsplit(again["redirectUrl"]).query))["state"]
    await desk.gql.done(UNINSTALL, key=desk.key, id=made["installation"]["id"])
    assert await desk.gql.refused(CONFIRM, state=fresh) == ["CONFLICT state"]


# Ends


async def test_uninstalling_ends_tokens_and_what_was_still_to_be_told(
    desk: Desk, make: Make, services: Services
) -> None:
    app = await make.installed(desk.store)
    await pending(services, app)

    gone = await desk.gql.done(UNINSTALL, key=desk.key, id=gid(app.row))
    again = await desk.gql.done(UNINSTALL, key=desk.key, id=gid(app.row))

    assert gone == again
    assert gone["installation"]["status"] == "UNINSTALLED"
    data = await desk.gql.data(LOG, key=desk.key)
    assert data["webhookDeliveries"]["nodes"] == [
        {
            "status": "FAILED",
            "installation": {"status": "UNINSTALLED", "appName": app.app.name},
        }
    ]
    assert data["appInstallations"]["nodes"][0]["webhookDeliveries"]["totalCount"] == 1
    answer = await desk.gql("{ stores { totalCount } }", key=app)
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert await desk.audited() == [("uninstall", "app_installation")]
    [event] = await events(services, "app_installation.updated")
    assert event.payload["status"] == "uninstalled"
    assert await desk.gql.refused(
        GRANT, key=desk.key, id=gid(app.row), changes={"permissions": []}
    ) == ["CONFLICT id"]
