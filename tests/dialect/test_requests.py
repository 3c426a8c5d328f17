"""What arrives at a handler: parameters and bodies, typed, checked, with defaults."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest

from resolvers.errors import RateLimited, Unauthenticated
from rest_compat.dialect import (
    Contract,
)
from tests.dialect.library import (
    Client,
    Library,
    ask,
)


async def test_parameters_arrive_typed_named_and_with_defaults(client: Client) -> None:
    target = "/v1/books?page=3&price=1e1&lent=True&from=2024-02-29&parent="
    status, body, _ = await ask(client, "GET", target, headers={"x-trace": "abc"})
    assert status == 200
    assert body["data"] == {
        "page": 3,
        "page_size": 10,
        "genre": None,
        "year": None,
        "status": None,
        "price": 10.0,
        "lent": True,
        "from_": "2024-02-29",
        "parent": "",
        "x_trace": "abc",
    }


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        ("genre=crime,poetry", "genre", ["crime", "poetry"]),
        ("genre[]=crime&genre[]=poetry", "genre", ["crime", "poetry"]),
        ("genre%5B%5D=crime", "genre", ["crime"]),
        ("genre[0]=crime&genre[1]=poetry", "genre", ["crime", "poetry"]),
        ("genre=", "genre", []),
        ("year=2001&year=2002", "year", [2001, 2002]),
        ("status=new,old&status=lost", "status", ["new", "old", "lost"]),
        ("page=1&page=2", "page", 2),
        ("page_size=0", "page_size", 1),
        ("page_size=99999999999999999999999999", "page_size", 50),
        ("price=", "price", None),
        ("price=-.5", "price", -0.5),
        ("lent=0", "lent", False),
        ("parent=12", "parent", 12),
    ],
)
async def test_a_query_may_spell_a_value_in_the_ways_clients_do(
    client: Client, query: str, name: str, expected: Any
) -> None:
    status, body, _ = await ask(client, "GET", f"/v1/books?{query}")
    assert status == 200, body
    assert body["data"][name] == expected


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("page=201", ["query", "page", "maximum"]),
        ("page=1.5", ["query", "page", "type"]),
        ("page=", ["query", "page", "type"]),
        ("page=%D9%A3", ["query", "page", "type"]),
        (f"page={'9' * 5000}", ["query", "page", "maximum"]),
        ("year=9223372036854775808", ["query", "year", 0, "maximum"]),
        ("year=-9223372036854775809", ["query", "year", 0, "minimum"]),
        ("price=NaN", ["query", "price", "type"]),
        ("price=Infinity", ["query", "price", "type"]),
        ("price=1e999", ["query", "price", "type"]),
        ("lent=yes", ["query", "lent", "type"]),
        ("genre=crime,prose", ["query", "genre", 1, "enum"]),
        ("from=2023-02-29", ["query", "from", "format"]),
        ("status=a%00b", ["query", "status", 0, "text"]),
        ("status=%ED%A0%80", ["query", "status", "text"]),
        ("status=%FF", ["query", "status", "text"]),
    ],
)
async def test_a_value_that_breaks_its_rule_is_named_by_place_and_rule(
    client: Client, library: Library, query: str, problem: list[Any]
) -> None:
    status, body, _ = await ask(client, "GET", f"/v1/books?{query}")
    assert status == 422, body
    assert body["problems"] == [problem]
    assert library.asked == []


async def test_a_header_that_is_no_text_is_refused(client: Client, library: Library) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(
        b"GET /library/v1/books HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Trace: \xff\r\n\r\n"
    )
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert reply.startswith(b"HTTP/1.1 422 ")
    assert b'["header","X-Trace","text"]' in reply
    assert library.asked == []


async def test_every_problem_of_a_request_is_reported_at_once(
    client: Client, library: Library
) -> None:
    sent = {
        "title": "",
        "cover": "no uri",
        "owner": "Jane <jane@example.com>",
        "code": "12",
        "size": 10,
    }
    status, body, _ = await ask(client, "POST", "/v1/books?dry=maybe", json=sent)
    assert status == 422
    assert sorted(map(str, body["problems"])) == sorted(
        map(
            str,
            [
                ["query", "dry", "type"],
                ["body", "title", "minLength"],
                ["body", "copies", "required"],
                ["body", "cover", "format"],
                ["body", "owner", "format"],
                ["body", "code", "format"],
                ["body", "size", "maximum"],
            ],
        )
    )
    assert library.asked == []


async def test_a_problem_knows_the_limit_it_broke_and_repeats_nothing_that_was_sent(
    contract: Contract,
) -> None:
    schema = contract.schema("Book")
    problems = schema.problems({"title": "secret" * 9, "copies": 1001}, ("body",))
    assert {(each.path[-1], each.kind, each.limit) for each in problems} == {
        ("title", "maxLength", 20),
        ("copies", "maximum", 1000),
    }
    assert not any("secret" in each.message for each in problems)


async def test_a_body_gets_its_defaults_and_keeps_fields_nobody_knows(
    client: Client, library: Library
) -> None:
    sent = {"title": "Emma", "copies": 2.0, "extra": [1.5, 3.0]}
    status, _, _ = await ask(client, "POST", "/v1/books", json=sent)
    assert status == 201
    book = library.asked[0]["body"]
    assert book == {"title": "Emma", "copies": 2, "shelf": "A1", "extra": [1.5, 3]}
    assert isinstance(book["copies"], int)
    assert library.asked[0]["dry"] is False


@pytest.mark.parametrize(
    ("raw", "status", "problems"),
    [
        (b"", 422, [["body", "required"]]),
        (b"  ", 422, [["body", "required"]]),
        (b"{", 400, []),
        (b'{"title": NaN}', 400, []),
        (b'"\\ud800"', 400, []),
        (b"[" * 1900, 400, []),
        (b'{"title":"E","copies":1,"anything":' + b"[" * 500 + b"]" * 500 + b"}", 400, []),
        (b"[]", 422, [["body", "type"]]),
        (b"null", 422, [["body", "type"]]),
        (b'{"title":"a\\u0000b","copies":1}', 422, [["body", "title", "text"]]),
        (b'{"title":"E","copies":1,"a\\u0000":1}', 422, [["body", "text"]]),
        (b'{"title":"E","copies":1,"big":1e30}', 422, [["body", "big", "maximum"]]),
        (b'{"title":"E","copies":1,"big":9223372036854775808}', 422, [["body", "big", "maximum"]]),
        (b'{"title":"E","copies":99999999999999999999}', 422, [["body", "copies", "maximum"]]),
        (b'{"title":"E","copies":1,"anything":{"a":[-1e300]}}', 422, [
            ["body", "anything", "a", 0, "minimum"],
        ]),
    ],
)  # fmt: skip
async def test_a_body_that_cannot_be_stored_or_read_is_refused(
    client: Client, library: Library, raw: bytes, status: int, problems: list[Any]
) -> None:
    headers = {"Content-Type": "application/json"}
    given, body, _ = await ask(client, "POST", "/v1/books", data=raw, headers=headers)
    assert (given, body["problems"]) == (status, problems), body
    assert library.asked == []


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json; charset=utf-8", 201),
        ("Application/JSON", 201),
        (None, 201),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
async def test_a_body_must_come_in_a_type_that_the_operation_takes(
    client: Client, content_type: str | None, expected: Any
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    skip = [] if content_type else ["Content-Type"]
    status, _, _ = await ask(
        client,
        "POST",
        "/v1/books",
        data=b'{"title": "Emma", "copies": 1}',
        headers=headers,
        skip_auto_headers=skip,
    )
    assert status == expected


async def test_the_guard_reads_the_very_bytes_that_were_sent(
    client: Client, library: Library
) -> None:
    raw = b'{"title":  "Emma",\n "copies": 1}'
    await ask(client, "POST", "/v1/books", data=raw, headers={"Content-Type": "application/json"})
    assert library.signed == [raw]


async def test_the_guard_refuses_before_anything_is_validated(
    client: Client, library: Library
) -> None:
    library.refusal = Unauthenticated("No card")
    status, body, _ = await ask(client, "POST", "/v1/books?dry=maybe", json={})
    assert (status, body["code"], body["problems"]) == (401, "UNAUTHENTICATED", [])


async def test_a_refusal_for_haste_says_when_to_come_back(client: Client, library: Library) -> None:
    library.refusal = RateLimited("Slowly", retry_after=17)
    status, _, headers = await ask(client, "GET", "/v1/books")
    assert (status, headers["Retry-After"]) == (429, "17")


async def test_a_compressed_body_counts_unpacked(client: Client, library: Library) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for raw, expected in [
        (gzip.compress(b'{"title": "Emma", "copies": 1}'), 201),
        (gzip.compress(b" " * 1_000_000), 413),
        (b"not compressed", 400),
    ]:
        status, _, _ = await ask(client, "POST", "/v1/books", data=raw, headers=headers)
        assert status == expected
    assert len(library.asked) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused_while_it_arrives(
    client: Client, library: Library, *, chunked: bool
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    data = endless() if chunked else b" " * 2001
    headers = {"Content-Type": "application/json"}
    status, body, _ = await ask(client, "POST", "/v1/books", data=data, headers=headers)
    assert (status, body["code"], library.asked) == (413, "TOO_LARGE", [])
