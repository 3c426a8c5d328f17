"""Which orders, and in which sequence: what lists and exports of orders are narrowed by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import case, exists, func, or_

from db.models import (
    Customer,
    Delivery,
    DeliveryStatus,
    FulfillmentStatus,
    Order,
    OrderLine,
    PaymentStatus,
    Refund,
    RefundStatus,
    Return,
)
from resolvers.inputs import MicroUnits
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, sorts

# How far the money has come; whoever shows fewer statuses than these can still sort by them.
_STAGES = (
    PaymentStatus.PENDING,
    PaymentStatus.PAID,
    PaymentStatus.PARTIALLY_REFUNDED,
    PaymentStatus.REFUNDED,
    PaymentStatus.ABANDONED,
)
SORTS = sorts(
    "OrderSort",
    default="created_at_desc",
    id=Order.id,
    created_at=Order.created_at,
    updated_at=Order.updated_at,
    total=Order.total,
    quantity=Order.quantity,
    payment_status=case(
        *((Order.payment_status == status, stage) for stage, status in enumerate(_STAGES)),
        else_=len(_STAGES),
    ),
)


@dataclass(frozen=True, kw_only=True)
class OrderFilter:
    """Which orders; all given conditions must hold."""

    search: Annotated[
        str | None,
        "Text in the reference, a name, an e-mail address, a telephone number or an address, or "
        "the whole UUID.",
    ] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    customer_id: Annotated[int | None, KeyOf("Customer"), "Only of this customer."] = None
    product_id: Annotated[
        tuple[int, ...] | None, KeyOf("Product"), "With a line of any of these products."
    ] = None
    landing_page_id: Annotated[
        int | None, KeyOf("LandingPage"), "Only those that came from this landing page."
    ] = None
    api_key_id: Annotated[int | None, KeyOf("ApiKey"), "Placed with this API key."] = None
    ref: Annotated[str | None, "Exactly this reference."] = None
    payment_status: Annotated[tuple[PaymentStatus, ...] | None, "Any of these."] = None
    fulfillment_status: Annotated[tuple[FulfillmentStatus, ...] | None, "Any of these."] = None
    delivery_status: Annotated[
        tuple[DeliveryStatus, ...] | None, "A parcel to the buyer has any of these."
    ] = None
    not_delivery_status: Annotated[
        tuple[DeliveryStatus, ...] | None, "No parcel to the buyer has any of these."
    ] = None
    return_status: Annotated[
        tuple[DeliveryStatus, ...] | None, "A parcel on its way back has any of these."
    ] = None
    not_return_status: Annotated[
        tuple[DeliveryStatus, ...] | None, "No parcel on its way back has any of these."
    ] = None
    refund_status: Annotated[tuple[RefundStatus, ...] | None, "A refund has any of these."] = None
    not_refund_status: Annotated[tuple[RefundStatus, ...] | None, "No refund has any of these."] = (
        None
    )
    min_total: Annotated[int | None, MicroUnits, "Total of at least this."] = None
    max_total: Annotated[int | None, MicroUnits, "Total of at most this."] = None
    archived: Annotated[bool | None, "Archived ones only, or others only."] = None
    created_after: Annotated[datetime | None, "Placed at or after."] = None
    created_before: Annotated[datetime | None, "Placed before."] = None
    updated_after: Annotated[datetime | None, "Changed at or after."] = None
    updated_before: Annotated[datetime | None, "Changed before."] = None


def _searched(text: str) -> Any:
    spoken = func.coalesce(Order.first_name, "") + " " + func.coalesce(Order.last_name, "")
    texts = (
        spoken,
        Order.ref,
        Order.email,
        Order.phone,
        Order.address,
        Order.city,
        Order.postal_code,
    )
    buyer = exists().where(
        Customer.id == Order.customer_id,
        or_(
            *(
                contains(column, text)
                for column in (Customer.first_name, Customer.last_name, Customer.email)
            )
        ),
    )
    return or_(*(contains(each, text) for each in texts), buyer, *_whole_uuid(text))


def _whole_uuid(text: str) -> list[Any]:
    try:
        return [Order.uuid == UUID(text.strip())]
    except ValueError:
        return []


def outward() -> Any:
    """Of deliveries: those to the buyer. Parcels of returns belong to their return."""
    return ~exists().where(Return.delivery_id == Delivery.id)


def _has_parcel(statuses: Sequence[DeliveryStatus]) -> Any:
    return exists().where(Delivery.order_id == Order.id, Delivery.status.in_(statuses), outward())


def _has_return(statuses: Sequence[DeliveryStatus]) -> Any:
    return exists().where(
        Return.order_id == Order.id,
        Return.delivery_id == Delivery.id,
        Delivery.status.in_(statuses),
    )


def _has_refund(statuses: Sequence[RefundStatus]) -> Any:
    return exists().where(Refund.order_id == Order.id, Refund.status.in_(statuses))


CONDITIONS: Conditions = {
    "search": _searched,
    "store_id": lambda key: Order.store_id == key,
    "customer_id": lambda key: Order.customer_id == key,
    "product_id": lambda keys: exists().where(
        OrderLine.order_id == Order.id, OrderLine.product_id.in_(keys)
    ),
    "landing_page_id": lambda key: Order.landing_page_id == key,
    "api_key_id": lambda key: Order.api_key_id == key,
    "ref": lambda ref: Order.ref == ref,
    "payment_status": Order.payment_status.in_,
    "fulfillment_status": Order.fulfillment_status.in_,
    "delivery_status": _has_parcel,
    "not_delivery_status": lambda statuses: ~_has_parcel(statuses),
    "return_status": _has_return,
    "not_return_status": lambda statuses: ~_has_return(statuses),
    "refund_status": _has_refund,
    "not_refund_status": lambda statuses: ~_has_refund(statuses),
    "min_total": lambda least: Order.total >= least,
    "max_total": lambda most: Order.total <= most,
    "archived": lambda wanted: (
        Order.archived_at.is_not(None) if wanted else Order.archived_at.is_(None)
    ),
    "created_after": lambda at: Order.created_at >= at,
    "created_before": lambda at: Order.created_at < at,
    "updated_after": lambda at: Order.updated_at >= at,
    "updated_before": lambda at: Order.updated_at < at,
}
