"""Who is asking: credentials, what they stand for, and how much they are used."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from db import models
from db.base import now
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Key, Make, gid

VIEWER = """{ viewer { plan permissions ownOnly expiresAt storeIds stores { name }
  organization { name slug stores { totalCount } members { nodes { role user { email } } } }
  apiKey { name requestCount } user { email } } }"""


async def status(gql: GraphQL, **headers: str) -> int:
    response = await gql.client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    return response.status


async def person(make: Make, email: str, *, of: str = "Acme") -> models.User:
    organization = await make.organization(of)
    user = await make.save(models.User(email=email, name=email.split("@", maxsplit=1)[0].title()))
    await make.save(
        models.Membership(organization_id=organization.id, user_id=user.id, role=models.Role.ADMIN)
    )
    return user


async def test_a_key_is_taken_from_either_header(gql: GraphQL, make: Make) -> None:
    key = await make.key()
    assert await status(gql, **{"X-API-Key": key.clear}) == 200
    assert await status(gql, Authorization=f"Bearer {key.clear}") == 200
    assert await status(gql, Authorization=f"bearer  {key.clear} ") == 200
    assert await status(gql, Authorization=f"Basic {key.clear}") == 401
    assert await status(gql, Authorization=f"Bearer {key.clear}x") == 401
    assert await status(gql, **{"X-API-Key": key.clear[:-1]}) == 401


async def test_a_key_that_has_expired_or_was_revoked_is_none(gql: GraphQL, make: Make) -> None:
    cases: list[tuple[dict[str, Any], int]] = [
        ({"expires_at": now() + timedelta(hours=1)}, 200),
        ({"expires_at": now() - timedelta(seconds=1)}, 401),
        ({"revoked_at": now()}, 401),
    ]
    for columns, expected in cases:
        key = await make.key(**columns)
        assert await status(gql, **key.headers) == expected, columns


async def test_a_key_is_used_from_its_addresses_only(gql: GraphQL, make: Make) -> None:
    for addresses, expected in (
        ([], 200),
        (["127.0.0.1"], 200),
        (["10.0.0.0/8", "127.0.0.0/8"], 200),
        (["203.0.113.9"], 403),
        (["::1"], 403),
    ):
        key = await make.key(allowed_addresses=addresses)
        assert await status(gql, **key.headers) == expected, addresses


async def test_the_viewer_tells_what_a_credential_stands_for(gql: GraphQL, make: Make) -> None:
    store = await make.store()
    await person(make, "ada@example.com")
    await person(make, "eve@example.com", of="Other")
    data = await gql.data(VIEWER, key=await make.key())

    viewer = data["viewer"]
    assert viewer["permissions"] == ["*"]
    assert (viewer["storeIds"], viewer["stores"], viewer["user"]) == (None, None, None)
    assert viewer["organization"]["name"] == "Acme"
    assert viewer["organization"]["stores"]["totalCount"] == 1
    assert viewer["organization"]["members"]["nodes"] == [
        {"role": "ADMIN", "user": {"email": "ada@example.com"}}
    ]
    assert viewer["apiKey"]["name"] == "test"
    assert store


async def test_a_wholesale_client_learns_of_itself_without_further_permissions(
    gql: GraphQL, make: Make
) -> None:
    store = await make.store()
    await make.store()
    key = await make.wholesale_key(store)
    data = await gql.data(
        "{ viewer { ownOnly storeIds stores { name } organization { name } apiKey { name } } }",
        key=key,
    )
    assert data["viewer"] == {
        "ownOnly": True,
        "storeIds": [gid(store)],
        "stores": [{"name": store.name}],
        "organization": {"name": "Acme"},
        "apiKey": {"name": "test"},
    }


async def test_nobody_is_nobody(gql: GraphQL) -> None:
    assert await gql.data("{ viewer { plan } }") == {"viewer": None}


async def test_users_of_another_tenant_do_not_exist(gql: GraphQL, make: Make) -> None:
    ours = await person(make, "ada@example.com")
    theirs = await person(make, "eve@example.com", of="Other")
    key = await make.key()
    data = await gql.data(
        "{ users { totalCount nodes { email memberships { totalCount } } } }", key=key
    )
    assert data["users"] == {
        "totalCount": 1,
        "nodes": [{"email": "ada@example.com", "memberships": {"totalCount": 1}}],
    }
    one = "query ($id: ID!) { user(id: $id) { email } }"
    assert (await gql.data(one, key=key, id=gid(ours)))["user"] is not None
    assert (await gql.data(one, key=key, id=gid(theirs)))["user"] is None
    for filtered, count in (({"search": "AD"}, 1), ({"email": "eve@example.com"}, 0)):
        counted = await gql.data(
            "query ($f: UserFilter) { users(filter: $f) { totalCount } }", key=key, f=filtered
        )
        assert counted["users"]["totalCount"] == count


async def test_a_user_of_two_tenants_shows_each_their_own_membership(
    gql: GraphQL, make: Make
) -> None:
    user = await person(make, "ada@example.com")
    other = await make.organization("Other")
    await make.save(
        models.Membership(organization_id=other.id, user_id=user.id, role=models.Role.OWNER)
    )
    query = "{ users { nodes { memberships { nodes { role organization { name } } } } } }"
    for of, role in (("Acme", "ADMIN"), ("Other", "OWNER")):
        data = await gql.data(query, key=await make.key(of))
        [found] = data["users"]["nodes"]
        assert found["memberships"]["nodes"] == [{"role": role, "organization": {"name": of}}]


async def row(services: Services, key: Key) -> models.ApiKey:
    async with services.database.write() as session:
        found = select(models.ApiKey).where(models.ApiKey.id == key.row.id)
        return (await session.scalars(found)).one()


async def test_every_request_of_a_key_is_counted(
    gql: GraphQL, make: Make, services: Services
) -> None:
    key, other = await make.key(), await make.key()
    begun = now()
    for _ in range(3):
        await gql.data("{ viewer { plan } }", key=key)
    await gql.data("{ viewer { plan } }", key=other)
    await services.usage.flush()
    first = await row(services, key)
    assert (first.request_count, first.last_endpoint) == (3, "/graphql")
    assert first.first_used_at is not None
    assert first.last_used_at is not None
    assert begun <= first.first_used_at <= first.last_used_at
    assert (first.version, first.updated_at) == (key.row.version, key.row.updated_at)

    await gql.data("{ viewer { plan } }", key=key)
    await services.usage.flush()
    second = await row(services, key)
    assert second.request_count == 4
    assert second.first_used_at == first.first_used_at
    assert second.last_used_at is not None
    assert second.last_used_at > first.last_used_at
    assert (await row(services, other)).request_count == 1


async def test_a_refused_credential_is_not_counted(
    gql: GraphQL, make: Make, services: Services
) -> None:
    revoked = await make.key(revoked_at=now())
    elsewhere = await make.key(allowed_addresses=["203.0.113.9"])
    for key in (revoked, elsewhere):
        await status(gql, **key.headers)
    await services.usage.flush()
    for key in (revoked, elsewhere):
        assert (await row(services, key)).request_count == 0


async def test_counts_of_several_processes_add_up(make: Make, services: Services) -> None:
    key = await make.key()
    meters = [type(services.usage)(services.database) for _ in range(4)]
    at = now()
    for n, meter in enumerate(meters):
        for _ in range(10):
            meter.count(key.row.id, f"/{n}", at + timedelta(seconds=n))
    await asyncio.gather(*(meter.flush() for meter in meters))
    found = await row(services, key)
    assert (found.request_count, found.last_endpoint) == (40, "/3")
    assert found.last_used_at == at + timedelta(seconds=3)


async def test_what_could_not_be_written_is_written_later(make: Make, services: Services) -> None:
    key = await make.key()
    services.usage.count(key.row.id, "/a", now())

    def broken(*_: Any) -> None:
        raise OSError("no disk")

    from sqlalchemy import event  # noqa: PLC0415 - the database fails here and nowhere else

    engine = services.database.writing.sync_engine
    event.listen(engine, "before_cursor_execute", broken)
    try:
        await services.usage.flush()
    except OSError:
        services.usage.count(key.row.id, "/b", now())
    finally:
        event.remove(engine, "before_cursor_execute", broken)
    assert (await row(services, key)).request_count == 0
    await services.usage.flush()
    found = await row(services, key)
    assert (found.request_count, found.last_endpoint) == (2, "/b")


async def test_a_cancelled_flush_counts_nothing_twice(make: Make, services: Services) -> None:
    key = await make.key()
    running = asyncio.create_task(services.usage.run())
    for _ in range(5):
        services.usage.count(key.row.id, "/a", now())
        flushing = asyncio.create_task(services.usage.flush())
        await asyncio.sleep(0)
        flushing.cancel()
        await asyncio.gather(flushing, return_exceptions=True)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await services.usage.flush()
    assert (await row(services, key)).request_count == 5
