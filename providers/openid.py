"""OpenID Connect: logging in elsewhere by the authorization code flow, with PKCE.

OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749, RFC 7636. The address of the provider is
configured; what it says of itself is read when it is first needed, and its keys again when a token
names one that is not known.
"""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from resolvers.errors import Unauthenticated, Unavailable
from resolvers.services import Person

TIMEOUT = 10.0
LARGEST = 1 << 20
"""Bytes of an answer: whatever is larger is none."""
REMEMBERED = 3600.0
"""Seconds for which the provider's description and keys are taken to be what they were."""
ASKED_AGAIN = 60.0
"""Seconds between two looks for a key that is not known: tokens may name what they like."""
LEEWAY = 60
# Those with a key that only the provider has; never "none", never one that we know too.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
SCOPE = "openid email profile"


class OpenIdProvider:
    """Implements ``resolvers.services.IdentityProvider``."""

    def __init__(self, name: str, *, issuer: str, client_id: str, client_secret: str) -> None:
        """``name`` is what identities are kept under; ``issuer`` the provider's base address."""
        self._name = name
        self._issuer = issuer.rstrip("/")
        self._client_id, self._client_secret = client_id, client_secret
        self._session: aiohttp.ClientSession | None = None
        self._known: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def address(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        at = _text(await self._described(), "authorization_endpoint")
        return f"{at}{'&' if '?' in at else '?'}{urlencode(query)}"

    async def person(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Person:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "code_verifier": verifier,
        }
        endpoint = _text(await self._described(), "token_endpoint")
        answer = await self._asked("POST", endpoint, data=form)
        claims = await self._claims(_text(answer, "id_token"), nonce)
        verified = claims.get("email_verified")
        name = claims.get("name")
        return Person(
            provider=self._name,
            subject=_text(claims, "sub"),
            email=str(claims.get("email", "")),
            email_verified=verified is True or verified == "true",
            name=name if isinstance(name, str) else None,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # The token

    async def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        """What an ID token says, once it is certain who says it, to whom and when (Core, 3.1.3.7).

        Raises ``Unauthenticated``.
        """
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": await self._issued_by()},
            sub={"essential": True, "allow_blank": False},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = (await self._decoded(token)).claims
            rules.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise Unauthenticated("the other service's token is not good") from error
        audience: Any = claims["aud"]
        party: Any = claims.get("azp")
        if (isinstance(audience, list) and len(audience) != 1) or party not in (  # pyright: ignore[reportUnknownArgumentType]
            None,
            self._client_id,
        ):
            raise Unauthenticated("the other service's token is meant for others too")
        return claims

    async def _decoded(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, await self._key_set(REMEMBERED), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # Keys change: one that is not known yet may be there by now.
            return jwt.decode(token, await self._key_set(ASKED_AGAIN), algorithms=ALGORITHMS)

    async def _key_set(self, age: float) -> KeySet:
        """The provider's keys, as they were no more than so many seconds ago."""
        at = time.monotonic()
        if self._keys is None or at - self._keys[0] > age:
            found: Any = await self._asked("GET", _text(await self._described(), "jwks_uri"))
            try:
                self._keys = (at, KeySet.import_key_set(found))
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise Unavailable("the other service's keys cannot be read") from error
        return self._keys[1]

    # The provider

    async def _issued_by(self) -> str:
        return _text(await self._described(), "issuer")

    async def _described(self) -> Mapping[str, Any]:
        """What the provider says of itself; of nobody else, wherever it was found."""
        at = time.monotonic()
        if self._known is None or at - self._known[0] > REMEMBERED:
            place = f"{self._issuer}/.well-known/openid-configuration"
            found = await self._asked("GET", place)
            if _text(found, "issuer").rstrip("/") != self._issuer:
                raise Unavailable("the other service says that it is another one")
            self._known = (at, found)
        return self._known[1]

    async def _asked(
        self, method: str, address: str, *, data: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """A JSON object. Raises ``Unavailable``, and ``Unauthenticated`` where it says no."""
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._opened().request(
                    method, address, data=data, allow_redirects=False
                ) as response,
            ):
                body = await response.content.read(LARGEST + 1)
                while len(body) <= LARGEST and (more := await response.content.read(LARGEST)):
                    body += more
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable("the other service does not answer") from error
        if method == "POST" and response.status in (400, 401, 403):
            raise Unauthenticated("the other service refuses the code")
        try:
            found: Any = orjson.loads(body) if len(body) <= LARGEST else None
        except orjson.JSONDecodeError:
            found = None
        if response.status != 200 or not isinstance(found, dict):  # noqa: PLR2004 - everybody knows
            raise Unavailable("the other service's answer cannot be read")
        return found  # pyright: ignore[reportUnknownVariableType]

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), headers={"Accept": "application/json"}
            )
        return self._session


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise Unavailable(f"the other service tells no {name}")
    return value
