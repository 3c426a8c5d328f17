"""Stores and their settings."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Deletable, Edited, Keyed, Tenant, statuses
from db.uuid7 import uuid7


class StoreStatus(StrEnum):
    DRAFT = "draft"
    LIVE = "live"
    SUSPENDED = "suspended"


class Store(Keyed, Tenant, Edited, Deletable, Base, kw_only=True):
    """A shop. ``currency`` is what its prices are kept in unless a variant says otherwise.

    From ``erasure_began_at`` on a deleted one cannot be brought back; at ``erased_at`` nothing was
    left of it but what the ledger refers to.
    """

    __tablename__ = "store"
    __table_args__ = (
        Index(
            "uq_store_subdomain",
            "subdomain",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    name: Mapped[str]
    subdomain: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    status: Mapped[StoreStatus] = mapped_column(
        statuses(StoreStatus, name="status"), default=StoreStatus.DRAFT
    )
    currency: Mapped[str] = mapped_column(default="USD")
    wholesale: Mapped[bool] = mapped_column(default=False)
    erasure_began_at: Mapped[datetime | None] = mapped_column(default=None, init=False)
    erased_at: Mapped[datetime | None] = mapped_column(default=None, init=False)


class StoreSetting(Keyed, Tenant, Edited, Base, kw_only=True):
    """One free-form setting of a store, found by group and name."""

    __tablename__ = "store_setting"
    __table_args__ = (UniqueConstraint("store_id", "group", "name"),)

    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    group: Mapped[str]
    name: Mapped[str]
    value: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])


class InStore(Tenant, kw_only=True):
    """A row of one store (and, through it, of one organization)."""

    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"), index=True, sort_order=-80)
