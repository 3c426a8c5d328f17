"""Stores: the shops of an organization, and their settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import Store, StoreSetting, StoreStatus
from resolvers import audit, idempotency, slugs
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, NotFound
from resolvers.events import announce
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, many, narrowed, one, page, sorts
from resolvers.rules import Currency, JsonObject, Subdomain, Text, checked, checked_each
from resolvers.viewer import Viewer
from resolvers.writes import held, put

KEPT_FOR = timedelta(days=30)
SORTS = sorts(
    "StoreSort",
    default="created_at_desc",
    id=Store.id,
    created_at=Store.created_at,
    updated_at=Store.updated_at,
    name=Store.name,
)


@dataclass(frozen=True, kw_only=True)
class StoreFilter:
    """Which stores; all given conditions must hold."""

    search: Annotated[str | None, "Text in the name, the description or the subdomain."] = None
    subdomain: Annotated[str | None, "Exactly this subdomain."] = None
    status: Annotated[Sequence[StoreStatus] | None, "Any of these statuses."] = None
    wholesale: Annotated[bool | None, "Wholesale stores only, or only others."] = None
    currency: Annotated[str | None, "Only stores that keep their prices in this currency."] = None
    created_after: Annotated[datetime | None, "Created at or after."] = None
    created_before: Annotated[datetime | None, "Created before."] = None


CONDITIONS: Conditions = {
    "search": lambda text: or_(
        contains(Store.name, text),
        contains(Store.description, text),
        contains(Store.subdomain, text),
    ),
    "subdomain": lambda name: Store.subdomain == name,
    "status": Store.status.in_,
    "wholesale": Store.wholesale.is_,
    "currency": lambda code: Store.currency == code,
    "created_after": lambda at: Store.created_at >= at,
    "created_before": lambda at: Store.created_at < at,
}


@one(Store, by=Store.id, permission="store:view")
def by_id(stores: Any) -> Any:
    return stores


@page(Store, sorts=SORTS, permission="store:view")
def listing(stores: Any, *, filter: StoreFilter | None = None) -> Any:
    return narrowed(stores, filter, CONDITIONS)


@one(StoreSetting, by=StoreSetting.id, permission="setting:view")
def setting_by_id(settings: Any) -> Any:
    return settings


@many(
    StoreSetting,
    by=StoreSetting.store_id,
    order=(StoreSetting.group, StoreSetting.name),
    permission="setting:view",
)
def settings_of(
    settings: Any, *, group: Annotated[str | None, "Only those of this group."] = None
) -> Any:
    return settings if group is None else settings.where(StoreSetting.group == group)


@dataclass(frozen=True, kw_only=True)
class NewStore:
    """A store to open."""

    name: Annotated[str, Text(120), "Its name, as buyers see it."]
    subdomain: Annotated[
        str | None, Subdomain, "Unique among all stores; made of the name when left out."
    ] = None
    description: Annotated[str | None, Text(5000, 0), "What it is about."] = None
    status: Annotated[StoreStatus, "Whether buyers can enter it."] = StoreStatus.DRAFT
    currency: Annotated[str, Currency, "What its prices are kept in."] = "USD"
    wholesale: Annotated[bool, "Whether programs buy in batches here."] = False


@dataclass(frozen=True, kw_only=True)
class StoreChanges:
    """What to change about a store."""

    name: Annotated[str, Text(120), "Its name, as buyers see it."] = ABSENT
    subdomain: Annotated[str, Subdomain, "Unique among all stores."] = ABSENT
    description: Annotated[str | None, Text(5000, 0), "What it is about."] = ABSENT
    status: Annotated[StoreStatus, "Whether buyers can enter it."] = ABSENT
    currency: Annotated[str, Currency, "What prices of new products are kept in."] = ABSENT
    wholesale: Annotated[bool, "Whether programs buy in batches here."] = ABSENT


@dataclass(frozen=True, kw_only=True)
class SettingChange:
    """One setting to write."""

    group: Annotated[str, Text(60), "Which settings it is one of."]
    name: Annotated[str, Text(120), "Its name within the group."]
    value: Annotated[
        dict[str, Any] | None, JsonObject(), "An object; null removes the setting."
    ] = None


async def create(ctx: Context, *, input: NewStore, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("store:create")
    if viewer.store_ids is not None:
        raise Forbidden("this credential is for some stores only, it cannot open another")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        values["subdomain"] = await _subdomain(tx, values["subdomain"], values["name"])
        store = Store(organization_id=viewer.organization_id, **values)
        tx.add(store)
        await tx.flush()
        audit.write(tx, viewer, "store.created", ("store", store.id))
        return store.id

    return await idempotency.once(ctx, "createStore", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Store"), "The store."],
    changes: StoreChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("store:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        store = await held(tx, viewer, Store, id, expected_version=expected_version)
        if (wanted := values.get("subdomain", store.subdomain)) != store.subdomain:
            await _expect_free(tx, wanted, "changes")
        put(store, values)
        _tell(tx, store)
    return id


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Store"), "The store."],
    expected_version: int | None = None,
) -> int:
    """Close a store: it and everything in it vanish at once, and can be restored for 30 days."""
    viewer = ctx.require("store:delete")
    async with ctx.transaction() as tx:
        store = await held(tx, viewer, Store, id, expected_version=expected_version)
        store.deleted_at = ctx.services.clock()
        audit.write(tx, viewer, "store.deleted", ("store", id))
        _tell(tx, store)
    return id


async def restore(
    ctx: Context, *, id: Annotated[int, KeyOf("Store"), "A store deleted in the last 30 days."]
) -> int:
    """Bring back a store with everything in it.

    Raises ``NotFound`` for one deleted earlier, or not at all; ``Conflict`` where another store
    has its subdomain by now.
    """
    viewer = ctx.require("store:delete")
    async with ctx.transaction() as tx:
        store = await _deleted(tx, viewer, id, since=ctx.services.clock() - KEPT_FOR)
        await _expect_free(tx, store.subdomain)
        store.deleted_at = None
        audit.write(tx, viewer, "store.restored", ("store", id))
        _tell(tx, store)
    return id


async def update_settings(
    ctx: Context,
    *,
    store_id: Annotated[int, KeyOf("Store"), "The store."],
    changes: Annotated[
        Sequence[SettingChange], "The settings to write; all others stay as they are."
    ],
) -> int:
    viewer = ctx.require("setting:update")
    wanted = checked_each(changes, "changes", most=200)
    async with ctx.transaction() as tx:
        store = await held(tx, viewer, Store, store_id, field=("store_id",))
        found = await tx.scalars(select(StoreSetting).where(StoreSetting.store_id == store_id))
        settings = {(row.group, row.name): row for row in found}
        for change in wanted:
            place = change["group"], change["name"]
            if change["value"] is None:
                if place in settings:
                    await tx.delete(settings.pop(place))
                    await tx.flush()
            elif place in settings:
                settings[place].value = change["value"]
            else:
                owner = {"organization_id": store.organization_id, "store_id": store_id}
                settings[place] = StoreSetting(**owner, **change)
                tx.add(settings[place])
        audit.write(
            tx, viewer, "store.settings_changed", ("store", store_id),
            names=sorted({f"{change['group']}.{change['name']}" for change in wanted}),
        )  # fmt: skip
        _tell(tx, store)
    return store_id


async def _deleted(tx: AsyncSession, viewer: Viewer, key: int, *, since: datetime) -> Store:
    found = select(Store).where(
        Store.id == key,
        Store.organization_id == viewer.organization_id,
        Store.deleted_at >= since,
    )
    if viewer.store_ids is not None:
        found = found.where(Store.id.in_(viewer.store_ids))
    store = (await tx.scalars(found.with_for_update(key_share=True))).one_or_none()
    if store is None:
        raise NotFound("store", field=("id",))
    return store


async def _subdomain(tx: AsyncSession, wanted: str | None, name: str) -> str:
    if wanted is not None:
        await _expect_free(tx, wanted, "input")
        return wanted
    plain = slugs.slug_of(name, otherwise="store").encode("ascii", "ignore").decode()
    base = plain.strip("-")[:50].strip("-") or "store"
    return await slugs.claimed(
        tx, Store.subdomain, None, base, Store.deleted_at.is_(None), otherwise="store"
    )


async def _expect_free(tx: AsyncSession, subdomain: str, *path: str) -> None:
    """Addresses are shared by all tenants: that one is taken is no secret, whose it is would be."""
    taken = select(Store.id).where(Store.subdomain == subdomain, Store.deleted_at.is_(None))
    if await tx.scalar(taken) is not None:
        field = (*path, "subdomain") if path else ("id",)
        raise Conflict(f"the subdomain {subdomain} is taken", field=field)


def _tell(tx: AsyncSession, store: models.Store) -> None:
    announce(
        tx,
        "store.updated",
        organization_id=store.organization_id,
        store_id=store.id,
        subject=("store", store.id),
        name=store.name,
        status=store.status.value,
        deleted=store.deleted_at is not None,
    )
