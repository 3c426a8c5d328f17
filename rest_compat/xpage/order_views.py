"""Orders as the contract shows them, whole."""

from collections.abc import Iterable, Sequence
from typing import Any

from db.models import Customer, Delivery, Order, OrderLine, RefundStatus
from resolvers import addresses, customers, deliveries, fetch, order_lines, orders, refunds, returns
from resolvers.contacts import BILLING, NAMES
from resolvers.context import Context
from rest_compat.xpage import (
    delivery_views,
    landing_page_views,
    order_line_views,
    payment_method_views,
    refund_views,
    return_views,
    status,
)
from rest_compat.xpage.country_views import country
from rest_compat.xpage.embedding import embedding
from rest_compat.xpage.wire import instant, instant_or_none, money, money_or_none

AMOUNTS = {
    "shipping_rate": Order.shipping,
    "discount": Order.discount,
    "tip": Order.tip,
    "tip_value": Order.tip_value,
    "fee": Order.fee,
    "subtotal": Order.subtotal,
    "total": Order.total,
}
PLAIN = {
    name: getattr(Order, name)
    for name in (
        "ref", "currency", "card_brand", "card_last4", "shipping_name", "discount_code",
        "tip_type", "bundle_name", "bundle_option_name", "quantity", "source_link",
    )
}  # fmt: skip
# Countries come apart, and the contract shows that of the buyer only.
TEXTS = tuple(name for name in NAMES if name != "country")
COLUMNS = (
    *AMOUNTS.values(),
    *PLAIN.values(),
    *(getattr(Order, f"{prefix}{name}") for prefix in ("", BILLING) for name in TEXTS),
    Order.uuid,
    Order.store_id,
    Order.customer_id,
    Order.country,
    Order.payment_status,
    Order.fulfillment_status,
    Order.payment_provider_id,
    Order.landing_page_id,
    Order.bundle_price,
    Order.attributes,
    Order.archived_at,
    Order.cancelled_at,
    Order.paid_at,
    Order.created_at,
)


async def of_orders(ctx: Context, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The orders that the viewer may see, by key."""
    if not keys:
        return {}
    ctx = embedding(ctx)
    found = await fetch.rows_of(ctx, orders.by_id, keys, {}, COLUMNS)
    rows = [row for row in found if row is not None]
    parts = await _parts(ctx, {row.id: str(row.uuid) for row in rows})
    buyers = await _buyers(ctx, _given(row.customer_id for row in rows))
    methods = await payment_method_views.of_payment_methods(
        ctx, _given(row.payment_provider_id for row in rows)
    )
    pages = _given(row.landing_page_id for row in rows)
    landing_pages = await landing_page_views.of_landing_pages(ctx, pages) if pages else {}
    domains = await addresses.domains_of_stores(ctx, {row.store_id for row in rows})
    return {
        row.id: {
            **_own(row),
            **parts[row.id],
            "customer_id": buyers.get(row.customer_id),
            "payment_method": methods.get(row.payment_provider_id),
            "landing_page": landing_pages.get(row.landing_page_id),
            "checkout_link": f"https://{domains[row.store_id]}/checkout/{row.uuid}",
            "thank_you_link": f"https://{domains[row.store_id]}/thank-you/{row.uuid}",
        }
        for row in rows
    }


def _given(keys: Iterable[int | None]) -> list[int]:
    return sorted({key for key in keys if key is not None})


def _own(row: Any) -> dict[str, Any]:
    """What is in the order's own row."""
    shown = status.shown(row.payment_status, row.fulfillment_status)
    return {
        "id": str(row.uuid),
        "status": shown.status,
        **_contact(row, "customer_", ""),
        "customer_country": country(row.country),
        **_contact(row, "billing_", BILLING),
        **{name: getattr(row, column.key) for name, column in PLAIN.items()},
        **{name: money(getattr(row, column.key)) for name, column in AMOUNTS.items()},
        "bundle_price": money_or_none(row.bundle_price),
        "is_archived": row.archived_at is not None,
        "is_cancelled": shown.is_cancelled,
        "cancelled_at": instant_or_none(row.cancelled_at),
        "paid_at": instant_or_none(row.paid_at),
        "created_at": instant(row.created_at),
        "meta_data": row.attributes,
    }


def _contact(row: Any, prefix: str, columns: str) -> dict[str, str]:
    """Texts of a contact; what is missing is empty."""
    texts = {name: getattr(row, f"{columns}{name}") or "" for name in TEXTS}
    name = customers.full_name(texts["first_name"], texts["last_name"]) or ""
    return {f"{prefix}{key}": text for key, text in {**texts, "name": name}.items()}


async def _parts(ctx: Context, ids: dict[int, str]) -> dict[int, dict[str, Any]]:
    """Lines, deliveries, returns and refunds of orders, whose ids are given by key."""
    keys = list(ids)
    bought = await fetch.rows_of(ctx, order_lines.of_orders, keys, {}, (OrderLine.id,))
    sent = await fetch.rows_of(ctx, deliveries.of_orders, keys, {}, (Delivery.id,))
    back = await fetch.rows_of(ctx, returns.of_orders, keys, {}, return_views.COLUMNS)
    repaid = await fetch.rows_of(ctx, refunds.of_orders, keys, {}, refund_views.COLUMNS)
    # The contract has no word for a refund that came to nothing: to apps there was none.
    repaid = [[row for row in rows if row.status is not RefundStatus.FAILED] for rows in repaid]
    lines = await order_line_views.of_lines(ctx, _keys(bought))
    parcels = [*_keys(sent), *_given(row.delivery_id for rows in back for row in rows)]
    shown_parcels = await delivery_views.of_deliveries(ctx, parcels, lines=lines)
    shown_returns = await return_views.shown(
        ctx, _flat(back), orders=ids, lines=lines, deliveries=shown_parcels
    )
    shown_refunds = await refund_views.shown(
        ctx, _flat(repaid), orders=ids, lines=lines, returns=shown_returns
    )
    return {
        key: {
            name: [shown[row.id] for row in of_order[at]]
            for name, shown, of_order in (
                ("variants", lines, bought),
                ("deliveries", shown_parcels, sent),
                ("returns", shown_returns, back),
                ("refunds", shown_refunds, repaid),
            )
        }
        for at, key in enumerate(keys)
    }


def _flat(rows: Iterable[Iterable[Any]]) -> list[Any]:
    return [each for group in rows for each in group]


def _keys(rows: Iterable[Iterable[Any]]) -> list[int]:
    return [each.id for each in _flat(rows)]


async def _buyers(ctx: Context, keys: Sequence[int]) -> dict[int, str]:
    rows = await fetch.rows_of(ctx, customers.by_id, keys, {}, (Customer.uuid,)) if keys else []
    return {row.id: str(row.uuid) for row in rows if row is not None}
