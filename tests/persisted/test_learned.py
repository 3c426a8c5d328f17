"""Documents that clients taught us: automatic persisted queries, and ``documentId``."""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
from aiohttp import FormData

from app.persisted import LONGEST
from app.settings import Settings
from providers.memory import MemoryDocuments
from resolvers.services import DocumentStore, Services
from tests.callers import Client
from tests.kit import Make, fund, gid
from tests.persisted.asking import (
    DOORS,
    GET,
    MUTATION,
    NEW,
    NONE,
    PLAN,
    STORES,
    WATCH,
    apollo,
    code,
    event,
    gateway,
    get,
    in_the_address,
    over_socket,
    post,
    process,
    sha,
    without_cost,
)
from tests.test_subscription_transport import acknowledged, connected


@pytest.fixture
def own() -> str:
    """A name that no other test, now or earlier, has used in Redis."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, own: str) -> AsyncGenerator[DocumentStore]:
    if request.param == "memory":
        yield MemoryDocuments()
        return
    made = process(own)
    yield made
    await made.close()


@pytest.fixture
async def client(
    services: Services, settings: Settings, store: DocumentStore
) -> AsyncGenerator[Client]:
    """A gateway that learns documents, in memory or in Redis."""
    async with gateway(services, settings, store) as opened:
        yield opened


@DOORS
async def test_a_document_is_asked_for_once_and_known_from_then_on(
    client: Client, door: Any
) -> None:
    named = apollo(sha(PLAN))
    status, answer = await door(client, named)
    assert status == 200
    assert answer == {
        "errors": [
            {
                "message": "PersistedQueryNotFound",
                "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"},
            }
        ]
    }
    assert await door(client, {"query": PLAN, **named}) == (200, NONE)
    assert await door(client, named) == (200, NONE)
    assert await door(client, {"documentId": f"sha256:{sha(PLAN)}"}) == (200, NONE)


@DOORS
async def test_a_document_id_teaches_as_well(client: Client, door: Any) -> None:
    named = {"documentId": f"sha256:{sha(PLAN)}"}
    assert code((await door(client, named))[1]) == "PERSISTED_QUERY_NOT_FOUND"
    assert await door(client, {"query": PLAN, **named}) == (200, NONE)
    assert await door(client, named) == (200, NONE)
    assert await door(client, {"documentId": sha(PLAN)}) == (200, NONE)
    assert await door(client, {**named, **apollo(sha(PLAN))}) == (200, NONE)


async def test_a_document_of_one_door_is_known_at_the_others(client: Client) -> None:
    await over_socket(client, {"query": PLAN, **apollo(sha(PLAN))})
    for door in (post, get, event):
        assert await door(client, apollo(sha(PLAN))) == (200, NONE)


WRONG: list[dict[str, Any]] = [
    {"query": PLAN, **apollo(sha(PLAN + " "))},
    {"query": PLAN, **apollo(sha(PLAN).upper())},
    {"query": PLAN, **apollo("an-id")},
    {"query": PLAN, "documentId": "an-id"},
    {"query": PLAN, "documentId": f"sha256:{sha(MUTATION)}"},
    {"query": PLAN, "documentId": f"md5:{sha(PLAN)}"},
    {"query": PLAN, "documentId": "sha256:"},
    {"documentId": f"sha256:{sha(PLAN).upper()}"},
    {"documentId": f"sha256:{sha(PLAN)}", **apollo(sha(MUTATION))},
    apollo(sha(PLAN), version=2),
    apollo(sha(PLAN), version=True),
    apollo(sha(PLAN), version=None),
    {"query": PLAN, **apollo(sha(PLAN), version="1")},
]


async def test_a_name_that_is_wrong_is_refused(client: Client) -> None:
    for wrong in WRONG:
        for door in (post, get):
            status, answer = await door(client, wrong)
            assert (status, code(answer)) == (400, "BAD_REQUEST"), wrong
        status, answer = await post(client, wrong, Accept="text/event-stream")
        assert (status, code(answer)) == (400, "BAD_REQUEST"), wrong
        assert code((await over_socket(client, wrong))[1]) == "BAD_REQUEST", wrong
    assert code((await post(client, apollo(sha(PLAN))))[1]) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": 7}, {"documentId": ""}, {"documentId": None}, {"documentId": ["x"]},
        {"query": 7, "documentId": "x"}, {"query": ""}, {"query": " "}, {"query": None},
        {"extensions": {"persistedQuery": 7}}, {"extensions": {"persistedQuery": []}},
        {"extensions": {"persistedQuery": None}}, {"extensions": {"persistedQuery": {}}},
        apollo(7), apollo(""), {"extensions": {}}, {"extensions": 7, "documentId": "x"},  # pyright: ignore[reportArgumentType]
    ],
)  # fmt: skip
async def test_a_request_of_wrong_types_is_refused(client: Client, body: Any) -> None:
    status, answer = await post(client, body)
    assert (status, code(answer)) == (400, "BAD_REQUEST")


async def test_an_empty_query_beside_a_name_counts_as_none(client: Client) -> None:
    named = apollo(sha(PLAN))
    await post(client, {"query": PLAN, **named})
    for door in (post, over_socket):
        for empty in ("", " \n", None):
            assert await door(client, {"query": empty, **named}) == (200, NONE)


async def test_variables_and_the_operation_name_go_with_a_name(client: Client, make: Make) -> None:
    key = await make.key()
    query = "query A { __typename } query B($n: Int) { products(first: $n) { nodes { id } } }"
    body = {"operationName": "B", "variables": {"n": 1}, **apollo(sha(query))}
    await post(client, {"query": query, **body}, **key.headers)
    _, answer = await post(client, body, **key.headers)
    assert answer["data"] == {"products": {"nodes": []}}
    _, answer = await post(client, apollo(sha(query)), **key.headers)
    assert code(answer) == "BAD_REQUEST"


async def test_a_form_may_name_its_document(client: Client) -> None:
    named = apollo(sha(PLAN))
    for fields, found in (
        ({"query": PLAN, **named}, True),
        (named, True),
        (apollo(sha("")), False),
    ):
        form = FormData(default_to_multipart=True)
        form.add_field("operations", json.dumps(fields))
        form.add_field("map", "{}")
        async with client.post("/graphql", data=form, headers=GET) as response:
            answer = without_cost(await response.json())
        assert (answer == NONE) is found
        assert found or code(answer) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_mutation_does_not_come_by_get_under_its_name_either(client: Client) -> None:
    named = apollo(sha(MUTATION))
    assert "data" in (await post(client, {"query": MUTATION, **named}))[1]
    status, answer = await get(client, named)
    assert (status, code(answer)) == (405, "METHOD_NOT_ALLOWED")


async def test_a_foreign_page_cannot_send_a_name_unasked(client: Client) -> None:
    params = {"documentId": f"sha256:{sha(PLAN)}"}
    async with client.get("/graphql", params=params) as response:
        assert (response.status, code(await response.json())) == (400, "BAD_REQUEST")


async def test_a_browser_that_names_a_document_gets_no_page(client: Client) -> None:
    await post(client, {"query": PLAN, **apollo(sha(PLAN))})
    headers = {"Accept": "text/html", **GET}
    for params in (
        {"documentId": sha(PLAN)},
        {"extensions": json.dumps(apollo(sha(PLAN))["extensions"])},
    ):
        async with client.get("/graphql", params=params, headers=headers) as response:
            assert (await response.json())["data"] == NONE["data"]


@pytest.mark.parametrize(
    ("accept", "status", "media"),
    [
        ("*/*", 200, "application/json"),
        ("", 200, "application/json"),
        (f"{NEW},application/json;q=0.9", 200, "application/json"),
        (f"{NEW}, application/json, text/event-stream, multipart/mixed", 200, "application/json"),
        (NEW, 400, NEW),
    ],
)
async def test_an_unknown_hash_has_the_status_that_clients_look_behind(
    client: Client, accept: str, status: int, media: str
) -> None:
    body = orjson.dumps(apollo(sha(PLAN)))
    headers = {"Accept": accept, "Content-Type": "application/json"}
    async with client.post("/graphql", data=body, headers=headers) as response:
        assert (response.status, response.content_type) == (status, media)
        assert response.headers["Cache-Control"] == "no-store"
        assert code(await response.json(content_type=None)) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_credential_that_is_not_valid_is_told_before_a_hash_that_is_unknown(
    client: Client,
) -> None:
    status, answer = await post(client, apollo(sha(PLAN)), **{"X-API-Key": "sg_unknown"})
    assert (status, code(answer)) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "no document",
        "fragment F on Query { __typename }",
        "type T { id: ID }",
        "{ " + "__typename " * 5_000 + "}",
        "{" + "a{" * 2_000 + "a" + "}" * 2_001,
        PLAN + "#" * LONGEST,
        PLAN + "#" + "\u00e9" * (LONGEST // 2),
    ],
)
async def test_rubbish_is_not_remembered(client: Client, store: DocumentStore, text: str) -> None:
    status, answer = await post(client, {"query": text, **apollo(sha(text))})
    assert status in (200, 400)
    assert answer == NONE or code(answer) != "PERSISTED_QUERY_NOT_FOUND"
    assert await store.get(sha(text)) is None
    assert code((await post(client, apollo(sha(text))))[1]) == "PERSISTED_QUERY_NOT_FOUND"


async def test_what_is_remembered_is_validated_every_time(client: Client) -> None:
    text = "{ nope }"
    for body in ({"query": text}, {}):
        _, answer = await post(client, {**body, **apollo(sha(text))})
        assert code(answer) == "BAD_REQUEST"
        assert "nope" in answer["errors"][0]["message"]


@pytest.mark.parametrize("door", [post, event, over_socket])
async def test_where_nothing_is_learned_clients_are_told_so(
    services: Services, settings: Settings, door: Any
) -> None:
    named = apollo(sha(PLAN))
    async with gateway(services, settings, None) as client:
        status, answer = await door(client, named)
        assert (status, code(answer)) == (200, "PERSISTED_QUERY_NOT_SUPPORTED")
        assert answer["errors"][0]["message"] == "PersistedQueryNotSupported"
        assert await door(client, {"query": PLAN, **named}) == (200, NONE)
        assert code((await door(client, named))[1]) == "PERSISTED_QUERY_NOT_SUPPORTED"
        unknown = {"documentId": f"sha256:{sha(PLAN)}"}
        assert code((await door(client, unknown))[1]) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_subscription_is_followed_by_its_hash(
    client: Client, make: Make, services: Services
) -> None:
    key = await make.wholesale_key(await make.store())
    balance = gid(await fund(services, key, "10"))
    payload = {"variables": {"id": balance}, **apollo(sha(WATCH))}
    async with connected(client, key.headers) as ws:
        await acknowledged(ws)
        for n, sent in enumerate((payload, {"query": WATCH, **payload}, payload)):
            await ws.send_json({"id": str(n), "type": "subscribe", "payload": sent})
            message = await ws.receive_json(timeout=20)
            if n == 0:
                assert message["payload"][0]["message"] == "PersistedQueryNotFound"
            else:
                assert message["payload"]["data"]["balance"]["id"]
    headers = {"Accept": "text/event-stream", **GET, **key.headers}
    params = in_the_address(payload)
    for method, sent in (("POST", {"json": payload}), ("GET", {"params": params})):
        sending: Any = {"headers": headers, **sent}
        async with client.request(method, "/graphql", **sending) as response:
            text = await asyncio.wait_for(response.content.readuntil(b"\n\n"), 20)
        assert text.startswith(b'event: next\ndata: {"data":{"balance":{')


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"documentId": None},
        {"extensions": {}},
        {"query": 7, "documentId": "x"},
        {"query": PLAN, "extensions": []},
        {"documentId": "x", "variables": []},
    ],
)
async def test_a_message_that_names_nothing_closes_the_socket(client: Client, payload: Any) -> None:
    async with connected(client) as ws:
        await acknowledged(ws)
        await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})
        await ws.receive(timeout=20)
        assert ws.close_code == 4400
