"""xPage: who may call. Tokens, their ends, and the permission of each operation."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from db import models
from db.base import now
from db.models import InstallationStatus
from jobs import retention
from resolvers import app_tokens
from resolvers.errors import Unauthenticated
from resolvers.interests import Interest
from resolvers.services import Services
from resolvers.viewer import Viewer
from rest_compat.dialect import Operation
from rest_compat.xpage import contract
from tests.callers import Client, GraphQL, Reply, Rest
from tests.desk import Clock
from tests.kit import Installed, Make, gid
from tests.state import everything
from tests.test_subscriptions import attached, subscribed

PATIENCE = 20.0
GUARDED = [
    operation
    for operation in contract().operations
    if operation.extension("x-permission") not in (None, "none")
]
OPEN = ("create_access_token", "list_permissions")
REFUSED = {"code": "UNAUTHENTICATED", "message": "The access token is missing or has expired."}
WRONG = {"code": "UNAUTHENTICATED", "message": "The client credentials are wrong."}
NOT_GRANTED = {"code": "FORBIDDEN", "message": "The installation is not granted to this app."}
STORES = "{ stores { nodes { name } } }"
HEADER = "X-App-Install-Id"


@pytest.fixture
def clock(services: Services) -> Clock:
    services.clock = made = Clock(now())
    return made


def basic(name: str, password: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def credentials(of: Installed) -> dict[str, Any]:
    return {"client_id": of.app.client_id, "client_secret": of.client_secret}


async def token_of(xpage: Rest, of: Installed, **more: Any) -> str:
    answer = await xpage.data("create_access_token", body=credentials(of) | more)
    return answer["data"]["token"]


async def called(
    xpage: Rest, headers: Mapping[str, str], operation_id: str = "list_shipping_carriers"
) -> Reply:
    """An operation called without anything but a credential."""
    parameters: dict[str, Any] = {
        each.name: "product" if "type" in each.name else uuid4()
        for each in contract().operation(operation_id).parameters
        if each.place == "path"
    }
    return await xpage(operation_id, headers=headers, **parameters)


def is_admitted(reply: Reply) -> bool:
    """Whether the guard let it pass, whatever became of it then."""
    return reply.status not in (401, 403) and HEADER not in str(reply.body)


# Getting a token


async def test_a_token_for_one_installation(xpage: Rest, make: Make, clock: Clock) -> None:
    app = await make.installed(await make.store())
    body = {**credentials(app), "install_id": str(app.row.uuid)}

    data = (await xpage.data("create_access_token", body=body))["data"]

    ends = (clock() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert data == {
        "app": {"id": str(app.app.uuid), "name": app.app.name},
        "token": data["token"],
        "access_token": data["token"],
        "token_type": "Bearer",
        "expires_in": 3600,
        "expires_at": ends,
    }
    assert data["token"].startswith("xpt_")
    assert len(data["token"]) >= 40
    assert is_admitted(await called(xpage, bearer(data["token"])))
    assert data["token"] not in str(await everything(make.services))


async def test_the_credentials_may_come_as_http_basic(xpage: Rest, make: Make) -> None:
    app = await make.installed(await make.store())
    headers = basic(app.app.client_id, app.client_secret)

    bare = await xpage.data("create_access_token", headers=headers)
    bound = await xpage.data(
        "create_access_token", headers=headers, body={"install_id": str(app.row.uuid), "ttl": 60}
    )

    assert bare["data"]["expires_in"] == 3600
    assert bound["data"]["expires_in"] == 60
    assert is_admitted(await called(xpage, bearer(bound["data"]["token"])))


@pytest.mark.parametrize("ttl", [1, 60, 86400])
async def test_a_token_lives_as_long_as_was_asked_for(
    xpage: Rest, make: Make, clock: Clock, ttl: int
) -> None:
    app = await make.installed(await make.store())
    token = await token_of(xpage, app, install_id=str(app.row.uuid), ttl=ttl)

    clock.pass_(ttl - 0.5)
    assert is_admitted(await called(xpage, bearer(token)))
    clock.pass_(0.5)
    reply = await called(xpage, bearer(token))

    assert (reply.status, reply.body) == (401, REFUSED)


@pytest.mark.parametrize("ttl", [0, -1, 86401, "soon", None, 1.5])
async def test_no_token_lives_longer_than_a_day(xpage: Rest, make: Make, ttl: Any) -> None:
    app = await make.installed(await make.store())
    before = await everything(make.services)

    reply = await xpage("create_access_token", body={**credentials(app), "ttl": ttl})

    assert (reply.status, list(reply.body["errors"])) == (422, ["ttl"])
    assert await everything(make.services) == before


async def test_who_gives_no_credentials_hears_which_are_missing(xpage: Rest, make: Make) -> None:
    app = await make.installed(await make.store())
    nothing = {
        "code": "VALIDATION_ERROR",
        "message": "The given data was invalid.",
        "errors": {
            "client_id": ["The client_id field is required."],
            "client_secret": ["The client_secret field is required."],
        },
    }

    for body, headers in ((None, {}), ({}, {}), ({"ttl": 60}, {}), (None, app.headers)):
        reply = await xpage("create_access_token", body=body, headers=headers)
        assert (reply.status, reply.body) == (422, nothing)
    for lacking in ("client_id", "client_secret"):
        body = {name: text for name, text in credentials(app).items() if name != lacking}
        reply = await xpage("create_access_token", body=body)
        assert (reply.status, list(reply.body["errors"])) == (422, [lacking])


async def test_wrong_credentials_are_refused_in_the_same_words_whatever_is_wrong(
    xpage: Rest, make: Make
) -> None:
    app = await make.installed(await make.store())
    other = await make.installed(await make.store())
    name, secret = app.app.client_id, app.client_secret
    before = await everything(make.services)

    for wrong in (
        (name, "secret_wrong"),
        ("public_nobody", secret),
        (name, other.client_secret),
        (name, ""),
        ("", ""),
        (name, app.signing_secret),
    ):
        body = {"client_id": wrong[0], "client_secret": wrong[1]}
        for given, headers in ((body, None), (None, basic(*wrong))):
            reply = await xpage("create_access_token", body=given, headers=headers)
            assert (reply.status, reply.body) == (401, WRONG), wrong
    nul = basic("public_\x00", secret)["Authorization"]
    for header in ("Basic", "Basic !", "Basic YWJj", "Basic /w==", nul):
        reply = await xpage("create_access_token", headers={"Authorization": header})
        assert (reply.status, reply.body) == (401, WRONG), header
    assert await everything(make.services) == before


async def test_a_token_for_anothers_installation_or_one_that_is_not_active_is_refused(
    xpage: Rest, make: Make
) -> None:
    app = await make.installed(await make.store())
    other = await make.installed(await make.store("Other"))
    resting = [
        await make.installed(await make.store(), app=app.app, status=status)
        for status in InstallationStatus
        if status is not InstallationStatus.ACTIVE
    ]
    closed = await make.installed(store := await make.store(), app=app.app)
    await change(make, store, deleted_at=now())
    before = await everything(make.services)

    for wrong in (other.row.uuid, uuid4(), closed.row.uuid, *(each.row.uuid for each in resting)):
        body = {**credentials(app), "install_id": str(wrong)}
        reply = await xpage("create_access_token", body=body)
        assert (reply.status, reply.body) == (403, NOT_GRANTED)
    reply = await xpage("create_access_token", body={**credentials(app), "install_id": "mine"})
    assert (reply.status, list(reply.body["errors"])) == (422, ["install_id"])
    assert await everything(make.services) == before


async def change(make: Make, row: Any, **values: Any) -> None:
    kind = type(row)
    async with make.services.database.write() as tx:
        await tx.execute(update(kind).where(kind.id == row.id).values(**values))


async def test_guessing_is_slowed_down_for_each_app_and_address(xpage: Rest, make: Make) -> None:
    app, other = [await make.installed(await make.store()) for _ in range(2)]
    wrong = {"client_id": app.app.client_id, "client_secret": "secret_guess"}

    for _ in range(app_tokens.PER_APP.amount):
        assert (await xpage("create_access_token", body=wrong)).status == 401
    reply = await xpage("create_access_token", body=credentials(app))

    assert (reply.status, reply.body["code"]) == (429, "TOO_MANY_REQUESTS")
    assert 1 <= int(reply.headers["Retry-After"]) <= 60
    assert (await xpage("create_access_token", body=credentials(other))).status == 200
    nobody = {"client_id": "public_nobody", "client_secret": "secret_guess"}
    left = app_tokens.PER_ADDRESS.amount - app_tokens.PER_APP.amount - 2
    for _ in range(left):
        assert (await xpage("create_access_token", body=nobody)).status == 401
    assert (await xpage("create_access_token", body=nobody)).status == 429
    assert (await xpage("create_access_token", body=credentials(other))).status == 429
    assert is_admitted(await called(xpage, other.headers))


# Using a token


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer xpt_unknown", "Basic xpt_x", "xpt_x", "Bearer \x80"],
)
async def test_a_token_is_needed_that_is_one(xpage: Rest, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    for operation in contract().operations:
        if operation.id not in OPEN:
            reply = await called(xpage, headers, operation.id)
            assert (reply.status, reply.body) == (401, REFUSED), operation.id


async def test_an_api_key_is_no_token(xpage: Rest, make: Make) -> None:
    key = await make.key()

    assert (await called(xpage, bearer(key.clear))).body == REFUSED
    assert (await called(xpage, key.headers)).body == REFUSED


async def test_a_token_for_all_installations_must_name_one(xpage: Rest, make: Make) -> None:
    app = await make.installed(await make.store())
    second = await make.installed(await make.store("Other"), app=app.app)
    token = bearer(await token_of(xpage, app))

    for mine in (app, second):
        assert is_admitted(await called(xpage, token | {HEADER: str(mine.row.uuid)}))
    missing, malformed = await called(xpage, token), await called(xpage, token | {HEADER: "mine"})

    assert missing.status == malformed.status == 422
    assert missing.body["errors"] == {HEADER: [f"The {HEADER} field is required."]}
    assert list(malformed.body["errors"]) == [HEADER]


async def test_a_token_opens_no_installation_but_its_own(xpage: Rest, make: Make) -> None:
    app = await make.installed(await make.store())
    sibling = await make.installed(await make.store(), app=app.app)
    other = await make.installed(await make.store("Other"))
    full = bearer(await token_of(xpage, app))

    assert is_admitted(await called(xpage, app.headers | {HEADER: str(app.row.uuid)}))
    assert is_admitted(await called(xpage, full | {HEADER: str(sibling.row.uuid)}))
    for wrong in (sibling.row.uuid, other.row.uuid, uuid4()):
        reply = await called(xpage, app.headers | {HEADER: str(wrong)})
        assert reply.status == 403
        assert reply.body["message"] == "This token is for another installation."
    for wrong in (other.row.uuid, uuid4()):
        reply = await called(xpage, full | {HEADER: str(wrong)})
        assert (reply.status, reply.body) == (403, NOT_GRANTED)


Ending = Callable[[Make, Installed], Any]


async def _uninstalled(make: Make, app: Installed) -> None:
    await change(make, app.row, status=InstallationStatus.UNINSTALLED)


async def _resting(make: Make, app: Installed) -> None:
    await change(make, app.row, status=InstallationStatus.INACTIVE)


async def _without_store(make: Make, app: Installed) -> None:
    async with make.services.database.write() as tx:
        store = models.Store
        closed = update(store).where(store.id == app.row.store_id).values(deleted_at=now())
        await tx.execute(closed)


async def _without_app(make: Make, app: Installed) -> None:
    await change(make, app.app, deleted_at=now())


async def _revoked(make: Make, app: Installed) -> None:
    async with make.services.database.write() as tx:
        own = models.AppToken.app_id == app.app.id
        await tx.execute(update(models.AppToken).where(own).values(revoked_at=now()))


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (_uninstalled, 403),
        (_resting, 403),
        (_without_store, 403),
        (_without_app, 401),
        (_revoked, 401),
    ],
)
async def test_what_a_token_is_for_ends_with_it(
    xpage: Rest, make: Make, ending: Ending, status: int
) -> None:
    app = await make.installed(await make.store())
    full = bearer(await token_of(xpage, app)) | {HEADER: str(app.row.uuid)}
    assert is_admitted(await called(xpage, app.headers))

    await ending(make, app)

    for headers in (app.headers, full):
        assert (await called(xpage, headers)).status == status


# Permissions


@pytest.mark.parametrize("operation", GUARDED, ids=[each.id for each in GUARDED])
async def test_each_operation_needs_its_permission_and_no_other(
    xpage: Rest, make: Make, operation: Operation
) -> None:
    needed = operation.extension("x-permission")
    store = await make.store()
    everything_else = list((await make.installed(store)).row.permissions)
    everything_else.remove(needed)
    lacking = await make.installed(store, permissions=everything_else)
    enough = await make.installed(store, permissions=[needed])

    refused = await called(xpage, lacking.headers, operation.id)
    admitted = await called(xpage, enough.headers, operation.id)

    assert refused.status == 403
    assert refused.body == {
        "code": "FORBIDDEN",
        "message": f"Permission {needed} is not granted to this app.",
    }
    assert is_admitted(admitted), admitted.body


async def test_permissions_need_no_token(xpage: Rest) -> None:
    answer = await xpage.data("list_permissions")

    assert answer == {"data": {"permissions": contract().extension("x-permissions")}}


# GraphQL


async def test_a_token_opens_graphql_as_far_as_its_permissions_go(gql: GraphQL, make: Make) -> None:
    store, _ = await make.store(name="Mine"), await make.store(name="Sibling")
    await make.store("Other", name="Foreign")
    app = await make.installed(store, permissions=["store:view"])

    seen = await gql.data(STORES, key=app)
    refused = await gql("{ orders { nodes { id } } }", key=app)

    assert [each["name"] for each in seen["stores"]["nodes"]] == ["Mine"]
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_token_for_all_installations_names_one_in_graphql_too(
    gql: GraphQL, make: Make, xpage: Rest
) -> None:
    app = await make.installed(await make.store(name="One"), permissions=["store:view"])
    second = await make.installed(
        await make.store("Other", name="Two"), app=app.app, permissions=["store:view"]
    )
    full = bearer(await token_of(xpage, app))

    async def stores(headers: Mapping[str, str]) -> tuple[int, Any]:
        response = await gql.client.post("/graphql", json={"query": STORES}, headers=headers)
        return response.status, await response.json()

    status, answer = await stores(full | {HEADER: str(second.row.uuid)})
    assert (status, answer["data"]["stores"]["nodes"]) == (200, [{"name": "Two"}])
    for wrong in ({}, {HEADER: "mine"}, {HEADER: str(uuid4())}):
        status, answer = await stores(full | wrong)
        assert (status, answer["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    status, _ = await stores(bearer("xpt_unknown"))
    assert status == 401


LIVE = "subscription { deliveries { status trackingNumber delivery { id } } }"
UNINSTALL = "mutation ($id: ID!) { uninstallApp(id: $id) { errors { code } } }"
REVOKE = "mutation ($id: ID!) { revokeAppTokens(id: $id) { errors { code } } }"
GRANT = """mutation ($id: ID!, $to: [String!]!) {
  updateInstallation(id: $id, changes: {permissions: $to}) { errors { code } } }"""


@pytest.mark.parametrize("how", ["uninstalled", "revoked", "fewer permissions"])
async def test_what_an_app_listens_to_ends_with_its_access(
    client: Client, gql: GraphQL, make: Make, services: Services, how: str
) -> None:
    app = await make.installed(await make.store())
    key = await make.key()
    async with subscribed(client, app, LIVE) as socket:
        await attached(services, 1)
        if how == "uninstalled":
            await gql.done(UNINSTALL, key=key, id=gid(app.row))
        elif how == "revoked":
            await gql.done(REVOKE, key=key, id=gid(app.app))
        else:
            await gql.done(GRANT, key=key, id=gid(app.row), to=["product:view"])
        async with asyncio.timeout(PATIENCE):
            payload = await socket.payload()

    assert payload["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("moment", ["before it looks", "after it looked"])
@pytest.mark.parametrize("how", [UNINSTALL, GRANT], ids=["uninstalled", "fewer permissions"])
async def test_access_that_ends_while_somebody_begins_to_listen_is_not_overlooked(  # noqa: PLR0917
    client: Client,
    gql: GraphQL,
    make: Make,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    moment: str,
) -> None:
    app = await make.installed(await make.store())
    key = await make.key()
    feed = services.events
    looks = feed._is_revoked  # noqa: SLF001

    async def ends() -> None:
        more = {"to": ["product:view"]} if how == GRANT else {}
        await gql.done(how, key=key, id=gid(app.row), **more)
        await feed.advance()

    async def interrupted(viewer: Viewer) -> bool:
        if moment == "before it looks":
            await ends()
            return await looks(viewer)
        found = await looks(viewer)
        await ends()
        return found

    monkeypatch.setattr(feed, "_is_revoked", interrupted)
    async with subscribed(client, app, LIVE) as socket, asyncio.timeout(PATIENCE):
        payload = await socket.payload()

    assert payload["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_whoever_may_less_than_when_they_were_looked_up_does_not_begin_to_listen(
    make: Make, services: Services
) -> None:
    app = await make.installed(await make.store())
    holder = await app_tokens.token_holder(services, app.clear)
    viewer = await app_tokens.viewer_of(services, holder, None)
    async with services.database.write() as tx:
        row = await tx.get_one(models.AppInstallation, app.row.id)
        row.permissions = ["product:view"]

    with pytest.raises(Unauthenticated):
        async with asyncio.timeout(PATIENCE):
            await anext(services.events.follow(Interest(viewer, "order")))


async def test_tokens_that_have_ended_are_swept_away(
    services: Services, make: Make, clock: Clock
) -> None:
    app = await make.installed(await make.store())
    await make.save(
        models.AppToken(
            organization_id=app.app.organization_id,
            app_id=app.app.id,
            token_hash="kept",
            expires_at=clock() + timedelta(hours=2),
        )
    )
    clock.pass_(3601)

    await retention.sweep(services)

    async with services.database.read() as connection:
        rows = (await connection.execute(select(models.AppToken.token_hash))).scalars().all()
    assert rows == ["kept"]
