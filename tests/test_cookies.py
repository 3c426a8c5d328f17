"""GraphQL for browsers: what a session's cookie opens there, and what it does not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer

from app.settings import Settings
from app.web import create_app
from db import models
from db.base import now
from resolvers.roles import PERMISSIONS
from resolvers.services import Services
from resolvers.viewer import PERMISSIONS as ALL
from resolvers.viewer import Viewer, unknown_permissions
from tests.callers import Client, GraphQL, Rest
from tests.kit import Make, gid
from tests.sellers import PASSWORD, Browser, browser, organization_of
from tests.state import everything
from tests.test_subscription_transport import acknowledged, answer, close_code, connected
from tests.test_subscriptions import attached

WHO = """{ viewer { plan user { email name } organization { name } apiKey { id } expiresAt
  workplaces { id name role current } permissions } }"""
SESSIONS = """query ($filter: SessionFilter) { sessions(filter: $filter, sort: ID_ASC) {
  totalCount nodes { id address current revokedAt organization { name } } } }"""
REVOKE = """mutation ($id: ID!) {
  revokeSession(id: $id) { session { revokedAt current } errors { code field } } }"""
REVOKE_ALL = """mutation ($keep: Boolean! = false) {
  revokeAllSessions(keepCurrent: $keep) { count errors { code } } }"""
CHANGE = """mutation ($new: String!, $old: String) {
  changePassword(newPassword: $new, currentPassword: $old) {
    user { email } errors { code message field } } }"""
SWITCH = """mutation ($id: ID!) { switchOrganization(organizationId: $id) {
  session { id current organization { name } } errors { code field message } } }"""
CREATE_KEY = """mutation ($input: NewApiKey!) {
  createApiKey(input: $input) { token errors { code } } }"""
EVENTS = "subscription { orders { id } }"
STORE = """mutation { createStore(input: {name: "Lamps"}) { errors { code } } }"""
AUDIT = "{ auditLog(sort: ID_ASC) { nodes { actor action subjectType } } }"


async def post(client: Client, query: str, headers: dict[str, str], **variables: Any) -> Any:
    message = {"query": query, "variables": variables}
    return await client.post("/graphql", json=message, headers=headers)


async def member(
    make: Make, who: Browser, of: str, role: models.Role = models.Role.EDITOR
) -> models.Organization:
    """Another organization, of which a person is a member from now on."""
    from sqlalchemy import select  # noqa: PLC0415

    organization = await make.organization(of)
    async with make.services.database.read() as connection:
        found = select(models.User.id).where(models.User.email == who.email)
        [user_id] = (await connection.execute(found)).scalars()
    await make.save(models.Membership(organization_id=organization.id, user_id=user_id, role=role))
    return organization


# Who it is


async def test_a_cookie_opens_graphql(instxnt: Rest, gql: GraphQL, services: Services) -> None:
    ada = await browser(instxnt, name="Ada", organization="Lamps")

    viewer = (await gql.data(WHO, key=ada))["viewer"]

    assert viewer.pop("expiresAt") > now().isoformat()
    assert viewer.pop("workplaces") == [
        {
            "id": gid(await _organization(services, ada)),
            "name": "Lamps",
            "role": "OWNER",
            "current": True,
        }
    ]
    assert viewer == {
        "plan": "FREE",
        "user": {"email": "ada@example.com", "name": "Ada"},
        "organization": {"name": "Lamps"},
        "apiKey": None,
        "permissions": ["*"],
    }
    assert await gql.done(STORE, key=ada) == {"errors": []}


async def _organization(services: Services, who: Browser) -> models.Organization:
    async with services.database.write() as tx:
        return await tx.get_one(models.Organization, await organization_of(services, who))


async def test_a_key_goes_before_the_cookie(instxnt: Rest, client: Client, make: Make) -> None:
    ada, key = await browser(instxnt), await make.key("Acme")
    for headers in (key.headers, {"Authorization": f"Bearer {key.clear}"}):
        reply = await post(client, WHO, {**ada.headers, **headers})
        assert (await reply.json())["data"]["viewer"]["organization"] == {"name": "Acme"}
    reply = await post(client, WHO, {**ada.headers, "Authorization": "Bearer sg_unknown"})
    assert reply.status == 401


async def test_a_cookie_that_is_over_is_refused(instxnt: Rest, client: Client) -> None:
    ada = await browser(instxnt)
    await ada("log_out")
    for headers in (ada.headers, {"Cookie": "instxnt_session=unknown"}):
        assert (await post(client, WHO, headers)).status == 401
    for headers in ({"Cookie": "other=1"}, {"Cookie": "instxnt_session="}):
        answered = await (await post(client, WHO, headers)).json()
        assert answered["data"] == {"viewer": None}


# What a foreign page could have its visitor's browser send


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded",
     "multipart/form-data; boundary=x", "TEXT/PLAIN; application/json", None],
)  # fmt: skip
async def test_what_a_form_can_send_changes_nothing(
    instxnt: Rest, client: Client, services: Services, content_type: str | None
) -> None:
    ada = await browser(instxnt)
    before = await everything(services)
    headers = {**ada.headers, **({"Content-Type": content_type} if content_type else {})}
    body = b'{"query": "mutation { createStore(input: {name: \\"Lamps\\"}) { errors { code } } }"}'

    reply = await client.post(
        "/graphql",
        data=body,
        headers=headers,
        skip_auto_headers=() if content_type else ("Content-Type",),
    )

    assert reply.status in (400, 415)
    assert await everything(services) == before


async def test_no_get_with_a_cookie_changes_anything(
    instxnt: Rest, client: Client, services: Services
) -> None:
    ada = await browser(instxnt)
    before = await everything(services)
    for accept in ("application/json", "text/event-stream", "*/*", "text/html"):
        for extra in ({}, {"GraphQL-Require-Preflight": "1"}):
            headers = {**ada.headers, "Accept": accept, **extra}
            reply = await client.get("/graphql", params={"query": STORE}, headers=headers)
            text = await reply.text()
            assert reply.status >= 400 or '"errors"' in text, (accept, extra, text)
    assert await everything(services) == before


async def test_a_page_of_another_origin_has_no_part_in_the_cookie(
    instxnt: Rest, services: Services, settings: Settings
) -> None:
    """Even where it may connect: cookies are sent by browsers whatever page it is."""
    ada = await browser(instxnt)
    who = "{ viewer { user { email } } }"
    for allowed in ("https://shop.example", "*"):
        chosen = replace(settings, allowed_origins=allowed)
        async with TestClient(TestServer(create_app(services, chosen))) as client:
            own = str(client.make_url("/")).rstrip("/")
            for origin, email in ((own, "ada@example.com"), ("https://shop.example", None)):
                async with connected(client, headers=ada.headers, origin=origin) as ws:
                    await acknowledged(ws)
                    seen = (await answer(ws, who))["payload"]["data"]["viewer"]
                    assert (seen and seen["user"]["email"]) == email, (allowed, origin)
    async with TestClient(TestServer(create_app(services, settings))) as client:
        with pytest.raises(WSServerHandshakeError, match="403"):
            async with connected(client, headers=ada.headers, origin="https://evil.example"):
                pass


# Streams


async def test_a_subscription_ends_with_its_session(
    instxnt: Rest, client: Client, services: Services
) -> None:
    ada, eve = await browser(instxnt), await browser(instxnt, "eve@example.com")
    for end in ("log_out", "log_out_everywhere"):
        async with connected(client, headers=ada.headers) as ws:
            await acknowledged(ws)
            await ws.send_json({"id": "1", "type": "subscribe", "payload": {"query": EVENTS}})
            async with connected(client, headers=eve.headers) as other:
                await acknowledged(other)
                await other.send_json(
                    {"id": "1", "type": "subscribe", "payload": {"query": EVENTS}}
                )
                await attached(services, 2)

                assert (await ada(end)).status == 204

                assert "UNAUTHENTICATED" in str(await ws.receive_json(timeout=20))
                assert (await ws.receive_json(timeout=20))["type"] == "complete"
                assert services.events.subscriber_count == 1
                # The connection stays; whatever is asked next is asked by nobody.
                await ws.send_json({"id": "2", "type": "subscribe", "payload": {"query": WHO}})
                message = await ws.receive_json(timeout=20)
                assert message["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        await attached(services, 0)
        await ada.log_in()


async def test_a_subscription_ends_when_its_session_expires(
    instxnt: Rest, client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.sessions.LIFETIME", timedelta(seconds=0.8))
    ada = await browser(instxnt)
    headers = {**ada.headers, "Accept": "text/event-stream"}
    reply = await post(client, EVENTS, headers)
    assert reply.status == 200
    assert "UNAUTHENTICATED" in (await reply.text())
    assert services.events.subscriber_count == 0


async def test_a_socket_of_a_cookie_that_is_over_is_closed(instxnt: Rest, client: Client) -> None:
    ada = await browser(instxnt)
    await ada("log_out")
    async with connected(client, headers=ada.headers) as ws:
        assert await close_code(ws) == 4403


# One's own sessions


async def test_people_see_their_own_sessions_wherever_they_work(
    instxnt: Rest, gql: GraphQL, make: Make, statements: list[str]
) -> None:
    ada, eve = await browser(instxnt), await browser(instxnt, "eve@example.com")
    second = Browser(instxnt)
    await second.log_in()
    organization = await member(make, eve, "Acme")
    await member(make, ada, "Acme")
    await gql.done(SWITCH, key=second, id=gid(organization))
    mine = (await gql.data(SESSIONS, key=ada))["sessions"]["nodes"]
    statements.clear()

    listed = (await gql.data(SESSIONS, key=ada))["sessions"]

    # Who asks, the page, its organizations, and the count.
    assert len(statements) == 4, statements
    assert [(each["current"], each["revokedAt"] is None) for each in listed["nodes"]] == [
        (True, True),
        (False, False),
        (False, True),
    ]
    assert [each["organization"] for each in listed["nodes"]] == [
        {"name": "ada"},
        {"name": "ada"},
        None,
    ]
    assert {each["address"] for each in listed["nodes"]} == {"127.0.0.1"}
    active = await gql.data(SESSIONS, key=ada, filter={"active": True})
    assert active["sessions"]["totalCount"] == 2
    ended = await gql.data(SESSIONS, key=ada, filter={"active": False})
    assert ended["sessions"]["totalCount"] == 1
    one = "query ($id: ID!) { session(id: $id) { id } node(id: $id) { id } }"
    for foreign in (eve, await make.key("Acme"), await make.key("ada")):
        shown = await gql.data(one, key=foreign, id=mine[0]["id"])
        assert shown == {"session": None, "node": None}
    owned = await gql.data(one, key=ada, id=mine[0]["id"])
    assert owned == {"session": {"id": mine[0]["id"]}, "node": {"id": mine[0]["id"]}}
    assert (await gql.data(SESSIONS, key=await make.key("Acme")))["sessions"]["totalCount"] == 0


async def test_a_session_is_revoked_by_its_own_person_only(
    instxnt: Rest, gql: GraphQL, make: Make
) -> None:
    ada, eve = await browser(instxnt), await browser(instxnt, "eve@example.com")
    other = Browser(instxnt)
    await other.log_in()
    here, there = (await gql.data(SESSIONS, key=ada))["sessions"]["nodes"]
    for foreign in (eve, await make.key()):
        assert await gql.refused(REVOKE, key=foreign, id=there["id"]) == ["NOT_FOUND id"]

    done = await gql.done(REVOKE, key=ada, id=there["id"])

    assert done["session"]["revokedAt"]
    assert (await other("get_csrf_token")).status == 401
    await gql.done(REVOKE, key=ada, id=there["id"])
    log = (await gql.data(AUDIT, key=ada))["auditLog"]["nodes"]
    assert [each["action"] for each in log] == ["sign_up", "log_in", "revoke"]
    assert log[2]["actor"].startswith("session:")
    assert here["current"]


async def test_all_sessions_are_revoked_with_or_without_the_one_that_asks(
    instxnt: Rest, gql: GraphQL, make: Make
) -> None:
    ada, others = await browser(instxnt), [Browser(instxnt) for _ in range(2)]
    for other in others:
        await other.log_in()

    assert (await gql.done(REVOKE_ALL, key=ada, keep=True))["count"] == 2
    assert (await ada("get_csrf_token")).status == 200
    assert (await gql.done(REVOKE_ALL, key=ada))["count"] == 1
    assert (await ada("get_csrf_token")).status == 401
    answered = await gql(REVOKE_ALL, key=await make.key())
    assert answered["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_changing_the_password_ends_all_other_sessions(
    instxnt: Rest, gql: GraphQL, make: Make
) -> None:
    ada, other = await browser(instxnt), Browser(instxnt)
    await other.log_in()
    new = "ten lamps on a shelf"

    for old in ("wrong", "", None):
        refused = await gql.refused(CHANGE, key=ada, new=new, old=old)
        assert refused == ["INVALID currentPassword"]
    for weak in ("short", "password123", "ada@example.com", "aaaaaaaaaaaa"):
        assert await gql.refused(CHANGE, key=ada, new=weak, old=PASSWORD) == ["INVALID newPassword"]
    assert (await other("get_csrf_token")).status == 200
    done = await gql.done(CHANGE, key=ada, new=new, old=PASSWORD)

    assert done["user"] == {"email": "ada@example.com"}
    assert (await other("get_csrf_token")).status == 401
    assert (await ada("get_csrf_token")).status == 200
    assert (await Browser(instxnt).log_in()).status == 401
    assert (await Browser(instxnt, password=new).log_in()).status == 200
    answered = await gql(CHANGE, key=await make.key(), new=new)
    assert answered["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_guessing_the_current_password_is_limited(instxnt: Rest, gql: GraphQL) -> None:
    ada = await browser(instxnt)
    for _ in range(15):
        await gql.refused(CHANGE, key=ada, new="ten lamps on a shelf", old="wrong")
    answered = await gql(CHANGE, key=ada, new="ten lamps on a shelf", old=PASSWORD)
    assert answered["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


# Another organization


async def test_a_person_goes_on_in_another_organization_with_another_cookie(
    instxnt: Rest, gql: GraphQL, client: Client, make: Make
) -> None:
    ada = await browser(instxnt, organization="Lamps")
    acme = await member(make, ada, "Acme", models.Role.VIEWER)

    reply = await post(client, SWITCH, ada.headers, id=gid(acme))

    payload = (await reply.json())["data"]["switchOrganization"]
    assert payload["errors"] == []
    assert payload["session"]["current"] is True
    assert payload["session"]["organization"] == {"name": "Acme"}
    flags = reply.headers["Set-Cookie"]
    assert all(flag in flags for flag in ("HttpOnly", "SameSite=Lax", "Path=/"))
    former, ada.cookie = ada.cookie, flags.partition(";")[0].partition("=")[2]
    assert former != ada.cookie
    assert (await post(client, WHO, {"Cookie": f"instxnt_session={former}"})).status == 401
    viewer = (await gql.data(WHO, key=ada))["viewer"]
    assert viewer["organization"] == {"name": "Acme"}
    assert "product:view" in viewer["permissions"]
    assert "product:create" not in viewer["permissions"]
    assert [(each["name"], each["current"]) for each in viewer["workplaces"]] == [
        ("Lamps", False),
        ("Acme", True),
    ]


async def test_nobody_switches_to_where_they_are_no_member(
    instxnt: Rest, gql: GraphQL, make: Make, services: Services
) -> None:
    ada, acme = await browser(instxnt), await make.organization("Acme")
    before = await everything(services)
    for who in (ada, await make.key()):
        refused = await gql.refused(SWITCH, key=who, id=gid(acme))
        assert refused == ["NOT_FOUND organizationId"]
    assert (await everything(services))["session"] == before["session"]


async def test_a_socket_cannot_bring_a_cookie_along(
    instxnt: Rest, client: Client, make: Make
) -> None:
    ada = await browser(instxnt)
    acme = await member(make, ada, "Acme")
    async with connected(client, headers=ada.headers) as ws:
        await acknowledged(ws)
        payload = {"query": SWITCH, "variables": {"id": gid(acme)}}
        await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})
        message = await ws.receive(timeout=20)
        assert message.type is WSMsgType.TEXT
        assert "CONFLICT" in message.data
    headers = {**ada.headers, "Accept": "text/event-stream"}
    assert "CONFLICT" in await (await post(client, SWITCH, headers, id=gid(acme))).text()
    assert (await ada("get_csrf_token")).status == 200


# Roles


NOT_FOR_ADMINS = {"organization:update", "plan:switch", "invoice:pay", "balance:adjust"}
VIEWED = {
    "organization:view", "store:view", "product:view", "order:view", "customer:view",
    "review:view", "landing_page:view", "shipping:view", "payment_method:view", "domain:view",
    "bundle:view", "policy:view", "analytic:view", "app:view", "balance:view", "topup:view",
    "job:view", "file:browse", "webhook:view", "setting:view", "stock:view",
}  # fmt: skip
EDITED = {
    "store:update", "product:create", "product:update", "product:delete", "order:create",
    "order:update", "order:export", "customer:create", "customer:update", "review:create",
    "review:update", "review:delete", "landing_page:create", "landing_page:update",
    "landing_page:delete", "landing_page:publish", "bundle:create", "bundle:update",
    "bundle:delete", "file:upload", "file:delete", "stock:create", "job:update",
}  # fmt: skip


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (models.Role.OWNER, ALL),
        (models.Role.ADMIN, ALL - NOT_FOR_ADMINS),
        (models.Role.EDITOR, VIEWED | EDITED),
        (models.Role.VIEWER, VIEWED),
    ],
)
def test_a_role_is_a_set_of_permissions(role: models.Role, expected: set[str]) -> None:
    viewer = Viewer(1, PERMISSIONS[role], "test")
    assert {permission for permission in ALL if viewer.may(permission)} == expected
    assert unknown_permissions(PERMISSIONS[role]) == []


def test_every_role_has_permissions() -> None:
    assert set(PERMISSIONS) == set(models.Role)


@pytest.mark.parametrize(
    ("role", "granted", "refused"),
    [
        (models.Role.OWNER, ["*"], []),
        (models.Role.ADMIN, ["product:*"], ["*", "balance:adjust", "organization:*"]),
        (models.Role.EDITOR, [], ["product:view"]),
        (models.Role.VIEWER, [], ["product:view"]),
    ],
)
async def test_a_member_makes_keys_that_can_do_no_more_than_themselves(
    instxnt: Rest, make: Make, role: models.Role, granted: list[str], refused: list[str]
) -> None:
    ada = await browser(instxnt)
    acme = await member(make, ada, "Acme", role)
    reply = await post(instxnt.client, SWITCH, ada.headers, id=gid(acme))
    ada.cookie = reply.headers["Set-Cookie"].partition(";")[0].partition("=")[2]

    for permission in granted:
        made = await ada.gql.done(
            CREATE_KEY, key=ada, input={"name": "x", "permissions": [permission]}
        )
        assert made["token"].startswith("sg_")
    for permission in refused:
        answered = await ada.gql(
            CREATE_KEY, key=ada, input={"name": "x", "permissions": [permission]}
        )
        assert answered["errors"][0]["extensions"]["code"] == "FORBIDDEN"
