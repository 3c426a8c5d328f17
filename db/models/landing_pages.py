"""Landing pages: a page of its own for one product, on a domain of the store."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Deletable, Edited, Keyed, statuses
from db.models.stores import InStore
from db.uuid7 import uuid7


class Domain(Keyed, InStore, Edited, Base, kw_only=True):
    """A host name under which a store is found. A store's first one is its primary domain."""

    __tablename__ = "domain"
    __table_args__ = (
        Index(
            "uq_domain_primary",
            "store_id",
            unique=True,
            sqlite_where=text("is_primary"),
            postgresql_where=text("is_primary"),
        ),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    name: Mapped[str] = mapped_column(unique=True)
    is_primary: Mapped[bool] = mapped_column(default=False)


class CodType(StrEnum):
    """How a landing page takes orders that are paid on delivery."""

    CHECKOUT = "checkout"
    POPUP = "popup"
    EMBEDDED = "embedded"


class LandingPage(Keyed, InStore, Edited, Deletable, Base, kw_only=True):
    """A page that sells one product. Without a domain it is on the store's primary one."""

    __tablename__ = "landing_page"
    __table_args__ = (
        Index(
            "uq_landing_page_slug",
            "store_id",
            "slug",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_landing_page_store_created", "store_id", "created_at", "id"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    domain_id: Mapped[int | None] = mapped_column(ForeignKey("domain.id"), index=True, default=None)
    title: Mapped[str]
    slug: Mapped[str]
    meta_description: Mapped[str | None] = mapped_column(default=None)
    language: Mapped[str | None] = mapped_column(default=None)
    cod_type: Mapped[CodType] = mapped_column(
        statuses(CodType, name="cod_type"), default=CodType.CHECKOUT
    )
    screenshot_url: Mapped[str | None] = mapped_column(default=None)
    published_at: Mapped[datetime | None] = mapped_column(default=None)
