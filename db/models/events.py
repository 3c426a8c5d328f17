"""What happened, who is told of it, and who did it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Edited, Keyed, Tenant, statuses
from db.models.stores import InStore


class Event(Keyed, Tenant, Base, kw_only=True):
    """An entry of the outbox, committed with the change that it reports.

    Keys of rows can be committed out of order, so nobody reads by ``id``: after commit one
    sequencer at a time numbers the new rows (``position``), and that is what readers go by.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("uq_event_position", "position", unique=True),
        Index(
            "ix_event_unnumbered",
            "id",
            sqlite_where=text("position IS NULL"),
            postgresql_where=text("position IS NULL"),
        ),
        Index("ix_event_subject", "subject_type", "subject_id", "position"),
        Index("ix_event_store", "store_id", "position"),
    )

    position: Mapped[int | None] = mapped_column(default=None, init=False)
    store_id: Mapped[int | None] = mapped_column(ForeignKey("store.id"), default=None)
    topic: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    payload: Mapped[dict[str, Any]]


class Consumer(Keyed, Base, kw_only=True):
    """How far a reader has come that acts upon events: all up to ``position`` are dealt with.

    It moves in the transaction that writes down what follows from them, so each counts once.
    """

    __tablename__ = "consumer"

    name: Mapped[str] = mapped_column(unique=True)
    position: Mapped[int] = mapped_column(default=0)


class WebhookEndpoint(Keyed, InStore, Edited, Base, kw_only=True):
    """An address that wants to hear of some topics. The signing secret is encrypted.

    ``format`` names in whose words it is told: "storegraph", or a dialect's.
    """

    __tablename__ = "webhook_endpoint"

    url: Mapped[str]
    topics: Mapped[list[str]] = mapped_column(default_factory=list[str])
    secret_encrypted: Mapped[str]
    format: Mapped[str] = mapped_column(default="storegraph")
    active: Mapped[bool] = mapped_column(default=True)
    description: Mapped[str | None] = mapped_column(default=None)


class WebhookStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(Keyed, InStore, Edited, Base, kw_only=True):
    """One message to one address, with every attempt to get it there.

    ``body`` is encrypted: goods that were bought may be in it.
    ``format`` names who shapes the body ("storegraph" or a dialect). ``attempts_log`` keeps
    {at, status, error, duration_ms, response} per attempt, ``attempts`` counts those since it was
    last made pending. A claim moves ``next_attempt_at`` beyond the time that an attempt takes.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id", "topic"),
        UniqueConstraint("event_id", "installation_id"),
        Index("ix_webhook_delivery_due", "status", "next_attempt_at"),
    )

    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"), index=True)
    endpoint_id: Mapped[int | None] = mapped_column(
        ForeignKey("webhook_endpoint.id"), index=True, default=None
    )
    installation_id: Mapped[int | None] = mapped_column(
        ForeignKey("app_installation.id"), index=True, default=None
    )
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True, default=None)
    format: Mapped[str]
    topic: Mapped[str]
    url: Mapped[str]
    body: Mapped[str]
    headers: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    status: Mapped[WebhookStatus] = mapped_column(
        statuses(WebhookStatus, name="status"), default=WebhookStatus.PENDING
    )
    attempts: Mapped[int] = mapped_column(default=0)
    attempts_log: Mapped[list[Any]] = mapped_column(default_factory=list[Any])
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
    response_status: Mapped[int | None] = mapped_column(default=None)


class AuditEntry(Keyed, Tenant, Base, kw_only=True):
    """Who did what to which row. Never changed, never deleted."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_newest", "organization_id", "id"),)

    actor: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[int | None] = mapped_column(default=None)
    details: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])


class IdempotencyRecord(Keyed, Tenant, Base, kw_only=True):
    """The first answer to a call, replayed to repetitions of it for 24 hours.

    ``caller`` and ``operation`` scope the key; ``input_hash`` tells a repetition from another call
    under the same key. ``outcome`` is null while the first call is still in its transaction.
    """

    __tablename__ = "idempotency_record"
    __table_args__ = (UniqueConstraint("organization_id", "caller", "operation", "key"),)

    caller: Mapped[str]
    operation: Mapped[str]
    key: Mapped[str]
    input_hash: Mapped[str]
    outcome: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    expires_at: Mapped[datetime] = mapped_column(index=True)
