import asyncio

import pytest

from db import models
from tests.callers import GraphQL
from tests.kit import Key, Make, gid
from tests.state import all_rows, everything

CREATE = """mutation ($input: NewDomain!, $once: String) {
  createDomain(input: $input, idempotencyKey: $once) {
    domain { id name isPrimary store { id } } errors { code field } } }"""
UPDATE = """mutation ($id: ID!, $changes: DomainChanges!, $version: Int) {
  updateDomain(id: $id, changes: $changes, expectedVersion: $version) {
    domain { name version } errors { code field } } }"""
PRIMARY = """mutation ($id: ID!) { setPrimaryDomain(id: $id) {
  domain { isPrimary } errors { code field } } }"""
DELETE = "mutation ($id: ID!) { deleteDomain(id: $id) { deletedId errors { code field } } }"


async def primary(gql: GraphQL, key: Key) -> list[str]:
    query = "{ domains(filter: { isPrimary: true }) { nodes { name } } }"
    return [node["name"] for node in (await gql.data(query, key=key))["domains"]["nodes"]]


async def test_the_first_domain_of_a_store_is_its_primary_one(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    new = {"storeId": gid(store), "name": " Shop.Example.COM. "}

    first = (await gql.done(CREATE, key=key, input=new, once="1"))["domain"]

    assert (first["name"], first["isPrimary"]) == ("shop.example.com", True)
    assert (await gql.done(CREATE, key=key, input=new, once="1"))["domain"] == first
    second = {"storeId": gid(store), "name": "xn--bcher-kva.example"}
    assert not (await gql.done(CREATE, key=key, input=second))["domain"]["isPrimary"]
    elsewhere = {"storeId": gid(await make.store()), "name": "b.example"}
    assert (await gql.done(CREATE, key=key, input=elsewhere))["domain"]["isPrimary"]


async def test_of_many_first_domains_one_is_primary(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()

    made = await asyncio.gather(
        *(
            gql.done(CREATE, key=key, input={"storeId": gid(store), "name": f"s{n}.example"})
            for n in range(6)
        )
    )

    assert sorted(each["domain"]["isPrimary"] for each in made) == [False] * 5 + [True]


async def test_another_domain_is_made_primary(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    await make.domain(store, name="old.example", is_primary=True)
    new = await make.domain(store, name="new.example")
    await make.domain(await make.store(), name="else.example", is_primary=True)

    for _ in range(2):
        done = await gql.done(PRIMARY, key=key, id=gid(new))
        assert done["domain"] == {"isPrimary": True}
        assert sorted(await primary(gql, key)) == ["else.example", "new.example"]


async def test_after_a_primary_domain_the_oldest_takes_its_place(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    first = await make.domain(store, name="first.example", is_primary=True)
    second, third = [await make.domain(store, name=f"{name}.example") for name in ("b", "c")]
    page = await make.landing_page(await make.product(store), domain_id=first.id)

    await gql.done(DELETE, key=key, id=gid(first))

    assert await primary(gql, key) == ["b.example"]
    query = "query ($id: ID!) { landingPage(id: $id) { url version domain { id } } }"
    found = await gql.data(query, key=key, id=gid(page))
    assert found["landingPage"] == {
        "url": f"https://b.example/{page.slug}", "version": 2, "domain": None
    }  # fmt: skip
    await gql.done(DELETE, key=key, id=gid(third))
    assert await primary(gql, key) == ["b.example"]
    await gql.done(DELETE, key=key, id=gid(second))
    found = await gql.data(query, key=key, id=gid(page))
    assert found["landingPage"]["url"] == f"https://{store.subdomain}.localhost/{page.slug}"


async def test_a_domain_is_renamed(gql: GraphQL, make: Make) -> None:
    domain, key = await make.domain(await make.store()), await make.key()

    done = await gql.done(UPDATE, key=key, id=gid(domain), changes={"name": "new.example"})

    assert done["domain"] == {"name": "new.example", "version": 2}
    changes = {"name": "late.example"}
    refusals = await gql.refused(UPDATE, key=key, id=gid(domain), changes=changes, version=1)
    assert refusals == ["CONFLICT expectedVersion"]


@pytest.mark.parametrize(
    "name",
    [
        "shop", "192.168.0.1", "shop..example", "-a.example", "a-.example", "a b.example", "",
        "https://shop.example", "shop.example/x", "shop.example:80", "b\u00fccher.example",
        "a." * 130 + "example", "x" * 64 + ".example", "other.localhost", "localhost",
    ],
)  # fmt: skip
async def test_what_is_no_host_name_of_their_own_is_refused(
    gql: GraphQL, make: Make, name: str
) -> None:
    store, key = await make.store(), await make.key()
    domain = await make.domain(store)
    before = await everything(make.services)

    refusals = await gql.refused(CREATE, key=key, input={"storeId": gid(store), "name": name})
    changed = await gql.refused(UPDATE, key=key, id=gid(domain), changes={"name": name})

    assert (refusals, changed) == (["INVALID input.name"], ["INVALID changes.name"])
    assert await everything(make.services) == before


async def test_no_two_stores_have_one_name_whoever_owns_them(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    await make.domain(await make.store("Other"), name="taken.example")
    mine = await make.domain(store, name="mine.example")
    before = await everything(make.services)

    new = {"storeId": gid(store), "name": "TAKEN.example"}
    refusals = await gql.refused(CREATE, key=key, input=new)
    changes = {"name": "taken.example"}
    changed = await gql.refused(UPDATE, key=key, id=gid(mine), changes=changes)

    assert (refusals, changed) == (["CONFLICT input.name"], ["CONFLICT changes.name"])
    assert await everything(make.services) == before


async def test_domains_are_filtered_and_found_at_their_store(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    store, key = await make.store(), await make.key()
    await make.domain(store, name="b.example", is_primary=True)
    await make.domain(store, name="a.example")
    await make.domain(await make.store("Other"), name="foreign.example")
    query = """query ($filter: DomainFilter) {
      domains(filter: $filter, sort: NAME_ASC) { nodes { name } totalCount } }"""
    for wanted, names in (
        (None, ["a.example", "b.example"]),
        ({"search": "B."}, ["b.example"]),
        ({"isPrimary": False}, ["a.example"]),
        ({"storeId": gid(store), "isPrimary": True}, ["b.example"]),
    ):
        found = (await gql.data(query, key=key, filter=wanted))["domains"]
        assert [node["name"] for node in found["nodes"]] == names
        assert found["totalCount"] == len(names)
    query = "{ stores { nodes { domains(sort: NAME_ASC) { nodes { name isPrimary } } } } }"
    await gql.data(query, key=key)
    statements.clear()

    found = await gql.data(query, key=key)

    assert found["stores"]["nodes"][0]["domains"]["nodes"] == [
        {"name": "a.example", "isPrimary": False},
        {"name": "b.example", "isPrimary": True},
    ]
    assert len(statements) == 3  # who asks, the stores, their domains


async def test_each_change_of_domains_needs_its_permission(gql: GraphQL, make: Make) -> None:
    store = await make.store()
    domain = await make.domain(store)
    new = {"storeId": gid(store), "name": "new.example"}
    calls = (
        ("create", CREATE, {"input": new}),
        ("update", UPDATE, {"id": gid(domain), "changes": {"name": "b.example"}}),
        ("update", PRIMARY, {"id": gid(domain)}),
        ("delete", DELETE, {"id": gid(domain)}),
    )
    before = await everything(make.services)
    key = await make.key(permissions=frozenset({"store:*", "landing_page:*", "domain:view"}))
    for verb, document, values in calls:
        answer = await gql(document, key=key, **values)
        assert answer["errors"][0]["extensions"]["details"] == {"permission": f"domain:{verb}"}
    before["api_key"] = (await everything(make.services))["api_key"]
    assert await everything(make.services) == before


async def test_what_became_of_domains_is_in_the_audit_log(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    new = {"storeId": gid(store), "name": "a.example"}
    made = (await gql.done(CREATE, key=key, input=new))["domain"]["id"]
    await gql.done(UPDATE, key=key, id=made, changes={"name": "b.example"})
    await gql.done(PRIMARY, key=key, id=gid(await make.domain(store)))
    await gql.done(DELETE, key=key, id=made)

    rows = (await all_rows(make.services))[models.AuditEntry.__tablename__]

    actions = [cell for row in rows for cell in row if str(cell).startswith("domain.")]
    assert actions == [
        "domain.created", "domain.updated", "domain.made_primary", "domain.deleted"
    ]  # fmt: skip
