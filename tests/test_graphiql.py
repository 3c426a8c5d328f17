"""GraphiQL is served whole by the gateway, and no file of it leads a browser elsewhere."""

import json
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from graphql import build_schema, parse, validate

from app import graphiql
from schema import make_schema

Browser = TestClient[web.Request, web.Application]

DEMO = {"Authorization": "Bearer demo"}
OPERATIONS = (
    graphiql.example("products"),
    graphiql.example("order_events", {"after": "7"}),
)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async def page(_: web.Request) -> web.Response:
        return graphiql.page(demo_headers=DEMO, operations=OPERATIONS)

    app = web.Application()
    app.add_routes([web.get("/graphql", page), *graphiql.routes()])
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


async def page_of(browser: Browser) -> str:
    async with browser.get("/graphql") as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        return await response.text()


def addresses_in(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', html)


def setup_in(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="setup">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


async def test_every_file_that_the_page_names_is_served_for_good_and_with_its_type(
    browser: Browser,
) -> None:
    named = [address for address in addresses_in(await page_of(browser)) if address != "data:,"]
    assert len(named) == len(graphiql.OURS) + len(graphiql.THEIRS)
    for address in named:
        async with browser.get(address) as response:
            assert response.status == 200, address
            expected = "text/css" if ".css?" in address else "text/javascript"
            assert response.content_type == expected
            assert "immutable" in response.headers["Cache-Control"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert await response.read()


async def test_a_known_file_is_not_sent_again(browser: Browser) -> None:
    bare = f"{graphiql.ASSETS}/boot.js"
    async with browser.get(bare) as response:
        assert response.headers["Cache-Control"] == "no-cache"
        tag = response.headers["ETag"]
    async with browser.get(bare, headers={"If-None-Match": tag}) as response:
        assert response.status == 304
        assert await response.read() == b""
    async with browser.get(bare, headers={"If-None-Match": '"another"'}) as response:
        assert response.status == 200


async def test_a_browser_that_takes_gzip_gets_gzip(browser: Browser) -> None:
    address = f"{graphiql.ASSETS}/graphiql.min.js"
    async with browser.get(address, headers={"Accept-Encoding": "gzip, br"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        small = len(await response.read())
    async with browser.get(address, headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers
        assert len(await response.read()) > 2 * small


@pytest.mark.parametrize(
    "name", ["page.html", "__init__.py", "fetch.umd.js", "..%2F__init__.py", "%2Fetc%2Fpasswd", ""]
)
async def test_nothing_but_the_named_files_is_reachable(browser: Browser, name: str) -> None:
    async with browser.get(f"{graphiql.ASSETS}/{name}") as response:
        assert response.status == 404


async def test_the_page_leads_nowhere_else(browser: Browser) -> None:
    html = await page_of(browser)
    assert all(
        address == "data:," or address.startswith(f"{graphiql.ASSETS}/")
        for address in addresses_in(html)
    )
    ours = [(graphiql.HERE / name).read_text() for name in (*graphiql.OURS, "page.html")]
    assert not [text for text in ours if "://" in text]


async def test_a_stylesheet_loads_only_what_it_carries(browser: Browser) -> None:
    sheets = [name for name in (*graphiql.OURS, *graphiql.THEIRS) if name.endswith(".css")]
    for name in sheets:
        address = f"{graphiql.ASSETS}/{name}"
        async with browser.get(address, headers={"Accept-Encoding": "identity"}) as response:
            text = await response.text()
        assert "@import" not in text
        assert all(url.startswith("data:") for url in re.findall(r"url\(['\"]?([^)]{0,9})", text))


async def test_the_policy_allows_this_host_alone(browser: Browser) -> None:
    async with browser.get("/graphql") as response:
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["connect-src"] == "'self'"
    sources = {source for rule in rules.values() for source in rule.split()}
    assert {source for source in sources if not source.startswith("'sha256-")} == {
        "'none'",
        "'self'",
        "data:",
    }


async def test_the_page_opens_with_the_examples_and_the_demo_header(browser: Browser) -> None:
    setup = setup_in(await page_of(browser))
    assert setup == {
        "headers": DEMO,
        "tabs": [
            {"query": OPERATIONS[0].query},
            {"query": OPERATIONS[1].query, "variables": '{\n  "after": "7"\n}'},
        ],
    }


def test_no_header_is_shown_unless_one_is_given() -> None:
    assert setup_in(graphiql.page().text or "") == {"headers": {}, "tabs": []}


def test_an_operation_cannot_end_the_element_that_holds_it() -> None:
    attack = graphiql.Operation('{ a(b: "</script><script>alert(1)</script>&$setup") }')
    html = graphiql.page(operations=[attack]).text or ""
    assert "<script>alert" not in html
    assert setup_in(html)["tabs"] == [{"query": attack.query}]


@pytest.mark.parametrize("name", ["products", "orders", "order_events"])
def test_every_example_operation_is_valid(name: str) -> None:
    schema = build_schema(make_schema().as_str())

    assert validate(schema, parse(graphiql.example(name).query)) == []
