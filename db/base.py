"""What every row class shares: keys, names of constraints, time, tenancy."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, Integer, MetaData, String
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    MappedAsDataclass,
    declared_attr,
    mapped_column,
)
from sqlalchemy.types import TypeDecorator

Attribute = InstrumentedAttribute
Json = Any

# SQLite gives automatic keys to INTEGER columns only; its INTEGER holds 64 bits all the same.
Key = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware going in, UTC coming out, microseconds kept on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime names no instant")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


def _values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


def statuses(enum: type[StrEnum], *, name: str) -> SqlEnum:
    """A text column that holds the values of ``enum`` and, by a CHECK, nothing else."""
    return SqlEnum(
        enum,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=_values,
    )


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False, repr=False):
    """A row: a typed constructor, identity equality, named constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: Key,
        str: String(),
        datetime: UtcDateTime(),
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
        list[Any]: JSON().with_variant(JSONB(), "postgresql"),
        list[str]: JSON().with_variant(JSONB(), "postgresql"),
    }


class Keyed(MappedAsDataclass, kw_only=True):
    """One integer primary key, and when the row came to be."""

    id: Mapped[int] = mapped_column(Key, primary_key=True, init=False, sort_order=-100)
    created_at: Mapped[datetime] = mapped_column(default_factory=now, sort_order=100)


class Tenant(MappedAsDataclass, kw_only=True):
    """The organization that a row belongs to. Every read is limited by it, in SQL."""

    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, sort_order=-90
    )


class Edited(MappedAsDataclass, kw_only=True):
    """A row that people edit: when last, and which version they looked at.

    ``version`` is raised by the ORM with every update; an update of a version that is gone
    raises ``StaleDataError``.
    """

    updated_at: Mapped[datetime] = mapped_column(
        default_factory=now, onupdate=now, init=False, sort_order=101
    )
    version: Mapped[int] = mapped_column(default=1, init=False, sort_order=102)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - what declared_attr takes is a class
        return {"version_id_col": cls.version}


class Deletable(MappedAsDataclass, kw_only=True):
    """A row that vanishes from every view when deleted, but is kept for a while."""

    deleted_at: Mapped[datetime | None] = mapped_column(default=None, init=False, sort_order=103)
