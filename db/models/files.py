"""Stored files and what they belong to."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Deletable, Keyed
from db.models.stores import InStore
from db.uuid7 import uuid7


class File(Keyed, InStore, Deletable, Base, kw_only=True):
    """A stored object. ``content_type`` is what its bytes are, not what its name says.

    ``thumbnail_key`` is where a small form of a picture is stored.
    """

    __tablename__ = "file"
    __table_args__ = (
        CheckConstraint("size >= 0", name="size"),
        Index("ix_file_store_created", "store_id", "created_at", "id"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    content_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    alt: Mapped[str] = mapped_column(default="")
    thumbnail_key: Mapped[str | None] = mapped_column(unique=True, default=None)
    width: Mapped[int | None] = mapped_column(default=None)
    height: Mapped[int | None] = mapped_column(default=None)


class FileLink(Keyed, InStore, Base, kw_only=True):
    """A file in a role ("image", "download") of another row."""

    __tablename__ = "file_link"
    __table_args__ = (
        UniqueConstraint("file_id", "subject_type", "subject_id", "role"),
        Index("ix_file_link_subject", "subject_type", "subject_id", "role", "position"),
    )

    file_id: Mapped[int] = mapped_column(ForeignKey("file.id"))
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    role: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)
