"""What a contract promises, and what is found wrong with it at the start."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rest_compat.dialect import (
    Answer,
    AnswerBreaksContract,
    Contract,
    Dialect,
    HandlersAstray,
    check,
)
from rest_compat.postman import collection
from tests.dialect.library import CONTRACT, HANDLERS, Client, Library, ask, get_book, module_of


async def test_the_contract_is_served_and_known_by_its_tag(client: Client) -> None:
    status, body, headers = await ask(client, "GET", "/openapi.json")
    assert (status, body["info"]["title"]) == (200, "Library")
    assert body["servers"] == [{"url": "/library"}]
    assert body["x-rate-limits"]["reads"]["since"] == "2024-01-01"
    status, body, bare = await ask(client, "HEAD", "/openapi.json")
    assert (status, body, bare["Content-Length"]) == (200, "", headers["Content-Length"])
    asked = {"If-None-Match": headers["ETag"]}
    status, body, _ = await ask(client, "GET", "/openapi.json", headers=asked)
    assert (status, body) == (304, "")


async def test_an_answer_outside_the_contract_is_found_in_tests(contract: Contract) -> None:
    def answered(operation: str, **reply: Any) -> None:
        check(contract.operation(operation), web.Response(**reply))

    answered("listBooks", body=b'{"data": []}', content_type="application/json")
    answered("logIn", status=302, headers={"Location": "/"})
    answered("listBooks", status=413, body=b'{"code": "X"}', content_type="application/json")
    for operation, reply, said in [
        ("listBooks", {"body": b"{}", "content_type": "application/json"}, "body.data"),
        ("listBooks", {"body": b"[", "content_type": "application/json"}, "not JSON"),
        ("listBooks", {"text": "x"}, "Content-Type"),
        ("listBooks", {"status": 201}, "201"),
        ("listBooks", {"status": 404, "text": "x"}, "Content-Type"),
        ("exportBooks", {"text": "x", "content_type": "text/csv"}, "Content-Disposition"),
        ("removeBook", {"status": 204, "body": b"x"}, "must be empty"),
        ("logIn", {"status": 302}, "Location"),
    ]:
        with pytest.raises(AnswerBreaksContract, match=said):
            answered(operation, **reply)


async def test_a_dialect_that_checks_its_answers_lets_none_out(
    dialect: Dialect[Library], library: Library
) -> None:
    library.act = lambda: Answer(200, {"page": 1})
    caught: list[str] = []

    async def observed(request: web.Request) -> web.StreamResponse:
        with pytest.raises(AnswerBreaksContract) as error:
            await dialect.handle(request, request.rel_url.raw_path)
        caught.append(str(error.value))
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/{tail:.*}", observed)])
    async with TestClient(TestServer(app)) as client, client.get("/v1/books"):
        assert caught == ['listBooks answers 200, but body.data: "data" is a required property']


def test_start_up_names_every_handler_that_does_not_match(dialect: Dialect[Library]) -> None:
    async def get_book(library: Library, *, id: int) -> None: ...
    async def list_books(library: Library, *, page: int, **rest: Any) -> None: ...
    async def burn_book(library: Library) -> None: ...

    for each in (get_book, list_books, burn_book):
        each.__module__ = HANDLERS[0].__module__  # what is imported into a module is no handler
    kept = [each for each in HANDLERS if each.__name__ not in {"get_book", "list_books", "log_in"}]
    with pytest.raises(HandlersAstray) as astray:
        replace(dialect, modules=[module_of(*kept, get_book, list_books, burn_book)])
    said = str(astray.value)
    assert "log_in has no handler" in said
    assert "burn_book has no operation" in said
    assert "get_book takes ['id']" in said
    assert "unknown ['**rest']" in said or "'*rest'" in said


def test_a_reference_that_leads_nowhere_stops_the_start_up(
    dialect: Dialect[Library], tmp_path: Path
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(CONTRACT.replace("schemas/Size", "schemas/Weight"))
    with pytest.raises(ValueError, match="Weight"):
        replace(dialect, contract=Contract(path))


def test_one_handler_in_two_modules_stops_the_start_up(dialect: Dialect[Library]) -> None:
    with pytest.raises(HandlersAstray, match="get_book is in two modules"):
        replace(dialect, modules=[*dialect.modules, module_of(get_book)])


def test_an_operation_names_its_rate_limits_and_its_security(contract: Contract) -> None:
    assert contract.operation("listBooks").rate_limits == ("reads",)
    assert contract.operation("createBook").rate_limits == ("reads", "writes")
    assert contract.operation("getBook").rate_limits == ()
    assert contract.operation("getBook").security == [{"key": []}]
    assert contract.operation("logIn").security == []
    assert contract.extension("x-rate-limits")["reads"]["limit"] == 60


def test_a_webhooks_body_can_be_held_against_the_contract(contract: Contract) -> None:
    lent = contract.webhook("book.lent")
    assert lent.problems({"title": "Emma", "copies": 1}) == []
    assert [each.path for each in lent.problems({"title": "Emma"})] == [("copies",)]
    with pytest.raises(LookupError):
        contract.webhook("book.burnt")


def test_a_collection_for_postman_has_every_operation(contract: Contract) -> None:
    printed = collection(contract, "https://shop.example/library/")
    assert printed["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert [folder["name"] for folder in printed["item"]] == ["Books", "Doors", "Other"]
    assert [each["value"] for each in printed["variable"]] == ["https://shop.example/library", ""]
    assert printed["auth"] == {
        "type": "apikey",
        "apikey": [
            {"key": "key", "value": "X-API-Key", "type": "string"},
            {"key": "value", "value": "{{apiKey}}", "type": "string"},
            {"key": "in", "value": "header", "type": "string"},
        ],
    }
    requests = {
        (each["request"]["method"], each["request"]["url"]["raw"]): each["request"]
        for folder in printed["item"]
        for each in folder["item"]
    }
    assert len(requests) == len(contract.operations)
    created = requests["POST", "{{baseUrl}}/v1/books"]
    assert json.loads(created["body"]["raw"]) == {"title": "Emma", "copies": 2}
    assert {"key": "Content-Type", "value": "application/json"} in created["header"]
    scanned = requests["POST", "{{baseUrl}}/v1/books/:bookId/scans"]
    assert scanned["url"]["variable"][0]["key"] == "bookId"
    kinds = {each["key"]: each["type"] for each in scanned["body"]["formdata"]}
    assert kinds == {"images[]": "file", "metadata": "text", "position": "text", "note": "text"}
    assert requests["POST", "{{baseUrl}}/v1/login"]["auth"] == {"type": "noauth"}
    listed = requests["GET", "{{baseUrl}}/v1/books"]
    assert all(each["disabled"] for each in listed["url"]["query"])


async def test_the_collection_is_served_with_the_address_it_was_asked_at(client: Client) -> None:
    status, body, _ = await ask(client, "GET", "/postman_collection.json")
    assert status == 200
    assert body["variable"][0]["value"] == str(client.make_url("/library"))
