"""Who may call: credential, rate limits, and the row in the path, checked in this order."""

from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs

from db import models
from db.base import Base
from resolvers.errors import RateLimited, Unauthenticated
from resolvers.identity import key_holder
from resolvers.ownership import owned
from resolvers.services import Limit, Services
from resolvers.viewer import Viewer
from rest_compat.dialect import Call, Contract
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.wire import uuid_of

SUBJECTS: Mapping[str, type[Base]] = {
    "store_id": models.Store,
    "order_id": models.Order,
    "job_id": models.Job,
}
PER_SESSION = ("read", "write")


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
                burst=rules[name]["burst_multiplier"],
            )
            for name in PER_SESSION
        }

    async def __call__(self, call: Call) -> Asking:
        viewer = await self._viewer(call)
        await self._admit(call, viewer.credential)
        asking = Asking(self._services, viewer, call.request_id, call.remote)
        for name, row in SUBJECTS.items():
            if (text := call.path_values.get(name)) is not None:
                asking.subject_key = await owned(asking, row, uuid_of(row, text))
        return asking

    async def _viewer(self, call: Call) -> Viewer:
        scheme, _, token = call.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("there is no session")
        holder = await key_holder(self._services, token.strip())
        if holder.viewer.plan != models.Plan.PRO.value:
            raise Unauthenticated("tokens are for accounts of the plan Pro")
        return holder.viewer

    async def _admit(self, call: Call, scope: str) -> None:
        for name in call.operation.rate_limits:
            if (limit := self._limits.get(name)) is not None:
                wait = await self._services.limiter.hit(limit, scope)
                if wait:
                    raise RateLimited("Slow down", retry_after=wait, limit=limit.amount)
