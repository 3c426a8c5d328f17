"""Who may call: the token, its installation, and the permission of the operation."""

from uuid import UUID

from aiohttp import hdrs

from resolvers.app_tokens import token_holder, viewer_of
from resolvers.context import Context
from resolvers.errors import Forbidden, Invalid, Problem, Unauthenticated
from resolvers.services import Services
from rest_compat.dialect import Call

INSTALLATION = "X-App-Install-Id"


class Guard:
    """Admits a request and makes the context of its handler."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, call: Call) -> Context:
        if not any("bearerToken" in scheme for scheme in call.operation.security):
            return Context(self._services, None, call.request_id, call.remote)
        scheme, _, token = call.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("The access token is missing or has expired.")
        holder = await token_holder(self._services, token.strip())
        wanted = call.headers.get(INSTALLATION)
        if wanted is None and holder.installation_uuid is None:
            problem = Problem(("header", INSTALLATION), "is required", "required")
            raise Invalid("The given data was invalid.", problems=[problem])
        viewer = await viewer_of(self._services, holder, _uuid(wanted))
        permission: str | None = call.operation.extension("x-permission")
        if permission not in (None, "none") and not viewer.may(permission):
            raise Forbidden("not granted", details={"permission": permission})
        return Context(self._services, viewer, call.request_id, call.remote)


def _uuid(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text.strip())
    except ValueError as error:
        problem = Problem(("header", INSTALLATION), "must be a valid UUID", "format", "uuid")
        raise Invalid("The given data was invalid.", problems=[problem]) from error
