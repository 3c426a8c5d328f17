"""API keys: credentials of programs. What a key is in clear is told once, at its making."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

from sqlalchemy import bindparam, or_, select
from sqlalchemy.engine import Row

from db import models
from db.base import UtcDateTime, now
from db.engine import Database
from db.models import ApiKey
from resolvers import audit, fetch, idempotency
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from resolvers.events import API_KEY, announce
from resolvers.identity import PREFIX_LENGTH, Minted, Rotated, key_hash, new_key, new_secret
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Count, Rule, Text, checked
from resolvers.viewer import Viewer, unknown_permissions
from resolvers.writes import held, referred

SORTS = sorts(
    "ApiKeySort",
    default="created_at_desc",
    id=ApiKey.id,
    created_at=ApiKey.created_at,
    name=ApiKey.name,
    request_count=ApiKey.request_count,
)
KEY = Annotated[int, KeyOf("ApiKey"), "The key."]


class Addresses(Rule):
    """IP addresses and networks, each once, in their usual spelling."""

    kind: ClassVar[str] = "address"

    def check(self, value: Sequence[str]) -> list[str]:
        found: dict[str, None] = {}
        for entry in value:
            try:
                network = ipaddress.ip_network(entry.strip(), strict=False)
            except ValueError as error:
                raise ValueError(f"must hold IP addresses and networks; {error}") from error
            single = network.num_addresses == 1
            found[str(network.network_address) if single else str(network)] = None
        return list(found)


@dataclass(frozen=True, kw_only=True)
class ApiKeyFilter:
    """Which keys; all given conditions must hold."""

    search: Annotated[str | None, "Text in the name, or the beginning of the key."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Limited to this store."] = None
    own_only: Annotated[bool | None, "Keys of wholesale clients only, or only others."] = None
    active: Annotated[bool | None, "Neither revoked nor expired, or one of the two."] = None


@dataclass(frozen=True, kw_only=True)
class NewApiKey:
    """A key to make. It can do no more than whoever makes it."""

    name: Annotated[str, Text(100), "What it is for, 1 to 100 characters."]
    permissions: Annotated[
        Sequence[str],
        Count(200),
        "What it may do: resource:action, resource:* or * for everything.",
    ]
    store_id: Annotated[int | None, KeyOf("Store"), "The only store it sees; all without it."] = (
        None
    )
    own_only: Annotated[bool, "It sees only the orders, balances and top-ups it made itself."] = (
        False
    )
    expires_at: Annotated[datetime | None, "When it ends by itself; never without it."] = None
    with_secret: Annotated[bool, "Also make a secret that signs requests and webhooks."] = False
    allowed_addresses: Annotated[
        Sequence[str] | None,
        Count(100),
        Addresses(),
        "IP addresses and networks (CIDR) that may use it; any without it.",
    ] = None


@dataclass(frozen=True, kw_only=True)
class ApiKeyChanges:
    """What to change; fields left out stay as they are."""

    name: Annotated[str, Text(100), "What it is for, 1 to 100 characters."] = ABSENT
    allowed_addresses: Annotated[
        Sequence[str],
        Count(100),
        Addresses(),
        "IP addresses and networks (CIDR); an empty list allows any.",
    ] = ABSENT


@one(ApiKey, by=ApiKey.id, permission="api_key:view")
def by_id(keys: Any) -> Any:
    return keys


@one(ApiKey, by=ApiKey.id, permission=None)
def in_use(keys: Any) -> Any:
    """The viewer's own key, which needs no permission. Never bind it to a key from outside."""
    return keys


@page(ApiKey, sorts=SORTS, permission="api_key:view")
def listing(keys: Any, *, filter: ApiKeyFilter | None = None) -> Any:
    return narrowed(keys, filter, CONDITIONS)


of_stores = listing.by_column(ApiKey.store_id)


def _active(wanted: bool) -> Any:  # noqa: FBT001 - what a filter gives
    # The statement may live longer than the moment at which it is built.
    at = bindparam(None, callable_=now, type_=UtcDateTime())
    ended = or_(
        ApiKey.revoked_at.is_not(None),
        ApiKey.expires_at.is_not(None) & (ApiKey.expires_at <= at),
    )
    return ~ended if wanted else ended


CONDITIONS: Conditions = {
    "search": lambda text: or_(contains(ApiKey.name, text), ApiKey.prefix == text[:PREFIX_LENGTH]),
    "store_id": lambda key: ApiKey.store_id == key,
    "own_only": ApiKey.own_only.is_,
    "active": _active,
}


async def create(ctx: Context, *, input: NewApiKey, idempotency_key: str | None = None) -> Minted:
    """Make a key. A repetition under the same idempotency key tells the secrets no second time."""
    viewer = ctx.require("api_key:create")
    values = checked(input, "input")
    _refuse_more_than_own(viewer, input)
    if input.expires_at is not None and input.expires_at <= ctx.services.clock():
        raise Invalid("a key cannot expire in the past", field=("input", "expires_at"))
    token, secret = new_key(), new_secret() if values.pop("with_secret") else None
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, "createApiKey", idempotency_key, input)
        if kept is not None:
            return Minted(kept["key"], None, None)
        if input.store_id is not None:
            await referred(tx, viewer, models.Store, input.store_id, field=("input", "store_id"))
        values["permissions"] = sorted(set(input.permissions))
        values["allowed_addresses"] = values["allowed_addresses"] or []
        row = ApiKey(
            organization_id=viewer.organization_id,
            prefix=token[:PREFIX_LENGTH],
            key_hash=key_hash(token),
            secret_encrypted=None if secret is None else ctx.services.vault.seal(secret),
            **values,
        )
        tx.add(row)
        await tx.flush()
        told = {**values, "hmac": secret is not None}
        told["expires_at"] = None if row.expires_at is None else row.expires_at.isoformat()
        audit.write(tx, viewer, "mint", (API_KEY, row.id), **told)
        await idempotency.keep(ctx, tx, "createApiKey", idempotency_key, {"key": row.id})
    return Minted(row.id, token, secret)


async def revoke(ctx: Context, *, id: KEY) -> int:
    """End a key for good, and its live subscriptions with it. Once more does nothing more."""
    viewer = ctx.require("api_key:delete")
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, ApiKey, id)
        if row.revoked_at is None:
            row.revoked_at = ctx.services.clock()
            audit.write(tx, viewer, "revoke", (API_KEY, id), name=row.name)
            announce(
                tx,
                "api_key.revoked",
                organization_id=row.organization_id,
                store_id=row.store_id,
                subject=(API_KEY, id),
                api_key_id=id,
            )
    return id


async def rotate_secret(ctx: Context, *, id: KEY) -> Rotated:
    """Replace the signing secret; the old one is void at once. The key itself stays."""
    viewer = ctx.require("api_key:update")
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, ApiKey, id)
        if any(not viewer.may(permission) for permission in row.permissions):
            raise Forbidden("this key may do more than you", field=("id",))
        if row.revoked_at is not None or row.secret_encrypted is None:
            state = "has no secret" if row.revoked_at is None else "is revoked"
            raise Conflict(f"this key {state}", field=("id",))
        secret = new_secret()
        row.secret_encrypted = ctx.services.vault.seal(secret)
        audit.write(tx, viewer, "rotate_secret", (API_KEY, id))
    return Rotated(id, secret)


async def update(
    ctx: Context, *, id: KEY, changes: ApiKeyChanges, expected_version: int | None = None
) -> int:
    viewer = ctx.require("api_key:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, ApiKey, id, expected_version=expected_version)
        if values.get("name", row.name) != row.name:
            audit.write(tx, viewer, "rename", (API_KEY, id), old=row.name, new=values["name"])
            row.name = values["name"]
        before, after = row.allowed_addresses, values.get("allowed_addresses")
        if after is not None and after != before:
            row.allowed_addresses = after
            added = [entry for entry in after if entry not in before]
            removed = [entry for entry in before if entry not in after]
            audit.write(tx, viewer, "whitelist", (API_KEY, id), added=added, removed=removed)
    return id


async def addresses(ctx: Context, key: int) -> list[str]:
    """The addresses that may use a key; none where any may."""
    row = await fetch.find(ctx, by_id, key, (ApiKey.allowed_addresses,), what="api key")
    return list(row.allowed_addresses)


def state(row: Any, at: datetime) -> str:
    """What has become of a key: revoked, expired or active."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= at else "active"


async def everyone(database: Database) -> Sequence[Row[*tuple[Any, ...]]]:
    """The keys of all organizations, with their organization's slug, for operators."""
    found = (
        select(*ApiKey.__table__.columns, models.Organization.slug)
        .join(models.Organization, models.Organization.id == ApiKey.organization_id)
        .order_by(ApiKey.id)
    )
    async with database.read() as connection:
        return (await connection.execute(found)).all()


async def organization_of(database: Database, key: int) -> int:
    """Whose key it is, for operators. Raises ``NotFound``."""
    found = select(ApiKey.organization_id).where(ApiKey.id == key)
    async with database.read() as connection:
        row = (await connection.execute(found)).first()
    if row is None:
        raise NotFound("api key")
    return row.organization_id


def _refuse_more_than_own(viewer: Viewer, input: NewApiKey) -> None:
    """A key that somebody makes is never stronger than they are."""
    if unknown := unknown_permissions(input.permissions):
        raise Invalid(
            f"no such permission: {', '.join(unknown)}",
            problems=[
                Problem(("input", "permissions", at), f"{name} is no permission", "enum")
                for at, name in enumerate(input.permissions)
                if name in unknown
            ],
        )
    if beyond := [name for name in input.permissions if not viewer.may(name)]:
        raise Forbidden(
            f"you cannot grant what you may not do: {', '.join(sorted(set(beyond)))}",
            field=("input", "permissions"),
            details={"permissions": sorted(set(beyond))},
        )
    if viewer.store_ids is not None and input.store_id is None:
        raise Forbidden("you see some stores only: name one", field=("input", "store_id"))
    if viewer.own_only and not input.own_only:
        raise Forbidden("you see your own orders only: set ownOnly", field=("input", "own_only"))
