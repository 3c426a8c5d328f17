"""Apps: registered by whoever makes them; what ends with them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from db.base import now
from db.models import InstallationStatus
from resolvers import app_tokens
from resolvers.apps import GRANTABLE
from resolvers.context import Context
from resolvers.services import Services
from rest_compat.xpage import contract
from tests.callers import GraphQL
from tests.desk import (
    ASKED,
    AUDIT,
    DELETE,
    GRANT,
    LOG,
    REGISTER,
    RETRY,
    REVOKE,
    ROTATE,
    ROTATE_SIGNING,
    UNINSTALL,
    UPDATE,
    Clock,
    Desk,
    pending,
)
from tests.kit import Make, gid
from tests.state import everything


@pytest.fixture
def clock(services: Services) -> Clock:
    services.clock = made = Clock(now())
    return made


@pytest.fixture
async def desk(gql: GraphQL, make: Make) -> Desk:
    return Desk(gql, await make.store(), await make.key())


@pytest.fixture
async def stranger(gql: GraphQL, make: Make) -> Desk:
    return Desk(gql, await make.store("Other"), await make.key("Other"))


# Registering


async def test_an_app_is_registered_and_its_secrets_are_shown_once(
    desk: Desk, services: Services
) -> None:
    given = {
        "name": " Till ",
        "permissions": ["product:view", "order:view", "product:view"],
        "installUrl": "https://till.example/install",
        "webhookUrl": "https://till.example/hook",
        "topics": ["order.*", "review.created", "order.*"],
    }
    made = await desk.gql.done(REGISTER, key=desk.key, input=given, once="1")
    again = await desk.gql.done(REGISTER, key=desk.key, input=given, once="1")

    assert made["app"] | {"id": "", "clientId": ""} == {
        "id": "",
        "name": "Till",
        "clientId": "",
        "installUrl": "https://till.example/install",
        "webhookUrl": "https://till.example/hook",
        "permissions": ["order:view", "product:view"],
        "topics": ["order.*", "review.created"],
        "version": 1,
    }
    assert made["app"]["clientId"].startswith("public_")
    assert made["clientSecret"].startswith("secret_")
    assert len(made["clientSecret"]) == len("secret_") + 64
    assert again["app"]["id"] == made["app"]["id"]
    assert (again["clientSecret"], again["signingSecret"]) == (None, None)
    stored = str(await everything(services))
    assert made["clientSecret"] not in stored
    assert made["signingSecret"] not in stored
    assert await desk.audited() == [("register", "app")]


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"name": ""}, "INVALID input.name"),
        ({"permissions": ["order:fly"]}, "INVALID input.permissions"),
        ({"permissions": ["order:*"]}, "INVALID input.permissions"),
        ({"permissions": ["*"]}, "INVALID input.permissions"),
        ({"permissions": ["api_key:create"]}, "INVALID input.permissions"),
        ({"topics": ["order.eaten"]}, "INVALID input.topics"),
        ({"topics": ["job.*"]}, "INVALID input.topics"),
        ({"installUrl": "ftp://till.example"}, "INVALID input.installUrl"),
        ({"installUrl": "https://user:pw@till.example"}, "INVALID input.installUrl"),
        ({"webhookUrl": "till.example"}, "INVALID input.webhookUrl"),
    ],
)
async def test_an_app_that_makes_no_sense_is_not_registered(
    desk: Desk, services: Services, changed: dict[str, Any], refused: str
) -> None:
    given = {"name": "Till", "permissions": ASKED, **changed}
    before = await everything(services)

    assert await desk.gql.refused(REGISTER, key=desk.key, input=given) == [refused]
    assert await everything(services) == before


def test_an_app_can_ask_for_all_that_the_contract_knows() -> None:
    named: Mapping[str, Sequence[str]] = contract().extension("x-permissions")

    assert {name: list(GRANTABLE[name]) for name in named} == named


async def test_permissions_are_listed(desk: Desk) -> None:
    query = "{ permissions { name resource action forApps } }"
    listed = {each["name"]: each for each in (await desk.gql.data(query))["permissions"]}

    assert listed["order:export"] == {
        "name": "order:export",
        "resource": "order",
        "action": "export",
        "forApps": True,
    }
    assert listed["api_key:create"]["forApps"] is False


async def test_an_app_is_changed_and_listed(desk: Desk, statements: list[str]) -> None:
    apps = [(await desk.register(name=name))["app"] for name in ("Zoo", "Ark")]
    changes = {"name": "Arc", "topics": ["*"], "webhookUrl": "https://arc.example", "version": None}
    del changes["version"]

    done = await desk.gql.done(UPDATE, key=desk.key, id=apps[1]["id"], changes=changes, version=1)
    stale = await desk.gql.refused(
        UPDATE, key=desk.key, id=apps[1]["id"], changes={"name": "Old"}, version=1
    )
    nothing = await desk.gql.refused(UPDATE, key=desk.key, id=apps[1]["id"], changes={})
    await desk.install(apps[0])
    statements.clear()
    query = """{ apps { totalCount nodes { name installations { nodes {
      store { name } app { name } webhookDeliveries { totalCount } } } } } }"""
    listed = (await desk.gql.data(query, key=desk.key))["apps"]

    assert (done["app"]["name"], done["app"]["topics"]) == ("Arc", ["*"])
    assert (stale, nothing) == (["CONFLICT expectedVersion"], ["INVALID changes"])
    assert [(each["name"], len(each["installations"]["nodes"])) for each in listed["nodes"]] == [
        ("Arc", 0),
        ("Zoo", 1),
    ]
    asked = [each for each in statements if "app" in each and "api_key" not in each]
    assert len(asked) <= 6  # the apps, their number, installations, their apps, stores, deliveries


# Ends


async def test_a_rotated_secret_is_void_at_once(desk: Desk, services: Services) -> None:
    registered = await desk.register()
    key, client_id = registered["app"]["id"], registered["app"]["clientId"]
    anybody = Context(services)

    rotated = await desk.gql.done(ROTATE, key=desk.key, id=key)
    signing = await desk.gql.done(ROTATE_SIGNING, key=desk.key, id=key)

    with pytest.raises(app_tokens.Unauthenticated):
        await app_tokens.issue(
            anybody, client_id=client_id, client_secret=registered["clientSecret"]
        )
    await app_tokens.issue(anybody, client_id=client_id, client_secret=rotated["clientSecret"])
    assert signing["signingSecret"] not in (None, registered["signingSecret"])
    assert [action for action, _ in await desk.audited()] == [
        "register",
        "rotate_secret",
        "rotate_secret",
    ]
    log = (await desk.gql.data(AUDIT, key=desk.key))["auditLog"]["nodes"]
    assert rotated["clientSecret"] not in str(log)


async def test_revoking_ends_every_token_and_the_app_may_ask_anew(
    desk: Desk, make: Make, services: Services
) -> None:
    app = await make.installed(desk.store)
    look = "{ stores { totalCount } }"
    full = await app_tokens.issue(
        Context(services), client_id=app.app.client_id, client_secret=app.client_secret
    )

    await desk.gql.done(REVOKE, key=desk.key, id=gid(app.app))

    async def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "X-App-Install-Id": str(app.row.uuid)}
        response = await desk.gql.client.post("/graphql", json={"query": look}, headers=headers)
        return response.status

    assert [await status(token) for token in (app.clear, full.token)] == [401, 401]
    fresh = await app_tokens.issue(
        Context(services), client_id=app.app.client_id, client_secret=app.client_secret
    )
    assert await status(fresh.token) == 200


async def test_a_deleted_app_is_gone_from_every_store(
    desk: Desk, stranger: Desk, make: Make, services: Services
) -> None:
    app = await make.installed(desk.store)
    elsewhere = await make.installed(stranger.store, app=app.app)
    await pending(services, elsewhere)

    done = await desk.gql.done(DELETE, key=desk.key, id=gid(app.app))

    assert done["deletedId"] == gid(app.app)
    for owner in (desk, stranger):
        data = await desk.gql.data(LOG, key=owner.key)
        assert [each["status"] for each in data["appInstallations"]["nodes"]] == ["UNINSTALLED"]
        assert {each["status"] for each in data["webhookDeliveries"]["nodes"]} <= {"FAILED"}
    for token in (app, elsewhere):
        answer = await desk.gql("{ stores { totalCount } }", key=token)
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await desk.gql.data("{ apps { totalCount } }", key=desk.key))["apps"] == {
        "totalCount": 0
    }
    assert await desk.gql.refused(DELETE, key=desk.key, id=gid(app.app)) == ["NOT_FOUND id"]


@pytest.mark.parametrize(
    ("document", "permission"),
    [
        (UPDATE, "app:update"),
        (ROTATE, "app:update"),
        (ROTATE_SIGNING, "app:update"),
        (REVOKE, "app:update"),
        (DELETE, "app:delete"),
        (RETRY, "app:install"),
        (GRANT, "app:install"),
        (UNINSTALL, "app:uninstall"),
    ],
)
async def test_each_change_needs_its_permission(
    desk: Desk, make: Make, services: Services, document: str, permission: str
) -> None:
    app = await make.installed(desk.store, status=InstallationStatus.INACTIVE)
    of_app = document in (UPDATE, ROTATE, ROTATE_SIGNING, REVOKE, DELETE)
    given: dict[str, Any] = {"id": gid(app.app if of_app else app.row)}
    if "$changes" in document:
        given["changes"] = {"name": "New"} if document is UPDATE else {"permissions": []}
    everything_else = frozenset(
        f"app:{verb}"
        for verb in ("view", "create", "update", "delete", "install", "uninstall")
        if f"app:{verb}" != permission
    )
    lacking = await make.key(permissions=everything_else)
    before = await everything(services)

    refused = await desk.gql(document, key=lacking, **given)

    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await everything(services) == before
