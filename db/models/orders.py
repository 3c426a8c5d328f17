"""Orders and what follows from them: payments, refunds, deliveries, returns."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Edited, Keyed, statuses
from db.models.stores import InStore
from db.uuid7 import uuid7


class PaymentStatus(StrEnum):
    """What became of the money."""

    PENDING = "pending"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    ABANDONED = "abandoned"


class FulfillmentStatus(StrEnum):
    """What became of the goods."""

    UNFULFILLED = "unfulfilled"
    PROCESSING = "processing"
    PARTIAL = "partial"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class DeliveryStatus(StrEnum):
    UNFULFILLED = "unfulfilled"
    FULFILLED = "fulfilled"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class PaymentMethod(StrEnum):
    BALANCE = "balance"
    CARD = "card"
    EXTERNAL = "external"


class RefundStatus(StrEnum):
    """FAILED: the money did not go back, and the order does not count it any more."""

    PENDING = "pending"
    REFUNDED = "refunded"
    FAILED = "failed"


class PaymentProvider(Keyed, InStore, Edited, Base, kw_only=True):
    """A way to pay that a store offers: a card processor, cash on delivery."""

    __tablename__ = "payment_provider"

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    name: Mapped[str]
    payment_types: Mapped[list[str]] = mapped_column(default_factory=list[str])
    active: Mapped[bool] = mapped_column(default=True)
    connected: Mapped[bool] = mapped_column(default=False)


class Order(Keyed, InStore, Edited, Base, kw_only=True):
    """What somebody bought. All amounts are micro-units of ``currency``.

    ``api_key_id`` is the key that placed it, where a program did. Changes of the two statuses go
    through ``resolvers.transitions`` only. Names and addresses are those of the moment at which it
    was placed; ``country`` is an ISO 3166-1 alpha-2 code. ``tip`` is what was added for the staff;
    ``tip_type`` and ``tip_value`` say how the buyer put it ("percent", 10 in micro-units).
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("store_id", "ref"),
        CheckConstraint("total >= 0", name="total"),
        CheckConstraint("refunded_total >= 0 AND refunded_total <= total", name="refunded_total"),
        CheckConstraint(
            "payment_status <> 'refunded' OR refunded_total = total", name="refunded_in_full"
        ),
        CheckConstraint("quantity >= 0", name="quantity"),
        Index("ix_orders_newest", "organization_id", "created_at", "id"),
        Index("ix_orders_store_created", "store_id", "created_at", "id"),
        Index("ix_orders_store_updated", "store_id", "updated_at", "id"),
        Index("ix_orders_api_key", "api_key_id", "id"),
        Index("ix_orders_open", "fulfillment_status", "created_at"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    ref: Mapped[str]
    customer_id: Mapped[int | None] = mapped_column(
        ForeignKey("customer.id"), index=True, default=None
    )
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id"), default=None)
    payment_status: Mapped[PaymentStatus] = mapped_column(
        statuses(PaymentStatus, name="payment_status"), default=PaymentStatus.PENDING
    )
    fulfillment_status: Mapped[FulfillmentStatus] = mapped_column(
        statuses(FulfillmentStatus, name="fulfillment_status"),
        default=FulfillmentStatus.UNFULFILLED,
    )
    currency: Mapped[str]
    subtotal: Mapped[int] = mapped_column(default=0)
    shipping: Mapped[int] = mapped_column(default=0)
    discount: Mapped[int] = mapped_column(default=0)
    total: Mapped[int]
    refunded_total: Mapped[int] = mapped_column(default=0)
    quantity: Mapped[int]
    shipping_name: Mapped[str | None] = mapped_column(default=None)
    discount_code: Mapped[str | None] = mapped_column(default=None)
    tip: Mapped[int] = mapped_column(default=0)
    tip_type: Mapped[str | None] = mapped_column(default=None)
    tip_value: Mapped[int] = mapped_column(default=0)
    fee: Mapped[int] = mapped_column(default=0)
    bundle_name: Mapped[str | None] = mapped_column(default=None)
    bundle_option_name: Mapped[str | None] = mapped_column(default=None)
    bundle_price: Mapped[int | None] = mapped_column(default=None)
    first_name: Mapped[str | None] = mapped_column(default=None)
    last_name: Mapped[str | None] = mapped_column(default=None)
    email: Mapped[str | None] = mapped_column(default=None)
    phone: Mapped[str | None] = mapped_column(default=None)
    address: Mapped[str | None] = mapped_column(default=None)
    city: Mapped[str | None] = mapped_column(default=None)
    state: Mapped[str | None] = mapped_column(default=None)
    postal_code: Mapped[str | None] = mapped_column(default=None)
    country: Mapped[str | None] = mapped_column(default=None)
    billing_first_name: Mapped[str | None] = mapped_column(default=None)
    billing_last_name: Mapped[str | None] = mapped_column(default=None)
    billing_email: Mapped[str | None] = mapped_column(default=None)
    billing_phone: Mapped[str | None] = mapped_column(default=None)
    billing_address: Mapped[str | None] = mapped_column(default=None)
    billing_city: Mapped[str | None] = mapped_column(default=None)
    billing_state: Mapped[str | None] = mapped_column(default=None)
    billing_postal_code: Mapped[str | None] = mapped_column(default=None)
    billing_country: Mapped[str | None] = mapped_column(default=None)
    payment_provider_id: Mapped[int | None] = mapped_column(
        ForeignKey("payment_provider.id"), index=True, default=None
    )
    card_brand: Mapped[str | None] = mapped_column(default=None)
    card_last4: Mapped[str | None] = mapped_column(default=None)
    landing_page_id: Mapped[int | None] = mapped_column(
        ForeignKey("landing_page.id"), index=True, default=None
    )
    source_link: Mapped[str | None] = mapped_column(default=None)
    attributes: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    note: Mapped[str | None] = mapped_column(default=None)
    webhook_url: Mapped[str | None] = mapped_column(default=None)
    failure_reason: Mapped[str | None] = mapped_column(default=None)
    paid_at: Mapped[datetime | None] = mapped_column(default=None)
    fulfilled_at: Mapped[datetime | None] = mapped_column(default=None)
    cancelled_at: Mapped[datetime | None] = mapped_column(default=None)
    archived_at: Mapped[datetime | None] = mapped_column(default=None)


class OrderLine(Keyed, InStore, Base, kw_only=True):
    """Some units of one variant at the price of that moment, with the words of that moment.

    ``taken`` is how many of them came out of the variant's stock; None: all.
    """

    __tablename__ = "order_line"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity"),
        CheckConstraint("unit_price >= 0", name="unit_price"),
        Index("ix_order_line_order", "order_id", "id"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"), index=True)
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variant.id"), index=True)
    delivery_id: Mapped[int | None] = mapped_column(
        ForeignKey("delivery.id"), index=True, default=None
    )
    title: Mapped[str]
    sku: Mapped[str | None] = mapped_column(default=None)
    quantity: Mapped[int]
    taken: Mapped[int | None] = mapped_column(default=None)
    unit_price: Mapped[int]
    total: Mapped[int]
    currency: Mapped[str]
    is_digital: Mapped[bool] = mapped_column(default=False)
    options: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])


class Payment(Keyed, InStore, Base, kw_only=True):
    """Money that came in for an order. ``reference`` is the provider's, or the transfer's."""

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("method", "reference"),
        CheckConstraint("amount >= 0", name="amount"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    method: Mapped[PaymentMethod] = mapped_column(statuses(PaymentMethod, name="method"))
    amount: Mapped[int]
    currency: Mapped[str]
    reference: Mapped[str]
    transfer_id: Mapped[int | None] = mapped_column(ForeignKey("transfer.id"), default=None)


class Refund(Keyed, InStore, Base, kw_only=True):
    """Money that goes back. Refunds of an order never exceed what was paid for it.

    It is pending until the money has arrived; the order counts it from the start. ``reference`` is
    what the provider calls it through whom it goes.
    """

    __tablename__ = "refund"
    __table_args__ = (
        UniqueConstraint("order_id", "reference"),
        CheckConstraint("amount > 0", name="amount"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    return_id: Mapped[int | None] = mapped_column(
        ForeignKey("order_return.id"), index=True, default=None
    )
    amount: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str | None] = mapped_column(default=None)
    reference: Mapped[str | None] = mapped_column(default=None)
    status: Mapped[RefundStatus] = mapped_column(
        statuses(RefundStatus, name="status"), default=RefundStatus.PENDING
    )
    transfer_id: Mapped[int | None] = mapped_column(
        ForeignKey("transfer.id"), unique=True, default=None
    )


class RefundLine(Keyed, InStore, Base, kw_only=True):
    """The part of a refund that is for some units of an order line."""

    __tablename__ = "refund_line"
    __table_args__ = (
        UniqueConstraint("refund_id", "order_line_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
        CheckConstraint("amount >= 0", name="amount"),
    )

    refund_id: Mapped[int] = mapped_column(ForeignKey("refund.id"))
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"), index=True)
    quantity: Mapped[int]
    amount: Mapped[int]
    currency: Mapped[str]


class Delivery(Keyed, InStore, Edited, Base, kw_only=True):
    """A parcel on its way to the buyer, or (of a return) back.

    ``carrier`` is the carrier's name as it was said; ``shipping_carrier_id`` is the one of the
    platform's list that it is, where it is one.
    """

    __tablename__ = "delivery"

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    status: Mapped[DeliveryStatus] = mapped_column(
        statuses(DeliveryStatus, name="status"), default=DeliveryStatus.UNFULFILLED
    )
    carrier: Mapped[str | None] = mapped_column(default=None)
    shipping_carrier_id: Mapped[int | None] = mapped_column(
        ForeignKey("shipping_carrier.id"), index=True, default=None
    )
    tracking_number: Mapped[str | None] = mapped_column(default=None)
    tracking_url: Mapped[str | None] = mapped_column(default=None)
    shipped_at: Mapped[datetime | None] = mapped_column(default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)


class Return(Keyed, InStore, Edited, Base, kw_only=True):
    """Goods that the buyer sends back."""

    __tablename__ = "order_return"

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    delivery_id: Mapped[int | None] = mapped_column(
        ForeignKey("delivery.id"), index=True, default=None
    )
    reason: Mapped[str | None] = mapped_column(default=None)


class ReturnLine(Keyed, InStore, Base, kw_only=True):
    """How many units of an order line come back."""

    __tablename__ = "return_line"
    __table_args__ = (
        UniqueConstraint("return_id", "order_line_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
    )

    return_id: Mapped[int] = mapped_column(ForeignKey("order_return.id"))
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"), index=True)
    quantity: Mapped[int]
