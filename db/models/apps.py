"""Apps: programs of other people that work for a store, as far as its owner lets them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Deletable, Edited, Keyed, Tenant, statuses
from db.models.stores import InStore
from db.uuid7 import uuid7


class App(Keyed, Tenant, Edited, Deletable, Base, kw_only=True):
    """A program that an organization has registered; stores of any organization may install it.

    ``client_id`` is public. The client secret is kept as a SHA-256 (it has 256 random bits), the
    signing secret encrypted, since messages are signed with the secret itself. ``permissions`` is
    what it asks for, ``topics`` what it wants to hear of at ``webhook_url``.
    """

    __tablename__ = "app"

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    name: Mapped[str]
    client_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[str]
    signing_secret_encrypted: Mapped[str]
    install_url: Mapped[str | None] = mapped_column(default=None)
    webhook_url: Mapped[str | None] = mapped_column(default=None)
    permissions: Mapped[list[str]] = mapped_column(default_factory=list[str])
    topics: Mapped[list[str]] = mapped_column(default_factory=list[str])


class InstallationStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    INACTIVE = "inactive"
    UNINSTALLED = "uninstalled"


class AppInstallation(Keyed, InStore, Edited, Base, kw_only=True):
    """An app in a store, with the permissions that the store has granted.

    It belongs to the store's organization, whoever has registered the app; ``app_name`` is what the
    app was called when it was installed.
    """

    __tablename__ = "app_installation"
    __table_args__ = (
        Index(
            "uq_app_installation_app_store",
            "app_id",
            "store_id",
            unique=True,
            sqlite_where=text("status <> 'uninstalled'"),
            postgresql_where=text("status <> 'uninstalled'"),
        ),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    app_id: Mapped[int] = mapped_column(ForeignKey("app.id"), index=True)
    app_name: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(default_factory=list[str])
    status: Mapped[InstallationStatus] = mapped_column(
        statuses(InstallationStatus, name="status"), default=InstallationStatus.PENDING
    )
    activated_at: Mapped[datetime | None] = mapped_column(default=None)
    uninstalled_at: Mapped[datetime | None] = mapped_column(default=None)


class AppToken(Keyed, Tenant, Base, kw_only=True):
    """A short-lived credential of an app, kept as a SHA-256.

    With an ``installation_id`` it is good for that one only, without for all that the app has. It
    belongs to the organization that has registered the app.
    """

    __tablename__ = "app_token"

    app_id: Mapped[int] = mapped_column(ForeignKey("app.id"), index=True)
    installation_id: Mapped[int | None] = mapped_column(
        ForeignKey("app_installation.id"), index=True, default=None
    )
    token_hash: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
