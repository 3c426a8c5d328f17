"""Manifests of trusted documents, and gateways that execute nothing else."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from app import manifests
from app.settings import Settings
from app.web import create_app
from providers.memory import MemoryDocuments
from resolvers.errors import Invalid
from resolvers.services import Services
from tests.callers import Client
from tests.persisted.asking import (
    DOORS,
    NEW,
    NONE,
    PLAN,
    apollo,
    code,
    event,
    gateway,
    get,
    over_socket,
    post,
    sha,
)

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
