"""Who may call: key, address, rate limit and signature, checked in this order."""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import hdrs

from resolvers import signatures
from resolvers.context import Context
from resolvers.errors import Forbidden, RateLimited, StoreError, Unauthenticated
from resolvers.identity import KeyHolder, key_holder
from resolvers.services import Limit, Services
from rest_compat.dialect import Call, Contract

API_KEY = "X-API-Key"
SIGNED = "x-hmac"


class Guard:
    """Admits a request and makes the context of its handler.

    Every request with a valid key counts as used, refused ones too.
    """

    def __init__(self, services: Services, contract: Contract, admin_token: str | None) -> None:
        self._services = services
        self._admin_token = admin_token
        rules: Mapping[str, Any] = contract.extension("x-rate-limits")
        self._limits = {
            name: Limit(f"instamarket.{name}", rule["limit"], rule["window_seconds"])
            for name, rule in rules.items()
        }

    async def __call__(self, call: Call) -> Context:
        if any("adminToken" in scheme for scheme in call.operation.security):
            self._check_admin(call)
            return Context(self._services, None, call.request_id, call.remote)
        holder = await self._holder(call)
        try:
            await self._admit(call, holder)
        except StoreError:
            self._count(call, holder)
            raise
        # The answer of GET /usage tells of the requests before it, so its handler counts it.
        if call.operation.id != "get_usage":
            self._count(call, holder)
        # In this dialect every key is a client of its own: it sees what it made itself.
        viewer = replace(holder.viewer, own_only=True)
        return Context(self._services, viewer, call.request_id, call.remote)

    async def _holder(self, call: Call) -> KeyHolder:
        try:
            return await key_holder(self._services, call.headers.get(API_KEY, "").strip())
        except Unauthenticated as error:
            raise Unauthenticated(f"Invalid {API_KEY}") from error

    def _count(self, call: Call, holder: KeyHolder) -> None:
        self._services.usage.count(holder.api_key_id, call.path, self._services.clock())

    async def _admit(self, call: Call, holder: KeyHolder) -> None:
        if not holder.allows(call.remote):
            raise Forbidden("IP address not allowed for this key")
        for name in call.operation.rate_limits:
            limit = self._limits[name]
            wait = await self._services.limiter.hit(limit, f"key:{holder.api_key_id}")
            if wait:
                raise RateLimited(
                    f"Rate limit exceeded ({limit.amount} per minute)",
                    retry_after=wait,
                    limit=limit.amount,
                )
        if call.operation.extension(SIGNED) and holder.secret_encrypted is not None:
            await signatures.check(
                self._services,
                secret=self._services.vault.open(holder.secret_encrypted),
                scope=f"key:{holder.api_key_id}",
                timestamp=call.headers.get("X-Timestamp"),
                signature=call.headers.get("X-Signature"),
                body=await call.body(),
            )

    def _check_admin(self, call: Call) -> None:
        scheme, _, token = call.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        given = token.strip().encode(errors="surrogateescape")
        wanted = (self._admin_token or "").encode()
        same = hmac.compare_digest(given, wanted)
        if not wanted or scheme.lower() != "bearer" or not same:
            raise Unauthenticated("Admin access required")
