import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from db import models
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.state import events, everything

CREATE = """mutation ($input: NewLandingPage!, $once: String) {
  createLandingPage(input: $input, idempotencyKey: $once) {
    landingPage { id title slug url language codType screenshotUrl metaDescription publishedAt
      product { id } domain { id } store { id } }
    errors { code field } } }"""
UPDATE = """mutation ($id: ID!, $changes: LandingPageChanges!, $version: Int) {
  updateLandingPage(id: $id, changes: $changes, expectedVersion: $version) {
    landingPage { title slug url version } errors { code field } } }"""
PUBLISH = """mutation ($id: ID!, $version: Int) {
  publishLandingPage(id: $id, expectedVersion: $version) {
    landingPage { publishedAt version } errors { code field } } }"""
UNPUBLISH = PUBLISH.replace("publishLandingPage", "unpublishLandingPage")
DELETE = """mutation ($id: ID!) {
  deleteLandingPage(id: $id) { deletedId errors { code field } } }"""


async def test_a_landing_page_is_made_for_a_product(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    domain = await make.domain(store, name="lamp.example")
    needed = {"productId": gid(product), "title": "The Lamp"}

    plain = (await gql.done(CREATE, key=key, input=needed, once="1"))["landingPage"]

    assert (await gql.done(CREATE, key=key, input=needed, once="1"))["landingPage"] == plain
    assert plain == {
        "id": plain["id"], "title": "The Lamp", "slug": "the-lamp", "codType": "CHECKOUT",
        "url": f"https://{store.subdomain}.localhost/the-lamp", "language": None,
        "screenshotUrl": None, "metaDescription": None, "publishedAt": None,
        "product": {"id": gid(product)}, "domain": None, "store": {"id": gid(store)},
    }  # fmt: skip
    more = {
        "domainId": gid(domain), "slug": "lámpara", "language": "pt-BR", "codType": "POPUP",
        "screenshotUrl": "https://cdn.example/a.png", "metaDescription": "Light.",
    }  # fmt: skip
    whole = (await gql.done(CREATE, key=key, input={**needed, **more}))["landingPage"]
    assert whole["url"] == "https://lamp.example/l%C3%A1mpara"
    assert {name: whole[name] for name in more if name != "domainId"} == {
        name: value for name, value in more.items() if name != "domainId"
    }
    assert whole["domain"] == {"id": gid(domain)}
    created = await events(make.services, "landing_page.created")
    assert [event.payload["title"] for event in created] == ["The Lamp"] * 2


async def test_slugs_are_unique_in_a_store_among_pages_that_are_there(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    page = await make.landing_page(product, slug="lamp")
    new = {"productId": gid(product), "title": "Lamp"}

    made = (await gql.done(CREATE, key=key, input=new))["landingPage"]

    assert made["slug"] == "lamp-2"
    taken = {**new, "slug": "lamp"}
    assert await gql.refused(CREATE, key=key, input=taken) == ["CONFLICT input.slug"]
    refusals = await gql.refused(UPDATE, key=key, id=made["id"], changes={"slug": "lamp"})
    assert refusals == ["CONFLICT changes.slug"]
    same = await gql.done(UPDATE, key=key, id=gid(page), changes={"slug": "lamp"})
    assert same["landingPage"]["slug"] == "lamp"
    elsewhere = {**taken, "productId": gid(await make.product(await make.store()))}
    await gql.done(CREATE, key=key, input=elsewhere)
    await gql.done(DELETE, key=key, id=gid(page))
    await gql.done(UPDATE, key=key, id=made["id"], changes={"slug": "lamp"})


async def test_what_is_wrong_is_said_by_field_and_nothing_is_kept(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    page = await make.landing_page(product)
    neighbour = await make.product(await make.store())
    foreign = await make.product(await make.store("Other"))
    domain = await make.domain(await make.store())
    new = {"productId": gid(product), "title": "Lamp"}
    before = await everything(make.services)

    for wrong, refusals in (
        ({"title": " "}, ["INVALID {}.title"]),
        ({"slug": "a/b"}, ["INVALID {}.slug"]),
        ({"language": "english!"}, ["INVALID {}.language"]),
        ({"language": "e"}, ["INVALID {}.language"]),
        ({"language": "en-" + "x" * 40}, ["INVALID {}.language"]),
        ({"screenshotUrl": "javascript:1"}, ["INVALID {}.screenshotUrl"]),
        ({"title": "", "slug": ""}, ["INVALID {}.title", "INVALID {}.slug"]),
        ({"productId": gid(foreign)}, ["NOT_FOUND {}.productId"]),
        ({"domainId": gid(domain)}, ["NOT_FOUND {}.domainId"]),
    ):
        found = await gql.refused(CREATE, key=key, input={**new, **wrong})
        assert sorted(found) == sorted(each.format("input") for each in refusals)
        found = await gql.refused(UPDATE, key=key, id=gid(page), changes=wrong)
        assert sorted(found) == sorted(each.format("changes") for each in refusals)
    moved = await gql.refused(UPDATE, key=key, id=gid(page), changes={"productId": gid(neighbour)})
    assert moved == ["NOT_FOUND changes.productId"]
    late = await gql.refused(UPDATE, key=key, id=gid(page), changes={"title": "B"}, version=2)
    assert late == ["CONFLICT expectedVersion"]
    assert await everything(make.services) == before


async def test_a_landing_page_is_changed_and_put_elsewhere(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    page = await make.landing_page(await make.product(store), slug="lamp")
    await make.domain(store, name="main.example", is_primary=True)
    domain, other = await make.domain(store, name="lamp.example"), await make.product(store)

    changes = {"title": "Sun", "domainId": gid(domain), "productId": gid(other)}
    done = await gql.done(UPDATE, key=key, id=gid(page), changes=changes)

    url = "https://lamp.example/lamp"
    assert done["landingPage"] == {"title": "Sun", "slug": "lamp", "url": url, "version": 2}
    done = await gql.done(UPDATE, key=key, id=gid(page), changes={"domainId": None})
    assert done["landingPage"]["url"] == "https://main.example/lamp"
    assert len(await events(make.services, "landing_page.updated")) == 2


async def test_a_landing_page_is_published_and_hidden_again(gql: GraphQL, make: Make) -> None:
    page = await make.landing_page(await make.product(await make.store()))
    key = await make.key()

    first = (await gql.done(PUBLISH, key=key, id=gid(page)))["landingPage"]

    assert first["publishedAt"] is not None
    assert (await gql.done(PUBLISH, key=key, id=gid(page)))["landingPage"] == first
    refusals = await gql.refused(UNPUBLISH, key=key, id=gid(page), version=1)
    assert refusals == ["CONFLICT expectedVersion"]
    hidden = (await gql.done(UNPUBLISH, key=key, id=gid(page)))["landingPage"]
    assert hidden == {"publishedAt": None, "version": 3}
    told = await events(make.services, "landing_page.updated")
    assert [event.payload["published"] for event in told] == [True, False]


async def test_a_deleted_page_is_gone_with_its_links(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    page, file = await make.landing_page(await make.product(store)), await make.file(store)
    await make.link(file, page)
    query = "query ($id: ID!) { landingPage(id: $id) { images { id } } }"
    found = await gql.data(query, key=key, id=gid(page))
    assert found == {"landingPage": {"images": [{"id": gid(file)}]}}

    await gql.done(DELETE, key=key, id=gid(page))

    assert await gql.data(query, key=key, id=gid(page)) == {"landingPage": None}
    data = await gql.data("{ files { nodes { links { id } } } }", key=key)
    assert data["files"]["nodes"] == [{"links": []}]
    [event] = await events(make.services, "landing_page.deleted")
    assert (event.subject_type, event.subject_id) == ("landing_page", page.id)


async def test_pages_go_with_their_product(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    product, other = await make.product(store), await make.product(store)
    pages = [await make.landing_page(product) for _ in range(2)]
    await make.link(await make.file(store), pages[0])
    kept = await make.landing_page(other)
    document = "mutation ($id: ID!) { deleteProduct(id: $id) { errors { code } } }"

    await gql.done(document, key=key, id=gid(product))

    data = await gql.data(
        "{ landingPages { nodes { id product { id } } } files { nodes { links { id } } } }", key=key
    )
    assert data["landingPages"]["nodes"] == [{"id": gid(kept), "product": {"id": gid(other)}}]
    assert data["files"]["nodes"] == [{"links": []}]
    told = await events(make.services, "landing_page.deleted")
    assert [event.subject_id for event in told] == [page.id for page in pages]


async def test_no_page_outlives_a_product_that_goes_at_the_same_time(
    gql: GraphQL, make: Make
) -> None:
    product, key = await make.product(await make.store()), await make.key()
    new = {"productId": gid(product), "title": "Lamp"}
    # The product may be gone when the answer is made: nothing is asked of it.
    create = """mutation ($input: NewLandingPage!) {
      createLandingPage(input: $input) { landingPage { id } errors { code } } }"""
    document = "mutation ($id: ID!) { deleteProduct(id: $id) { errors { code } } }"

    *made, _ = await asyncio.gather(
        *(gql.data(create, key=key, input=new) for _ in range(6)),
        gql.done(document, key=key, id=gid(product)),
    )

    errors = [error for each in made for error in each["createLandingPage"]["errors"]]
    assert all(error["code"] == "NOT_FOUND" for error in errors)
    created, deleted = [
        await events(make.services, f"landing_page.{verb}") for verb in ("created", "deleted")
    ]
    assert len(created) == len(deleted) == 6 - len(errors)


async def test_of_many_pages_with_one_title_each_has_its_own_slug(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    new = {"productId": gid(product), "title": "Lamp"}

    made = await asyncio.gather(*(gql.done(CREATE, key=key, input=new) for _ in range(6)))

    slugs = {each["landingPage"]["slug"] for each in made}
    assert slugs == {"lamp", *(f"lamp-{n}" for n in range(2, 7))}


async def test_landing_pages_are_filtered_and_sorted(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    lamp, chair = await make.product(store), await make.product(store)
    domain = await make.domain(store)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    await make.landing_page(
        lamp, title="A", slug="one", domain_id=domain.id, language="de", published_at=at
    )
    await make.landing_page(lamp, title="B", cod_type=models.CodType.POPUP, language="pt-BR")
    await make.landing_page(chair, title="C", cod_type=models.CodType.EMBEDDED)
    await make.landing_page(await make.product(await make.store("Other")), title="D")
    query = """query ($filter: LandingPageFilter) {
      landingPages(filter: $filter, sort: TITLE_ASC) { nodes { title } totalCount } }"""

    for wanted, titles in (
        (None, ["A", "B", "C"]),
        ({"search": "ONE"}, ["A"]),
        ({"productId": [gid(lamp)]}, ["A", "B"]),
        ({"productId": [gid(lamp), gid(chair)]}, ["A", "B", "C"]),
        ({"domainId": gid(domain)}, ["A"]),
        ({"codType": ["POPUP", "EMBEDDED"]}, ["B", "C"]),
        ({"language": "PT-br"}, ["B"]),
        ({"published": True}, ["A"]),
        ({"published": False, "storeId": gid(store)}, ["B", "C"]),
    ):
        found = (await gql.data(query, key=key, filter=wanted))["landingPages"]
        assert [node["title"] for node in found["nodes"]] == titles, wanted
        assert found["totalCount"] == len(titles)


async def test_pages_are_found_where_they_belong_by_one_statement_a_level(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    store, key = await make.store(), await make.key()
    domain = await make.domain(store, name="lamp.example")
    for n in range(3):
        product = await make.product(store)
        await make.landing_page(product, slug=f"p{n}", domain_id=domain.id if n else None)
    query = """{ products(sort: ID_ASC) { nodes {
      landingPages { nodes { url product { id } domain { landingPages { totalCount } } } } } }
      stores { nodes { landingPages { totalCount } } } }"""
    await gql.data(query, key=key)
    statements.clear()

    data = await gql.data(query, key=key)

    pages = [node["landingPages"]["nodes"] for node in data["products"]["nodes"]]
    assert [[page["url"] for page in some] for some in pages] == [
        [f"https://{store.subdomain}.localhost/p0"],
        ["https://lamp.example/p1"],
        ["https://lamp.example/p2"],
    ]
    assert pages[1][0]["domain"] == {"landingPages": {"totalCount": 2}}
    assert data["stores"]["nodes"] == [{"landingPages": {"totalCount": 3}}]
    # Who asks, products, pages, their stores' and own domains for addresses, products and domains
    # of pages, counts of pages of domains, stores, counts of pages of stores.
    assert len(statements) == 10


@pytest.mark.parametrize(
    ("verb", "document"),
    [("create", CREATE), ("update", UPDATE), ("publish", PUBLISH), ("publish", UNPUBLISH),
     ("delete", DELETE)],
)  # fmt: skip
async def test_each_change_needs_its_permission(
    gql: GraphQL, make: Make, verb: str, document: str
) -> None:
    product = await make.product(await make.store())
    page = await make.landing_page(product)
    others = {"view", "create", "update", "publish", "delete"} - {verb}
    key = await make.key(permissions=frozenset(f"landing_page:{each}" for each in others))
    values: dict[str, Any] = {"id": gid(page)}
    if verb == "create":
        values = {"input": {"productId": gid(product), "title": "Lamp"}}
    if verb == "update":
        values["changes"] = {"title": "Lamp"}
    before = await everything(make.services)

    answer = await gql(document, key=key, **values)

    assert answer["errors"][0]["extensions"]["details"] == {"permission": f"landing_page:{verb}"}
    assert await everything(make.services) == before
