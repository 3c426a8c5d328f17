"""Sessions: browsers that are logged in. What the cookie says is told once, and kept as a hash."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from sqlalchemy import Select, String, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.base import UtcDateTime, now
from db.models import Membership, Organization, Plan, Role, Session, User
from resolvers import audit
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, NotFound, Unauthenticated
from resolvers.events import SESSION, announce
from resolvers.identity import key_hash
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, narrowed, one, page, sorts
from resolvers.roles import PERMISSIONS
from resolvers.services import Services
from resolvers.viewer import Viewer, visible
from resolvers.writes import held

LIFETIME = timedelta(days=30)
LONGEST_AGENT = 300
MOST_SHOWN = 100
REVOKED = "session.revoked"
SORTS = sorts(
    "SessionSort", default="created_at_desc", id=Session.id, created_at=Session.created_at
)


@dataclass(frozen=True, kw_only=True)
class SessionFilter:
    """Which sessions; all given conditions must hold."""

    active: Annotated[bool | None, "Neither revoked nor expired, or one of the two."] = None


@one(Session, by=Session.id, permission=None)
def by_id(sessions: Any) -> Any:
    """A session of the viewer's own: ``visible`` shows nobody another person's."""
    return sessions


@page(Session, sorts=SORTS, permission=None)
def listing(sessions: Any, *, filter: SessionFilter | None = None) -> Any:
    return narrowed(sessions, filter, CONDITIONS)


def _active(wanted: bool) -> Any:  # noqa: FBT001 - what a filter gives
    # The statement may live longer than the moment at which it is built.
    at = bindparam(None, callable_=now, type_=UtcDateTime())
    ended = or_(Session.revoked_at.is_not(None), Session.expires_at <= at)
    return ~ended if wanted else ended


CONDITIONS: Conditions = {"active": _active}


async def are_current(ctx: Context, keys: Sequence[tuple[Any, ...]]) -> list[bool]:
    """Of each session's key: whether it is the one that asks."""
    current = None if ctx.viewer is None else ctx.viewer.session_id
    return [key == current for (key,) in keys]


async def active(ctx: Context) -> Sequence[Any]:
    """The sessions of the person who asks that have not ended, the newest first."""
    viewer = ctx.require()
    at = ctx.services.clock()
    found = visible(viewer, Session).with_only_columns(
        Session.id,
        Session.user_agent,
        Session.address,
        Session.created_at,
        Session.expires_at,
    )
    live = found.where(Session.revoked_at.is_(None), Session.expires_at > at)
    return await ctx.rows(live.order_by(Session.id.desc()).limit(MOST_SHOWN))


# From a cookie to a viewer


def _holder() -> Select[*tuple[Any, ...]]:
    gone = select(models.Store.id).where(
        models.Store.organization_id == Session.organization_id,
        models.Store.deleted_at.is_not(None),
    )
    return (
        select(
            Session.id,
            Session.organization_id,
            Session.user_id,
            Session.expires_at,
            Session.revoked_at,
            Membership.role,
            Organization.plan,
            gone.exists(),
        )
        .join(User, User.id == Session.user_id)
        .join(Organization, Organization.id == Session.organization_id)
        .join(
            Membership,
            (Membership.organization_id == Session.organization_id)
            & (Membership.user_id == Session.user_id),
        )
        .where(
            Session.token_hash == bindparam("hash", type_=String()),
            User.deleted_at.is_(None),
            Organization.deleted_at.is_(None),
        )
    )


HOLDER = _holder()


@dataclass(frozen=True, slots=True)
class _Holder:
    viewer: Viewer
    expires_at: datetime
    revoked_at: datetime | None


def _made(  # noqa: PLR0917 - a row's values, in the order of ``HOLDER``
    id: int,
    organization_id: int,
    user_id: int,
    expires_at: datetime,
    revoked_at: datetime | None,
    role: Role,
    plan: Plan,
    has_gone_stores: bool,  # noqa: FBT001
) -> _Holder:
    viewer = Viewer(
        organization_id=organization_id,
        permissions=PERMISSIONS[role],
        credential=f"session:{id}",
        user_id=user_id,
        session_id=id,
        plan=plan.value,
        expires_at=expires_at,
        all_stores_live=not has_gone_stores,
    )
    return _Holder(viewer, expires_at, revoked_at)


async def viewer_of(services: Services, token: str) -> Viewer:
    """Who is logged in with this cookie.

    Raises ``Unauthenticated`` where nobody is (any more): it is unknown, expired or revoked, or the
    person, the organization or the membership is gone.
    """
    holder = await services.lookups.first(HOLDER, {"hash": key_hash(token)}, _made)
    if holder is None or holder.revoked_at is not None or holder.expires_at <= services.clock():
        raise Unauthenticated("this session is over")
    return holder.viewer


# Operations


@dataclass(frozen=True, slots=True)
class Browser:
    """Where somebody logs in: what it calls itself, its address, and its session so far.

    ``former`` is the cookie that came along. A log-in ends that session: whoever planted the cookie
    gets nothing of it.
    """

    user_agent: str | None = None
    address: str | None = None
    former: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session; ``token`` is its cookie, in clear for the only time."""

    key: int
    token: str
    expires_at: datetime
    user_id: int
    organization_id: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How many sessions have ended."""

    count: int


async def add(
    tx: AsyncSession, services: Services, *, user_id: int, organization_id: int, browser: Browser
) -> Opened:
    """Log somebody in, who has proven who they are, within a unit of work."""
    at, token = services.clock(), secrets.token_urlsafe(32)
    if browser.former is not None:
        await _end(tx, Session.token_hash == key_hash(browser.former), at=at)
    agent = browser.user_agent and _storable(browser.user_agent)[:LONGEST_AGENT]
    row = Session(
        organization_id=organization_id,
        user_id=user_id,
        token_hash=key_hash(token),
        expires_at=at + LIFETIME,
        user_agent=agent,
        address=browser.address,
        created_at=at,
    )
    tx.add(row)
    await tx.flush()
    return Opened(row.id, token, row.expires_at, user_id, organization_id)


async def log_out(ctx: Context) -> None:
    """End the session that asks. Raises ``Forbidden`` for a program."""
    viewer = _person(ctx)
    async with ctx.transaction() as tx:
        await _end(tx, Session.id == viewer.session_id, at=ctx.services.clock())


async def revoke(
    ctx: Context, *, id: Annotated[int, KeyOf("Session"), "A session of yours."]
) -> int:
    """End a session of the viewer's, and its live subscriptions with it."""
    viewer = ctx.require()
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, Session, id)
        if row.revoked_at is None:
            await _end(tx, Session.id == id, at=ctx.services.clock())
            audit.write(tx, viewer, "revoke", (SESSION, id))
    return id


async def revoke_all(
    ctx: Context,
    *,
    keep_current: Annotated[bool, "Leave the session that asks as it is."] = False,
) -> Ended:
    """End all sessions of the person who asks, in all organizations."""
    viewer = _person(ctx)
    async with ctx.transaction() as tx:
        kept = viewer.session_id if keep_current else None
        count = await end_all(tx, _user(viewer), at=ctx.services.clock(), but=kept)
        audit.write(tx, viewer, "revoke_all", (SESSION, None), count=count)
    return Ended(count)


async def end_all(tx: AsyncSession, user_id: int, *, at: datetime, but: int | None = None) -> int:
    """End all sessions of a person but one, within a unit of work; returns how many."""
    which = Session.user_id == user_id
    return await _end(tx, which if but is None else which & (Session.id != but), at=at)


async def switch(
    ctx: Context,
    *,
    organization_id: Annotated[int, KeyOf("Organization"), "One that you are a member of."],
) -> Opened:
    """Go on in another organization: with a new session, whose cookie the answer brings along.

    Raises ``NotFound`` where the person is no member, ``Conflict`` where there is no way to give
    them a cookie.
    """
    viewer = ctx.require()
    async with ctx.transaction() as tx:
        member = memberships(viewer.user_id).where(Organization.id == organization_id)
        if (await tx.execute(member)).first() is None:
            raise NotFound("organization", field=("organization_id",))
        if ctx.keep_session is None:
            raise Conflict("this brings a cookie along: ask by an HTTP request of its own")
        former = await held(tx, viewer, Session, viewer.session_id or 0)
        opened = await add(
            tx,
            ctx.services,
            user_id=former.user_id,
            organization_id=organization_id,
            browser=Browser(former.user_agent, ctx.remote or former.address),
        )
        await _end(tx, Session.id == former.id, at=ctx.services.clock())
        entered = Viewer(organization_id, frozenset(), viewer.credential)
        audit.write(tx, entered, "switch", (SESSION, opened.key))
    ctx.keep_session(opened.token, opened.expires_at)
    ctx.viewer = await viewer_of(ctx.services, opened.token)
    return opened


@dataclass(frozen=True, slots=True)
class Workplace:
    """An organization that somebody is a member of."""

    organization_id: int
    name: str
    role: Role
    current: bool


async def workplaces(ctx: Context) -> list[Workplace]:
    """Where the viewer may switch to; none for a program."""
    viewer = ctx.require()
    if viewer.user_id is None:
        return []
    return [
        Workplace(row.id, row.name, row.role, row.id == viewer.organization_id)
        for row in await ctx.rows(memberships(viewer.user_id))
    ]


async def first_organization(tx: AsyncSession, user_id: int) -> int:
    """Where somebody comes in. Raises ``Forbidden`` where nobody has let them in."""
    row = (await tx.execute(memberships(user_id).limit(1))).first()
    if row is None:
        raise Forbidden("this account belongs to no organization")
    return row.id


def memberships(user_id: int | None) -> Any:
    """The organizations of a person, the first one first: ``id``, ``name`` and ``role``."""
    return (
        select(Organization.id, Organization.name, Membership.role)
        .join(Membership, Membership.organization_id == Organization.id)
        .where(Membership.user_id == user_id, Organization.deleted_at.is_(None))
        .order_by(Membership.id)
    )


def _person(ctx: Context) -> Viewer:
    viewer = ctx.require()
    if viewer.session_id is None:
        raise Forbidden("this is for people who are logged in")
    return viewer


def _user(viewer: Viewer) -> int:
    if viewer.user_id is None:
        raise Forbidden("this is for people who are logged in")
    return viewer.user_id


async def _end(tx: AsyncSession, which: Any, *, at: datetime) -> int:
    """End sessions that have not ended yet, and tell those who follow events with them."""
    live = select(Session).where(which, Session.revoked_at.is_(None), Session.expires_at > at)
    found = (await tx.scalars(live.order_by(Session.id).with_for_update(key_share=True))).all()
    for row in found:
        row.revoked_at = at
        announce(
            tx,
            REVOKED,
            organization_id=row.organization_id,
            store_id=None,
            subject=(SESSION, row.id),
        )
    return len(found)


def _storable(text: str) -> str:
    """What a database takes of a header."""
    return text.replace("\0", "").encode(errors="replace").decode()
