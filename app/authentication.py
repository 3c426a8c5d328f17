"""Credentials of a request, and the address it comes from."""

import ipaddress
from collections.abc import Mapping, Sequence
from uuid import UUID

from multidict import CIMultiDictProxy, istr

from resolvers import app_tokens, sessions
from resolvers.errors import Forbidden, Unauthenticated
from resolvers.identity import key_holder
from resolvers.services import Services
from resolvers.viewer import Viewer
from rest_compat.instxnt.cookies import in_header

# Looked for in a request's headers without a look at their case.
AUTHORIZATION, API_KEY = istr("authorization"), istr("x-api-key")
INSTALLATION, COOKIE = istr("x-app-install-id"), istr("cookie")
CREDENTIALS = (AUTHORIZATION, API_KEY, INSTALLATION, COOKIE)
USED_FOR = "/graphql"


def credentials(headers: Mapping[str, object]) -> dict[str, str]:
    """The headers (or values of a ``connection_init``) that hold a credential, in lower case."""
    named: dict[str, object] = {}
    for name, value in headers.items():
        named.setdefault(str(name).lower(), value)
    return {name: str(named[name]) for name in CREDENTIALS if named.get(name) is not None}


async def viewer_of(
    services: Services, given: Mapping[str, str], *, remote: str | None
) -> Viewer | None:
    """The viewer of an ``Authorization: Bearer`` or ``X-API-Key`` header, or else of a cookie.

    ``given`` are a request's headers, or ``credentials`` of something else. None without any. A
    bearer is an API key or an app's token, which may need ``X-App-Install-Id`` beside it. Counts a
    request of the key. Raises ``Unauthenticated`` for a credential that is not valid, ``Forbidden``
    where the key may not be used from ``remote``, or the token for the installation.
    """
    key = given.get(API_KEY)
    if key is None and (authorization := given.get(AUTHORIZATION)) is not None:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("use Authorization: Bearer, or X-API-Key")
        if key.strip().startswith(app_tokens.TOKEN_MARK):
            return await _app_viewer(services, key.strip(), given.get(INSTALLATION))
    if key is None:
        token = in_header(given.get(COOKIE))
        return None if token is None else await sessions.viewer_of(services, token)
    holder = await key_holder(services, key.strip())
    if not holder.allows(remote):
        raise Forbidden("this API key may not be used from this address")
    services.usage.count(holder.api_key_id, USED_FOR, services.clock())
    return holder.viewer


async def _app_viewer(services: Services, token: str, installation: str | None) -> Viewer:
    holder = await app_tokens.token_holder(services, token)
    if installation is None and holder.installation_uuid is None:
        raise Forbidden("this token is for many installations: name one by X-App-Install-Id")
    try:
        wanted = None if installation is None else UUID(installation.strip())
    except ValueError as error:
        raise Forbidden("X-App-Install-Id is no UUID") from error
    return await app_tokens.viewer_of(services, holder, wanted)


class Proxies:
    """Which peers may say whom they speak for."""

    def __init__(self, networks: Sequence[str]) -> None:
        """``networks`` in CIDR form. Raises ``ValueError``."""
        self._trusted = [ipaddress.ip_network(network, strict=False) for network in networks]

    def client(self, peer: str | None, headers: CIMultiDictProxy[str]) -> str | None:
        """The client's address: the nearest one that is not a trusted proxy.

        X-Forwarded-For, which anybody can send, counts only as far as trusted proxies have written
        it.
        """
        if peer is None or not self._trusted or not self._trusts(peer):
            return peer
        forwarded_for = headers.getall("X-Forwarded-For", [])
        hops = [hop.strip() for value in forwarded_for for hop in value.split(",") if hop.strip()]
        for hop in reversed(hops):
            if not self._trusts(hop):
                return hop
        return hops[0] if hops else peer

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)
