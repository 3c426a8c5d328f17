"""A lending library: a small contract, its handlers, and what they were asked."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from resolvers.errors import Invalid, Problem, StoreError
from rest_compat.dialect import (
    Answer,
    Call,
    Dialect,
    Upload,
)

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
