"""Stores: the shops of an organization."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from sqlalchemy import or_, select
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Organization, Store, StoreStatus
from resolvers import audit, idempotency, primary_products, slugs
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, NotFound
from resolvers.events import announce
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, many, narrowed, one, page, sorts
from resolvers.rules import Currency, Subdomain, Text, checked
from resolvers.services import Services
from resolvers.viewer import Viewer
from resolvers.writes import held, put

KEPT_FOR = timedelta(days=30)
TRIES = 5
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
    status: Annotated[tuple[StoreStatus, ...] | None, "Any of these statuses."] = None
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


@many(
    Store,
    by=Store.organization_id,
    order=(Store.created_at.desc(), Store.id.desc()),
    permission="store:view",
)
def of_organizations(stores: Any) -> Any:
    """All stores at once, the newest first, for interfaces without pages."""
    return stores


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
    with_product: Annotated[
        bool, "Whether it begins with a primary product, named like it and not priced yet."
    ] = False


@dataclass(frozen=True, kw_only=True)
class StoreChanges:
    """What to change about a store."""

    name: Annotated[str, Text(120), "Its name, as buyers see it."] = ABSENT
    subdomain: Annotated[str, Subdomain, "Unique among all stores."] = ABSENT
    description: Annotated[str | None, Text(5000, 0), "What it is about."] = ABSENT
    status: Annotated[StoreStatus, "Whether buyers can enter it."] = ABSENT
    currency: Annotated[str, Currency, "What prices of new products are kept in."] = ABSENT
    wholesale: Annotated[bool, "Whether programs buy in batches here."] = ABSENT


async def create(ctx: Context, *, input: NewStore, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("store:create")
    if viewer.store_ids is not None:
        raise Forbidden("this credential is for some stores only, it cannot open another")
    if input.with_product:
        ctx.require("product:create")
    values = checked(input, "input")
    with_product: bool = values.pop("with_product")

    async def work(tx: AsyncSession) -> int:
        store = await _opened(tx, viewer, values)
        if with_product:
            await primary_products.add(tx, store)
        audit.write(tx, viewer, "store.created", ("store", store.id))
        if store.status is StoreStatus.LIVE:
            _publish(tx, store)
        return store.id

    return await idempotency.once(ctx, "createStore", idempotency_key, input, work)


async def _opened(tx: AsyncSession, viewer: Viewer, values: dict[str, Any]) -> Store:
    """The row of a new store. Others may take the same subdomain at the same time."""
    wanted: str | None = values["subdomain"]
    for _ in range(TRIES):
        found = await _subdomain(tx, wanted, values["name"])
        values["subdomain"] = found
        store = Store(organization_id=viewer.organization_id, **values)
        try:
            async with tx.begin_nested():
                tx.add(store)
        except IntegrityError:
            continue
        return store
    raise Conflict("this subdomain was just taken", field=("input", "subdomain"))


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
        await change(tx, store, values)
    return id


async def change(tx: AsyncSession, store: Store, values: dict[str, Any]) -> None:
    """Write checked changes of a store that is held, and tell of them."""
    if (wanted := values.get("subdomain", store.subdomain)) != store.subdomain:
        await _expect_free(tx, wanted, "changes")
    was_live = store.status is StoreStatus.LIVE
    put(store, values)
    tell(tx, store)
    if store.status is StoreStatus.LIVE and not was_live:
        _publish(tx, store)


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
        tell(tx, store)
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
        tell(tx, store)
    return id


async def deleted(services: Services) -> Sequence[Row[*tuple[Any, ...]]]:
    """The stores of all organizations that can be restored, the first to go first, for operators.

    Each with ``slug``, that of its organization.
    """
    found = (
        select(Store.id, Store.name, Store.subdomain, Store.deleted_at, Organization.slug)
        .join(Organization, Organization.id == Store.organization_id)
        .where(Store.deleted_at >= services.clock() - KEPT_FOR, Store.erasure_began_at.is_(None))
        .order_by(Store.deleted_at, Store.id)
    )
    async with services.database.read() as connection:
        return (await connection.execute(found)).all()


async def _deleted(tx: AsyncSession, viewer: Viewer, key: int, *, since: datetime) -> Store:
    found = select(Store).where(
        Store.id == key,
        Store.organization_id == viewer.organization_id,
        Store.deleted_at >= since,
        Store.erasure_began_at.is_(None),
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


def tell(tx: AsyncSession, store: Store) -> None:
    _announce(tx, "store.updated", store, deleted=store.deleted_at is not None)


def _publish(tx: AsyncSession, store: Store) -> None:
    """Buyers can enter it from now on."""
    _announce(tx, "store.published", store, subdomain=store.subdomain)


def _announce(tx: AsyncSession, topic: str, store: Store, **more: Any) -> None:
    announce(
        tx,
        topic,
        organization_id=store.organization_id,
        store_id=store.id,
        subject=("store", store.id),
        name=store.name,
        status=store.status.value,
        **more,
    )
