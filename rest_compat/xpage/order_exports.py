"""Order exports: every order that a list would show, as a file that spreadsheets open."""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from aiohttp import hdrs, web

from db.models import Order
from resolvers import order_exports
from resolvers.context import Context
from resolvers.customers import full_name
from resolvers.money import decimal
from rest_compat.xpage import order_queries, status
from rest_compat.xpage.wire import instant

Batches = AsyncGenerator[Sequence[Any]]
COLUMNS = (
    Order.uuid,
    Order.ref,
    Order.payment_status,
    Order.fulfillment_status,
    Order.currency,
    Order.first_name,
    Order.last_name,
    Order.email,
    Order.quantity,
    Order.subtotal,
    Order.total,
    Order.created_at,
)
CELLS: Mapping[str, Callable[[Any], object]] = {
    "id": lambda row: row.uuid,
    "ref": lambda row: row.ref,
    "status": lambda row: status.shown(row.payment_status, row.fulfillment_status).status,
    "currency": lambda row: row.currency,
    "customer_name": lambda row: full_name(row.first_name, row.last_name) or "",
    "customer_email": lambda row: row.email or "",
    "quantity": lambda row: row.quantity,
    "subtotal": lambda row: format(decimal(row.subtotal), "f"),
    "total": lambda row: format(decimal(row.total), "f"),
    "created_at": lambda row: instant(row.created_at),
}
HEADERS = {
    hdrs.CONTENT_TYPE: "text/csv; charset=utf-8; header=present",
    hdrs.CONTENT_DISPOSITION: 'attachment; filename="orders.csv"',
}
# What spreadsheets take for a formula (OWASP, CSV injection), in full width too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


async def export_orders(
    ctx: Context,
    *,
    format: str,  # there is one
    order_by: str,
    order_direction: str,
    search: str | None,
    ref: str | None,
    status: str | None,
    delivery_status: Sequence[str] | None,
    return_status: Sequence[str] | None,
    refund_status: Sequence[str] | None,
    exclude_delivery_status: str | None,
    exclude_return_status: str | None,
    exclude_refund_status: str | None,
    customer_id: str | None,
    product_id: Sequence[str] | None,
    landing_page_id: str | None,
    is_cancelled: bool | None,
    is_archived: bool | None,
    from_: str | None,
    to: str | None,
    updated_from: str | None,
    updated_to: str | None,
) -> web.StreamResponse:
    """The first rows are read before the answer begins: until then refusals are answers."""
    del format
    wanted = await order_queries.wanted(
        ctx,
        search=search,
        ref=ref,
        status=status,
        delivery_status=delivery_status,
        return_status=return_status,
        refund_status=refund_status,
        exclude_delivery_status=exclude_delivery_status,
        exclude_return_status=exclude_return_status,
        exclude_refund_status=exclude_refund_status,
        customer_id=customer_id,
        product_id=product_id,
        landing_page_id=landing_page_id,
        is_cancelled=is_cancelled,
        is_archived=is_archived,
        from_=from_,
        to=to,
        updated_from=updated_from,
        updated_to=updated_to,
    )
    sort = order_queries.sort(order_by, order_direction)
    batches = order_exports.batches(ctx, filter=wanted, sort=sort, columns=COLUMNS)
    first = await anext(batches)
    # aiohttp writes what the generator gives as fast as the client reads, and stops when it goes.
    return web.Response(body=_file(first, batches), headers=HEADERS)


async def _file(first: Sequence[Any], batches: Batches) -> AsyncGenerator[bytes]:
    yield _lines([CELLS.keys(), *map(_row, first)])
    async with aclosing(batches):
        async for rows in batches:
            yield _lines(map(_row, rows))


def _row(row: Any) -> list[str]:
    return [_harmless(str(cell(row))) for cell in CELLS.values()]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    """RFC 4180."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
