"""People as another service knows them, who log in by its word (OpenID Connect)."""

import hmac
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import User, UserIdentity
from resolvers import accounts, audit, sessions
from resolvers.accounts import USER, EmailAddress
from resolvers.context import Context
from resolvers.errors import Forbidden, Unauthenticated
from resolvers.services import Person, Services
from resolvers.sessions import Browser, Opened
from resolvers.viewer import Viewer

PURPOSE = "log in elsewhere"
LIFETIME = 600
"""Seconds that somebody may take to log in at the other service."""
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Flow:
    """One attempt to log in elsewhere, which only the browser that began it can finish.

    ``state`` comes back with the browser, ``nonce`` inside the other service's token, and
    ``verifier`` proves that whoever asks for that token has begun the flow (PKCE, RFC 7636).
    """

    state: str
    nonce: str
    verifier: str
    until: int


def begin(services: Services) -> tuple[Flow, str]:
    """A new attempt; and the same sealed, for the browser to keep."""
    until = int(services.clock().timestamp()) + LIFETIME
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    flow = Flow(state, nonce, verifier, until)
    return flow, services.vault.seal({**asdict(flow), "purpose": PURPOSE})


def resumed(services: Services, sealed: str | None, state: str | None) -> Flow:
    """The attempt that a browser has kept. Raises ``Unauthenticated``: it is none, or another's."""
    try:
        kept: dict[str, Any] = services.vault.open(sealed or "")
        purpose = kept.pop("purpose", None)
        flow = Flow(**kept)
    except (ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("this log-in was not begun here") from error
    given = (state or "").encode(errors="replace")
    if purpose != PURPOSE or not hmac.compare_digest(flow.state.encode(), given):
        raise Unauthenticated("this log-in was not begun here")
    if flow.until <= services.clock().timestamp():
        raise Unauthenticated("this log-in has taken too long")
    return flow


async def log_in(ctx: Context, person: Person, browser: Browser) -> Opened:
    """Log in the account of a person, made now if there is none.

    It is the one that they have used before, else the one of their e-mail address, if the other
    service has seen that it is theirs. Nobody had proven that address here: so whoever has set the
    account's password, or is logged in to it, does not stay. Raises ``Forbidden`` for an address
    that is not proven, and for an account that is deleted.
    """
    async with ctx.transaction() as tx:
        user_id = await _known(tx, person)
        if user_id is None:
            user_id = await _owner_of_address(ctx, tx, person)
            tx.add(UserIdentity(user_id=user_id, provider=person.provider, subject=person.subject))
            await tx.flush()
        return await accounts.enter(tx, ctx, user_id, browser)


async def _known(tx: AsyncSession, person: Person) -> int | None:
    found = (
        select(User.id, User.deleted_at)
        .join(UserIdentity, UserIdentity.user_id == User.id)
        .where(UserIdentity.provider == person.provider, UserIdentity.subject == person.subject)
    )
    row = (await tx.execute(found)).first()
    if row is not None and row.deleted_at is not None:
        raise Forbidden("this account is deleted")
    return None if row is None else row.id


async def _owner_of_address(ctx: Context, tx: AsyncSession, person: Person) -> int:
    if not person.email_verified:
        raise Forbidden("the other service does not say that the e-mail address is theirs")
    try:
        email = EmailAddress().check(person.email)
    except ValueError as error:
        raise Forbidden("the other service tells no e-mail address") from error
    found = select(User).where(User.email == email).with_for_update(key_share=True)
    user = (await tx.scalars(found)).first()
    if user is None:
        name = (person.name or "").replace("\0", "").strip()[:_LONGEST_NAME]
        made, _ = await accounts.create(
            tx,
            email=email,
            name=name or email.partition("@")[0],
            organization=None,
            password_hash=None,
        )
        return made.id
    if user.deleted_at is not None:
        raise Forbidden("this account is deleted")
    had_password, user.password_hash = user.password_hash is not None, None
    ended = await sessions.end_all(tx, user.id, at=ctx.services.clock())
    organization_id = await sessions.first_organization(tx, user.id)
    audit.write(
        tx, Viewer(organization_id, frozenset(), f"{USER}:{user.id}"), "link", (USER, user.id),
        provider=person.provider, password_ended=had_password, sessions_ended=ended,
    )  # fmt: skip
    return user.id
