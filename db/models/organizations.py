"""Who owns stores, and the people who work there."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Deletable, Edited, Keyed, Tenant, statuses


class Plan(StrEnum):
    FREE = "free"
    PRO = "pro"


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"


class Organization(Keyed, Edited, Deletable, Base, kw_only=True):
    """A tenant. Nothing that belongs to one organization is seen by another."""

    __tablename__ = "organization"

    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    plan: Mapped[Plan] = mapped_column(statuses(Plan, name="plan"), default=Plan.FREE)


class User(Keyed, Edited, Deletable, Base, kw_only=True):
    """A person. ``password_hash`` is argon2 or nothing (a person who cannot log in yet)."""

    __tablename__ = "app_user"
    __table_args__ = (Index("uq_app_user_email", "email", unique=True),)

    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str | None] = mapped_column(default=None)


class UserIdentity(Keyed, Base, kw_only=True):
    """A user as another service knows them: ``subject`` is their unchanging name there."""

    __tablename__ = "user_identity"
    __table_args__ = (UniqueConstraint("provider", "subject"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"), index=True)
    provider: Mapped[str]
    subject: Mapped[str]


class Membership(Keyed, Tenant, Base, kw_only=True):
    """What a user may do in an organization."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("organization_id", "user_id"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"), index=True)
    role: Mapped[Role] = mapped_column(statuses(Role, name="role"))


class Session(Keyed, Tenant, Base, kw_only=True):
    """A browser that is logged in. The cookie's value is kept as a hash only.

    ``user_agent`` and ``address`` are those of the log-in, so that its owner can tell it from
    others.
    """

    __tablename__ = "session"

    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    user_agent: Mapped[str | None] = mapped_column(default=None)
    address: Mapped[str | None] = mapped_column(default=None)


class ApiKey(Keyed, Tenant, Edited, Base, kw_only=True):
    """A credential of a program.

    The key is kept as a SHA-256 (it has 256 random bits, so no slow hash is needed) and the
    secret for signatures encrypted, since a signature can only be checked with the secret itself.

    ``own_only`` limits the key to the orders, balances and top-ups that it made itself: the key of
    a wholesale client. An empty ``allowed_addresses`` allows every address; entries are addresses
    or networks in CIDR form.
    """

    __tablename__ = "api_key"
    __table_args__ = (CheckConstraint("request_count >= 0", name="request_count"),)

    store_id: Mapped[int | None] = mapped_column(ForeignKey("store.id"), index=True, default=None)
    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[str] = mapped_column(unique=True)
    secret_encrypted: Mapped[str | None] = mapped_column(default=None)
    permissions: Mapped[list[str]] = mapped_column(default_factory=list[str])
    own_only: Mapped[bool] = mapped_column(default=False)
    allowed_addresses: Mapped[list[str]] = mapped_column(default_factory=list[str])
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    request_count: Mapped[int] = mapped_column(default=0)
    first_used_at: Mapped[datetime | None] = mapped_column(default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    last_endpoint: Mapped[str | None] = mapped_column(default=None)
