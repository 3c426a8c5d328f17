"""From a credential to a viewer. Whatever the credential, resolvers see only a ``Viewer``."""

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row

from db import models
from resolvers.errors import Unauthenticated
from resolvers.services import Services
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


async def key_holder(services: Services, api_key: str) -> KeyHolder:
    """Who holds this key. Raises ``Unauthenticated`` for an unknown, expired or revoked one."""
    key = models.ApiKey
    found = (
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
        )
        .join(models.Organization, models.Organization.id == key.organization_id)
        .where(key.key_hash == key_hash(api_key), models.Organization.deleted_at.is_(None))
    )
    async with services.database.read() as connection:
        row = (await connection.execute(found)).first()
    if row is None or not _is_live(row, services.clock()):
        raise Unauthenticated("this API key is not valid")
    viewer = Viewer(
        organization_id=row.organization_id,
        permissions=frozenset(row.permissions),
        credential=f"key:{row.id}",
        store_ids=None if row.store_id is None else frozenset({row.store_id}),
        api_key_id=row.id,
        own_only=row.own_only,
        plan=row.plan.value,
        expires_at=row.expires_at,
    )
    return KeyHolder(viewer, row.id, row.secret_encrypted, tuple(row.allowed_addresses))


def _is_live(row: Row[*tuple[Any, ...]], now: datetime) -> bool:
    expires_at: datetime | None = row.expires_at
    return row.revoked_at is None and (expires_at is None or expires_at > now)
