"""The CSV export of orders: complete, harmless, and in pieces."""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db import models
from db.models import PaymentStatus as P
from resolvers import order_exports
from rest_compat.xpage.order_exports import CELLS
from tests.callers import Rest
from tests.kit import Installed, Make

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)
HEADER = list(CELLS)


async def exported(xpage: Rest, key: Installed, **asked: Any) -> list[list[str]]:
    """The rows below the header."""
    reply = await xpage("export_orders", key=key, **asked)
    assert reply.status == 200, reply.body
    header, *rows = csv.reader(io.StringIO(reply.body.decode(), newline=""), strict=True)
    assert header == HEADER
    return rows


async def fill(make: Make, store: models.Store, count: int, **columns: Any) -> None:
    """Many orders at once: one statement."""
    async with make.services.database.write() as session:
        session.add_all(
            models.Order(
                organization_id=store.organization_id, store_id=store.id, ref=f"R{n}",
                currency="USD", total=n * 10_000, quantity=n % 7, created_at=AT,
                **columns,
            )
            for n in range(count)
        )  # fmt: skip


async def test_orders_are_exported_as_a_file(xpage: Rest, make: Make) -> None:
    store = await make.store()
    key = await make.installed(store, permissions=["order:export"])
    order = await make.order(
        store, ref="1001", total="29.99", first_name="Jané", last_name='"Doe", Jr.\nII',
        email="jane@example.com", payment_status=P.REFUNDED, refunded_total=29_990_000,
        quantity=3, created_at=AT,
    )  # fmt: skip
    await make.order(await make.store(), ref="foreign")

    reply = await xpage("export_orders", key=key, format="csv")

    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="orders.csv"'
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert reply.body.decode() == (
        "id,ref,status,currency,customer_name,customer_email,quantity,subtotal,total,created_at\r\n"
        f'{order.uuid},1001,paid,USD,"Jané ""Doe"", Jr.\nII",jane@example.com,3,29.99,29.99,'
        "2024-05-01T12:00:00Z\r\n"
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
async def test_no_cell_is_a_formula(xpage: Rest, make: Make, start: str) -> None:
    store = await make.store()
    await make.order(
        store, ref=f"{start}1+1", first_name=f'{start}HYPERLINK("https://x")', email=f"{start}a@b"
    )

    [row] = await exported(xpage, await make.installed(store))

    cells = dict(zip(HEADER, row, strict=True))
    assert cells["ref"] == f"'{start}1+1"
    assert cells["customer_name"] == f'\'{start}HYPERLINK("https://x")'
    assert cells["customer_email"] == f"'{start}a@b"


async def test_filters_and_sorting_are_those_of_the_list(xpage: Rest, make: Make) -> None:
    store = await make.store()
    key = await make.installed(store)
    for n in range(4):
        await make.order(
            store, ref=f"{n}", total=f"{n}", created_at=AT + timedelta(days=n),
            payment_status=P.PENDING if n % 2 else P.PAID,
        )  # fmt: skip

    for asked in (
        {},
        {"status": "paid"},
        {"order_by": "total", "order_direction": "ASC", "from": "2024-05-02"},
        {"search": "3"},
        {"order_by": "status"},
        {"ref": "none"},
    ):
        data = (await xpage.data("list_orders", key=key, **asked))["data"]
        rows = await exported(xpage, key, **asked)
        assert [row[1] for row in rows] == [order["ref"] for order in data["orders"]], asked


@pytest.mark.parametrize("order_by", ["date", "total", "quantity", "status"])
async def test_every_order_comes_once_in_batches(
    xpage: Rest, make: Make, statements: list[str], monkeypatch: pytest.MonkeyPatch, order_by: str
) -> None:
    monkeypatch.setattr(order_exports, "BATCH", 10)
    store = await make.store()
    key = await make.installed(store)
    await fill(make, store, 35)  # all of one moment
    statements.clear()

    rows = await exported(xpage, key, order_by=order_by)

    assert sorted(row[1] for row in rows) == sorted(f"R{n}" for n in range(35))
    read = [text for text in statements if "FROM orders" in text]
    assert len(read) == 5  # the newest, then 10, 10, 10 and 5 rows


async def test_orders_that_come_while_it_is_read_are_left_out(
    xpage: Rest, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_exports, "BATCH", 2)
    store = await make.store()
    key = await make.installed(store)
    await fill(make, store, 5)
    batches, come = order_exports.batches, 0

    async def busy(*given: Any, **named: Any) -> AsyncGenerator[Any]:
        nonlocal come
        async for rows in batches(*given, **named):
            come += 1
            await make.order(store, ref=f"new {come}", created_at=AT + timedelta(days=come))
            yield rows

    monkeypatch.setattr(order_exports, "batches", busy)

    rows = await exported(xpage, key, order_direction="ASC")

    assert [row[1] for row in rows] == [f"R{n}" for n in range(5)]


async def test_a_reader_that_goes_away_ends_the_reading(
    xpage: Rest, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_exports, "BATCH", 2)
    store = await make.store()
    key = await make.installed(store)
    await fill(make, store, 200, email="x" * 200_000)  # no buffer on the way holds 40 MB
    batches, seen, ended = order_exports.batches, 0, asyncio.Event()

    async def watched(*given: Any, **named: Any) -> AsyncGenerator[Any]:
        nonlocal seen
        try:
            async for rows in batches(*given, **named):
                seen += 1
                yield rows
        finally:
            ended.set()

    monkeypatch.setattr(order_exports, "batches", watched)
    operation = xpage.contract.operation("export_orders")
    response = await xpage.client.get(xpage.contract.prefix + operation.path, headers=key.headers)
    await response.content.readany()
    response.close()

    await asyncio.wait_for(ended.wait(), 30)
    assert seen < 100


async def test_a_refused_export_is_no_file(xpage: Rest, make: Make) -> None:
    key = await make.installed(await make.store())

    for field, wrong in {"format": "xlsx", "from": "2024-02-30"}.items():
        asked: dict[str, Any] = {field: wrong}
        reply = await xpage("export_orders", key=key, **asked)
        assert (reply.status, list(reply.body["errors"])) == (422, [field])
        assert "Content-Disposition" not in reply.headers


async def test_an_export_that_breaks_does_not_look_complete(
    xpage: Rest, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await make.store()
    key = await make.installed(store)
    await fill(make, store, 3)
    batches = order_exports.batches

    async def broken(*given: Any, **named: Any) -> AsyncGenerator[Any]:
        async for rows in batches(*given, **named):
            yield rows
        raise OSError("the disk is gone")

    monkeypatch.setattr(order_exports, "batches", broken)

    with pytest.raises(Exception, match="payload is not completed"):
        await xpage("export_orders", key=key)
