"""The bare handler beside which everything is measured: ``python -m tests.bench.constant BODY``.

It prints its port. POST and GET answer with the file's bytes as JSON; ``/socket`` takes subscribers
as graphql-transport-ws does, and ``/tell`` sends each of them one constant message.
"""

import sys
from pathlib import Path
from weakref import WeakSet

import orjson
import uvloop
from aiohttp import web

from tests.bench.serving import serve

PROTOCOL = "graphql-transport-ws"
NEXT = '{"id":"1","type":"next","payload":{"data":{"orderStatus":{"id":"1","occurredAt":"%s"}}}}'


def application(body: bytes) -> web.Application:
    sockets: WeakSet[web.WebSocketResponse] = WeakSet()

    async def constant(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    async def subscribe(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(PROTOCOL,))
        await socket.prepare(request)
        async for message in socket:
            kind = orjson.loads(message.data)["type"]
            if kind == "connection_init":
                await socket.send_str('{"type":"connection_ack"}')
            elif kind == "subscribe":
                sockets.add(socket)
                await socket.send_str(NEXT % "first")
        return socket

    async def tell(request: web.Request) -> web.Response:
        at = (await request.read()).decode()
        for socket in list(sockets):
            await socket.send_str(NEXT % at)
        return web.Response()

    app = web.Application()
    app.router.add_get("/socket", subscribe)
    app.router.add_post("/tell", tell)
    app.router.add_route("*", "/{path:.*}", constant)
    return app


if __name__ == "__main__":
    uvloop.run(serve(application(Path(sys.argv[1]).read_bytes())))
