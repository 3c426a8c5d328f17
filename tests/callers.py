"""Clients of the gateway as tests use them: GraphQL, and REST by operation."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol
from urllib.parse import quote

import orjson
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient
from yarl import URL

from rest_compat.dialect import Contract, check

Client = TestClient[web.Request, web.Application]


class Caller(Protocol):
    """Who calls: what headers their credential is."""

    @property
    def headers(self) -> dict[str, str]: ...


@dataclass(frozen=True)
class Part:
    """A file that goes with a document, as the value of a variable or somewhere inside one."""

    content: bytes
    name: str = "file"
    content_type: str = "application/octet-stream"


@dataclass
class GraphQL:
    """Send documents. ``data`` insists on success, the call itself returns the whole answer."""

    client: Client

    async def __call__(self, query: str, *, key: "Caller | None" = None, **variables: Any) -> Any:
        message = {"query": query, "variables": variables}
        headers, files = key.headers if key else {}, dict[str, Part]()
        message["variables"] = _without_files(variables, "variables", files)
        sent: dict[str, Any] = {"json": message}
        if files:
            headers = {**headers, "GraphQL-Require-Preflight": "1"}
            sent = {"data": _form_of(message, files)}
        response = await self.client.post("/graphql", headers=headers, **sent)
        return await response.json()

    async def data(self, query: str, *, key: "Caller | None" = None, **variables: Any) -> Any:
        answer = await self(query, key=key, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def done(self, query: str, *, key: "Caller | None" = None, **variables: Any) -> Any:
        """The payload of a mutation, which must have succeeded."""
        [payload] = (await self.data(query, key=key, **variables)).values()
        assert payload["errors"] == []
        return payload

    async def refused(
        self, query: str, *, key: "Caller | None" = None, **variables: Any
    ) -> list[str]:
        """Why a mutation was refused: ``["CONFLICT input.slug"]``."""
        [payload] = (await self.data(query, key=key, **variables)).values()
        assert payload["errors"], payload
        return [
            " ".join([error["code"], ".".join(error["field"] or [])]).strip()
            for error in payload["errors"]
        ]


def _without_files(value: Any, path: str, found: dict[str, Part]) -> Any:
    match value:
        case Part():
            found[path] = value
            return None
        case dict():
            return {name: _without_files(v, f"{path}.{name}", found) for name, v in value.items()}
        case list():
            return [_without_files(v, f"{path}.{n}", found) for n, v in enumerate(value)]
        case _:
            return value


def _form_of(message: Any, files: Mapping[str, Part]) -> FormData:
    form = FormData()
    form.add_field("operations", orjson.dumps(message).decode())
    form.add_field("map", orjson.dumps({path: [path] for path in files}).decode())
    for path, part in files.items():
        form.add_field(
            path, BytesIO(part.content), filename=part.name, content_type=part.content_type
        )
    return form


def signed(secret: str, body: bytes, stamp: object) -> dict[str, str]:
    """The headers with which clients of InstaMarket sign a body at ``stamp`` (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{stamp}\n".encode() + body, hashlib.sha256)
    return {"X-Timestamp": str(stamp), "X-Signature": digest.hexdigest()}


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Rest:
    """Call a dialect's operations by name. Every answer is held against the contract."""

    client: Client
    contract: Contract

    async def __call__(
        self,
        operation_id: str,
        *,
        key: "Caller | None" = None,
        body: Any = None,
        form: FormData | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> Reply:
        """``body`` is sent as JSON, bytes as they are; ``parameters`` by their place."""
        operation = self.contract.operation(operation_id)
        inside = {each.name for each in operation.parameters if each.place == "path"}
        path = operation.path.format(**{name: quote(str(parameters[name])) for name in inside})
        query = {
            name: [str(each) for each in value] if isinstance(value, list) else str(value)
            for name, value in parameters.items()
            if name not in inside
        }
        sent = dict(headers or {}) | (key.headers if key else {})
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        response = await self.client.request(
            operation.method,
            URL(self.contract.prefix + path, encoded=True).with_query(query),
            data=form or (body if body is None or isinstance(body, bytes) else orjson.dumps(body)),
            headers=sent,
            allow_redirects=False,
        )
        content = await response.read()
        found = web.Response(status=response.status, body=content, headers=response.headers)
        check(operation, found)
        parsed = orjson.loads(content) if "json" in response.content_type else content
        return Reply(response.status, parsed, response.headers)

    async def data(self, operation_id: str, **call: Any) -> Any:
        """The body of a success; anything else fails."""
        reply = await self(operation_id, **call)
        assert 200 <= reply.status < 300, (reply.status, reply.body)
        return reply.body
