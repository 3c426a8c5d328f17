"""Stores that were deleted a month ago go for good, and nothing else does."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app import cli
from db import models
from db.base import Base, now
from db.engine import Database
from jobs import batches, deleted_stores
from jobs.sweeps import standard
from resolvers import ledger
from resolvers.services import Services
from resolvers.stores import KEPT_FOR
from tests.callers import GraphQL
from tests.kit import Key, Make, fund, gid
from tests.state import all_rows, check_books, everything, stored

DELETE = "mutation ($id: ID!) { deleteStore(id: $id) { deletedId errors { code } } }"
RESTORE = "mutation ($id: ID!) { restoreStore(id: $id) { store { id } errors { code field } } }"
SECRET = "Adalovelace"


def at(services: Services, **time: float) -> None:
    when = now() + timedelta(**time)
    services.clock = lambda: when


async def rows_of(services: Services, store: models.Store) -> dict[str, int]:
    """How many rows of each table are the store's."""
    found: dict[str, int] = {}
    async with services.database.read() as connection:
        for table in Base.metadata.tables.values():
            column = table.columns.get("store_id" if table.name != "store" else "id")
            if column is None:
                continue
            count = select(func.count()).select_from(table).where(column == store.id)
            if number := (await connection.execute(count)).scalar_one():
                found[table.name] = number
    return found


async def furnished(make: Make) -> tuple[models.Store, models.Order, Key]:
    """A store with a row in every table that stores have, and an order that the ledger knows."""
    store = await make.store(description=f"Run by {SECRET}")
    owner: dict[str, Any] = {"organization_id": store.organization_id, "store_id": store.id}
    brand, parent = await make.brand(store), await make.category(store)
    child = await make.category(store, parent)
    product = await make.product(store, brand_id=brand.id, category_id=child.id, is_primary=True)
    variant = await make.only_variant(product)
    await make.stock_items(variant, 1)
    part = {**owner, "product_id": product.id}
    await make.save(models.Option(**part, name="Size", choices=["L"]))
    await make.save(models.Property(**part, name="Material", value="Oak"))
    await make.save(models.FaqEntry(**part, question="Who?", answer=SECRET))
    await make.offer(variant)
    file = await stored_file(make, store)
    await make.link(file, product)
    domain = await make.domain(store)
    page = await make.landing_page(product, domain_id=domain.id)
    customer = await make.customer(store, first_name=SECRET)
    await make.review(product, author=SECRET, customer_id=customer.id)
    provider = await make.save(models.PaymentProvider(**owner, name="Card"))
    key = await make.wholesale_key(store)
    orders = [
        await make.order(
            store, customer_id=customer.id, email=f"{SECRET}@example.com", address=SECRET,
            billing_last_name=SECRET, note=SECRET, attributes={"by": SECRET}, card_last4="4242",
            landing_page_id=page.id, payment_provider_id=provider.id, api_key_id=key.row.id,
            payment_status=models.PaymentStatus.PAID,
        )
        for _ in range(2)
    ]  # fmt: skip
    for order in orders:
        await _sold(make, order, variant)
    async with make.services.database.write() as tx:
        (await tx.get_one(models.Customer, customer.id)).latest_order_id = orders[0].id
    balance = await fund(make.services, key, "50")
    await _paid(make, orders[1], balance)
    await make.save(models.Visit(**owner, path="/", visitor=SECRET))
    await make.setting(store, "storefront", "theme", {"value": "neon"})
    endpoint = await make.save(
        models.WebhookEndpoint(**owner, url="https://example.com", secret_encrypted="-")
    )
    app = await make.installed(store)
    event = await make.save(
        models.Event(
            **owner, topic="customer.updated", subject_type="customer", subject_id=customer.id,
            payload={"name": SECRET},
        )
    )  # fmt: skip
    listeners: list[dict[str, Any]] = [
        {"endpoint_id": endpoint.id}, {"installation_id": app.row.id},
    ]  # fmt: skip
    for told in listeners:
        await make.save(
            models.WebhookDelivery(
                **owner, **told, event_id=event.id, order_id=orders[0].id, format="storegraph",
                topic="order.created", url="https://example.com", body=SECRET,
            )
        )  # fmt: skip
    await make.save(models.Job(**owner, kind="test", order_id=orders[1].id))
    for status in models.TopUpStatus:
        await make.save(
            models.TopUp(
                **owner, account_id=balance.id, network="n", address="a", requested_amount=1,
                amount=1, status=status, expires_at=now(),
            )
        )  # fmt: skip
    return store, orders[1], key


async def _sold(make: Make, order: models.Order, variant: models.Variant) -> None:
    """What may follow an order, once each."""
    owner: dict[str, Any] = {
        "organization_id": order.organization_id, "store_id": order.store_id,
    }  # fmt: skip
    delivery = await make.delivery(order)
    line = await make.order_line(order, variant, delivery_id=delivery.id)
    back = await make.returned(order)
    await make.save(
        models.ReturnLine(**owner, return_id=back.id, order_line_id=line.id, quantity=1)
    )
    refund = await make.refund(order, return_id=back.id, reason=SECRET)
    await make.save(
        models.RefundLine(
            **owner, refund_id=refund.id, order_line_id=line.id, quantity=1, amount=1,
            currency=order.currency,
        )
    )  # fmt: skip
    money: dict[str, Any] = {
        **owner, "order_id": order.id, "amount": order.total, "currency": order.currency,
    }  # fmt: skip
    await make.save(
        models.Payment(**money, method=models.PaymentMethod.CARD, reference=f"pi_{order.id}")
    )
    session: dict[str, Any] = {
        "provider": "test",
        "reference": f"cs_{order.id}",
        "url": "https://pay.example",
    }
    await make.save(
        models.CheckoutSession(
            **money, **session, success_url="https://a.example", cancel_url="https://b.example",
            expires_at=now(),
        )
    )  # fmt: skip
    await make.save(
        models.Dispute(**money, provider="test", reference=f"dp_{order.id}", status="lost")
    )


async def _paid(make: Make, order: models.Order, balance: models.Account) -> None:
    services = make.services
    async with services.database.write() as tx:
        owner = ledger.Owner(order.organization_id, balance.api_key_id)
        sales = await ledger.account(tx, owner, balance.unit, models.AccountRole.SALES)
        await ledger.transfer(
            tx,
            kind=models.TransferKind.PURCHASE,
            reference=f"purchase:{order.id}",
            debit=await tx.get_one(models.Account, balance.id),
            credit=sales,
            amount=order.total,
            order_id=order.id,
        )


async def stored_file(make: Make, store: models.Store) -> models.File:
    key = f"{store.id}/{make.count:032x}"
    for each in (key, f"{key}-small"):
        await make.services.storage.put(each, b"bytes")
    return await make.file(store, key=key, thumbnail_key=f"{key}-small")


async def test_a_store_goes_with_all_that_the_ledger_does_not_need(
    gql: GraphQL, make: Make
) -> None:
    services, staff = make.services, await make.key()
    gone, kept, _ = await furnished(make)
    other, _, _ = await furnished(make)
    foreign = await make.store("Other")
    await stored_file(make, foreign)
    before, others = await rows_of(services, gone), await rows_of(services, other)
    # Every table that stores have rows in is tried here.
    assert before.keys() == {
        table.name for table in Base.metadata.tables.values() if "store_id" in table.columns
    } | {"store"}
    await gql.done(DELETE, key=staff, id=gid(gone))
    at(services, days=29, hours=23)
    assert await deleted_stores.sweep(services) == 0
    at(services, days=30, minutes=1)

    assert await deleted_stores.sweep(services) == 1

    assert await rows_of(services, gone) == {
        "store": 1, "api_key": 1, "orders": 1, "order_line": 1, "payment": 1, "refund": 1,
        "refund_line": 1, "checkout_session": 1, "dispute": 1, "top_up": 2,
    }  # fmt: skip
    after = await all_rows(services)
    assert SECRET not in str({name: _of(after[name], gone, name) for name in after})
    async with services.database.write() as tx:
        order = await tx.get_one(models.Order, kept.id)
        key = await tx.get_one(models.ApiKey, order.api_key_id)
    assert (order.total, order.ref, order.payment_status) == (
        kept.total, kept.ref, kept.payment_status,
    )  # fmt: skip
    assert (order.email, order.customer_id, order.attributes) == (None, None, {})
    assert key.revoked_at is not None
    assert await rows_of(services, other) == others
    assert await stored(services) == sorted(
        f"{store.id}/{end}"
        for store in (other, foreign)
        for each in after["file"]
        if (row := dict(zip(models.File.__table__.columns.keys(), each, strict=True)))
        and row["store_id"] == store.id
        for end in (row["key"].split("/")[1], row["thumbnail_key"].split("/")[1])
    )
    await check_books(services)
    assert await gql.refused(RESTORE, key=staff, id=gid(gone)) == ["NOT_FOUND id"]
    data = await gql.data("{ stores { nodes { id } } orders { totalCount } }", key=staff)
    assert data == {"stores": {"nodes": [{"id": gid(other)}]}, "orders": {"totalCount": 2}}
    log = '{ auditLog(filter: {action: ["store.erased"]}) { nodes { actor details } } }'
    [entry] = (await gql.data(log, key=staff))["auditLog"]["nodes"]
    assert (entry["actor"], entry["details"]["kept"][0]) == ("system", "api_key")
    # And it is done: nothing is left to do.
    unchanged = await everything(services)
    assert await deleted_stores.sweep(services) == 0
    assert await everything(services) == unchanged


def _of(rows: list[Any], store: models.Store, name: str) -> list[Any]:
    table = Base.metadata.tables[name]
    names = [each.key for each in table.columns if (name, each.key) != ("event", "position")]
    column = "store_id" if name != "store" else "id"
    if column not in names:
        return []
    place = names.index(column)
    return [row for row in rows if row[place] in (store.id, None)]


async def test_a_store_that_the_ledger_does_not_know_leaves_nothing(
    gql: GraphQL, make: Make
) -> None:
    services, staff = make.services, await make.key()
    store = await make.store()
    product = await make.product(store)
    order = await make.order(store)
    await _sold(make, order, await make.only_variant(product))
    await make.key(store_id=store.id)
    await stored_file(make, store)
    await gql.done(DELETE, key=staff, id=gid(store))
    at(services, days=31)

    assert await deleted_stores.sweep(services) == 1

    assert await rows_of(services, store) == {}
    assert await stored(services) == []
    async with services.database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM event"))).scalar_one() > 0


class Crash(BaseException):
    """The process is killed."""


async def test_wherever_a_sweep_is_killed_the_next_one_goes_on(
    gql: GraphQL, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, staff = make.services, await make.key()
    monkeypatch.setattr(batches, "BATCH", 1)
    gone, _, _ = await furnished(make)
    await stored_file(make, gone)
    other, _, _ = await furnished(make)
    others = await rows_of(services, other)
    await gql.done(DELETE, key=staff, id=gid(gone))
    at(services, days=31)
    write, left = Database.write, 0

    @asynccontextmanager
    async def limited(database: Database) -> AsyncGenerator[Any]:
        nonlocal left
        async with write(database) as session:
            yield session
            left -= 1
            if left < 0:
                raise Crash  # before the commit

    kills = 0
    while True:
        left = 1 + kills % 2
        with monkeypatch.context() as patched:
            patched.setattr(Database, "write", limited)
            try:
                erased = await deleted_stores.sweep(services)
            except Crash:
                kills += 1
                assert kills < 200
                continue
        break

    assert (erased, kills > 10) == (1, True)
    assert set(await rows_of(services, gone)) == {
        "store", "api_key", "orders", "order_line", "payment", "refund", "refund_line",
        "checkout_session", "dispute", "top_up",
    }  # fmt: skip
    assert await rows_of(services, other) == others
    assert len(await stored(services)) == 2
    await check_books(services)


async def test_a_restored_store_keeps_everything(gql: GraphQL, make: Make) -> None:
    services, staff = make.services, await make.key()
    store, _, _ = await furnished(make)
    before = await rows_of(services, store)
    await gql.done(DELETE, key=staff, id=gid(store))
    at(services, days=30, seconds=-30)
    assert await deleted_stores.sweep(services) == 0

    await gql.done(RESTORE, key=staff, id=gid(store))

    at(services, days=90)
    assert await deleted_stores.sweep(services) == 0
    after = await rows_of(services, store)
    assert after.pop("event") == before.pop("event") + 2  # it was deleted, and restored
    assert after == before


async def test_a_store_whose_erasure_has_begun_cannot_be_restored(
    gql: GraphQL, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, staff = make.services, await make.key()
    store = await make.store()
    await gql.done(DELETE, key=staff, id=gid(store))
    at(services, days=30, minutes=1)

    async def broken(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(deleted_stores, "remove_files", broken)
        assert await deleted_stores.sweep(services) == 0
    at(services, days=29)  # as by the clock of another machine

    assert await gql.refused(RESTORE, key=staff, id=gid(store)) == ["NOT_FOUND id"]


async def test_one_store_that_fails_stops_no_other(
    gql: GraphQL, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, staff = make.services, await make.key()
    stores = [await make.store() for _ in range(2)]
    for store in stores:
        await gql.done(DELETE, key=staff, id=gid(store))
    at(services, days=31)
    remove_files = deleted_stores.remove_files

    async def failing(given: Services, store_id: int) -> None:
        if store_id == stores[0].id:
            raise RuntimeError
        await remove_files(given, store_id)

    monkeypatch.setattr(deleted_stores, "remove_files", failing)

    assert await deleted_stores.sweep(services) == 1
    assert await rows_of(services, stores[1]) == {}
    assert (await rows_of(services, stores[0]))["store"] == 1


def test_the_sweep_is_among_those_that_run_by_themselves() -> None:
    sweeps = standard(orders_every=1, deposits_every=1)

    assert deleted_stores.sweep in [sweep.run for sweep in sweeps]
    assert timedelta(days=30) == KEPT_FOR
    assert [group.name for group in cli.app.registered_groups].count("stores") == 1
