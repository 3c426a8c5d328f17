"""Who looks at stores."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Keyed
from db.models.stores import InStore


class Visit(Keyed, InStore, Base, kw_only=True):
    """One page of a storefront, looked at once.

    ``visitor`` is what the storefront calls whoever looks, the same at each visit of theirs.
    """

    __tablename__ = "visit"
    __table_args__ = (Index("ix_visit_store_created", "store_id", "created_at", "id"),)

    path: Mapped[str]
    visitor: Mapped[str | None] = mapped_column(default=None)
    referrer: Mapped[str | None] = mapped_column(default=None)
