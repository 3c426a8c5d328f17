"""App tokens: short-lived credentials of an app, for one installation of it or for all."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import Select, String, Uuid, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import (
    App,
    AppInstallation,
    AppToken,
    InstallationStatus,
    Organization,
    Plan,
    Store,
)
from resolvers import audit
from resolvers.context import Context
from resolvers.errors import Forbidden, RateLimited, Unauthenticated
from resolvers.events import INSTALLATION, announce
from resolvers.keys import KeyOf
from resolvers.services import Limit, Services
from resolvers.viewer import Viewer
from resolvers.writes import held

TOKEN_MARK = "xpt_"  # noqa: S105 - what tokens begin with
LIFETIME = 3600
LONGEST = 86400
PER_ADDRESS = Limit("app_tokens.address", 120, 60)
PER_APP = Limit("app_tokens.app", 30, 60)
NOT_GRANTED = "The installation is not granted to this app."
_NOBODYS = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """A token that is known: of which app, and for which installation (None: for all of them)."""

    token_id: int
    app_id: int
    installation_uuid: UUID | None
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token, in clear for the only time; it lives for ``ttl`` seconds."""

    token: str
    app_uuid: UUID
    app_name: str
    ttl: int
    expires_at: datetime


def token_hash(token: str) -> str:
    """What is kept of a token: it has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def new_token() -> str:
    """A token nobody can guess: 256 random bits."""
    return TOKEN_MARK + secrets.token_urlsafe(32)


# From a token to a viewer


def _holder() -> Select[*tuple[Any, ...]]:
    return (
        select(
            AppToken.id,
            AppToken.app_id,
            AppInstallation.uuid,
            AppToken.expires_at,
            AppToken.revoked_at,
        )
        .join(App, App.id == AppToken.app_id)
        .outerjoin(AppInstallation, AppInstallation.id == AppToken.installation_id)
        .where(AppToken.token_hash == bindparam("hash", type_=String()), App.deleted_at.is_(None))
    )


def _installed() -> Select[*tuple[Any, ...]]:
    return (
        select(
            AppInstallation.id,
            AppInstallation.organization_id,
            AppInstallation.store_id,
            AppInstallation.permissions,
            AppInstallation.status,
            Organization.plan,
        )
        .join(Store, Store.id == AppInstallation.store_id)
        .join(Organization, Organization.id == AppInstallation.organization_id)
        .where(
            AppInstallation.uuid == bindparam("uuid", type_=Uuid()),
            AppInstallation.app_id == bindparam("app_id", type_=AppInstallation.app_id.type),
            Store.deleted_at.is_(None),
            Organization.deleted_at.is_(None),
        )
    )


HOLDER = _holder()
INSTALLED = _installed()


def _viewer(  # noqa: PLR0917 - a row's values, in the order of ``INSTALLED``
    id: int,
    organization_id: int,
    store_id: int,
    permissions: list[str],
    status: InstallationStatus,
    plan: Plan,
) -> Viewer | None:
    if status is not InstallationStatus.ACTIVE:
        return None
    return viewer_for(id, organization_id, store_id, permissions, plan=plan)


def viewer_for(
    installation_id: int,
    organization_id: int,
    store_id: int,
    permissions: list[str],
    *,
    plan: Plan = Plan.FREE,
) -> Viewer:
    """What an active installation in a store that is there may see and do."""
    return Viewer(
        organization_id=organization_id,
        permissions=frozenset(permissions),
        credential=f"installation:{installation_id}",
        store_ids=frozenset({store_id}),
        installation_id=installation_id,
        plan=plan.value,
        all_stores_live=True,  # it sees one store, which is
    )


async def token_holder(services: Services, token: str) -> TokenHolder:
    """Who holds this token. Raises ``Unauthenticated`` for an unknown, expired or revoked one."""
    holder = await services.lookups.first(HOLDER, {"hash": token_hash(token)}, TokenHolder)
    if holder is None or holder.revoked_at is not None or holder.expires_at <= services.clock():
        raise Unauthenticated("The access token is missing or has expired.")
    return holder


async def viewer_of(services: Services, holder: TokenHolder, installation: UUID | None) -> Viewer:
    """The viewer of a token for an installation: its own, or the one that the request names.

    Raises ``Forbidden`` where the app has no such installation, or none that is active.
    """
    wanted = holder.installation_uuid if installation is None else installation
    if holder.installation_uuid not in (None, wanted):
        raise Forbidden("This token is for another installation.")
    values = {"uuid": wanted, "app_id": holder.app_id}
    viewer = await services.lookups.first(INSTALLED, values, _viewer)
    if viewer is None:
        raise Forbidden(NOT_GRANTED)
    return replace(viewer, expires_at=holder.expires_at, app_token_id=holder.token_id)


# Operations


async def issue(
    ctx: Context,
    *,
    client_id: str,
    client_secret: str,
    installation: UUID | None = None,
    ttl: int = LIFETIME,
) -> Issued:
    """A token of at most ``LONGEST`` seconds for an app that proves who it is.

    Raises ``Unauthenticated`` for wrong credentials, whichever of the two is wrong, ``Forbidden``
    where ``installation`` is none of the app's or not active, ``RateLimited`` for too many calls
    from one address, whose every call counts, or of one app from it.
    """
    services = ctx.services
    await _count(services, PER_ADDRESS, f"{ctx.remote}")
    app = await _app(ctx, client_id)
    if app is not None:  # what nobody has registered needs no count of its own
        await _count(services, PER_APP, f"{app.id}:{ctx.remote}")
    right = hmac.compare_digest(
        token_hash(client_secret), _NOBODYS if app is None else app.secret_hash
    )
    if app is None or not right:
        raise Unauthenticated("The client credentials are wrong.")
    # Should any of this end before the token is there: using it is another look-up.
    key = None if installation is None else await _active(ctx, app.id, installation)
    token, lifetime = new_token(), min(ttl, LONGEST)
    row = AppToken(
        organization_id=app.organization_id,
        app_id=app.id,
        installation_id=key,
        token_hash=token_hash(token),
        expires_at=services.clock() + timedelta(seconds=lifetime),
    )
    async with ctx.transaction() as tx:
        tx.add(row)
    return Issued(token, app.uuid, app.name, lifetime, row.expires_at)


async def revoke_all(ctx: Context, *, id: Annotated[int, KeyOf("App"), "An app of yours."]) -> int:
    """End every token of an app at once, and its live subscriptions; it may ask for new ones."""
    viewer = ctx.require("app:update")
    async with ctx.transaction() as tx:
        app = await held(tx, viewer, App, id)
        await revoke(tx, AppToken.app_id == id, at=ctx.services.clock())
        used = select(AppInstallation).where(
            AppInstallation.app_id == id, AppInstallation.status == InstallationStatus.ACTIVE
        )
        for installation in await tx.scalars(used):
            tell(tx, installation, ends_access=True)
        audit.write(tx, viewer, "revoke_tokens", ("app", id), name=app.name)
    return id


async def revoke(tx: AsyncSession, which: Any, *, at: datetime) -> None:
    """End the tokens of a condition that have not ended yet."""
    live = update(AppToken).where(which, AppToken.revoked_at.is_(None), AppToken.expires_at > at)
    await tx.execute(live.values(revoked_at=at).execution_options(synchronize_session=False))


def tell(tx: AsyncSession, installation: AppInstallation, *, ends_access: bool) -> None:
    """Announce an installation as it is now; with ``ends_access`` nobody goes on with its tokens.

    What goes on longer than a request is meant: every new request is looked up anew.
    """
    announce(
        tx,
        "app_installation.updated",
        organization_id=installation.organization_id,
        store_id=installation.store_id,
        subject=(INSTALLATION, installation.id),
        app_name=installation.app_name,
        status=installation.status.value,
        ends_access=ends_access,
    )


async def _count(services: Services, limit: Limit, scope: str) -> None:
    if wait := await services.limiter.hit(limit, scope):
        raise RateLimited("Too many token requests.", retry_after=wait, limit=limit.amount)


async def _app(ctx: Context, client_id: str) -> Any:
    if "\x00" in client_id:  # which no row can hold
        return None
    columns = (App.id, App.uuid, App.name, App.organization_id, App.secret_hash)
    found = select(*columns).where(App.client_id == client_id, App.deleted_at.is_(None))
    return next(iter(await ctx.rows(found)), None)


async def _active(ctx: Context, app_id: int, uuid: UUID) -> int:
    found = (
        select(AppInstallation.id)
        .join(Store, Store.id == AppInstallation.store_id)
        .where(
            AppInstallation.app_id == app_id,
            AppInstallation.uuid == uuid,
            AppInstallation.status == InstallationStatus.ACTIVE,
            Store.deleted_at.is_(None),
        )
    )
    rows = await ctx.rows(found)
    if not rows:
        raise Forbidden(NOT_GRANTED)
    return rows[0].id
