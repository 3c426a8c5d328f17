"""Domains: host names of a store's own. The primary one is where buyers find it."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from sqlalchemy import select
from sqlalchemy import update as sql_update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Domain, LandingPage, Store
from resolvers import audit, idempotency
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Rule, checked
from resolvers.writes import held, put, seen

SORTS = sorts(
    "DomainSort",
    default="created_at_desc",
    id=Domain.id,
    created_at=Domain.created_at,
    name=Domain.name,
)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_LONGEST = 253


class HostName(Rule):
    """A host name of the internet, in small letters; names in other scripts as Punycode."""

    kind: ClassVar[str] = "hostname"

    def check(self, value: str) -> str:
        name = value.strip().lower().removesuffix(".")
        whole = re.fullmatch(rf"({_LABEL}\.)+(?![0-9]+$){_LABEL}", name)
        if whole is None or len(name) > _LONGEST:
            raise ValueError("must be a host name such as shop.example.com")
        return name


@dataclass(frozen=True, kw_only=True)
class DomainFilter:
    """Which domains; all given conditions must hold."""

    search: Annotated[str | None, "Text in the name."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    is_primary: Annotated[bool | None, "Primary ones only, or only others."] = None


CONDITIONS: Conditions = {
    "search": lambda text: contains(Domain.name, text),
    "store_id": lambda key: Domain.store_id == key,
    "is_primary": Domain.is_primary.is_,
}


@one(Domain, by=Domain.id, permission="domain:view")
def by_id(domains: Any) -> Any:
    return domains


@page(Domain, sorts=SORTS, permission="domain:view")
def listing(domains: Any, *, filter: DomainFilter | None = None) -> Any:
    return narrowed(domains, filter, CONDITIONS)


of_stores = listing.by_column(Domain.store_id)


@dataclass(frozen=True, kw_only=True)
class NewDomain:
    """A host name of a store. Its first one becomes the primary one."""

    store_id: Annotated[int, KeyOf("Store"), "The store to be found there."]
    name: Annotated[str, HostName(), "A host name that no other store has."]


@dataclass(frozen=True, kw_only=True)
class DomainChanges:
    """What to change about a domain."""

    name: Annotated[str, HostName(), "A host name that no other store has."] = ABSENT


async def create(ctx: Context, *, input: NewDomain, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("domain:create")
    values = checked(input, "input")
    _expect_own(ctx, values["name"], "input")

    async def work(tx: AsyncSession) -> int:
        store = await held(tx, viewer, Store, input.store_id, field=("input", "store_id"))
        first = await tx.scalar(select(Domain.id).where(Domain.store_id == store.id).limit(1))
        domain = Domain(organization_id=store.organization_id, is_primary=first is None, **values)
        tx.add(domain)
        await _write(tx, domain.name, "input")
        audit.write(tx, viewer, "domain.created", ("domain", domain.id), name=domain.name)
        return domain.id

    return await idempotency.once(ctx, "createDomain", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Domain"), "The domain."],
    changes: DomainChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("domain:update")
    values = checked(changes, "changes")
    name: str = values.get("name", "")
    _expect_own(ctx, name, "changes")
    async with ctx.transaction() as tx:
        domain = await held(tx, viewer, Domain, id, expected_version=expected_version)
        put(domain, values)
        await _write(tx, name, "changes")
        audit.write(tx, viewer, "domain.updated", ("domain", id), name=domain.name)
    return id


async def set_primary(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Domain"), "The domain."],
    expected_version: int | None = None,
) -> int:
    """Make it the one where buyers find the store; the one before stays as another name."""
    viewer = ctx.require("domain:update")
    async with ctx.transaction() as tx:
        store_id = (await seen(tx, viewer, Domain, id)).store_id
        await held(tx, viewer, Store, store_id)
        domain = await held(tx, viewer, Domain, id, expected_version=expected_version)
        if not domain.is_primary:
            found = select(Domain).where(Domain.store_id == store_id, Domain.is_primary)
            for before in await tx.scalars(found):
                before.is_primary = False
            await tx.flush()
            domain.is_primary = True
            audit.write(tx, viewer, "domain.made_primary", ("domain", id), name=domain.name)
    return id


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Domain"), "The domain."],
    expected_version: int | None = None,
) -> int:
    """Give a host name up. Its landing pages move to the primary domain.

    After a primary domain the store's oldest one becomes it.
    """
    viewer = ctx.require("domain:delete")
    async with ctx.transaction() as tx:
        store_id = (await seen(tx, viewer, Domain, id)).store_id
        await held(tx, viewer, Store, store_id)
        domain = await held(tx, viewer, Domain, id, expected_version=expected_version)
        pages = sql_update(LandingPage).where(LandingPage.domain_id == id)
        await tx.execute(pages.values(domain_id=None, version=LandingPage.version + 1))
        audit.write(tx, viewer, "domain.deleted", ("domain", id), name=domain.name)
        was_primary = domain.is_primary
        await tx.delete(domain)
        await tx.flush()
        if was_primary:
            others = select(Domain).where(Domain.store_id == store_id).order_by(Domain.id)
            heir = await tx.scalar(others.limit(1))
            if heir is not None:
                heir.is_primary = True
    return id


def _expect_own(ctx: Context, name: str, inside: str) -> None:
    """Names below the gateway's own domain are given by a store's subdomain alone."""
    ours = ctx.services.store_domain
    if name == ours or name.endswith(f".{ours}"):
        raise Invalid(f"names below {ours} go by the store's subdomain", field=(inside, "name"))


async def _write(tx: AsyncSession, name: str, inside: str) -> None:
    """Names are shared by all tenants: that one is taken is no secret, whose it is would be."""
    try:
        await tx.flush()
    except IntegrityError as error:
        raise Conflict(f"the domain {name} is taken", field=(inside, "name")) from error
