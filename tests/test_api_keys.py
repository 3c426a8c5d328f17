"""API keys: made no stronger than their maker, shown once, ended at once, and all of it audited."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db import models
from db.base import now
from resolvers.identity import key_hash
from resolvers.services import Services
from resolvers.viewer import WHOLESALE
from tests.callers import GraphQL
from tests.kit import Key, Make, gid
from tests.state import everything

CREATE = """mutation ($input: NewApiKey!, $once: String) {
  createApiKey(input: $input, idempotencyKey: $once) {
    token secret errors { code message field }
    apiKey { id name prefix permissions ownOnly allowedAddresses hasSecret expiresAt revokedAt
             store { id } } } }"""
REVOKE = (
    "mutation ($id: ID!) { revokeApiKey(id: $id) { apiKey { revokedAt } errors { code field } } }"
)
ROTATE = """mutation ($id: ID!) {
  rotateApiKeySecret(id: $id) { secret errors { code message field } } }"""
UPDATE = """mutation ($id: ID!, $changes: ApiKeyChanges!, $version: Int) {
  updateApiKey(id: $id, changes: $changes, expectedVersion: $version) {
    apiKey { name allowedAddresses version } errors { code message field } } }"""
LIST = """query ($filter: ApiKeyFilter) { apiKeys(filter: $filter, sort: ID_ASC) {
  totalCount nodes { id name } } }"""
AUDIT = "{ auditLog { nodes { actor action subjectType subjectId details } } }"
PLAN = "{ viewer { plan } }"


async def audited(gql: GraphQL, key: Key) -> list[Any]:
    return (await gql.data(AUDIT, key=key))["auditLog"]["nodes"]


async def works(gql: GraphQL, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    response = await gql.client.post("/graphql", json={"query": PLAN}, headers=headers)
    return response.status == 200


async def test_a_key_and_its_secret_are_shown_once_and_stored_unreadable(
    gql: GraphQL, make: Make, services: Services
) -> None:
    admin, store = await make.key(), await make.store()
    wanted = {
        "name": " Client ",
        "permissions": ["order:view", "product:*", "order:view"],
        "storeId": gid(store),
        "ownOnly": True,
        "withSecret": True,
        "allowedAddresses": ["203.0.113.9", "10.1.2.3/8", "203.0.113.9", "2001:DB8::1"],
    }
    made = await gql.done(CREATE, key=admin, input=wanted)

    assert made["apiKey"] | {"id": ""} == {
        "id": "",
        "name": "Client",
        "prefix": made["token"][:10],
        "permissions": ["order:view", "product:*"],
        "ownOnly": True,
        "allowedAddresses": ["203.0.113.9", "10.0.0.0/8", "2001:db8::1"],
        "hasSecret": True,
        "expiresAt": None,
        "revokedAt": None,
        "store": {"id": gid(store)},
    }
    stored = str((await everything(services))["api_key"])
    assert made["token"] not in stored
    assert made["secret"] not in stored
    assert key_hash(made["token"]) in stored
    [entry] = await audited(gql, admin)
    assert (entry["action"], entry["subjectType"]) == ("mint", "api_key")
    assert entry["actor"] == f"key:{admin.row.id}"
    assert entry["details"]["hmac"] is True
    assert made["token"] not in str(entry)
    assert made["secret"] not in str(entry)


async def test_a_new_key_works_and_sees_its_store_only(gql: GraphQL, make: Make) -> None:
    admin, store, other = await make.key(), await make.store(), await make.store()
    product = await make.product(store)
    await make.product(other)
    wanted = {"name": "x", "permissions": ["product:view"], "storeId": gid(store)}
    token = (await gql.done(CREATE, key=admin, input=wanted))["token"]
    fresh = Key(admin.row, token)

    data = await gql.data("{ products { nodes { id } } }", key=fresh)
    assert data["products"]["nodes"] == [{"id": gid(product)}]
    answer = await gql("{ orders { totalCount } }", key=fresh)
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        ({"name": " "}, ["INVALID input.name"]),
        ({"name": "x" * 101}, ["INVALID input.name"]),
        ({"permissions": ["order:view", "nope:view", "order:fly"]},
         ["INVALID input.permissions.1", "INVALID input.permissions.2"]),
        ({"allowedAddresses": ["300.1.1.1"]}, ["INVALID input.allowedAddresses"]),
        ({"allowedAddresses": ["1.1.1.1"] * 101}, ["INVALID input.allowedAddresses"]),
        ({"storeId": "U3RvcmU6OTk5"}, ["NOT_FOUND input.storeId"]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ["INVALID input.expiresAt"]),
    ],
)  # fmt: skip
async def test_a_wrong_input_makes_no_key(
    gql: GraphQL, make: Make, services: Services, wanted: Any, refusal: list[str]
) -> None:
    admin = await make.key()
    before = await everything(services)
    given = {"name": "x", "permissions": ["order:view"], **wanted}
    assert await gql.refused(CREATE, key=admin, input=given) == refusal
    assert await everything(services) == before


async def test_unknown_permissions_are_named(gql: GraphQL, make: Make) -> None:
    given = {"name": "x", "permissions": ["order:fly"]}
    answer = await gql.data(CREATE, key=await make.key(), input=given)
    assert "order:fly" in answer["createApiKey"]["errors"][0]["message"]


async def test_another_tenants_store_is_not_found(gql: GraphQL, make: Make) -> None:
    foreign = await make.store("Other")
    given = {"name": "x", "permissions": [], "storeId": gid(foreign)}
    refused = await gql.refused(CREATE, key=await make.key(), input=given)
    assert refused == ["NOT_FOUND input.storeId"]


@pytest.mark.parametrize(
    ("maker", "wanted"),
    [
        ({"permissions": {"api_key:create", "order:view"}}, {"permissions": ["order:update"]}),
        ({"permissions": {"api_key:create", "order:view"}}, {"permissions": ["order:*"]}),
        ({"permissions": {"api_key:*", "order:*"}}, {"permissions": ["*"]}),
        ({"in_store": True}, {}),
        ({"in_store": True, "own_only": True}, {"storeId": True}),
    ],
    ids=["another action", "all actions", "everything", "all stores", "everybody's orders"],
)
async def test_nobody_grants_more_than_they_have(
    gql: GraphQL, make: Make, services: Services, maker: Any, wanted: Any
) -> None:
    store = await make.store()
    columns = {name: value for name, value in maker.items() if name != "in_store"}
    columns |= {"store_id": store.id} if maker.get("in_store") else {}
    if "permissions" in columns:
        columns["permissions"] = frozenset(columns["permissions"])
    key = await make.key(**columns)
    given = {"name": "x", "permissions": [], **wanted}
    given |= {"storeId": gid(store)} if given.get("storeId") else {}
    before = await everything(services)

    answer = await gql(CREATE, key=key, input=given)

    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await everything(services) == before


async def test_a_key_of_one_store_makes_keys_of_that_store(gql: GraphQL, make: Make) -> None:
    store, other = await make.store(), await make.store()
    key = await make.key(store_id=store.id)
    given = {"name": "x", "permissions": ["*"], "storeId": gid(store)}
    assert await gql.done(CREATE, key=key, input=given)
    assert await gql.refused(CREATE, key=key, input=given | {"storeId": gid(other)}) == [
        "NOT_FOUND input.storeId"
    ]


async def test_making_a_key_twice_under_one_idempotency_key_makes_one_and_tells_it_once(
    gql: GraphQL, make: Make
) -> None:
    admin = await make.key()
    wanted = {"name": "x", "permissions": ["order:view"], "withSecret": True}
    first = await gql.done(CREATE, key=admin, input=wanted, once="a")
    again = await gql.done(CREATE, key=admin, input=wanted, once="a")

    assert again["apiKey"] == first["apiKey"]
    assert (again["token"], again["secret"]) == (None, None)
    assert (await gql.data(LIST, key=admin))["apiKeys"]["totalCount"] == 2
    other = wanted | {"name": "y"}
    refused = await gql.refused(CREATE, key=admin, input=other, once="a")
    assert refused == ["CONFLICT idempotencyKey"]


async def test_a_revoked_key_is_refused_at_once_and_stays_listed(gql: GraphQL, make: Make) -> None:
    admin, key = await make.key(), await make.key()
    assert await works(gql, key.clear)

    revoked = await gql.done(REVOKE, key=admin, id=gid(key.row))

    assert not await works(gql, key.clear)
    assert revoked["apiKey"]["revokedAt"]
    found = await gql.data(LIST, key=admin, filter={"active": False})
    assert [node["id"] for node in found["apiKeys"]["nodes"]] == [gid(key.row)]
    found = await gql.data(LIST, key=admin, filter={"active": True})
    assert [node["id"] for node in found["apiKeys"]["nodes"]] == [gid(admin.row)]


async def test_revoking_again_does_nothing_more(
    gql: GraphQL, make: Make, services: Services
) -> None:
    admin, key = await make.key(), await make.key()
    await gql.done(REVOKE, key=admin, id=gid(key.row))
    before = await everything(services)
    await gql.done(REVOKE, key=admin, id=gid(key.row))
    assert await everything(services) == before
    assert [entry["action"] for entry in await audited(gql, admin)] == ["revoke"]


async def test_a_key_may_end_itself(gql: GraphQL, make: Make) -> None:
    key = await make.key()
    await gql(REVOKE, key=key, id=gid(key.row))
    assert not await works(gql, key.clear)


async def test_a_rotated_secret_replaces_the_old_one(
    gql: GraphQL, make: Make, services: Services
) -> None:
    admin, key = await make.key(), await make.key(secret="old")
    secret = (await gql.done(ROTATE, key=admin, id=gid(key.row)))["secret"]

    async with services.database.write() as session:
        found = select(models.ApiKey).where(models.ApiKey.id == key.row.id)
        row = (await session.scalars(found)).one()
    assert row.secret_encrypted is not None
    assert services.vault.open(row.secret_encrypted) == secret
    assert await works(gql, key.clear)
    [entry] = await audited(gql, admin)
    assert (entry["action"], entry["details"]) == ("rotate_secret", {})


async def test_there_is_no_secret_to_rotate_of_a_key_without_one_or_revoked(
    gql: GraphQL, make: Make, services: Services
) -> None:
    admin, bare = await make.key(), await make.key()
    ended = await make.key(secret="s", revoked_at=now())
    before = await everything(services)
    for key in (bare, ended):
        assert await gql.refused(ROTATE, key=admin, id=gid(key.row)) == ["CONFLICT id"]
    assert await everything(services) == before


async def test_the_secret_of_a_stronger_key_is_not_to_be_had(
    gql: GraphQL, make: Make, services: Services
) -> None:
    strong = await make.key(secret="s")
    weak = await make.key(permissions=frozenset({"api_key:update", "order:view"}))
    before = await everything(services)
    answer = await gql(ROTATE, key=weak, id=gid(strong.row))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await everything(services) == before


async def test_the_addresses_of_a_key_are_kept_and_changes_of_them_audited(
    gql: GraphQL, make: Make
) -> None:
    admin, key = await make.key(), await make.key(allowed_addresses=["198.51.100.1"])
    assert not await works(gql, key.clear)

    changes = {"allowedAddresses": ["127.0.0.1", "203.0.113.0/24"], "name": "Local"}
    changed = await gql.done(UPDATE, key=admin, id=gid(key.row), changes=changes)

    assert changed["apiKey"]["allowedAddresses"] == ["127.0.0.1", "203.0.113.0/24"]
    assert changed["apiKey"]["name"] == "Local"
    assert await works(gql, key.clear)
    whitelist, rename = await audited(gql, admin)
    assert whitelist["action"] == "whitelist"
    assert whitelist["details"] == {
        "added": ["127.0.0.1", "203.0.113.0/24"],
        "removed": ["198.51.100.1"],
    }
    assert (rename["action"], rename["details"]) == ("rename", {"old": "test", "new": "Local"})


async def test_a_change_of_another_version_changes_nothing(
    gql: GraphQL, make: Make, services: Services
) -> None:
    admin, key = await make.key(), await make.key()
    await gql.done(UPDATE, key=admin, id=gid(key.row), changes={"name": "One"}, version=1)
    before = await everything(services)
    refused = await gql.refused(
        UPDATE, key=admin, id=gid(key.row), changes={"name": "Two"}, version=1
    )
    assert refused == ["CONFLICT expectedVersion"]
    assert await everything(services) == before


@pytest.mark.parametrize("document", [REVOKE, ROTATE, UPDATE], ids=["revoke", "rotate", "update"])
async def test_another_tenants_key_is_not_found(
    gql: GraphQL, make: Make, services: Services, document: str
) -> None:
    admin, foreign = await make.key(), await make.key("Other", secret="s")
    before = await everything(services)
    given: Any = {"changes": {"name": "x"}} if document == UPDATE else {}
    assert await gql.refused(document, key=admin, id=gid(foreign.row), **given) == ["NOT_FOUND id"]
    assert await everything(services) == before
    one = "query ($id: ID!) { apiKey(id: $id) { id } }"
    assert await gql.data(one, key=admin, id=gid(foreign.row)) == {"apiKey": None}


async def test_keys_are_listed_and_filtered_in_two_statements(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    store = await make.store()
    admin = await make.key()
    client = await make.wholesale_key(store)
    expired = await make.key(expires_at=now() - timedelta(days=1))
    await make.key("Other")
    statements.clear()
    found = await gql.data(LIST, key=admin)
    assert len(statements) == 3  # the credential, the page, the count
    assert found["apiKeys"]["totalCount"] == 3
    for wanted, expected in (
        ({"storeId": gid(store)}, [client]),
        ({"ownOnly": True}, [client]),
        ({"active": False}, [expired]),
        ({"search": admin.row.prefix}, [admin]),
        ({"search": "TES", "active": True}, [admin, client]),
    ):
        found = await gql.data(LIST, key=admin, filter=wanted)
        assert [n["id"] for n in found["apiKeys"]["nodes"]] == [gid(k.row) for k in expected], (
            wanted
        )


async def test_keys_need_permissions(gql: GraphQL, make: Make, services: Services) -> None:
    key = await make.key(permissions=WHOLESALE)
    before = await everything(services)
    for document, given in (
        (LIST, {}),
        (AUDIT, {}),
        (CREATE, {"input": {"name": "x", "permissions": []}}),
        (REVOKE, {"id": gid(key.row)}),
        (ROTATE, {"id": gid(key.row)}),
        (UPDATE, {"id": gid(key.row), "changes": {"name": "x"}}),
    ):
        answer = await gql(document, key=key, **given)
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN", document
    assert await everything(services) == before


async def test_a_key_of_one_store_sees_no_key_and_no_audit_of_the_rest(
    gql: GraphQL, make: Make
) -> None:
    admin, store = await make.key(), await make.store()
    inside = await make.key(store_id=store.id)
    await gql.done(UPDATE, key=admin, id=gid(admin.row), changes={"name": "Admin"})
    found = await gql.data(LIST, key=inside)
    assert [node["id"] for node in found["apiKeys"]["nodes"]] == [gid(inside.row)]
    assert await audited(gql, inside) == []
    assert len(await audited(gql, admin)) == 1
