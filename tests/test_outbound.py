"""Outgoing HTTP: where it goes, how long it waits, and how little it believes."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from providers.outbound import READ_AT_MOST, OutboundHttp, is_public
from resolvers.services import Answer, NoAnswer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def receiver(handler: Handler) -> AsyncGenerator[BaseTestServer]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield server


@asynccontextmanager
async def outbound(
    *, private_addresses: bool = True, patience: float = 5
) -> AsyncGenerator[OutboundHttp]:
    http = OutboundHttp(private_addresses=private_addresses, timeout=patience)
    try:
        yield http
    finally:
        await http.close()


async def post(http: OutboundHttp, url: object, **headers: str) -> Answer | NoAnswer:
    return await http.post(str(url), body='{"a":1}', headers=headers)


async def test_the_body_and_the_headers_arrive_as_they_are() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.content_type == "application/json"
        assert request.headers["X-Own"] == "value"
        return web.Response(text=await request.text())

    async with receiver(handler) as server, outbound() as http:
        answer = await post(http, server.make_url("/"), **{"X-Own": "value"})

    assert answer == Answer(200, '{"a":1}')


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",  # noqa: S104
        "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "192.88.99.1",
        "::", "::1", "fe80::1", "fe80::1%lo", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1:2:3:4:5:6", "nonsense",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_internet_at_large_is_none(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]",
             "[::ffff:127.0.0.1]", "0.0.0.0"],  # noqa: S104
)  # fmt: skip
async def test_our_own_network_is_refused_however_it_is_spelled(host: str) -> None:
    reached: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response()

    async with receiver(handler) as server, outbound(private_addresses=False) as http:
        answer = await post(http, f"http://{host}:{server.port}/")

    assert isinstance(answer, NoAnswer)
    assert answer.final
    assert reached == []


async def test_a_name_that_turns_to_a_private_address_after_it_was_checked_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever DNS said before, what counts is whom we would connect to now."""
    reached: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response()

    async with receiver(handler) as server, outbound(private_addresses=False) as http:

        async def rebound(*_: object, **__: object) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
        answer = await post(http, f"http://rebinding.example:{server.port}/")

    assert answer == NoAnswer("leads to an address that is not public", final=True)
    assert reached == []


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    reached: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with receiver(handler) as server, outbound() as http:
        answer = await post(http, server.make_url("/here"))

    assert answer == Answer(307, "")
    assert reached == ["/here"]


async def test_a_receiver_that_never_answers_is_given_up() -> None:
    released = asyncio.Event()

    async def handler(_request: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async with receiver(handler) as server, outbound(patience=0.1) as http:
        answer = await post(http, server.make_url("/"))
        released.set()

    assert answer == NoAnswer("no answer within 0.1 seconds")


async def test_a_body_that_never_ends_does_not_undo_the_status() -> None:
    released = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=202)
        await response.prepare(request)
        await response.write(b"begun")
        await released.wait()
        return response

    async with receiver(handler) as server, outbound(patience=0.3) as http:
        answer = await post(http, server.make_url("/"))
        released.set()

    assert isinstance(answer, Answer)
    assert answer.status == 202


async def test_of_a_large_body_little_is_read_and_less_is_kept() -> None:
    written = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(10_000):
                await response.write(b"x" * 16_384)
                written += 16_384
        except ConnectionError:
            pass
        return response

    async with receiver(handler) as server, outbound() as http:
        answer = await post(http, server.make_url("/"))

    assert answer == Answer(200, "x" * 1024)
    assert written < READ_AT_MOST * 200  # some of it in buffers on the way


async def test_cookies_are_not_kept() -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "who=you"})

    async with receiver(handler) as server, outbound() as http:
        for _ in range(2):
            await post(http, server.make_url("/"))

    assert seen == [None, None]


async def test_nobody_there_is_no_answer_and_worth_another_try() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with outbound() as http:
            answer = await post(http, f"http://127.0.0.1:{closed.getsockname()[1]}/")

    assert isinstance(answer, NoAnswer)
    assert not answer.final


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "file:///etc/passwd", "http://", "http://a:b@example.com/", "//x",
            "http://[::1/"],
)  # fmt: skip
async def test_what_is_no_web_address_is_refused_for_good(url: str) -> None:
    async with outbound() as http:
        answer = await post(http, url)

    assert answer == NoAnswer("is no plain http or https URL", final=True)


# What is got


async def test_what_is_got_comes_as_it_is_over_a_few_redirects() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        hops = int(request.path[1:])
        if hops:
            raise web.HTTPFound(f"/{hops - 1}")
        return web.Response(body=b"bytes")

    async with receiver(handler) as server, outbound() as http:
        assert await http.get(str(server.make_url("/0")), most=5) == b"bytes"
        assert await http.get(str(server.make_url("/2")), most=5) == b"bytes"
        answer = await http.get(str(server.make_url("/9")), most=5)
        assert answer == NoAnswer("is redirected too often", final=True)
        answer = await http.get(str(server.make_url("/0")), most=4)
        assert answer == NoAnswer("is larger than 4 bytes", final=True)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/", "file:///etc/passwd", "http://[::1]:{port}/"]
)
async def test_no_redirect_leads_into_our_own_network(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        assert request.transport is not None
        port = request.transport.get_extra_info("sockname")[1]
        raise web.HTTPFound(target.format(port=port) + "inside")

    async with receiver(handler) as server, outbound(private_addresses=False) as http:
        public = iter([True])  # where it begins, and nowhere else
        monkeypatch.setattr("providers.outbound.is_public", lambda _: next(public, False))
        answer = await http.get(f"http://127.0.0.1:{server.port}/start", most=5)

    assert isinstance(answer, NoAnswer)
    assert reached == ["/start"]


@pytest.mark.parametrize(
    ("status", "final"), [(404, True), (204, True), (429, False), (503, False)]
)
async def test_only_what_may_pass_is_worth_another_attempt(status: int, *, final: bool) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with receiver(handler) as server, outbound() as http:
        answer = await http.get(str(server.make_url("/")), most=5)

    assert answer == NoAnswer(f"is answered with {status}", final)


async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await asyncio.Event().wait()
        return response

    async with receiver(handler) as server, outbound(patience=0.1) as http:
        answer = await http.get(str(server.make_url("/")), most=5)

    assert answer == NoAnswer("no answer within 0.1 seconds")
