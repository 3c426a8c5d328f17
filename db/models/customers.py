"""Who buys, and what they say about it."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from db.base import Base, Deletable, Edited, Keyed, statuses
from db.models.stores import InStore
from db.uuid7 import uuid7


class SubscriptionStatus(StrEnum):
    """Whether a customer wants to be written to."""

    SUBSCRIBED = "subscribed"
    NOT_SUBSCRIBED = "not_subscribed"


class Customer(Keyed, InStore, Edited, Deletable, Base, kw_only=True):
    """A buyer of one store. No two of them have one e-mail address.

    ``email_key`` is the address as addresses are compared; it is null where another customer had
    the same one before that was forbidden. ``country`` is an ISO 3166-1 alpha-2 code.
    ``order_count``, ``amount_spent`` (micro-units, paid and not given back) and
    ``latest_order_id`` are written with the orders that change them.
    """

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("order_count >= 0", name="order_count"),
        Index("ix_customer_store_email", "store_id", "email"),
        Index("ix_customer_store_created", "store_id", "created_at", "id"),
        Index(
            "uq_customer_email",
            "store_id",
            "email_key",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    first_name: Mapped[str | None] = mapped_column(default=None)
    last_name: Mapped[str | None] = mapped_column(default=None)
    email: Mapped[str | None] = mapped_column(default=None)
    phone: Mapped[str | None] = mapped_column(default=None)
    address: Mapped[str | None] = mapped_column(default=None)
    city: Mapped[str | None] = mapped_column(default=None)
    state: Mapped[str | None] = mapped_column(default=None)
    postal_code: Mapped[str | None] = mapped_column(default=None)
    country: Mapped[str | None] = mapped_column(default=None)
    order_count: Mapped[int] = mapped_column(default=0)
    amount_spent: Mapped[int] = mapped_column(default=0)
    latest_order_id: Mapped[int | None] = mapped_column(
        ForeignKey("orders.id", use_alter=True), index=True, default=None
    )
    currency: Mapped[str] = mapped_column(default="USD")
    subscription_status: Mapped[SubscriptionStatus] = mapped_column(
        statuses(SubscriptionStatus, name="subscription_status"),
        default=SubscriptionStatus.NOT_SUBSCRIBED,
    )
    email_key: Mapped[str | None] = mapped_column(default=None, init=False)

    @validates("email")
    def _compared(self, _: str, email: str | None) -> str | None:
        self.email_key = email.lower() if email else None
        return email


class ReviewStatus(StrEnum):
    PENDING = "pending"
    PUBLISHED = "published"
    REJECTED = "rejected"


class Review(Keyed, InStore, Edited, Deletable, Base, kw_only=True):
    """A buyer's verdict on a product, one to five stars."""

    __tablename__ = "review"
    __table_args__ = (
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        Index("ix_review_newest", "product_id", "created_at", "id"),
        Index("ix_review_store_created", "store_id", "created_at", "id"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    customer_id: Mapped[int | None] = mapped_column(
        ForeignKey("customer.id"), index=True, default=None
    )
    author: Mapped[str]
    email: Mapped[str | None] = mapped_column(default=None)
    rating: Mapped[int]
    title: Mapped[str | None] = mapped_column(default=None)
    body: Mapped[str]
    status: Mapped[ReviewStatus] = mapped_column(
        statuses(ReviewStatus, name="status"), default=ReviewStatus.PENDING
    )
