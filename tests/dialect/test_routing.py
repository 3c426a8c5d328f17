"""Which operation a request is for, and what is said where it is for none."""

import json
from typing import Any

import pytest

from tests.dialect.library import Client, Library, ask


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/shelves/a%2Fb%20c+%25/", "a/b c+%"),
        ("/v1/shelves/%D0%94/", "Д"),
        ("/v1/shelves/export/", "export"),
        ("/v1/%73helves/x/", "x"),
    ],
)
async def test_a_path_parameter_is_decoded_once_and_after_the_split(
    client: Client, target: str, expected: Any
) -> None:
    status, body, _ = await ask(client, "GET", target)
    assert (status, body["data"]) == (200, {"name": expected})


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/",
        "/v1/books/",
        "/v1/shelves/x",
        "/v1/shelves//",
        "/v1/shelves/%00/",
        "/v1/shelves/%FF/",
        "/v2/books",
        "/openapi.yaml",
    ],
)
async def test_an_unknown_path_is_refused_in_the_dialects_words(
    client: Client, target: str
) -> None:
    status, body, _ = await ask(client, "GET", target)
    assert (status, body["code"]) == (404, "NO_ROUTE")


async def test_a_literal_segment_goes_before_a_parameter(client: Client) -> None:
    status, body, headers = await ask(client, "GET", "/v1/books/export")
    assert (status, body) == (200, "title\r\nEmma\r\n")
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Content-Disposition"] == 'attachment; filename="exportBooks.csv"'


async def test_an_unknown_method_is_refused_with_those_that_are_known(client: Client) -> None:
    status, body, headers = await ask(client, "PUT", "/v1/books/7")
    assert (status, body["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"
    status, _, headers = await ask(client, "POST", "/openapi.json")
    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("key", ["0", "-1", "x", "9" * 30, "1.0", "%20"])
async def test_a_key_that_is_none_gets_the_status_that_its_parameter_asks_for(
    client: Client, library: Library, key: str
) -> None:
    status, _, _ = await ask(client, "GET", f"/v1/books/{key}")
    assert (status, library.asked) == (404, [])


async def test_nothing_to_say_is_204_without_a_body(client: Client, library: Library) -> None:
    status, body, headers = await ask(client, "DELETE", "/v1/books/7")
    assert (status, body, library.asked) == (204, "", [{"book_id": 7}])
    assert "Content-Type" not in headers


async def test_the_same_dialect_answers_without_its_prefix_on_its_own_host(client: Client) -> None:
    async with client.get("/v1/books/7") as reply:
        assert await reply.json() == {"data": {"book_id": 7}}
    async with client.get("/openapi.json") as reply:
        assert (await reply.json())["servers"] == [{"url": "/"}]


async def test_head_is_get_without_the_body(client: Client, library: Library) -> None:
    got, body, _ = await ask(client, "GET", "/v1/books/7")
    status, nothing, headers = await ask(client, "HEAD", "/v1/books/7")
    assert (status, nothing) == (got, "")
    assert headers["Content-Length"] == str(len(json.dumps(body, separators=(",", ":"))))
    assert len(library.asked) == 2
