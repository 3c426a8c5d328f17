"""The demo data: every figure in it is what its rows say, and its keys open its doors."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Select, and_, case, cast, exists, func, or_, select, true

from app import seed
from app.credentials import DemoKeys
from db import models
from db.base import Base, now
from db.engine import connect
from db.models import FulfillmentStatus as F
from db.models import Order, OrderLine, Payment, Product, Review, StockItem, Variant
from db.models import PaymentStatus as P
from providers import storage
from providers.chain import SimulatedChain
from providers.memory import MemoryLimiter, NoJobs
from resolvers import identity
from resolvers.feed import Feed
from resolvers.markup import sanitized
from resolvers.services import Services
from resolvers.transitions import FULFILLMENT, PAYMENT
from resolvers.vault import Vault
from tests.callers import GraphQL, Rest
from tests.kit import Key, Make, work
from tests.state import check_books, everything

SCALE = 0.1
PAID = (P.PAID, P.PARTIALLY_REFUNDED, P.REFUNDED)
ENDED = (F.CANCELLED, F.FAILED, F.EXPIRED)


@pytest.fixture
async def demo(services: Services) -> DemoKeys:
    return await seed.run(services, scale=SCALE)


def of_each(parent: Any, *values: Any, where: Any) -> Any:
    """A scalar subquery over the rows of each parent, 0 without any."""
    return select(func.coalesce(*values, 0)).where(where).correlate(parent).scalar_subquery()


def broken_promises() -> dict[str, Select[Any]]:
    """Statements that find rows of which the sentence is not true."""
    line, refund, customer = OrderLine, models.Refund, models.Customer
    delivery, back = models.Delivery, models.Return
    lines = of_each(Order, func.sum(line.total), where=line.order_id == Order.id)
    units = of_each(Order, func.sum(line.quantity), where=line.order_id == Order.id)
    paid = of_each(Order, func.sum(Payment.amount), where=Payment.order_id == Order.id)
    refunded = of_each(Order, func.sum(refund.amount), where=refund.order_id == Order.id)
    mine = Order.customer_id == customer.id
    counted = and_(mine, Order.payment_status != P.ABANDONED)
    spent = func.sum(
        case((Order.payment_status.in_(PAID), Order.total - Order.refunded_total), else_=0)
    )
    variant = and_(Variant.product_id == Product.id, Variant.deleted_at.is_(None))
    published = and_(Review.product_id == Product.id, Review.status == "published")
    count = of_each(Product, func.count(Review.id), where=published)
    stars = cast(of_each(Product, func.sum(Review.rating), where=published), BigInteger)
    free = and_(StockItem.variant_id == Variant.id, StockItem.state == "available")
    digital = and_(Variant.product_id == Product.id, Product.is_digital)
    came_back = of_each(
        line,
        func.sum(models.ReturnLine.quantity),
        where=models.ReturnLine.order_line_id == line.id,
    )
    outward = and_(delivery.order_id == Order.id, ~exists().where(back.delivery_id == delivery.id))
    page, domain = models.LandingPage, models.Domain
    hosts = of_each(
        models.Store,
        func.sum(case((domain.is_primary, 1), else_=0)),
        where=domain.store_id == models.Store.id,
    )
    left = delivery.status.in_(("fulfilled", "shipped", "delivered"))
    late = [
        select(kind.__table__.c.id).where(kind.__table__.c.created_at > now())
        for kind in (
            Order,
            Product,
            Review,
            customer,
            Payment,
            refund,
            delivery,
            page,
            models.Event,
        )
    ]
    return {
        "an order's subtotal is the sum of its lines": select(Order.id).where(
            or_(Order.subtotal != lines, Order.quantity != units)
        ),
        "a total is subtotal, shipping and discount": select(Order.id).where(
            Order.total != Order.subtotal + Order.shipping - Order.discount
        ),
        "a line's total is its units' price": select(line.id).where(
            line.total != line.unit_price * line.quantity
        ),
        "paid orders, and no others, have a payment of their total": select(Order.id).where(
            case((Order.payment_status.in_(PAID), Order.total), else_=0) != paid
        ),
        "an order was paid at some time if it was": select(Order.id).where(
            Order.payment_status.in_(PAID) != Order.paid_at.is_not(None)
        ),
        "refunds are what the order says": select(Order.id).where(Order.refunded_total != refunded),
        "a payment status agrees with the refunds": select(Order.id).where(
            or_(
                and_(Order.payment_status == P.REFUNDED, Order.refunded_total != Order.total),
                and_(
                    Order.payment_status == P.PARTIALLY_REFUNDED,
                    ~Order.refunded_total.between(1, Order.total - 1),
                ),
                and_(
                    Order.payment_status.in_((P.PAID, P.PENDING, P.ABANDONED)),
                    Order.refunded_total != 0,
                ),
            )
        ),
        "an order that has ended keeps no money and says why": select(Order.id).where(
            Order.fulfillment_status.in_(ENDED),
            or_(
                Order.payment_status.not_in((P.REFUNDED, P.ABANDONED)),
                Order.failure_reason.is_(None),
            ),
        ),
        "nothing is in processing, or the sweep would expire it": select(Order.id).where(
            Order.fulfillment_status == F.PROCESSING
        ),
        "fulfilled means that every parcel has left": select(Order.id).where(
            Order.fulfillment_status == F.FULFILLED, exists().where(outward, ~left)
        ),
        "partial means that some have left and some have not": select(Order.id).where(
            Order.fulfillment_status == F.PARTIAL,
            ~and_(exists().where(outward, left), exists().where(outward, ~left)),
        ),
        "nobody returns more than they bought": select(line.id).where(came_back > line.quantity),
        "a customer's figures are those of the orders": select(customer.id).where(
            or_(
                customer.order_count != of_each(customer, func.count(Order.id), where=counted),
                customer.amount_spent != of_each(customer, spent, where=mine),
            )
        ),
        "a customer was there before the first order": select(Order.id)
        .join(customer, mine)
        .where(customer.created_at > Order.created_at),
        "a product's prices and stock are its variants'": select(Product.id).where(
            or_(
                Product.price_min != of_each(Product, func.min(Variant.price), where=variant),
                Product.price_max != of_each(Product, func.max(Variant.price), where=variant),
                Product.stock != of_each(Product, func.sum(Variant.stock), where=variant),
            )
        ),
        "a product's stars are those of published reviews": select(Product.id).where(
            or_(
                Product.review_count != count,
                Product.rating_sum != stars,
                Product.rating_average
                != case(
                    (count == 0, 0), else_=(stars * 2000 + count) // (func.nullif(count, 0) * 2)
                ),
            )
        ),
        "a digital variant's stock is what can be handed over": select(Variant.id)
        .join(Product, digital)
        .where(Variant.stock != of_each(Variant, func.count(StockItem.id), where=free)),
        "a fulfilled digital line has all its goods, any other none": select(line.id)
        .join(Order, Order.id == line.order_id)
        .where(
            line.is_digital,
            case((Order.fulfillment_status == F.FULFILLED, line.quantity), else_=0)
            != of_each(line, func.count(StockItem.id), where=StockItem.order_line_id == line.id),
        ),
        "a store with domains has one primary one": select(models.Store.id).where(
            exists().where(domain.store_id == models.Store.id), hosts != 1
        ),
        "a landing page was made after its product, and published after that": select(page.id)
        .join(Product, Product.id == page.product_id)
        .where(or_(page.created_at < Product.created_at, page.published_at < page.created_at)),
        "customers do not share e-mail addresses": select(customer.id).where(
            customer.email.is_not(None), customer.email_key.is_(None)
        ),
        **{f"nothing comes from the future {at}": found for at, found in enumerate(late)},
    }


@pytest.mark.usefixtures("demo")
async def test_every_figure_is_what_the_rows_say(services: Services) -> None:
    await check_books(services)
    async with services.database.read() as connection:
        for sentence, found in broken_promises().items():
            rows = (await connection.execute(found.limit(3))).all()
            assert rows == [], sentence


@pytest.mark.usefixtures("demo")
async def test_there_are_domains_and_landing_pages_to_look_at(services: Services) -> None:
    page = models.LandingPage
    host = models.Domain
    found = select(page.slug).join(models.Store, models.Store.id == page.store_id)
    async with services.database.read() as connection:
        pages = (await connection.execute(found)).all()
        hosts = (await connection.execute(select(host.name).where(~host.is_primary))).all()
    assert len(pages) >= 2
    assert len(hosts) == 2


async def test_there_is_a_storefront_with_one_product(
    services: Services, gql: GraphQL, demo: DemoKeys
) -> None:
    query = """{ stores(filter: {subdomain: "ember-one"}) { nodes {
      settings(group: "storefront") { name } analytics { views visitors sales }
      primaryProduct { title isPrimary keywords descriptionHtml faq { question }
        images { permanentUrl thumbnailUrl } } } } }"""
    key = await _key(services, demo.graphql)

    [store] = (await gql.data(query, key=key))["stores"]["nodes"]

    assert len(store["settings"]) == 4
    assert store["analytics"]["views"] > store["analytics"]["visitors"] > 0
    assert store["analytics"]["sales"] > 0
    lamp = store["primaryProduct"]
    assert (lamp["isPrimary"], len(lamp["faq"]), len(lamp["images"])) == (True, 4, 2)
    assert lamp["descriptionHtml"] == sanitized(lamp["descriptionHtml"])
    for image in lamp["images"]:
        for url in (image["permanentUrl"], image["thumbnailUrl"]):
            answer = await gql.client.get(url.removeprefix(services.public_url))
            assert (answer.status, answer.content_type.split("/")[0]) == (200, "image")


@pytest.mark.usefixtures("demo")
async def test_each_ledger_entry_tells_the_balance_after_it(services: Services) -> None:
    entry = models.LedgerEntry
    running = func.sum(entry.amount).over(partition_by=entry.account_id, order_by=entry.id)
    found = select(entry.balance_after, running.label("sum"))
    async with services.database.read() as connection:
        rows = (await connection.execute(found)).all()
    assert rows
    assert [row for row in rows if row.balance_after != row.sum] == []


@pytest.mark.usefixtures("demo")
async def test_orders_stand_at_every_point_that_people_reach(services: Services) -> None:
    """Every payment status with every end, and each pair of the two can be reached."""
    pairs = select(Order.payment_status, Order.fulfillment_status).distinct()
    async with services.database.read() as connection:
        found = {(row[0], row[1]) for row in await connection.execute(pairs)}
    assert {payment for payment, _ in found} == set(PAYMENT)
    assert {fulfillment for _, fulfillment in found} == set(FULFILLMENT) - {F.PROCESSING}
    assert all(payment in (P.REFUNDED, P.ABANDONED) for payment, end in found if end in ENDED)


@pytest.mark.usefixtures("demo")
async def test_events_are_numbered_in_the_order_of_time(services: Services) -> None:
    event = models.Event
    async with services.database.read() as connection:
        rows = (
            await connection.execute(
                select(event.position, event.created_at).order_by(event.created_at, event.id)
            )
        ).all()
        heard = (await connection.execute(select(models.Consumer.position))).scalar_one()
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    assert heard == len(rows)  # nobody is told of the past once more


@pytest.mark.usefixtures("demo")
async def test_rows_made_later_get_keys_of_their_own(make: Make) -> None:
    store = await make.store()

    product = await make.product(store)
    customer = await make.customer(store)

    assert product.id > 12345
    assert customer.id > 0


async def test_a_database_with_anything_in_it_is_left_alone(services: Services, make: Make) -> None:
    await make.organization("Somebody")
    before = await everything(services)
    kept: list[DemoKeys] = []

    with pytest.raises(seed.NotEmpty):
        await seed.run(services, scale=SCALE, keep=kept.append)

    assert not await seed.is_empty(services)
    assert kept == []
    assert await everything(services) == before


async def test_without_a_place_for_the_credentials_there_is_no_demo(services: Services) -> None:
    def full_disk(_keys: DemoKeys) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await seed.run(services, scale=SCALE, keep=full_disk)

    assert await seed.is_empty(services)


async def test_the_progress_ends_where_it_said(services: Services) -> None:
    seen: list[tuple[int, int]] = []

    await seed.run(services, scale=SCALE, progress=lambda done, total: seen.append((done, total)))

    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 1000


@pytest.fixture
async def another(tmp_path: Path) -> AsyncGenerator[Services]:
    """Services over a second database, as another data folder would have them."""
    database = connect(f"sqlite+aiosqlite:///{tmp_path}/another.db")
    async with database.writing.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield Services(
        database=database,
        vault=Vault([Vault.new_key()]),
        events=Feed(database),
        limiter=MemoryLimiter(),
        chain=SimulatedChain(database, {}),
        jobs=NoJobs(),
        storage=storage.memory(),
    )
    await database.close()


async def test_two_demos_differ_in_their_credentials_only(
    services: Services, another: Services, demo: DemoKeys
) -> None:
    other = await seed.run(another, scale=SCALE)

    assert other != demo
    columns = (Product.title, Product.price_min, Product.review_count), (Order.ref, Order.total)
    for kind, shown in zip((Product, Order), columns, strict=True):
        found = select(*shown).order_by(kind.id)
        async with services.database.read() as one, another.database.read() as two:
            assert (await one.execute(found)).all() == (await two.execute(found)).all()


async def test_the_client_samples_of_the_old_documentation_work(
    instamarket: Rest, services: Services, demo: DemoKeys
) -> None:
    """They buy one unit of the first product from 1 USDT up, or of product 12345; ask for 789."""
    headers = {"X-API-Key": demo.wholesale}

    async def call(operation: str, **given: Any) -> Any:
        return await instamarket.data(operation, headers=dict(headers), **given)

    page = await call("list_products", min_price=1, page_size=50)
    balance = await call("get_balance")
    assert balance["balance_usdt"] >= 100
    for product_id in (page["items"][0]["id"], 12345):
        order = await call("create_order", body={"product_id": product_id, "quantity": 1})
        await work(services)
        assert (await call("get_order", id=order["order_id"]))["status"] == "completed"
    old = await call("get_order", id=789)
    assert old["status"] == "completed"
    assert len(old["items"]) == old["quantity"]
    cheap = await call("list_products", min_qty=10, max_price=2)
    assert cheap["items"]


async def test_the_other_tenant_shares_nothing(
    gql: GraphQL, services: Services, demo: DemoKeys
) -> None:
    names = {
        clear: {
            edge["node"]["name"]
            for edge in (
                await gql.data(
                    "{ stores(first: 50) { edges { node { name } } } }",
                    key=await _key(services, clear),
                )
            )["stores"]["edges"]
        }
        for clear in (demo.graphql, demo.other_tenant)
    }

    assert len(names[demo.graphql]) == 4
    assert names[demo.other_tenant] == {"Saltmarsh Ceramics"}


async def _key(services: Services, clear: str) -> Key:
    found = select(models.ApiKey).where(models.ApiKey.key_hash == identity.key_hash(clear))
    async with services.database.write() as session:
        return Key((await session.scalars(found)).one(), clear)


async def test_what_is_sealed_can_be_opened(services: Services, demo: DemoKeys) -> None:
    holder = await identity.key_holder(services, demo.signed)
    sealed = select(StockItem.content, true().label("is_item")).limit(5)
    async with services.database.read() as connection:
        rows = (await connection.execute(sealed)).all()

    assert services.vault.open(holder.secret_encrypted or "") == demo.signed_secret
    assert all(isinstance(services.vault.open(row.content), dict) for row in rows)
