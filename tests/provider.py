"""An OpenID provider of its own: it signs tokens, and is as strict as real ones are."""

import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "client-1", "secret of the client"
KEY, OTHER_KEY = (RSAKey.generate_key(2048, {"kid": name, "use": "sig"}) for name in "ab")


@dataclass
class Provider:
    """Whoever comes is logged in as ``person``. ``claims`` change what its token says."""

    url: str = ""
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "1234", "email": "ada@example.com", "email_verified": True, "name": "Ada",
        }
    )  # fmt: skip
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    key: RSAKey = field(default_factory=lambda: KEY)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "a"})
    published: list[RSAKey] = field(default_factory=lambda: [KEY])
    issuer: str | None = None
    sign: Callable[[dict[str, Any]], str] | None = None
    asked: list[str] = field(default_factory=list[str])
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/.well-known/openid-configuration", self.describe),
            web.get("/keys", self.keys),
            web.get("/authorize", self.authorize),
            web.post("/token", self.exchange),
        ]

    async def describe(self, request: web.Request) -> web.Response:
        self.asked.append("description")
        return web.json_response(
            {
                "issuer": self.issuer or self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        )

    async def keys(self, request: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.published]})

    async def authorize(self, request: web.Request) -> web.Response:
        query = request.query
        right = (
            query["response_type"] == "code"
            and query["client_id"] == CLIENT_ID
            and query["code_challenge_method"] == "S256"
            and "openid" in query["scope"].split()
            and len(query["state"]) >= 32
            and len(query["nonce"]) >= 32
        )
        if not right:
            raise web.HTTPBadRequest
        code = f"code-{len(self.codes)}"
        self.codes[code] = dict(query)
        back = urlencode({"code": code, "state": query["state"]})
        raise web.HTTPFound(f"{query['redirect_uri']}?{back}")

    async def exchange(self, request: web.Request) -> web.Response:
        form = await request.post()
        begun = self.codes.pop(str(form.get("code")), None)
        proven = urlsafe_b64encode(sha256(str(form.get("code_verifier")).encode()).digest())
        if (
            begun is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != begun["redirect_uri"]
            or (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET)
            or proven.rstrip(b"=").decode() != begun["code_challenge"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        at = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT_ID, "iat": at, "exp": at + 300,
            "nonce": begun["nonce"], **self.person, **self.claims,
        }  # fmt: skip
        said = {name: value for name, value in claims.items() if value is not None}
        token = self.sign(said) if self.sign else jwt.encode(self.header, said, self.key)
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": token})


@asynccontextmanager
async def provider() -> AsyncGenerator[Provider]:
    made, app = Provider(), web.Application()
    app.add_routes(made.routes())
    async with TestServer(app) as server:
        made.url = str(server.make_url("/")).rstrip("/")
        yield made
