"""From a credential to a viewer. Whatever the credential, resolvers see only a ``Viewer``."""

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, String, bindparam, select

from db import models
from resolvers.errors import Unauthenticated
from resolvers.services import Clock, Services
from resolvers.viewer import Viewer

KEY_MARK = "sg_"
PREFIX_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Minted:
    """A new API key; ``key`` is its row's.

    ``token`` is the credential, in clear for the only time; ``secret`` signs requests and
    webhooks. Both are None where they were told before.
    """

    key: int
    token: str | None
    secret: str | None


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new signing secret of a key, in clear for the only time."""

    key: int
    secret: str


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A key that was accepted: its viewer, and what the dialects ask of it further."""

    viewer: Viewer
    api_key_id: int
    secret_encrypted: str | None
    allowed_addresses: tuple[str, ...]
    revoked_at: datetime | None

    def allows(self, address: str | None) -> bool:
        """Whether the key may be used from an address; an empty list allows all."""
        if not self.allowed_addresses:
            return True
        try:
            caller = ipaddress.ip_address(address or "")
        except ValueError:
            return False
        if isinstance(caller, ipaddress.IPv6Address) and caller.ipv4_mapped:
            caller = caller.ipv4_mapped
        return any(
            caller in ipaddress.ip_network(entry, strict=False) for entry in self.allowed_addresses
        )


def new_key() -> str:
    """A key nobody can guess: 256 random bits."""
    return KEY_MARK + secrets.token_urlsafe(32)


def new_secret() -> str:
    """A signing secret: 256 random bits."""
    return secrets.token_hex(32)


def key_hash(api_key: str) -> str:
    return hashlib.sha256(api_key.encode(errors="surrogateescape")).hexdigest()


def _holder() -> Select[*tuple[Any, ...]]:
    key = models.ApiKey
    gone = select(models.Store.id).where(
        models.Store.organization_id == key.organization_id, models.Store.deleted_at.is_not(None)
    )
    return (
        select(
            key.id,
            key.organization_id,
            key.store_id,
            key.permissions,
            key.own_only,
            key.allowed_addresses,
            key.expires_at,
            key.revoked_at,
            key.secret_encrypted,
            models.Organization.plan,
            gone.exists(),
        )
        .join(models.Organization, models.Organization.id == key.organization_id)
        .where(
            key.key_hash == bindparam("hash", type_=String()),
            models.Organization.deleted_at.is_(None),
        )
    )


HOLDER = _holder()


def _made(  # noqa: PLR0917 - a row's values, in the order of ``HOLDER``
    id: int,
    organization_id: int,
    store_id: int | None,
    permissions: list[str],
    own_only: bool,  # noqa: FBT001
    allowed_addresses: list[str],
    expires_at: datetime | None,
    revoked_at: datetime | None,
    secret_encrypted: str | None,
    plan: models.Plan,
    has_gone_stores: bool,  # noqa: FBT001
) -> KeyHolder:
    viewer = Viewer(
        organization_id=organization_id,
        permissions=frozenset(permissions),
        credential=f"key:{id}",
        store_ids=None if store_id is None else frozenset({store_id}),
        api_key_id=id,
        own_only=own_only,
        plan=plan.value,
        expires_at=expires_at,
        all_stores_live=not has_gone_stores,
    )
    return KeyHolder(viewer, id, secret_encrypted, tuple(allowed_addresses), revoked_at)


async def key_holder(services: Services, api_key: str) -> KeyHolder:
    """Who holds this key. Raises ``Unauthenticated`` for an unknown, expired or revoked one."""
    holder = await services.lookups.first(HOLDER, {"hash": key_hash(api_key)}, _made)
    if holder is None or holder.revoked_at is not None or _is_over(holder, services.clock):
        raise Unauthenticated("this API key is not valid")
    return holder


def _is_over(holder: KeyHolder, clock: Clock) -> bool:
    end = holder.viewer.expires_at
    return end is not None and end <= clock()
