"""Documents that requests name, trusted ones and ones clients taught us, through every door."""

import asyncio
import hashlib
import json
import socket
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from redis.asyncio import Redis

from app import manifests
from app.assembly import open_services
from app.persisted import LONGEST
from app.settings import Settings
from app.web import create_app
from providers.memory import MemoryDocuments
from providers.redis_documents import RedisDocuments
from resolvers.errors import Invalid
from resolvers.services import DocumentStore, Services
from tests.fixtures import REDIS
from tests.kit import Client, Make, fund, gid
from tests.test_subscription_transport import acknowledged, connected

PLAN = "{ viewer { plan } }"
WATCH = "subscription ($id: ID!) { balance(id: $id) { id kind } }"
MUTATION = 'mutation { revokeApiKey(id: "x") { errors { code } } }'
GET = {"GraphQL-Require-Preflight": "1"}
NEW = "application/graphql-response+json"
NONE = {"data": {"viewer": None}}
STORES = [
    "memory",
    pytest.param("redis", marks=pytest.mark.skipif(not REDIS, reason="no Redis is configured")),
]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def apollo(name: str, version: Any = 1) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": version, "sha256Hash": name}}}


def code(answer: Any) -> str:
    return answer["errors"][0]["extensions"]["code"]


async def post(client: Client, body: Any, **headers: str) -> tuple[int, Any]:
    async with client.post("/graphql", json=body, headers=headers) as response:
        return response.status, without_cost(await response.json(content_type=None))


def in_the_address(body: dict[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()
    }


async def get(client: Client, body: dict[str, Any]) -> tuple[int, Any]:
    async with client.get("/graphql", params=in_the_address(body), headers=GET) as response:
        return response.status, without_cost(await response.json())


async def event(client: Client, body: dict[str, Any]) -> tuple[int, Any]:
    """The first event of a stream, which must be complete after it."""
    headers = {"Accept": "text/event-stream"}
    async with client.post("/graphql", json=body, headers=headers) as response:
        text = await response.text()
        assert response.content_type == "text/event-stream", text
    first, end, rest = text.split("\n\n", 2)
    assert (end, rest) == ("event: complete\ndata: ", "")
    return response.status, without_cost(json.loads(first.removeprefix("event: next\ndata: ")))


async def over_socket(client: Client, body: Any) -> tuple[int, Any]:
    async with connected(client) as ws:
        await acknowledged(ws)
        await ws.send_json({"id": "1", "type": "subscribe", "payload": body})
        message = await ws.receive_json(timeout=20)
        if message["type"] == "error":
            return 200, {"errors": message["payload"]}
        assert (await ws.receive_json(timeout=20))["type"] == "complete"
        return 200, without_cost(message["payload"])


def without_cost(answer: Any) -> Any:
    answer.pop("extensions", None)
    return answer


DOORS = pytest.mark.parametrize("door", [post, get, event, over_socket])


@asynccontextmanager
async def gateway(
    services: Services, settings: Settings, store: DocumentStore | None = None, **chosen: Any
) -> AsyncGenerator[Client]:
    services.documents = store
    app = create_app(services, replace(settings, **chosen))
    async with TestClient(TestServer(app)) as client:
        yield client


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


# Automatic persisted queries


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


# Where documents are kept


async def test_memory_keeps_the_last_used_of_so_many() -> None:
    kept = MemoryDocuments(most=2, characters=10)
    await kept.put("a", "aa")
    await kept.put("b", "bb")
    assert await kept.get("a") == "aa"
    await kept.put("c", "cc")
    assert [await kept.get(name) for name in "abc"] == ["aa", None, "cc"]
    await kept.put("c", "c" * 9)
    assert [await kept.get(name) for name in "abc"] == [None, None, "c" * 9]
    await kept.put("d", "d" * 11)
    assert await kept.get("d") is None
    await kept.put("e", "e" * 10)
    assert await kept.get("e") == "e" * 10


@pytest.fixture
async def redis() -> AsyncGenerator[Redis]:
    if not REDIS:
        pytest.skip("no Redis is configured")
    async with Redis.from_url(REDIS) as opened:
        yield opened


def process(own: str, **bounds: Any) -> RedisDocuments:
    """One process's view of the documents of all."""
    bounds.setdefault("lifetime", 100)
    return RedisDocuments(REDIS or "", near=MemoryDocuments(), prefix=own, **bounds)


@pytest.mark.usefixtures("redis")
async def test_redis_tells_every_process(own: str, services: Services, settings: Settings) -> None:
    here, there = process(own), process(own)
    async with gateway(services, settings, here) as client:
        await post(client, {"query": PLAN, **apollo(sha(PLAN))})
    async with gateway(services, settings, there) as client:
        assert await post(client, apollo(sha(PLAN))) == (200, NONE)
    await here.close()
    await there.close()


async def test_redis_keeps_so_many_and_not_for_ever(redis: Redis, own: str) -> None:
    texts = [f"{{ a{n} }}" for n in range(5)]
    here = process(own, most=3)
    for text in texts[:3]:
        await here.put(sha(text), text)
        await asyncio.sleep(0.005)
    there = process(own, most=3)
    assert await there.get(sha(texts[0])) == texts[0]  # used last, from now on
    await asyncio.sleep(0.005)
    for text in texts[3:]:
        await here.put(sha(text), text)
        await asyncio.sleep(0.005)
    fresh = process(own)
    found = [await fresh.get(sha(text)) is not None for text in texts]
    assert found == [True, False, False, True, True]
    keys = await redis.keys(f"{own}:*")
    assert len(keys) == 2
    assert all([0 < await redis.ttl(key) <= 100 for key in keys])

    hasty = process(own, lifetime=1)
    await hasty.put(sha("{ x }"), "{ x }")
    async with asyncio.timeout(10):
        while await redis.keys(f"{own}:*"):  # noqa: ASYNC110 - Redis goes by its own clock
            await asyncio.sleep(0.05)
    for each in (here, there, fresh, hasty):
        await each.close()


async def test_documents_that_nobody_uses_are_forgotten_among_ones_in_use(
    redis: Redis, own: str
) -> None:
    here, fresh = process(own), process(own)
    await here.put(sha("{ old }"), "{ old }")
    await redis.zadd(f"{own}:documents:used", {sha("{ old }"): 1})
    await here.put(sha("{ new }"), "{ new }")
    assert await fresh.get(sha("{ old }")) is None
    assert await fresh.get(sha("{ new }")) == "{ new }"
    await here.close()
    await fresh.close()


@pytest.mark.parametrize("lost", ["texts", "used"])
async def test_a_redis_that_dropped_half_begins_anew(redis: Redis, own: str, lost: str) -> None:
    here, fresh = process(own), process(own)
    await here.put(sha("{ a }"), "{ a }")
    await redis.delete(f"{own}:documents:{lost}")
    await here.put(sha("{ b }"), "{ b }")
    assert await fresh.get(sha("{ a }")) is None
    assert await fresh.get(sha("{ b }")) == "{ b }"
    assert await redis.hlen(f"{own}:documents:texts") == 1
    await here.close()
    await fresh.close()


async def test_a_text_that_somebody_changed_in_redis_is_not_taken(redis: Redis, own: str) -> None:
    here, fresh = process(own), process(own)
    await here.put(sha(PLAN), PLAN)
    await redis.hset(f"{own}:documents:texts", sha(PLAN), MUTATION)
    assert await fresh.get(sha(PLAN)) is None
    await here.close()
    await fresh.close()


async def test_without_redis_whoever_sends_the_text_is_served(
    services: Services, settings: Settings
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
    away = RedisDocuments(nowhere, near=MemoryDocuments())
    named = apollo(sha(PLAN))
    with structlog.testing.capture_logs() as logs:
        async with gateway(services, settings, away) as client:
            assert code((await post(client, named))[1]) == "PERSISTED_QUERY_NOT_FOUND"
            assert await post(client, {"query": PLAN, **named}) == (200, NONE)
            assert await post(client, named) == (200, NONE)  # known to this process
    assert [entry["event"] for entry in logs].count("redis_documents_away") == 1
    await away.close()


async def test_settings_say_where_documents_are_kept(tmp_path: Path) -> None:
    for chosen, kind in (
        ({}, MemoryDocuments),
        ({"redis_url": "redis://127.0.0.1:1"}, RedisDocuments),
        ({"persisted_queries": False}, type(None)),
    ):
        settings = Settings(data_dir=tmp_path, **chosen)  # pyright: ignore[reportArgumentType]
        async with open_services(settings, background=False) as services:
            assert isinstance(services.documents, kind)


# Trusted documents

TWO = "query Two { viewer { plan ...F } }\nfragment F on Viewer { __typename }"


def of_apollo(**documents: str) -> Any:
    operations = [
        {"id": name, "name": "Some", "type": "query", "body": text}
        for name, text in documents.items()
    ]
    return {"format": manifests.APOLLO, "version": 1, "operations": operations}


def written(folder: Path, content: Any, name: str = "manifest.json") -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return str(path)


MANIFESTS = pytest.mark.parametrize(
    ("content", "names"),
    [
        (of_apollo(**{sha(PLAN): PLAN}), [sha(PLAN), f"sha256:{sha(PLAN)}"]),
        (of_apollo(plan=PLAN), ["plan", sha(PLAN), f"sha256:{sha(PLAN)}"]),
        ({sha(PLAN): PLAN}, [sha(PLAN), f"sha256:{sha(PLAN)}"]),
        ({f"sha256:{sha(PLAN)}": PLAN}, [sha(PLAN), f"sha256:{sha(PLAN)}"]),
        ({"0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33": PLAN},
         ["0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33", sha(PLAN)]),
        ({"x-app:plan": PLAN, "other": "{ __typename }"}, ["x-app:plan"]),
    ],
)  # fmt: skip


@MANIFESTS
async def test_trusted_documents_are_executed_by_any_of_their_names(
    services: Services, settings: Settings, tmp_path: Path, content: Any, names: list[str]
) -> None:
    manifest = written(tmp_path, content)
    for only in (False, True):
        async with gateway(
            services, settings, None, trusted_documents=manifest, trusted_documents_only=only
        ) as client:
            for name in names:
                for door in (post, get, event, over_socket):
                    assert await door(client, {"documentId": name}) == (200, NONE)
                assert await post(client, apollo(name)) == (200, NONE)
                assert await post(client, {"query": PLAN, **apollo(name)}) == (200, NONE)
                assert await post(client, {"query": PLAN, "documentId": name}) == (200, NONE)
                wrong = {"query": "{ __typename }", "documentId": name}
                status, answer = await post(client, wrong)
                assert (status, code(answer)) == (400, "BAD_REQUEST")


async def test_trusted_documents_come_before_what_clients_taught(
    services: Services, settings: Settings, tmp_path: Path
) -> None:
    store = MemoryDocuments()
    await store.put(sha(PLAN), "{ __typename }")
    manifest = written(tmp_path, {sha(PLAN): PLAN})
    async with gateway(services, settings, store, trusted_documents=manifest) as client:
        assert await post(client, apollo(sha(PLAN))) == (200, NONE)
        assert (await post(client, {"query": "{ __typename }"}))[1] == {
            "data": {"__typename": "Query"}
        }
        named = apollo(sha(TWO))
        assert code((await post(client, named))[1]) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.fixture
async def strict(services: Services, settings: Settings, tmp_path: Path) -> AsyncGenerator[Client]:
    """A gateway that executes two documents, of two manifests, and no others."""
    paths = [
        written(tmp_path, of_apollo(plan=PLAN), "a.json"),
        written(tmp_path, {"two": TWO, "again": PLAN}, "b.json"),
    ]
    async with gateway(
        services,
        settings,
        MemoryDocuments(),
        trusted_documents=", ".join(paths),
        trusted_documents_only=True,
    ) as opened:
        yield opened


UNTRUSTED: list[dict[str, Any]] = [
    {"query": "{ __typename }"},
    {"query": "{ __schema { queryType { name } } }"},
    {"query": "{"},
    {"query": PLAN.replace("plan", "plan name")},
    {"query": f"query A {PLAN} query B {PLAN}"},
    {"query": "{ __typename }", **apollo(sha("{ __typename }"))},
    apollo(sha("{ __typename }")),
    {"documentId": "unknown"},
    {"query": "{ __typename }", "documentId": "unknown"},
]


@DOORS
async def test_nothing_but_trusted_documents_is_executed(
    strict: Client, statements: list[str], door: Any
) -> None:
    for body in UNTRUSTED:
        for _ in range(2):  # nothing is learned from the first
            status, answer = await door(strict, body)
            assert (status, code(answer)) == (200, "UNTRUSTED_DOCUMENT"), body
            assert "data" not in answer
    assert statements == []


async def test_an_untrusted_document_is_a_request_error(strict: Client) -> None:
    for accept in (NEW, f"{NEW},application/json;q=0.9"):
        status, answer = await post(strict, {"query": "{ __typename }"}, Accept=accept)
        assert (status, code(answer)) == (400, "UNTRUSTED_DOCUMENT")


@DOORS
async def test_the_text_of_a_trusted_document_is_as_good_as_its_name(
    strict: Client, door: Any
) -> None:
    fragment, operation = reversed(TWO.split("\n"))
    for text in (TWO, f"{fragment}\n\n{operation}", f"# written elsewhere\n{TWO}"):
        for named in ({}, {"documentId": "two"}, apollo("two"), apollo(sha(text))):
            assert await door(strict, {"query": text, **named}) == (200, NONE)
    assert await door(strict, {"query": PLAN, "documentId": "again"}) == (200, NONE)


async def test_a_request_without_any_document_is_malformed_there_too(strict: Client) -> None:
    for body in ({}, {"query": ""}, {"query": 7}):
        status, answer = await post(strict, body)
        assert (status, code(answer)) == (400, "BAD_REQUEST")


async def test_limits_hold_for_trusted_documents(
    services: Services, settings: Settings, tmp_path: Path
) -> None:
    manifest = written(tmp_path, {"plan": PLAN})
    async with gateway(services, settings, None, trusted_documents=manifest, max_depth=1) as client:
        _, answer = await post(client, {"documentId": "plan"})
        assert code(answer) == "DEPTH_LIMIT"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "manifest.json"),
        (b"\xff", "manifest.json"),
        ([], "names documents"),
        ({}, "names documents"),
        ({"plan": 7}, "entry 'plan': the document must be text"),
        ({"": PLAN}, "the id must be text"),
        ({"fine": PLAN, "bad": "{ viewer {"}, "entry 'bad': Syntax Error"),
        ({"bad": "fragment F on Query { __typename }"}, "entry 'bad': the document has no op"),
        ({"bad": "{ " + "a " * 5_000 + "}"}, "entry 'bad': Syntax Error"),
        ({f"sha256:{sha(TWO)}": PLAN}, f"the SHA-256 of the document is {sha(PLAN)}"),
        ({"sha256:7": PLAN}, f"the SHA-256 of the document is {sha(PLAN)}"),
        ({sha(PLAN): TWO, "plan": PLAN}, f"'{sha(PLAN)}' names two different documents"),
        (of_apollo(plan=PLAN) | {"version": 2}, "its version 1"),
        (of_apollo(plan=PLAN) | {"format": "other"}, manifests.APOLLO),
        (of_apollo(), "operations must be a list"),
        (of_apollo(plan=PLAN) | {"operations": {}}, "operations must be a list"),
        (of_apollo(plan=PLAN) | {"operations": [7]}, "operations[0]: the id must be text"),
        (of_apollo(plan=PLAN, bad="}"), "operations[1] Some: Syntax Error"),
    ],
)
def test_a_manifest_that_is_broken_stops_the_start(tmp_path: Path, content: Any, said: str) -> None:
    path = Path(written(tmp_path, content))
    with pytest.raises(Invalid) as caught:
        manifests.read([path])
    [problem] = caught.value.problems
    assert str(path) in problem.message
    assert said in problem.message


def test_every_problem_of_every_manifest_is_told(tmp_path: Path) -> None:
    paths = [
        Path(written(tmp_path, {"a": "{", "b": PLAN, "c": "}"}, "one.json")),
        tmp_path / "missing.json",
        Path(written(tmp_path, {"b": TWO}, "two.json")),
    ]
    with pytest.raises(Invalid) as caught:
        manifests.read(paths)
    told = [problem.message for problem in caught.value.problems]
    assert len(told) == 4
    assert "missing.json: No such file" in told[2]
    assert "entry 'b': 'b' names two different documents" in told[3]


async def test_a_gateway_that_trusts_nothing_does_not_start(
    services: Services, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="STOREGRAPH_TRUSTED_DOCUMENTS"):
        create_app(services, replace(settings, trusted_documents_only=True))
    broken = replace(settings, trusted_documents=written(tmp_path, {"a": "{"}))
    with pytest.raises(Invalid):
        create_app(services, broken)
