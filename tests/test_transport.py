"""GraphQL over HTTP: what is taken, what is refused, and with which status."""

import asyncio
import json
from dataclasses import replace
from io import BytesIO
from typing import Any

import orjson
import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from app.settings import Settings
from app.web import create_app
from resolvers.services import Services
from tests.callers import Client
from tests.kit import Make

QUERY = "{ viewer { plan } }"
JSON = {"Content-Type": "application/json"}
NEW = {"Accept": "application/graphql-response+json"}
MUTATION = 'mutation { revokeApiKey(id: "x") { errors { code } } }'


@pytest.fixture
def database_kind() -> str:
    """What is tried here is the same whichever database is behind it."""
    return "sqlite"


async def post(client: Client, body: Any, **headers: str) -> tuple[int, Any]:
    data = BytesIO(body if isinstance(body, bytes) else orjson.dumps(body))
    async with client.post("/graphql", data=data, headers=JSON | headers) as response:
        assert response.headers["X-Request-Id"]
        return response.status, await response.json(content_type=None)


def code(answer: Any) -> str:
    return answer["errors"][0]["extensions"]["code"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"7", b'"x"', b"[]", b'[{"query": "{ viewer { plan } }"}]', b"{}",
        b'{"query": null}', b'{"query": ""}', b'{"query": 7}', b'{"query": ["{ a }"]}',
        b'{"query": "{ viewer { plan } }", "variables": []}',
        b'{"query": "{ viewer { plan } }", "variables": "{}"}',
        b'{"query": "{ viewer { plan } }", "operationName": 7}',
        b'{"query": "{ viewer { plan } }", "operationName": "Unknown"}',
        b'{"query": "{ viewer { plan } }", "extensions": []}',
        b'{"query": "{ viewer { plan } }", "variables": {"x": NaN}}',
        b'{"query": "{ viewer { plan } }", "variables": {"x": "\\ud800"}}',
        b'\xff\xfe{"query"', '{"query": "{ viewer { plan } }"}'.encode("utf-16"),
        b"[" * 5000, b'{"query": "{ viewer { plan } }", "variables": ' + b'{"a":' * 2000,
    ],
)  # fmt: skip
async def test_a_body_that_is_no_request_is_refused(client: Client, body: bytes) -> None:
    status, answer = await post(client, body)
    assert (status, code(answer)) == (400, "BAD_REQUEST")
    assert "data" not in answer


@pytest.mark.parametrize(
    "variables",
    [{"search": "a\x00b"}, {"unused": "\x00"}, {"\x00": 1}, {"deep": {"a": [{"b": "\x00"}]}}],
)
async def test_nul_characters_are_refused_wherever_they_hide(
    client: Client, make: Make, variables: Any
) -> None:
    key = await make.key()
    query = "query ($search: String) { products(filter: {search: $search}) { totalCount } }"
    status, answer = await post(client, {"query": query, "variables": variables}, **key.headers)
    assert (status, code(answer)) == (200, "BAD_REQUEST")


async def test_nul_characters_in_a_document_are_refused(client: Client, make: Make) -> None:
    key = await make.key()
    query = '{ products(filter: {search: "a\\u0000b"}) { totalCount } }'
    _, answer = await post(client, {"query": query}, **key.headers)
    assert code(answer) == "BAD_REQUEST"


async def test_variables_nested_without_end_are_refused(client: Client) -> None:
    deep: Any = 1
    for _ in range(100):
        deep = {"a": deep}
    _, answer = await post(client, {"query": QUERY, "variables": {"x": deep}})
    assert code(answer) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "id",
    ["", "x", "-1", "0", "9" * 30, 9223372036854775808, -7, "UHJvZHVjdDo5MjIzMzcyMDM2ODU0Nzc1ODA4",
     "UHJvZHVjdDotMQ", "UHJvZHVjdDo", "U3RvcmU6MQ", "é", "=", "A" * 100_000],
)  # fmt: skip
async def test_an_id_that_is_none_finds_nothing(client: Client, make: Make, id: Any) -> None:
    query = "query ($id: ID!) { product(id: $id) { id } }"
    body = {"query": query, "variables": {"id": id}}
    status, answer = await post(client, body, **(await make.key()).headers)
    assert (status, answer.get("data")) == (200, {"product": None})


@pytest.mark.parametrize("amount", ["1e999999999", "NaN", "1e-9", "9" * 40, True, 1.5, "x", {}])
async def test_an_amount_that_is_none_is_refused(client: Client, make: Make, amount: Any) -> None:
    query = "query ($p: Decimal) { products(filter: {minPrice: $p}) { totalCount } }"
    body = {"query": query, "variables": {"p": amount}}
    _, answer = await post(client, body, **(await make.key()).headers)
    assert code(answer) in ("BAD_REQUEST", "INVALID")


async def test_bodies_are_limited_to_one_mebibyte(client: Client) -> None:
    status, answer = await post(client, {"query": QUERY, "variables": {"x": "a" * (1 << 20)}})
    assert (status, code(answer)) == (413, "TOO_LARGE")
    status, _ = await post(client, {"query": QUERY, "variables": {"x": "a" * (1 << 19)}})
    assert status == 200


@pytest.mark.parametrize("query", ["{", "{ nope }", "query ($x: Int!) { product(id: $x) { id } }"])
async def test_a_request_error_has_the_status_of_its_media_type(client: Client, query: str) -> None:
    body = orjson.dumps({"query": query})
    async with client.post("/graphql", data=body, headers=JSON) as old:
        assert (old.status, old.content_type) == (200, "application/json")
        assert "data" not in await old.json()
    async with client.post("/graphql", data=body, headers=JSON | NEW) as new:
        assert (new.status, new.content_type) == (400, NEW["Accept"])
        assert "data" not in await new.json(content_type=None)


async def test_an_error_of_a_field_is_a_success_with_errors(client: Client) -> None:
    query = "{ products { totalCount } viewer { plan } }"
    async with client.post("/graphql", json={"query": query}, headers=NEW) as response:
        assert response.status == 200
        answer = await response.json(content_type=None)
    assert "data" in answer
    assert code(answer) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "sg_unknown"},
        {"X-API-Key": ""},
        {"X-API-Key": "\u00e9"},
        {"Authorization": "Bearer sg_unknown"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YTpi"},
    ],
)
async def test_a_credential_that_is_not_valid_is_told_before_anything_else(
    client: Client, statements: list[str], headers: dict[str, str]
) -> None:
    async with client.post("/graphql", json={"query": QUERY}, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert code(await response.json()) == "UNAUTHENTICATED"
    assert len(statements) <= 1


async def test_queries_may_come_by_get_and_mutations_not(client: Client, make: Make) -> None:
    key = await make.key()
    headers = {"GraphQL-Require-Preflight": "1", **key.headers}
    query = "query Plan($n: Int) { viewer { plan } products(first: $n) { nodes { id } } }"
    params = {"query": query, "variables": '{"n": 1}', "operationName": "Plan"}
    async with client.get("/graphql", params=params, headers=headers) as response:
        assert (await response.json())["data"]["viewer"] == {"plan": "FREE"}
    async with client.get("/graphql", params={"query": MUTATION}, headers=headers) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    for bad in ({"query": QUERY, "variables": "{"}, {"query": QUERY, "variables": "[]"}, {}):
        async with client.get("/graphql", params=bad, headers=headers) as response:
            assert response.status == 400


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
async def test_other_methods_are_not_allowed(client: Client, method: str) -> None:
    async with client.request(method, "/graphql", json={"query": QUERY}) as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None],
)
async def test_what_a_foreign_page_could_send_unasked_is_refused(
    client: Client, make: Make, statements: list[str], content_type: str | None
) -> None:
    key = await make.key()
    statements.clear()
    headers = {**key.headers, **({"Content-Type": content_type} if content_type else {})}
    skip = [] if content_type else ["Content-Type"]
    body = orjson.dumps({"query": MUTATION})
    async with client.post(
        "/graphql", data=body, headers=headers, skip_auto_headers=skip
    ) as response:
        assert response.status == 400
        assert "GraphQL-Require-Preflight" in (await response.json())["errors"][0]["message"]
    assert statements == []


async def test_a_simple_get_is_refused_and_one_with_a_header_is_not(client: Client) -> None:
    params = {"query": "{ __typename }"}
    async with client.get("/graphql", params=params) as response:
        assert response.status == 400
    for name in ("GraphQL-Require-Preflight", "Apollo-Require-Preflight", "X-Requested-With"):
        async with client.get("/graphql", params=params, headers={name: "x"}) as response:
            assert (await response.json())["data"] == {"__typename": "Query"}
        async with client.get("/graphql", params=params, headers={name: ""}) as response:
            assert response.status == 400
    async with client.get("/graphql", params=params, headers=JSON) as response:
        assert response.status == 200


async def test_other_content_types_are_not_taken(client: Client) -> None:
    for content_type in ("application/graphql", "text/plain"):
        headers = {"Content-Type": content_type, "GraphQL-Require-Preflight": "1"}
        async with client.post("/graphql", data=b"{ __typename }", headers=headers) as response:
            assert (response.status, code(await response.json())) == (415, "UNSUPPORTED_MEDIA")


def form(operations: Any, places: Any = None, *files: tuple[str, bytes]) -> FormData:
    made = FormData(default_to_multipart=True)
    made.add_field(
        "operations", operations if isinstance(operations, str) else json.dumps(operations)
    )
    if places is not None:
        made.add_field("map", json.dumps(places))
    for name, content in files:
        made.add_field(name, content, filename=f"{name}.bin")
    return made


async def upload(client: Client, made: FormData, *, preflight: bool = True) -> tuple[int, Any]:
    headers = {"GraphQL-Require-Preflight": "1"} if preflight else {}
    async with client.post("/graphql", data=made, headers=headers) as response:
        return response.status, await response.json()


async def test_a_form_needs_the_header_that_no_foreign_page_can_send(client: Client) -> None:
    assert (await upload(client, form({"query": "{ __typename }"}), preflight=False))[0] == 400
    status, answer = await upload(client, form({"query": "{ __typename }"}))
    assert (status, answer["data"]) == (200, {"__typename": "Query"})


async def test_a_form_that_is_no_request_is_refused(client: Client) -> None:
    fine, file = {"query": "{ __typename }"}, ("f", b"x")
    for operations, places, *files in (
        ("{", None),
        ([fine], None),
        (fine, {"0": ["variables.file"]}),
        (fine, {"f": ["variables.file"]}, file),
        (fine, {"f": ["query"]}, file),
        (fine, {"f": "variables.x"}, file),
        (fine, [], file),
        ({**fine, "variables": {"x": [None]}}, {"f": ["variables.x.7"]}, file),
        ({**fine, "variables": {"x": 1}}, {"f": ["variables.x"]}, file),
    ):
        status, answer = await upload(client, form(operations, places, *files))
        assert (status, code(answer)) == (400, "BAD_REQUEST"), (operations, places)


async def test_a_file_lands_where_the_map_says(client: Client) -> None:
    query = "query ($id: ID!) { product(id: $id) { id } }"
    operations = {"query": query, "variables": {"id": None}}
    _, answer = await upload(client, form(operations, {"a": ["variables.id"]}, ("a", b"x")))
    # GraphQL finds a file where an ID should be, and says so.
    assert code(answer) == "BAD_REQUEST"
    assert "Upload" in answer["errors"][0]["message"]


async def test_too_many_files_are_refused(client: Client) -> None:
    files = [(f"f{n}", b"x") for n in range(11)]
    status, answer = await upload(client, form({"query": "{ __typename }"}, {}, *files))
    assert (status, code(answer)) == (413, "TOO_LARGE")


async def test_a_form_that_breaks_off_is_refused(client: Client) -> None:
    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "GraphQL-Require-Preflight": "1",
    }
    for body in (b"", b"nonsense", b"--x\r\n\r\n{}", b"--x--"):
        async with client.post("/graphql", data=body, headers=headers) as response:
            assert response.status == 400, body


async def test_several_operations_need_a_name(client: Client) -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    _, answer = await post(client, {"query": document})
    assert code(answer) == "BAD_REQUEST"
    _, answer = await post(client, {"query": document, "operationName": "B"})
    assert answer["data"] == {"b": "Query"}


async def test_every_answer_tells_its_request_id(client: Client) -> None:
    for path in ("/graphql", "/nowhere", "/health/live", "/metrics"):
        async with client.get(path) as response:
            assert response.headers["X-Request-Id"].startswith("req_")
        headers = {"X-Request-Id": "from-the-client_1"}
        async with client.get(path, headers=headers) as response:
            assert response.headers["X-Request-Id"] == "from-the-client_1"
        async with client.get(path, headers={"X-Request-Id": "bad id"}) as response:
            assert response.headers["X-Request-Id"].startswith("req_")


async def test_an_unknown_address_is_told_as_json(client: Client) -> None:
    async with client.get("/nowhere") as response:
        assert (response.status, code(await response.json())) == (404, "NO_ROUTE")
    async with client.post("/health/live") as response:
        assert (response.status, code(await response.json())) == (405, "METHOD_NOT_ALLOWED")
        assert "GET" in response.headers["Allow"]


async def test_pages_of_allowed_origins_may_read_answers(
    services: Services, settings: Settings
) -> None:
    chosen = replace(settings, allowed_origins="https://shop.example")
    async with TestClient(TestServer(create_app(services, chosen))) as client:
        ours = {"Origin": "https://shop.example"}
        async with client.options("/graphql", headers=ours) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
            assert "X-API-Key" in response.headers["Access-Control-Allow-Headers"]
        async with client.post("/graphql", json={"query": "{"}, headers=ours) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
            assert response.headers["Vary"] == "Origin"
        theirs = {"Origin": "https://evil.example"}
        async with client.options("/graphql", headers=theirs) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
        async with client.get("/health/live", headers=ours) as response:
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_readiness_tells_what_is_missing(
    client: Client,
) -> None:
    async def ready() -> tuple[int, Any]:
        async with client.get("/health/ready") as response:
            return response.status, (await response.json())["checks"]

    while (found := await ready())[0] != 200:
        assert found[1]["database"]
        await asyncio.sleep(0)  # until the feed has read once
    await client.app.shutdown()
    assert await ready() == (503, {"database": True, "feed": True, "serving": False})


async def test_metrics_count_requests_by_route(client: Client) -> None:
    await client.get("/nowhere/7")
    await client.post("/graphql", json={"query": QUERY})
    text = await (await client.get("/metrics")).text()
    assert 'storegraph_requests_total{method="POST",route="/graphql",status="200"}' in text
    assert "nowhere" not in text
    assert "storegraph_request_seconds_bucket" in text


async def spoken(client: Client, *requests: bytes) -> bytes:
    """All that the gateway says to requests that are sent at once on one connection, to its end."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"".join(requests))
    async with asyncio.timeout(20):
        said = await reader.read()
    writer.close()
    return said


@pytest.mark.parametrize("compiled", [True, False])
async def test_a_connection_lives_as_long_as_the_client_says(
    services: Services, settings: Settings, make: Make, *, compiled: bool
) -> None:
    chosen = replace(settings, compiled_queries=compiled)
    key = await make.key()
    body = orjson.dumps({"query": "{ stores { nodes { id } } }"})

    def asking(version: str, **headers: str) -> bytes:
        given = {"Host": "localhost", "Content-Type": "application/json", **key.headers}
        given |= {"Content-Length": str(len(body)), **headers}
        lines = [f"POST /graphql HTTP/{version}", *(f"{each}: {given[each]}" for each in given)]
        return "\r\n".join([*lines, "", ""]).encode() + body

    ends, stays = {"Connection": "close"}, {"Connection": "keep-alive"}
    async with TestClient(TestServer(create_app(services, chosen))) as client:
        for requests, connections in (
            ([asking("1.1"), asking("1.1", **ends)], [None, b"close"]),
            ([asking("1.0")], [None]),
            ([asking("1.0", **stays), asking("1.0")], [b"keep-alive", None]),
        ):
            answers = (await spoken(client, *requests)).split(b"HTTP/1.")[1:]
            assert len(answers) == len(requests)
            for answer, connection in zip(answers, connections, strict=True):
                head, _, said = answer.partition(b"\r\n\r\n")
                status, *lines = head.split(b"\r\n")
                named = dict(line.split(b": ", 1) for line in lines)
                assert status.endswith(b" 200 OK")
                assert (orjson.loads(said)["data"], int(named[b"Content-Length"])) == (
                    {"stores": {"nodes": []}},
                    len(said),
                )
                assert named.get(b"Connection") in (connection, connection or b"close")


@pytest.mark.parametrize("path", ["/nowhere", "/graphql/nowhere", "/line%0Afeed", "/health/live"])
async def test_what_is_nobodys_is_told_like_everything_else(client: Client, path: str) -> None:
    name = "of-this-request"
    async with client.post(path, headers={"X-Request-Id": name}) as response:
        assert response.headers["X-Request-Id"] == name
        allowed = response.headers.get("Allow")
        assert (response.status, allowed) in ((404, None), (405, "GET,HEAD"))
        assert (response.status == 405) == (path == "/health/live")
    text = await (await client.get("/metrics")).text()
    assert f'{{method="POST",route="-",status="{response.status}"}}' in text


async def test_only_browsers_get_the_page(client: Client) -> None:
    async with client.get("/graphql", headers={"Accept": "text/html,*/*"}) as response:
        assert (response.status, response.content_type) == (200, "text/html")
    async with client.get("/graphql") as response:
        assert response.status == 400


async def test_the_demo_credential_is_for_browsers_of_this_machine_only(
    services: Services, settings: Settings
) -> None:
    demo = replace(settings, demo=True)
    credential = {"graphql": {"headers": {"Authorization": "Bearer sg_demo"}}}
    (settings.data_dir / "demo-credentials.json").write_text(json.dumps(credential))
    async with TestClient(TestServer(create_app(services, demo))) as client:

        async def page(**headers: str) -> str:
            sent = {"Accept": "text/html", **headers}
            return await (await client.get("/graphql", headers=sent)).text()

        assert "sg_demo" in await page()
        for headers in (
            {"X-Forwarded-For": "203.0.113.9"},
            {"Forwarded": "for=203.0.113.9"},
            {"Via": "1.1 proxy"},
            {"Host": "storegraph.example"},
            {"Host": "203.0.113.9:8000"},
        ):
            assert "sg_demo" not in await page(**headers)
    quiet = replace(settings, demo=False)
    async with TestClient(TestServer(create_app(services, quiet))) as client:
        page_text = await (await client.get("/graphql", headers={"Accept": "text/html"})).text()
        assert "sg_demo" not in page_text


async def test_a_host_of_its_own_leads_to_a_dialect(services: Services, settings: Settings) -> None:
    from rest_compat.instamarket import instamarket  # noqa: PLC0415

    chosen = replace(settings, dialect_hosts="old.example=instamarket")
    dialect = instamarket(services, admin_token=None)
    app = create_app(services, chosen, dialects=[dialect])
    async with TestClient(TestServer(app)) as client:
        async with client.get("/api/v1/health", headers={"Host": "old.example:80"}) as response:
            assert response.status == 401
        async with client.get("/instamarket/api/v1/health") as response:
            assert response.status == 401
        async with client.get("/api/v1/health") as response:
            assert response.status == 404
    wrong = replace(settings, dialect_hosts="old.example=other")
    with pytest.raises(ValueError, match="other"):
        create_app(services, wrong, dialects=[dialect])


async def test_the_client_behind_trusted_proxies_is_the_one_that_counts(
    services: Services, settings: Settings, make: Make
) -> None:
    key = await make.key(allowed_addresses=["203.0.113.9"])
    sent = {**key.headers, "X-Forwarded-For": "198.51.100.1, 203.0.113.9"}

    async def status(chosen: Settings) -> int:
        async with TestClient(TestServer(create_app(services, chosen))) as client:
            response = await client.post("/graphql", json={"query": QUERY}, headers=sent)
            return response.status

    assert await status(settings) == 403
    trusting = replace(settings, trusted_proxies="127.0.0.0/8")
    assert await status(trusting) == 200
