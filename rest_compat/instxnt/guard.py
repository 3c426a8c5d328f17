"""Who may call: credential, proof, rate limits, and the row in the path, checked in this order."""

from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs

from db import models
from db.base import Base
from resolvers import csrf, sessions
from resolvers.accounts import place
from resolvers.errors import RateLimited, Unauthenticated, UnsupportedMedia
from resolvers.identity import key_holder
from resolvers.ownership import owned
from resolvers.services import Limit, Services
from resolvers.viewer import Viewer
from rest_compat.dialect import Call, Contract
from rest_compat.instxnt import cookies
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.failure import CsrfRefused
from rest_compat.instxnt.wire import uuid_of

SUBJECTS: Mapping[str, type[Base]] = {
    "store_id": models.Store,
    "order_id": models.Order,
    "job_id": models.Job,
}
PER_SESSION = ("read", "write")
PER_ADDRESS = ("auth_older_page",)
PROOF = "X-CSRF-Token"
CHANGING = frozenset({hdrs.METH_POST, hdrs.METH_PATCH, hdrs.METH_DELETE, hdrs.METH_PUT})
JSON = "application/json"


class Guard:
    """Admits a request and makes the context of its handler."""

    def __init__(self, services: Services, contract: Contract) -> None:
        self._services = services
        rules: Mapping[str, Any] = contract.extension("x-rate-limits")
        self._limits = {
            name: Limit(
                f"instxnt.{name}",
                rules[name]["limit"],
                rules[name]["window_seconds"],
                burst=rules[name].get("burst_multiplier", 1),
            )
            for name in (*PER_SESSION, *PER_ADDRESS)
        }

    async def __call__(self, call: Call) -> Asking:
        if not call.operation.security:
            return await self._open(call)
        viewer = await self._viewer(call)
        await self._admit(call, PER_SESSION, viewer.credential)
        await self._admit(call, PER_ADDRESS, place(call.remote))
        asking = Asking(self._services, viewer, call.request_id, call.remote)
        for name, row in SUBJECTS.items():
            if (text := call.path_values.get(name)) is not None:
                asking.subject_key = await owned(asking, row, uuid_of(row, text))
        return asking

    async def _open(self, call: Call) -> Asking:
        """A request that needs no session, for it may lead to one.

        A page of another site can make a browser send a body that is not called JSON; so it could
        log somebody in, as somebody else.
        """
        if call.request.method in CHANGING and call.media_type != JSON:
            raise UnsupportedMedia(f"send Content-Type: {JSON}")
        await self._admit(call, PER_ADDRESS, place(call.remote))
        return Asking(self._services, None, call.request_id, call.remote)

    async def _viewer(self, call: Call) -> Viewer:
        """Whose credential came along: a token's, which no browser sends by itself, or a cookie's.

        With a cookie, what changes something needs a proof that it comes from the cookie's owner.
        """
        if hdrs.AUTHORIZATION in call.headers:
            return await self._by_token(call)
        cookie = cookies.session_of(call.request)
        if cookie is None:
            raise Unauthenticated("there is no session")
        viewer = await sessions.viewer_of(self._services, cookie)
        if call.request.method in CHANGING:
            self._prove(call, cookie)
        return viewer

    async def _by_token(self, call: Call) -> Viewer:
        scheme, _, token = call.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("there is no session")
        holder = await key_holder(self._services, token.strip())
        if holder.viewer.plan != models.Plan.PRO.value:
            raise Unauthenticated("tokens are for accounts of the plan Pro")
        if not holder.allows(call.remote):
            raise Unauthenticated("this token may not be used from this address")
        self._services.usage.count(holder.api_key_id, call.operation.path, self._services.clock())
        return holder.viewer

    def _prove(self, call: Call, cookie: str) -> None:
        given = call.headers.get(PROOF)
        if not given:
            raise CsrfRefused("missing_csrf", f"Send an {PROOF} header")
        if not csrf.is_proof(cookie, given, self._services.clock()):
            raise CsrfRefused("invalid_csrf", "This CSRF token is not of this session, or too old")

    async def _admit(self, call: Call, names: tuple[str, ...], scope: str) -> None:
        for name in names:
            if name in call.operation.rate_limits:
                limit = self._limits[name]
                if wait := await self._services.limiter.hit(limit, scope):
                    raise RateLimited("Slow down", retry_after=wait, limit=limit.amount)
