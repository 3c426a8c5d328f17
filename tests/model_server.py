"""A server that speaks OpenAI's chat completions, as strict as the real one, without a model."""

import asyncio
import base64
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from providers.openai_writer import OpenAIWriter, Prices

KEY, MODEL = "sk-test", "gpt-test"
COPY: dict[str, Any] = {
    "title": "Magnetic Car Phone Mount",
    "description": "Snap your phone on and drive.",
    "faq": [{"q": "Does it block the vent?", "a": "It covers one slat only."}],
    "seo": {
        "title": "Magnetic car phone mount",
        "description": "Hands-free mount for any vent.",
        "keywords": ["phone mount", "car accessory"],
    },
}
PRICE_READ, PRICE_WRITTEN = Decimal("2.50"), Decimal(10)


def _error(status: int, code: str, *, kind: str, param: str | None = None, **headers: str) -> Any:
    body = {"error": {"message": f"no: {code}", "type": kind, "param": param, "code": code}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response(body, status=status, headers=named)


def completion(
    content: str | None, *, finish: str = "stop", refusal: str | None = None, usage: Any = ...
) -> web.Response:
    message = {"role": "assistant", "content": content, "refusal": refusal, "annotations": []}
    counted = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": counted if usage is ... else usage,
    }
    return web.json_response(body)


def busy(after: str | None = None) -> web.Response:
    headers = {} if after is None else {"Retry_After": after}
    return _error(429, "rate_limit_exceeded", kind="requests", **headers)


def broke() -> web.Response:
    return _error(429, "insufficient_quota", kind="insufficient_quota")


def broken() -> web.Response:
    return _error(500, "server_error", kind="server_error")


def bad(code: str, param: str | None = None) -> web.Response:
    return _error(400, code, kind="invalid_request_error", param=param)


def refusal() -> web.Response:
    return completion(None, refusal="I cannot help with that.")


def truncated() -> web.Response:
    return completion(orjson.dumps(COPY).decode()[:40], finish="length")


@dataclass
class ModelServer:
    """Answers as planned, then with ``COPY``; keeps what it was asked."""

    url: str = ""
    plan: deque[web.Response] = field(default_factory=deque[web.Response])
    seen: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    names: list[str] = field(default_factory=list[str])
    stuck: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_api_key", kind="invalid_request_error")
        body = await request.json()
        if problem := _problem(body):
            return _error(400, "invalid_value", kind="invalid_request_error", param=problem)
        if body["model"] != MODEL:
            return _error(404, "model_not_found", kind="invalid_request_error")
        self.seen.append(body)
        self.names.append(request.headers["Idempotency-Key"])
        self.asked.set()
        if self.stuck is not None:
            await self.stuck.wait()
        return self.plan.popleft() if self.plan else completion(orjson.dumps(COPY).decode())

    def brief(self, request: int = 0) -> dict[str, Any]:
        """What a request told of the product."""
        return orjson.loads(self.seen[request]["messages"][1]["content"][0]["text"])

    def pictures(self, request: int = 0) -> list[tuple[int, int]]:
        """The sizes of the pictures in a request."""
        found: list[tuple[int, int]] = []
        for part in self.seen[request]["messages"][1]["content"][1:]:
            content = base64.b64decode(part["image_url"]["url"].partition(",")[2])
            with Image.open(BytesIO(content), formats=["JPEG"]) as image:
                found.append(image.size)
        return found


def _problem(body: Any) -> str | None:
    """The parameter that the real service would refuse."""
    wanted = body.get("response_format", {})
    schema = wanted.get("json_schema", {})
    if wanted.get("type") != "json_schema" or schema.get("strict") is not True:
        return "response_format"
    if not schema.get("name") or not _is_strict(schema["schema"]):
        return "response_format.json_schema.schema"
    if not isinstance(body.get("max_completion_tokens"), int):
        return "max_completion_tokens"
    roles = [message["role"] for message in body.get("messages", [])]
    if roles[:2] != ["system", "user"]:
        return "messages"
    text, *pictures = body["messages"][1]["content"]
    if text["type"] != "text" or not all(map(_is_picture, pictures)):
        return "messages.[1].content"
    return None


def _is_strict(schema: Any) -> bool:
    if schema["type"] == "array":
        return _is_strict(schema["items"])
    if schema["type"] != "object":
        return schema == {"type": "string"}
    properties = schema["properties"]
    return (
        schema["additionalProperties"] is False
        and schema["required"] == list(properties)
        and all(map(_is_strict, properties.values()))
    )


def _is_picture(part: Any) -> bool:
    address = part.get("image_url", {}).get("url", "")
    return part["type"] == "image_url" and address.startswith("data:image/jpeg;base64,")


@asynccontextmanager
async def model_server() -> AsyncGenerator[ModelServer]:
    model = ModelServer()
    app = web.Application(client_max_size=10 << 20)
    app.router.add_post("/v1/chat/completions", model.handle)
    async with TestServer(app) as server:
        model.url = str(server.make_url("/v1"))
        yield model


@asynccontextmanager
async def writer_of(server: ModelServer, **settings: Any) -> AsyncGenerator[OpenAIWriter]:
    """A writer that asks this server, and pauses for no time at all."""

    async def at_once(_seconds: float) -> None: ...

    given: dict[str, Any] = {
        "url": server.url,
        "key": KEY,
        "model": MODEL,
        "prices": Prices.of(PRICE_READ, PRICE_WRITTEN),
        "sleep": at_once,
        **settings,
    }
    writer = OpenAIWriter(**given)
    try:
        yield writer
    finally:
        await writer.close()
