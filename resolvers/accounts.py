"""Accounts: people sign up with an organization of their own, log in, and change their password."""

import ipaddress
import secrets
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Membership, Organization, Plan, Role, User
from resolvers import audit, passwords, sessions
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated
from resolvers.identity import key_hash
from resolvers.passwords import Password
from resolvers.rules import Rule, Text, checked
from resolvers.services import Limit
from resolvers.sessions import Browser, Opened
from resolvers.slugs import slug_of
from resolvers.viewer import Viewer

USER = "user"
SIGN_UPS = Limit("sign_up.address", 20, 3600)
LOG_INS = Limit("log_in.address", 30, 60)
# Whoever guesses from one place is stopped long before the person is kept out of other places.
GUESSES = Limit("log_in.email_at_address", 15, 900)
GUESSES_ANYWHERE = Limit("log_in.email", 100, 900)
CHANGES = Limit("change_password", 15, 900)
_LONGEST_EMAIL = 320
_NETWORK = 64
"""Bits of an IPv6 address that whoever has one usually has whole."""


class WrongCredentials(Unauthenticated):
    """Nobody has this address, or another password: which of the two is nobody's business."""

    def __init__(self) -> None:
        super().__init__("the e-mail address or the password is wrong")


class EmailAddress(Rule):
    """An e-mail address in the one spelling under which its account is found."""

    kind: ClassVar[str] = "email"

    def check(self, value: str) -> str:
        if len(value) > _LONGEST_EMAIL:
            raise ValueError("must be an e-mail address: this one is too long")
        try:
            found = validate_email(value.strip(), check_deliverability=False)
        except EmailNotValidError as error:
            raise ValueError(f"must be an e-mail address: {error}") from error
        return found.normalized.lower()


@dataclass(frozen=True, kw_only=True)
class NewAccount:
    """Who signs up. Without a name of their own organizations are called like their owner."""

    email: Annotated[str, EmailAddress(), "Where the person is reached; what they log in with."]
    password: Annotated[str, Password(), "What they log in with, too."]
    name: Annotated[str | None, Text(100), "The person's name."] = None
    organization: Annotated[str | None, Text(100), "What they work for."] = None


@dataclass(frozen=True, kw_only=True)
class _NewPassword:
    new_password: Annotated[str, Password()]


@dataclass(frozen=True, slots=True)
class Profile:
    """Who is logged in, and where."""

    email: str
    name: str
    organization: str
    plan: Plan
    has_password: bool


# Signing up


async def sign_up(ctx: Context, *, input: NewAccount, browser: Browser) -> Opened:
    """Make an organization that belongs to a new person, and log them in.

    Raises ``Invalid`` for an address that is taken, which nobody can be told otherwise than here:
    too many tries from one place are refused (``RateLimited``), and each costs the same time.
    """
    await _count(ctx, SIGN_UPS, place(ctx.remote))
    values = checked_account(input)
    kept = await ctx.services.passwords.hash(values.pop("password"))
    try:
        return await _signed_up(ctx, values, kept, browser)
    except Conflict:  # somebody else took the address, or the slug, at the same moment
        return await _signed_up(ctx, values, kept, browser)


async def _signed_up(
    ctx: Context, values: dict[str, Any], password_hash: str, browser: Browser
) -> Opened:
    async with ctx.transaction() as tx:
        user, organization_id = await create(tx, **values, password_hash=password_hash)
        opened = await sessions.add(
            tx,
            ctx.services,
            user_id=user.id,
            organization_id=organization_id,
            browser=browser,
        )
        wrote(tx, opened, "sign_up")
    return opened


def checked_account(input: NewAccount) -> dict[str, Any]:
    """The values of an account to make. Raises ``Invalid``."""
    values = checked(input, "input")
    if passwords.tells_of(values["password"], values["email"]):
        raise Invalid("password must not be the e-mail address", field=("input", "password"))
    values["name"] = values["name"] or values["email"].partition("@")[0]
    return values


async def create(
    tx: AsyncSession,
    *,
    email: str,
    name: str,
    organization: str | None,
    password_hash: str | None,
) -> tuple[User, int]:
    """A person who owns a new organization, whose key comes second. Raises ``Invalid``: taken."""
    user = await add_user(tx, email=email, name=name, password_hash=password_hash)
    called = organization or name
    owned = Organization(name=called, slug=await _free_slug(tx, called))
    tx.add(owned)
    await tx.flush()
    tx.add(Membership(organization_id=owned.id, user_id=user.id, role=Role.OWNER))
    await tx.flush()
    return user, owned.id


async def add_user(tx: AsyncSession, *, email: str, name: str, password_hash: str | None) -> User:
    """A person who is a member of nothing yet. Raises ``Invalid``: the address is taken."""
    if (await tx.scalars(select(User.id).where(User.email == email))).first() is not None:
        raise Invalid("email belongs to an account already", field=("input", "email"))
    user = User(email=email, name=name, password_hash=password_hash)
    tx.add(user)
    await tx.flush()
    return user


async def _free_slug(tx: AsyncSession, name: str) -> str:
    slug = slug_of(name, otherwise="account")
    taken = await tx.scalars(select(Organization.id).where(Organization.slug == slug))
    return slug if taken.first() is None else f"{slug}-{secrets.token_hex(4)}"


# Logging in


async def log_in(ctx: Context, *, email: str, password: str, browser: Browser) -> Opened:
    """Log somebody in, in the first of their organizations.

    Raises ``WrongCredentials``, after the same work whatever is wrong, ``RateLimited`` for too many
    tries at one address, from one place or at all, ``Forbidden`` for somebody who is a member of
    nothing.
    """
    where, whom = place(ctx.remote), _spelled(email)
    await _count(ctx, LOG_INS, where)
    counted = key_hash(whom)  # no limiter needs to know who it is
    await _count(ctx, GUESSES, f"{counted} {where}")
    await _count(ctx, GUESSES_ANYWHERE, counted)
    found = select(User.id, User.password_hash).where(User.email == whom, User.deleted_at.is_(None))
    row = next(iter(await ctx.rows(found)), None)
    judged = await ctx.services.passwords.judge(
        password, None if row is None else row.password_hash
    )
    if row is None or not judged.right:
        raise WrongCredentials
    async with ctx.transaction() as tx:
        # Nobody who has just been given another password comes in with the one before.
        if not await _keep(tx, row.id, row.password_hash, judged.renewed or row.password_hash):
            raise WrongCredentials
        return await enter(tx, ctx, row.id, browser)


async def enter(tx: AsyncSession, ctx: Context, user_id: int, browser: Browser) -> Opened:
    """Log in somebody who has proven who they are, in the first of their organizations."""
    organization_id = await sessions.first_organization(tx, user_id)
    opened = await sessions.add(
        tx, ctx.services, user_id=user_id, organization_id=organization_id, browser=browser
    )
    wrote(tx, opened, "log_in")
    return opened


def wrote(tx: AsyncSession, opened: Opened, action: str, **details: Any) -> None:
    """What the audit log tells of somebody who has just come in."""
    person = Viewer(opened.organization_id, frozenset(), f"{USER}:{opened.user_id}")
    audit.write(tx, person, action, (USER, opened.user_id), session=opened.key, **details)


async def profile(ctx: Context) -> Profile:
    """Who is logged in. Raises ``Forbidden`` for a program."""
    viewer = ctx.require()
    found = (
        select(
            User.email,
            User.name,
            User.password_hash.is_not(None).label("has_password"),
            Organization.name.label("organization"),
            Organization.plan,
        )
        .join(Organization, Organization.id == viewer.organization_id)
        .where(User.id == viewer.user_id)
    )
    row = next(iter(await ctx.rows(found)), None)
    if row is None:
        raise Forbidden("this is for people who are logged in")
    return Profile(row.email, row.name, row.organization, row.plan, bool(row.has_password))


# Passwords


async def change_password(
    ctx: Context,
    *,
    new_password: Annotated[str, "At least 10 characters, and none of the commonest."],
    current_password: Annotated[str | None, "The one so far, where there is one."] = None,
) -> int:
    """Give the person who asks another password, and end all their other sessions.

    Raises ``Invalid`` for a wrong current one, ``RateLimited`` for too many tries.
    """
    viewer = ctx.require()
    if viewer.user_id is None or viewer.session_id is None:
        raise Forbidden("this is for people who are logged in")
    user_id = viewer.user_id
    await _count(ctx, CHANGES, f"{user_id}")
    found = select(User.email, User.password_hash).where(User.id == user_id)
    [row] = await ctx.rows(found)
    if row.password_hash is not None:
        judged = await ctx.services.passwords.judge(current_password or "", row.password_hash)
        if not judged.right:
            raise Invalid("the current password is wrong", field=("current_password",))
    kept = await ctx.services.passwords.hash(_new_password(new_password, row.email))
    async with ctx.transaction() as tx:
        if not await _keep(tx, user_id, row.password_hash, kept):
            raise Conflict("the password was changed at the same time")
        at = ctx.services.clock()
        ended = await sessions.end_all(tx, user_id, at=at, but=viewer.session_id)
        audit.write(tx, viewer, "change_password", (USER, user_id), sessions_ended=ended)
    return user_id


def _new_password(password: str, email: str) -> str:
    password = checked(_NewPassword(new_password=password))["new_password"]
    if passwords.tells_of(password, email):
        raise Invalid("new password must not be the e-mail address", field=("new_password",))
    return password


async def _keep(tx: AsyncSession, user_id: int, before: str | None, after: str | None) -> bool:
    """Keep a hash where the one before is still there; False where it is not.

    The row is locked either way, and a hash that stays the same makes no new version of it.
    """
    mine = (User.id == user_id, User.deleted_at.is_(None))
    row = (await tx.scalars(select(User).where(*mine).with_for_update(key_share=True))).first()
    if row is None or row.password_hash != before:
        return False
    row.password_hash = after
    return True


# For operators


async def add(ctx: Context, *, input: NewAccount, organization_id: int | None, role: Role) -> int:
    """A person, in an organization of their own or in the given one; returns their key."""
    values = checked_account(input)
    kept = await ctx.services.passwords.hash(values.pop("password"))
    async with ctx.transaction() as tx:
        if organization_id is None:
            user, organization_id = await create(tx, **values, password_hash=kept)
        else:
            values.pop("organization")
            user = await add_user(tx, **values, password_hash=kept)
            tx.add(Membership(organization_id=organization_id, user_id=user.id, role=role))
        actor = Viewer(organization_id, frozenset(), "cli")
        audit.write(tx, actor, "add_user", (USER, user.id), email=user.email, role=role.value)
    return user.id


async def reset_password(ctx: Context, *, email: str, password: str) -> int:
    """Give somebody another password, and end all their sessions; returns how many.

    Raises ``NotFound``, ``Invalid``.
    """
    whom = _spelled(email)
    kept = await ctx.services.passwords.hash(_new_password(password, whom))
    async with ctx.transaction() as tx:
        found = select(User).where(User.email == whom, User.deleted_at.is_(None))
        user = (await tx.scalars(found)).first()
        if user is None:
            raise NotFound("user", field=("email",))
        user.password_hash = kept
        ended = await sessions.end_all(tx, user.id, at=ctx.services.clock())
        for row in await tx.execute(sessions.memberships(user.id)):
            actor = Viewer(row.id, frozenset(), "cli")
            audit.write(tx, actor, "reset_password", (USER, user.id), sessions_ended=ended)
        return ended


async def set_plan(ctx: Context, *, slug: str, plan: Plan) -> None:
    """What an organization pays for from now on. Raises ``NotFound``."""
    async with ctx.transaction() as tx:
        live = (Organization.slug == slug, Organization.deleted_at.is_(None))
        row = (await tx.scalars(select(Organization).where(*live))).first()
        if row is None:
            raise NotFound("organization", field=("slug",))
        audit.write(
            tx, Viewer(row.id, frozenset(), "cli"), "set_plan", ("organization", row.id),
            old=row.plan.value, new=plan.value,
        )  # fmt: skip
        row.plan = plan


# Limits


def place(address: str | None) -> str:
    """Where somebody comes from, as far as tries are counted: of IPv6, the whole network."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "-"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, _NETWORK), strict=False))
    return str(ip)


async def _count(ctx: Context, limit: Limit, scope: str) -> None:
    if wait := await ctx.services.limiter.hit(limit, scope):
        raise RateLimited("too many tries", retry_after=wait, limit=limit.amount)


def _spelled(email: str) -> str:
    """The address as accounts have it; as it is where it is none, which nobody has."""
    try:
        return EmailAddress().check(email)
    except ValueError:
        return email.strip().lower().replace("\0", "").encode(errors="replace").decode()[:254]
