"""Apps: programs that an organization registers and stores of any organization may install.

What an app is in clear (its two secrets) is told once, when it is made or replaced.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from sqlalchemy import select
from sqlalchemy.engine import Row

from db import models
from db.engine import Database
from db.models import App, AppInstallation
from resolvers import app_tokens, audit, idempotency
from resolvers.app_installations import end
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.events import covering
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.outbound import checked_url
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Count, Rule, Text, checked
from resolvers.webhook_endpoints import Topics
from resolvers.writes import held, put

APP = "app"
KEY = Annotated[int, KeyOf("App"), "An app of your organization."]
# What an app can be granted: what concerns one store, and ends with the installation. Nothing that
# would outlive it (API keys, webhook endpoints) or reaches beyond the store.
GRANTABLE: Mapping[str, tuple[str, ...]] = {
    "product": ("view", "create", "update", "delete"),
    "order": ("view", "create", "update", "delete", "export"),
    "customer": ("view", "create", "update", "delete"),
    "review": ("view", "create", "update", "delete"),
    "landing_page": ("view", "create", "update", "delete", "publish"),
    "shipping": ("view", "create", "update", "delete"),
    "setting": ("view", "update"),
    "payment_method": ("view", "update"),
    "analytic": ("view",),
    "domain": ("view", "create", "update", "delete"),
    "bundle": ("view", "create", "update", "delete"),
    "policy": ("view", "create", "update", "delete"),
    "plan": ("switch",),
    "invoice": ("view", "pay"),
    "file": ("browse", "upload", "delete"),
    "app": ("install", "uninstall", "boot"),
    "store": ("view",),
    "stock": ("view",),
    "job": ("view",),
}
TOPICS = (
    "product.created",
    "product.updated",
    "order.created",
    "order.updated",
    "customer.created",
    "customer.updated",
    "review.created",
)
SORTS = sorts("AppSort", default="name_asc", id=App.id, name=App.name, created_at=App.created_at)


@dataclass(frozen=True, slots=True)
class Registered:
    """An app and its new secrets, in clear for the only time; None where none is new."""

    key: int
    client_secret: str | None = None
    signing_secret: str | None = None


class Grants(Rule):
    """Permissions that apps can be granted, each once."""

    kind: ClassVar[str] = "enum"
    known: ClassVar[frozenset[str]] = frozenset(
        f"{resource}:{verb}" for resource, verbs in GRANTABLE.items() for verb in verbs
    )

    def check(self, value: Sequence[str]) -> list[str]:
        if unknown := sorted(set(value) - self.known):
            raise ValueError(f"must not hold {', '.join(unknown)}, which no app can be granted")
        return sorted(set(value))


class AppTopics(Topics):
    """What apps can be told of, each once: by name, a group such as ``order.*``, or ``*``."""

    known: ClassVar[frozenset[str]] = covering(TOPICS)
    unknown: ClassVar[str] = "which apps are not told of"


@dataclass(frozen=True, kw_only=True)
class AppFilter:
    """Which apps; all given conditions must hold."""

    search: Annotated[str | None, "Text in the name."] = None
    client_id: Annotated[str | None, "The one with this client id."] = None


@dataclass(frozen=True, kw_only=True)
class NewApp:
    """An app to register. Its secrets are shown once, in the answer."""

    name: Annotated[str, Text(100), "What stores know it as."]
    permissions: Annotated[
        Sequence[str], Count(200), Grants(), "What it asks for: resource:action."
    ]
    install_url: Annotated[
        str | None, "Told when a store installs it; without it an installation is active at once."
    ] = None
    webhook_url: Annotated[str | None, "Told what happens in stores that have installed it."] = None
    topics: Annotated[
        Sequence[str] | None,
        Count(50),
        AppTopics(),
        "What it is told of: order.created, order.* or *; nothing without it.",
    ] = None


@dataclass(frozen=True, kw_only=True)
class AppChanges:
    """What to change about an app; stores keep what they have granted."""

    name: Annotated[str, Text(100), "What stores that install it from now on know it as."] = ABSENT
    permissions: Annotated[
        Sequence[str], Count(200), Grants(), "What it asks for: resource:action."
    ] = ABSENT
    install_url: Annotated[str | None, "Told when a store installs it."] = ABSENT
    webhook_url: Annotated[str | None, "Told what happens in stores that have installed it."] = (
        ABSENT
    )
    topics: Annotated[Sequence[str], Count(50), AppTopics(), "What it is told of from now on."] = (
        ABSENT
    )


CONDITIONS: Conditions = {
    "search": lambda text: contains(App.name, text),
    "client_id": lambda text: App.client_id == text,
}


@one(App, by=App.id, permission="app:view")
def by_id(apps: Any) -> Any:
    return apps


@page(App, sorts=SORTS, permission="app:view")
def listing(apps: Any, *, filter: AppFilter | None = None) -> Any:
    return narrowed(apps, filter, CONDITIONS)


def new_client_id() -> str:
    return f"public_{secrets.token_hex(16)}"


def new_client_secret() -> str:
    """256 random bits."""
    return f"secret_{secrets.token_hex(32)}"


def new_signing_secret() -> str:
    """256 random bits."""
    return f"signing_{secrets.token_hex(32)}"


async def register(
    ctx: Context, *, input: NewApp, idempotency_key: str | None = None
) -> Registered:
    """A repetition under the same idempotency key tells the secrets no second time."""
    viewer = ctx.require("app:create")
    values = checked(input, "input")
    _check_urls(values, "input")
    client_secret, signing_secret = new_client_secret(), new_signing_secret()
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(ctx, tx, "registerApp", idempotency_key, input)
        if kept is not None:
            return Registered(kept["key"])
        values["topics"] = values["topics"] or []
        row = App(
            organization_id=viewer.organization_id,
            client_id=new_client_id(),
            secret_hash=app_tokens.token_hash(client_secret),
            signing_secret_encrypted=ctx.services.vault.seal(signing_secret),
            **values,
        )
        tx.add(row)
        await tx.flush()
        audit.write(tx, viewer, "register", (APP, row.id), client_id=row.client_id, **values)
        await idempotency.keep(ctx, tx, "registerApp", idempotency_key, {"key": row.id})
    return Registered(row.id, client_secret, signing_secret)


async def update(
    ctx: Context, *, id: KEY, changes: AppChanges, expected_version: int | None = None
) -> int:
    viewer = ctx.require("app:update")
    values = checked(changes, "changes")
    _check_urls(values, "changes")
    if not values:
        raise Invalid("nothing to change", field=("changes",))
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, App, id, expected_version=expected_version)
        put(row, values)
        audit.write(tx, viewer, "change", (APP, id), changed=sorted(values))
    return id


async def rotate_client_secret(ctx: Context, *, id: KEY) -> Registered:
    """Replace what the app gets tokens with. Those that it has go on: see ``revokeAppTokens``."""
    viewer = ctx.require("app:update")
    secret = new_client_secret()
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, App, id)
        row.secret_hash = app_tokens.token_hash(secret)
        audit.write(tx, viewer, "rotate_secret", (APP, id), of="client")
    return Registered(id, client_secret=secret)


async def rotate_signing_secret(ctx: Context, *, id: KEY) -> Registered:
    """Replace what messages to the app are signed with, from the next event on."""
    viewer = ctx.require("app:update")
    secret = new_signing_secret()
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, App, id)
        row.signing_secret_encrypted = ctx.services.vault.seal(secret)
        audit.write(tx, viewer, "rotate_secret", (APP, id), of="signing")
    return Registered(id, signing_secret=secret)


async def delete(ctx: Context, *, id: KEY, expected_version: int | None = None) -> int:
    """End an app: its tokens are void at once, and every store has it uninstalled."""
    viewer = ctx.require("app:delete")
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, App, id, expected_version=expected_version)
        at = ctx.services.clock()
        row.deleted_at = at
        used = select(AppInstallation).where(AppInstallation.app_id == id)
        for installation in await tx.scalars(used.order_by(AppInstallation.id).with_for_update()):
            await end(tx, installation, at=at)
        await app_tokens.revoke(tx, models.AppToken.app_id == id, at=at)
        audit.write(tx, viewer, "delete", (APP, id), name=row.name)
    return id


async def everyone(database: Database) -> Sequence[Row[*tuple[Any, ...]]]:
    """The apps of all organizations and where they are installed, for operators.

    One row an installation, with nulls for an app that has none.
    """
    found = (
        select(
            App.id,
            App.name,
            App.client_id,
            models.Organization.slug,
            AppInstallation.id.label("installation_id"),
            AppInstallation.status,
            models.Store.subdomain,
        )
        .join(models.Organization, models.Organization.id == App.organization_id)
        .outerjoin(AppInstallation, AppInstallation.app_id == App.id)
        .outerjoin(models.Store, models.Store.id == AppInstallation.store_id)
        .where(App.deleted_at.is_(None))
        .order_by(App.id, AppInstallation.id)
    )
    async with database.read() as connection:
        return (await connection.execute(found)).all()


async def owned(database: Database, client_id: str) -> tuple[int, int]:
    """The organization and the key of an app, for operators. Raises ``NotFound``."""
    found = select(App.organization_id, App.id).where(
        App.client_id == client_id, App.deleted_at.is_(None)
    )
    async with database.read() as connection:
        row = (await connection.execute(found)).first()
    if row is None:
        raise NotFound("app")
    return row.organization_id, row.id


def _check_urls(values: Mapping[str, Any], place: str) -> None:
    for name in ("install_url", "webhook_url"):
        checked_url(values.get(name), (place, name))
