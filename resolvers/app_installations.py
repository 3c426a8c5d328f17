"""Installations: apps in stores, with what each store has granted.

They belong to the store, whoever has registered the app. Locks are taken in the order app,
installation, tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy import update as changing
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import (
    App,
    AppInstallation,
    AppToken,
    InstallationStatus,
    WebhookDelivery,
    WebhookStatus,
)
from resolvers import app_tokens, audit, idempotency, install_flows, jobs
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Count, checked
from resolvers.viewer import Viewer, visible
from resolvers.writes import held, referred

KEY = Annotated[int, KeyOf("AppInstallation"), "The installation."]
SUBJECT = "app_installation"
OPEN = (InstallationStatus.PENDING, InstallationStatus.INACTIVE)
SORTS = sorts(
    "AppInstallationSort",
    default="created_at_desc",
    id=AppInstallation.id,
    created_at=AppInstallation.created_at,
)


class InstallFlow(StrEnum):
    """How an app learns that a store wants it: it is called, or the user's browser is sent there.

    Both need the app's install URL; without one it is active at once.
    """

    DIRECT = "direct"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class Confirmed:
    key: int
    uuid: UUID


@dataclass(frozen=True, slots=True)
class Installed:
    """``redirect_url`` is where the user's browser goes next; None where nothing is left to do."""

    key: int
    redirect_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class AppInstallationFilter:
    """Which installations; all given conditions must hold."""

    store_id: Annotated[int | None, KeyOf("Store"), "Only in this store."] = None
    app_id: Annotated[int | None, KeyOf("App"), "Only of this app."] = None
    status: Annotated[tuple[InstallationStatus, ...] | None, "Any of these statuses."] = None
    search: Annotated[str | None, "Text in the app's name."] = None


@dataclass(frozen=True, kw_only=True)
class InstallApp:
    """An app to install: one of your own by its id, or anybody's by its client id."""

    store_id: Annotated[int, KeyOf("Store"), "The store that is to have it."]
    app_id: Annotated[int | None, KeyOf("App"), "An app of your organization."] = None
    client_id: Annotated[str | None, "The client id of any app: public_…"] = None
    permissions: Annotated[
        Sequence[str] | None,
        Count(200),
        "What it may do: some of what it asks for; all of it without this.",
    ] = None
    flow: Annotated[InstallFlow, "How the app learns of it."] = InstallFlow.DIRECT


@dataclass(frozen=True, kw_only=True)
class AppInstallationChanges:
    """What to change about an installation."""

    permissions: Annotated[
        Sequence[str], Count(200), "What the app may do: some of what it asks for."
    ] = ABSENT


CONDITIONS: Conditions = {
    "store_id": lambda key: AppInstallation.store_id == key,
    "app_id": lambda key: AppInstallation.app_id == key,
    "status": AppInstallation.status.in_,
    "search": lambda text: contains(AppInstallation.app_name, text),
}


@one(AppInstallation, by=AppInstallation.id, permission="app:view")
def by_id(installations: Any) -> Any:
    return installations


@page(AppInstallation, sorts=SORTS, permission="app:view")
def listing(installations: Any, *, filter: AppInstallationFilter | None = None) -> Any:
    return narrowed(installations, filter, CONDITIONS)


of_stores = listing.by_column(AppInstallation.store_id)
of_apps = listing.by_column(AppInstallation.app_id)


async def install(
    ctx: Context, *, input: InstallApp, idempotency_key: str | None = None
) -> Installed:
    """Give an app to a store. It is active at once, or as soon as the app has agreed.

    Raises ``NotFound`` for an app that is not there, ``Conflict`` where the store has it already,
    ``Forbidden`` for permissions that the caller lacks.
    """
    viewer = ctx.require("app:install")
    checked(input, "input")
    if (input.app_id is None) == (input.client_id is None):
        raise Invalid("name the app by its id or by its client id", field=("input", "client_id"))
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, "installApp", idempotency_key, input)
        if kept is not None:
            return Installed(kept["key"])
        await referred(tx, viewer, models.Store, input.store_id, field=("input", "store_id"))
        app = await _app(tx, viewer, input)
        granted = app.permissions if input.permissions is None else input.permissions
        _check_grants(viewer, app, granted, ("input", "permissions"))
        await _expect_none(tx, app, input.store_id)
        row = AppInstallation(
            organization_id=viewer.organization_id,
            store_id=input.store_id,
            app_id=app.id,
            app_name=app.name,
            permissions=sorted(set(granted)),
        )
        tx.add(row)
        await tx.flush()
        audit.write(
            tx, viewer, "install", (SUBJECT, row.id), app=app.name, permissions=row.permissions
        )
        url = await _begin(ctx, tx, row, app, input.flow)
        await idempotency.keep(ctx, tx, "installApp", idempotency_key, {"key": row.id})
    return Installed(row.id, url)


async def retry(
    ctx: Context,
    *,
    id: KEY,
    flow: Annotated[InstallFlow, "How the app learns of it this time."] = InstallFlow.DIRECT,
) -> Installed:
    """Ask the app once more. Raises ``Conflict`` where it is active, gone or being asked."""
    viewer = ctx.require("app:install")
    async with ctx.transaction() as tx:
        app_id = await tx.scalar(
            visible(viewer, AppInstallation)
            .with_only_columns(AppInstallation.app_id)
            .where(AppInstallation.id == id)
        )
        app = await tx.get(App, app_id or 0, with_for_update={"read": True})
        row = await held(tx, viewer, AppInstallation, id)
        if app is None or row.status not in OPEN:
            raise Conflict(
                f"an installation that is {row.status} is not tried again", field=("id",)
            )
        if row.status is InstallationStatus.PENDING and flow is InstallFlow.DIRECT:
            raise Conflict("the app has not answered yet", field=("id",))
        row.status = InstallationStatus.PENDING
        audit.write(tx, viewer, "retry_install", (SUBJECT, id), flow=flow.value)
        return Installed(id, await _begin(ctx, tx, row, app, flow))


async def confirm(
    ctx: Context, *, state: Annotated[str, "What came with the redirect, unchanged."]
) -> Confirmed:
    """Finish the redirect flow. Whoever has the state may: nobody else can make one.

    Once more changes nothing. Raises ``Invalid`` for a state that is none of ours or too old,
    ``Conflict`` where the installation has ended or failed meanwhile.
    """
    uuid = install_flows.installation_in(ctx.services, state)
    async with ctx.transaction() as tx:
        found = select(AppInstallation).where(AppInstallation.uuid == uuid).with_for_update()
        row = (await tx.scalars(found)).one_or_none()
        if row is None:
            raise Invalid(install_flows.UNKNOWN, field=("state",))
        if row.status is InstallationStatus.ACTIVE:
            return Confirmed(row.id, row.uuid)
        if row.status is not InstallationStatus.PENDING:
            raise Conflict(f"this installation is {row.status}", field=("state",))
        install_flows.settle(ctx.services, tx, row, InstallationStatus.ACTIVE)
        acting = Viewer(row.organization_id, frozenset(), f"app:{row.app_id}")
        audit.write(tx, acting, "confirm_install", (SUBJECT, row.id), app=row.app_name)
    return Confirmed(row.id, row.uuid)


async def update(
    ctx: Context, *, id: KEY, changes: AppInstallationChanges, expected_version: int | None = None
) -> int:
    """Grant an app other permissions. What is taken away is gone with its next request."""
    viewer = ctx.require("app:install")
    values = checked(changes, "changes")
    if not values:
        raise Invalid("nothing to change", field=("changes",))
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, AppInstallation, id, expected_version=expected_version)
        if row.status is InstallationStatus.UNINSTALLED:
            raise Conflict("this app was uninstalled", field=("id",))
        before, app = row.permissions, await tx.get_one(App, row.app_id)
        _check_grants(viewer, app, values["permissions"], ("changes", "permissions"), before=before)
        wanted = sorted(set(values["permissions"]))
        added = [name for name in wanted if name not in before]
        removed = [name for name in before if name not in wanted]
        if added or removed:
            row.permissions = wanted
            audit.write(tx, viewer, "grant", (SUBJECT, id), added=added, removed=removed)
            app_tokens.tell(tx, row, ends_access=bool(removed))
    return id


async def uninstall(ctx: Context, *, id: KEY) -> int:
    """Take an app from a store: it may do nothing there from now on. Twice does nothing more."""
    viewer = ctx.require("app:uninstall")
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, AppInstallation, id)
        if row.status is not InstallationStatus.UNINSTALLED:
            await end(tx, row, at=ctx.services.clock())
            audit.write(tx, viewer, "uninstall", (SUBJECT, id), app=row.app_name)
    return id


# How rows change


async def end(tx: AsyncSession, row: AppInstallation, *, at: datetime) -> None:
    """Uninstall: revoke its tokens, give up what it was still to be told."""
    if row.status is InstallationStatus.UNINSTALLED:
        return
    row.status, row.uninstalled_at = InstallationStatus.UNINSTALLED, at
    await app_tokens.revoke(tx, AppToken.installation_id == row.id, at=at)
    untold = changing(WebhookDelivery).where(
        WebhookDelivery.installation_id == row.id, WebhookDelivery.status == WebhookStatus.PENDING
    )
    await tx.execute(untold.values(status=WebhookStatus.FAILED, next_attempt_at=None))
    app_tokens.tell(tx, row, ends_access=True)


async def _begin(
    ctx: Context, tx: AsyncSession, row: AppInstallation, app: App, flow: InstallFlow
) -> str | None:
    """Let the app know; answers where the user's browser goes, in the flow that has such a step."""
    if app.install_url is None:
        if flow is InstallFlow.REDIRECT:
            raise Invalid("this app has no page to be sent to", field=("input", "flow"))
        install_flows.settle(ctx.services, tx, row, InstallationStatus.ACTIVE)
        return None
    app_tokens.tell(tx, row, ends_access=False)
    if flow is InstallFlow.REDIRECT:
        return install_flows.redirect_url(ctx.services, app, row.uuid)
    await jobs.enqueue(
        tx,
        kind=install_flows.KIND,
        organization_id=row.organization_id,
        store_id=row.store_id,
        input={"installation_id": row.id},
    )
    return None


async def _app(tx: AsyncSession, viewer: Viewer, wanted: InstallApp) -> App:
    """The app, which cannot be deleted before it is installed."""
    if wanted.app_id is not None:
        return await referred(tx, viewer, App, wanted.app_id, field=("input", "app_id"))
    found = select(App).where(App.client_id == wanted.client_id, App.deleted_at.is_(None))
    app = (await tx.scalars(found.with_for_update(read=True))).one_or_none()
    if app is None:
        raise NotFound("app", field=("input", "client_id"))
    return app


def _check_grants(
    viewer: Viewer,
    app: App,
    wanted: Sequence[str],
    path: tuple[str, ...],
    *,
    before: Sequence[str] = (),
) -> None:
    """Nobody grants what the app does not ask for, or what they may not do themselves.

    What was granted ``before`` may stay.
    """
    problems = [
        Problem((*path, at), f"{name} is nothing that the app asks for", "enum")
        for at, name in enumerate(wanted)
        if name not in (*app.permissions, *before)
    ]
    if problems:
        raise Invalid(problems[0].message, problems=problems)
    beyond = [name for name in wanted if name not in before and not viewer.may(name)]
    if beyond:
        raise Forbidden(
            f"you cannot grant what you may not do: {', '.join(beyond)}",
            field=path,
            details={"permissions": beyond},
        )


async def _expect_none(tx: AsyncSession, app: App, store_id: int) -> None:
    there = select(AppInstallation.id).where(
        AppInstallation.app_id == app.id,
        AppInstallation.store_id == store_id,
        AppInstallation.status != InstallationStatus.UNINSTALLED,
    )
    if await tx.scalar(there) is not None:
        raise Conflict("this app is installed already", field=("input", "store_id"))
