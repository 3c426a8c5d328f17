"""Work that outlives a request. The row is the truth that users see."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Edited, Keyed, Tenant, statuses
from db.uuid7 import uuid7


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Keyed, Tenant, Edited, Base, kw_only=True):
    """One piece of work. ``kind`` names the code; ``run`` counts fresh starts by retry.

    ``progress`` is percent. ``usage`` is what it took of outside services ({model, input_tokens,
    output_tokens, cost}). ``lease_until`` is renewed by whoever runs it: past it, the work is
    picked up again by somebody else.
    """

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        CheckConstraint("attempts >= 0", name="attempts"),
        Index("ix_job_open", "status", "lease_until"),
        Index("ix_job_store", "store_id", "id"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    store_id: Mapped[int | None] = mapped_column(ForeignKey("store.id"), default=None)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True, default=None)
    kind: Mapped[str]
    status: Mapped[JobStatus] = mapped_column(
        statuses(JobStatus, name="status"), default=JobStatus.QUEUED
    )
    progress: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=5)
    run: Mapped[int] = mapped_column(default=1)
    input: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    output: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    usage: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    error_code: Mapped[str | None] = mapped_column(default=None)
    error_message: Mapped[str | None] = mapped_column(default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
