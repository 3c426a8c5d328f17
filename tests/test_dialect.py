"""The engine of the REST dialects, through HTTP, on a small contract of a lending library."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from resolvers.errors import Invalid, Problem, RateLimited, StoreError, Unauthenticated
from rest_compat.dialect import (
    Answer,
    AnswerBreaksContract,
    Call,
    Contract,
    Dialect,
    HandlersAstray,
    Upload,
    check,
)
from rest_compat.postman import collection

Client = TestClient[web.Request, Any]

CONTRACT = """
openapi: 3.1.0
info: {title: Library, version: '1', description: Books to lend.}
servers: [{url: /library}]
tags: [{name: Books, description: What there is}, {name: Doors}]
security: [{key: []}]
x-rate-limits: {reads: {limit: 60, window_seconds: 60, since: 2024-01-01}}
paths:
  /v1/books:
    get:
      operationId: listBooks
      tags: [Books]
      x-rate-limit: reads
      parameters:
        - {name: page, in: query, schema: {type: integer, minimum: 1, maximum: 200, default: 1}}
        - name: page_size
          in: query
          schema: {$ref: '#/components/schemas/Size'}
          x-on-out-of-range: clamp
        - name: genre
          in: query
          style: form
          explode: false
          schema: {type: array, items: {type: string, enum: [crime, poetry]}}
        - {name: year, in: query, schema: {type: array, items: {type: integer}}}
        - name: status
          in: query
          explode: true
          x-split: ','
          schema: {type: array, items: {type: string}}
        - {name: price, in: query, schema: {type: [number, 'null']}}
        - {name: lent, in: query, schema: {type: boolean}}
        - {name: from, in: query, schema: {type: string, format: date}}
        - name: parent
          in: query
          allowEmptyValue: true
          schema: {oneOf: [{type: integer}, {type: string, const: ''}]}
        - {name: X-Trace, in: header, schema: {type: string, maxLength: 8}, example: t1}
        - {name: session, in: cookie, schema: {type: string}}
      responses:
        '200': {$ref: '#/components/responses/Data'}
        4XX: {$ref: '#/components/responses/Failure'}
    post:
      operationId: createBook
      tags: [Books]
      x-rate-limit: [reads, writes]
      parameters:
        - {name: dry, in: query, schema: {type: boolean, default: false}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Book'}
            example: {title: Emma, copies: 2}
      responses:
        '201': {$ref: '#/components/responses/Data'}
        default: {$ref: '#/components/responses/Failure'}
  /v1/books/export:
    get:
      operationId: exportBooks
      tags: [Books]
      responses:
        '200':
          description: File
          headers: {Content-Disposition: {required: true, schema: {type: string}}}
          content: {text/csv: {schema: {type: string}}}
  /v1/books/{bookId}:
    parameters:
      - name: bookId
        in: path
        required: true
        schema: {type: integer, minimum: 1}
        x-violation-status: 404
    get:
      operationId: getBook
      tags: [Books]
      responses:
        '200': {$ref: '#/components/responses/Data'}
        4XX: {$ref: '#/components/responses/Failure'}
    delete:
      operationId: removeBook
      tags: [Books]
      responses: {'204': {description: Gone}, 4XX: {$ref: '#/components/responses/Failure'}}
  /v1/books/{bookId}/scans:
    post:
      operationId: addScans
      tags: [Books]
      parameters:
        - {name: bookId, in: path, required: true, schema: {type: integer, minimum: 1}}
      requestBody:
        content:
          multipart/form-data:
            example: {note: torn}
            schema:
              type: object
              required: ['images[]']
              properties:
                images[]:
                  type: array
                  maxItems: 2
                  x-max-bytes: 300000
                  items: {type: string, format: binary}
                metadata:
                  type: string
                  contentMediaType: application/json
                  contentSchema: {$ref: '#/components/schemas/Book'}
                position: {type: integer, minimum: 0}
                note: {type: string, default: none}
      responses:
        '200': {$ref: '#/components/responses/Data'}
        4XX: {$ref: '#/components/responses/Failure'}
  /v1/shelves/{name}/:
    get:
      operationId: getShelf
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      responses:
        '200': {$ref: '#/components/responses/Data'}
        4XX: {$ref: '#/components/responses/Failure'}
  /v1/login:
    post:
      operationId: logIn
      tags: [Doors]
      security: []
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              required: [card]
              properties: {card: {type: integer}, keep: {type: boolean, default: false}}
      responses:
        '302': {description: Go on, headers: {Location: {required: true, schema: {type: string}}}}
        4XX: {$ref: '#/components/responses/Failure'}
webhooks:
  book.lent:
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}}}
      responses: {2XX: {description: Thanks}}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-API-Key}}
  responses:
    Data:
      description: Data
      content: {application/json: {schema: {type: object, required: [data]}}}
    Failure:
      description: No
      content: {application/json: {schema: {type: object, required: [code]}}}
  schemas:
    Size: {type: integer, minimum: 1, maximum: 50, default: 10}
    Shelf:
      type: object
      properties: {shelf: {type: string, default: A1}}
    Book:
      allOf:
        - $ref: '#/components/schemas/Shelf'
        - type: object
          required: [title, copies]
          properties:
            title: {type: string, minLength: 1, maxLength: 20}
            copies: {type: integer, minimum: 1, maximum: 1000}
            cover: {type: string, format: uri}
            owner: {type: string, format: email}
            code: {type: string, format: uuid}
            big: {type: integer}
            anything: {}
            size: {oneOf: [{type: string, enum: [s, l]}, {type: integer, maximum: 9}]}
"""

STATUS = {
    "INVALID": 422,
    "MALFORMED": 400,
    "UNSUPPORTED_MEDIA": 415,
    "TOO_LARGE": 413,
    "NO_ROUTE": 404,
    "METHOD_NOT_ALLOWED": 405,
    "UNAUTHENTICATED": 401,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
}


@dataclass
class Library:
    """What handlers were asked, and what the next one does instead of repeating it."""

    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    uploads: list[Upload] = field(default_factory=list[Upload])
    signed: list[bytes] = field(default_factory=list[bytes])
    refusal: StoreError | None = None
    act: Callable[[], Any] | None = None

    def hear(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        return self.act() if self.act else arguments


async def list_books(
    library: Library,
    *,
    page: int,
    page_size: int,
    genre: list[str] | None,
    year: list[int] | None,
    status: list[str] | None,
    price: float | None,
    lent: bool | None,
    from_: str | None,
    parent: int | str | None,
    x_trace: str | None,
) -> Any:
    return library.hear(
        page=page,
        page_size=page_size,
        genre=genre,
        year=year,
        status=status,
        price=price,
        lent=lent,
        from_=from_,
        parent=parent,
        x_trace=x_trace,
    )


async def create_book(library: Library, *, dry: bool, body: dict[str, Any]) -> Any:
    return library.hear(dry=dry, body=body)


async def export_books(library: Library, *, call: Call) -> Answer:
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{call.operation.id}.csv"',
    }
    return library.hear() or Answer(200, "title\r\nEmma\r\n", headers)


async def get_book(library: Library, book_id: int) -> Any:
    return library.hear(book_id=book_id)


async def remove_book(library: Library, book_id: int) -> None:
    library.hear(book_id=book_id)


async def add_scans(library: Library, *, book_id: int, body: dict[str, Any]) -> Any:
    library.uploads += body.get("images", [])
    files = [
        {"name": each.filename, "type": each.content_type, "size": len(await each.read())}
        for each in library.uploads
    ]
    return library.hear(book_id=book_id, body={**body, "images": files})


async def get_shelf(library: Library, name: str) -> Any:
    return library.hear(name=name)


async def log_in(library: Library, *, body: dict[str, Any]) -> Answer:
    library.hear(body=body)
    return Answer(302, None, {"Location": "/"})


HANDLERS = (
    list_books,
    create_book,
    export_books,
    get_book,
    remove_book,
    add_scans,
    get_shelf,
    log_in,
)


def module_of(*functions: Callable[..., Any]) -> ModuleType:
    module = ModuleType(__name__)
    vars(module).update({function.__name__: function for function in functions})
    return module


def failure(_: Call, error: StoreError) -> Answer:
    problems: tuple[Problem, ...] = error.problems if isinstance(error, Invalid) else ()
    said = [[*each.path, each.kind] for each in problems]
    status = error.details.get("violation_status", STATUS[error.code])
    return Answer(status, {"code": error.code, "problems": said, "message": str(error)})


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    path = tmp_path / "openapi.yaml"
    path.write_text(CONTRACT)
    return Contract(path)


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def dialect(contract: Contract, library: Library) -> Dialect[Library]:
    async def guard(call: Call) -> Library:
        if library.refusal:
            raise library.refusal
        if call.operation.id == "createBook":
            library.signed.append(await call.body())
        call.answer_headers["X-Limit"] = "60"
        return library

    return Dialect(
        name="library",
        contract=contract,
        modules=[module_of(*HANDLERS)],
        guard=guard,
        failure=failure,
        envelope=lambda _, data: {"data": data},
        cors_origins=frozenset({"https://reader.example"}),
        max_body=2000,
        max_form=1_000_000,
        check_answers=True,
    )


@pytest.fixture
async def client(dialect: Dialect[Library]) -> AsyncIterator[Client]:
    async with serving(dialect) as client:
        yield client


def serving(dialect: Dialect[Library]) -> Client:
    async def by_host(request: web.Request) -> web.StreamResponse:
        return await dialect.handle(request, request.rel_url.raw_path)

    app = web.Application()
    app.add_routes([*dialect.routes(), web.route("*", "/{tail:.*}", by_host)])
    return TestClient(TestServer(app))


async def ask(
    client: Client, method: str, target: str, **options: Any
) -> tuple[int, Any, Mapping[str, str]]:
    """Status, body (parsed where it is JSON) and headers."""
    url = URL("/library" + target, encoded=True)
    async with client.request(method, url, allow_redirects=False, **options) as reply:
        body = await reply.read()
        parsed = json.loads(body) if body and "json" in reply.content_type else body.decode()
        return reply.status, parsed, reply.headers


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


async def test_a_page_of_an_allowed_origin_may_ask_and_read(
    client: Client, library: Library
) -> None:
    asked = {
        "Origin": "https://reader.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    library.refusal = Unauthenticated("No card")
    status, _, headers = await ask(client, "OPTIONS", "/v1/books", headers=asked)
    assert status == 204
    assert headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert headers["Access-Control-Allow-Origin"] == "https://reader.example"
    assert headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST"
    assert headers["Access-Control-Allow-Headers"] == "x-api-key"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    status, _, headers = await ask(
        client, "GET", "/v1/books", headers={"Origin": "https://reader.example"}
    )
    assert status == 401
    assert headers["Access-Control-Allow-Origin"] == "https://reader.example"
    assert {"Retry-After", "X-Request-Id"} <= {
        name.strip() for name in headers["Access-Control-Expose-Headers"].split(",")
    }


async def test_a_page_of_another_origin_may_not(client: Client) -> None:
    _, _, headers = await ask(
        client, "GET", "/v1/books", headers={"Origin": "https://evil.example"}
    )
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Vary"] == "Origin"


async def test_any_origin_may_read_but_without_its_cookies(dialect: Dialect[Library]) -> None:
    async with serving(replace(dialect, cors_origins=frozenset({"*"}))) as client:
        _, _, headers = await ask(
            client, "GET", "/v1/books", headers={"Origin": "https://a.example"}
        )
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers


async def test_the_guards_headers_are_on_every_answer(client: Client) -> None:
    for target in ("/v1/books", "/v1/books?page=0"):
        _, _, headers = await ask(client, "GET", target)
        assert headers["X-Limit"] == "60"


async def test_a_bug_is_told_by_its_request_id_and_nothing_else(
    client: Client, library: Library
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("the secret of the house")

    library.act = fail
    status, body, _ = await ask(client, "GET", "/v1/books/7")
    assert (status, body["code"]) == (500, "INTERNAL")
    assert "secret" not in json.dumps(body)


async def test_an_answer_that_json_cannot_say_is_a_bug(client: Client, library: Library) -> None:
    library.act = object
    status, body, _ = await ask(client, "GET", "/v1/books/7")
    assert (status, body["code"]) == (500, "INTERNAL")


async def test_cancellation_is_no_failure(dialect: Dialect[Library], library: Library) -> None:
    def cancel() -> None:
        raise asyncio.CancelledError

    library.act = cancel
    outcome: list[BaseException] = []

    async def observed(request: web.Request) -> web.StreamResponse:
        try:
            return await dialect.handle(request, request.rel_url.raw_path)
        except asyncio.CancelledError as error:
            outcome.append(error)
            return web.Response(status=503)

    app = web.Application()
    app.add_routes([web.get("/{tail:.*}", observed)])
    async with TestClient(TestServer(app)) as client, client.get("/v1/books/7") as reply:
        assert reply.status == 503
    assert len(outcome) == 1


def scans(*sizes: int, **fields: str) -> FormData:
    form = FormData(fields, default_to_multipart=True, quote_fields=False)
    for number, size in enumerate(sizes):
        form.add_field(
            "images[]", b"x" * size, filename=f"../{number}.png", content_type="Image/PNG"
        )
    return form


async def test_a_form_brings_files_and_typed_fields(client: Client) -> None:
    metadata = json.dumps({"title": "Emma", "copies": 1})
    form = scans(3, 290_000, metadata=metadata, position="4", unknown="x")
    status, body, _ = await ask(client, "POST", "/v1/books/7/scans", data=form)
    assert status == 200, body
    assert body["data"]["body"] == {
        "images": [
            {"name": "0.png", "type": "image/png", "size": 3},
            {"name": "1.png", "type": "image/png", "size": 290_000},
        ],
        "metadata": {"title": "Emma", "copies": 1, "shelf": "A1"},
        "position": 4,
        "note": "none",
    }


async def test_the_files_of_a_request_are_gone_when_it_ends(
    client: Client, library: Library
) -> None:
    await ask(client, "POST", "/v1/books/7/scans", data=scans(290_000))
    with pytest.raises(ValueError, match="closed file"):
        await library.uploads[0].read()


async def test_every_problem_of_a_form_is_reported_at_once(
    client: Client, library: Library
) -> None:
    metadata = json.dumps({"title": "", "copies": 0})
    form = scans(1, 1, 1, metadata=metadata, position="first")
    status, body, _ = await ask(client, "POST", "/v1/books/0/scans", data=form)
    assert status == 422
    assert sorted(map(str, body["problems"])) == sorted(
        map(
            str,
            [
                ["path", "bookId", "minimum"],
                ["body", "images[]", "maxItems"],
                ["body", "metadata", "title", "minLength"],
                ["body", "metadata", "copies", "minimum"],
                ["body", "position", "type"],
            ],
        )
    )
    assert library.asked == []


@pytest.mark.parametrize(
    ("form", "problems"),
    [
        (scans(note="n"), [["body", "images[]", "required"]]),
        (scans(1, metadata="{"), [["body", "metadata", "contentMediaType"]]),
        (scans(1, note="a\0b"), [["body", "note", "text"]]),
    ],
)
async def test_a_form_that_lacks_or_breaks_a_field_names_it(
    client: Client, form: FormData, problems: list[Any]
) -> None:
    status, body, _ = await ask(client, "POST", "/v1/books/7/scans", data=form)
    assert (status, body["problems"]) == (422, problems)


@pytest.mark.parametrize(
    "form", [scans(300_001), scans(1, note="n" * 2001), scans(1, junk="j" * 2001)]
)
async def test_a_part_over_its_limit_is_refused_while_it_arrives(
    client: Client, library: Library, form: FormData
) -> None:
    status, body, _ = await ask(client, "POST", "/v1/books/7/scans", data=form)
    assert (status, body["code"], library.asked) == (413, "TOO_LARGE", [])


@pytest.mark.parametrize(
    "raw",
    [
        b"nothing",
        b"--x\r\n",
        b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\ntext',
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n\r\n--y--\r\n",
        b"--x\r\n" + b"A" * 10_000 + b": b\r\n\r\n--x--\r\n",
    ],
)
async def test_a_broken_form_is_malformed(client: Client, library: Library, raw: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, body, _ = await ask(client, "POST", "/v1/books/7/scans", data=raw, headers=headers)
    assert (status, body["code"], library.asked) == (400, "MALFORMED", [])


async def test_a_form_without_a_boundary_is_malformed(client: Client) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    status, _, _ = await ask(client, "POST", "/v1/books/7/scans", data=b"x", headers=headers)
    assert status == 400


async def test_a_body_that_may_be_absent_is_its_defaults(client: Client, library: Library) -> None:
    status, _, _ = await ask(client, "POST", "/v1/books/7/scans")
    assert (status, library.asked[0]["body"]) == (200, {"note": "none", "images": []})


async def test_an_urlencoded_form_is_read_by_its_schema(client: Client, library: Library) -> None:
    status, _, headers = await ask(client, "POST", "/v1/login", data={"card": "12", "keep": "1"})
    assert (status, headers["Location"]) == (302, "/")
    assert library.asked == [{"body": {"card": 12, "keep": True}}]


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
