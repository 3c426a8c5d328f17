"""Demo data: an organization with a store of every kind, a second one, and a past.

The same in every run, apart from credentials and from the moment at which the past ends.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credentials import DemoKeys
from app.seed import (
    accounts,
    apps,
    history,
    landing_pages,
    orders,
    people,
    records,
    reviews,
    shop,
    storefronts,
    tenants,
    trade,
    wholesale,
)
from app.seed.books import Books
from app.seed.catalogue import product
from app.seed.rows import Progress, Rows
from app.seed.sowing import Sowing
from app.seed.tenants import Tenant
from db import models
from db.base import Base
from db.models import Plan, ProductStatus, Role, Store, TransferKind
from providers.chain import SimulatedChain
from resolvers import customer_figures
from resolvers.ledger import USDT, Owner
from resolvers.money import MICRO
from resolvers.services import Services

__all__ = ["NotEmpty", "Progress", "is_empty", "run"]

LOCK = 0x5709E8
RESERVED: dict[type[Base], set[int]] = {
    models.Product: {wholesale.EXAMPLE_PRODUCT},
    models.Order: {trade.EXAMPLE_ORDER},
}


class NotEmpty(RuntimeError):
    """There is data already; the demo is not mixed with it."""


async def is_empty(services: Services) -> bool:
    """Whether nobody has put anything into the database yet."""
    async with services.database.read() as connection:
        return await _is_empty(connection)


async def run(
    services: Services,
    *,
    scale: float = 1,
    progress: Progress | None = None,
    keep: Callable[[DemoKeys], object] | None = None,
) -> DemoKeys:
    """Fill an empty database, all or nothing; returns what nobody can find out afterwards.

    ``keep`` gets the keys just before everything is committed: whatever happens, there is no demo
    without its credentials. Raises ``NotEmpty``.
    """
    password = accounts.new_password()
    kept = await services.passwords.hash(password)
    async with services.database.write() as tx:
        connection = await tx.connection()
        if not services.database.is_sqlite:  # SQLite has locked out other writers already
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        if not await _is_empty(connection):
            raise NotEmpty("the database is not empty: demo data goes into an empty one only")
        rng = Random(2026)  # noqa: S311 - the demo is meant to be the same each time
        rows = Rows(rng, reserved=RESERVED)
        sowing = Sowing(rng, services.clock(), scale, rows, services.vault)
        owner, keys = _sow(sowing, SimulatedChain(services.database, {}))
        keys = replace(keys, account=accounts.account(sowing, owner, password, kept))
        await rows.write(connection, progress)
        await connection.execute(customer_figures.latest_orders())  # each row refers to the other
        for key, content in sowing.stored:
            await services.storage.put(key, content)
        if keep is not None:
            keep(keys)
    services.events.wake()
    return keys


async def _is_empty(connection: AsyncConnection) -> bool:
    found = await connection.execute(select(models.Organization.id).limit(1))
    return found.first() is None


def _sow(sowing: Sowing, chain: SimulatedChain) -> tuple[Tenant, DemoKeys]:
    mine = tenants.tenant(
        sowing, "Harbourline Trading", plan=Plan.PRO,
        people={"Ines Halvorsen": Role.OWNER, "Tom Achterberg": Role.ADMIN,
                "Rina Kapoor": Role.EDITOR, "Luc Moreau": Role.VIEWER},
    )  # fmt: skip
    other = tenants.tenant(
        sowing, "Saltmarsh Ceramics", plan=Plan.FREE, people={"Mair Pritchard": Role.OWNER}
    )
    digital = tenants.store(
        sowing, mine, "Harbourline Digital", "harbourline-digital", currency=USDT, wholesale=True,
        about="Digital accounts and licences in batches, for programs.",
    )  # fmt: skip
    issued = tenants.api_keys(sowing, mine, other, digital)
    books = _open_books(sowing, mine)
    wholesale.floor(sowing, digital)
    shelves = wholesale.shelves(sowing, digital)
    trade.Trade(sowing, digital, books, shelves, chain).run(
        [
            (trade.Client(issued.wholesale, balance=640), 70),
            (trade.Client(issued.signed, balance=380), 30),
        ]
    )
    home = _stores_of_people(sowing, mine)
    _other_tenant(sowing, other)
    history.outbox(sowing)
    history.webhook_history(sowing, home)
    _storefront(sowing)
    return mine, replace(issued.clear, app=apps.app(sowing, mine, home))


def _storefront(sowing: Sowing) -> None:
    """The store that sells one thing, as those of instxnt do."""
    [store] = [each for each in sowing.rows.of(Store) if each.subdomain == "ember-one"]
    [lamp] = [each for each in sowing.rows.of(models.Product) if each.store_id == store.id]
    storefronts.storefront(sowing, store, lamp)


def _open_books(sowing: Sowing, mine: Tenant) -> Books:
    """The organization's own money, which pays for what its people order by GraphQL."""
    books, owner = Books(sowing.rows), Owner(mine.organization.id)
    at = sowing.ago(days=100)
    for number, unit in enumerate((USDT, "USD", "EUR"), 1):
        books.move(
            TransferKind.ADJUSTMENT,
            f"adjustment:opening:{number}",
            debit=books.account(owner, unit, at, models.AccountRole.ADJUSTMENTS),
            credit=books.account(owner, unit, at),
            amount=5000 * MICRO,
            at=at,
            memo="Opening balance",
        )
    return books


def _stores_of_people(sowing: Sowing, mine: Tenant) -> Store:
    home = tenants.store(
        sowing, mine, "Harbourline Home", "harbourline-home",
        about="Things for the house that are meant to stay.",
    )  # fmt: skip
    buyers = people.customers(sowing, home, sowing.count(320), days=300)
    wares = shop.catalogue_of(sowing, home, buyers)
    hosts = landing_pages.domains(
        sowing,
        home,
        ("harbourline-home.example", "shop.harbourline.example", "harbourline-de.example"),
    )
    landing_pages.landing_pages(sowing, home, wares, hosts)
    orders.orders(sowing, home, wares, buyers, count=sowing.count(1200), days=180)

    groove = tenants.store(
        sowing, mine, "Groove Cellar", "groove-cellar", currency="EUR",
        about="New and second-hand records, graded honestly.",
    )  # fmt: skip
    listeners = people.customers(sowing, groove, sowing.count(110), days=250)
    albums = records.catalogue_of(sowing, groove, listeners)
    orders.orders(sowing, groove, albums, listeners, count=sowing.count(260), days=180)

    ember = tenants.store(
        sowing, mine, "Ember One", "ember-one", about="One lamp. That is the whole range."
    )
    lit = people.customers(sowing, ember, sowing.count(70), days=150)
    lamp = shop.single_product(sowing, ember, lit)
    orders.orders(sowing, ember, lamp, lit, count=sowing.count(90), days=120)
    return home


def _other_tenant(sowing: Sowing, other: Tenant) -> None:
    """A small neighbour: what its key shows, no other key does."""
    kiln = tenants.store(
        sowing, other, "Saltmarsh Ceramics", "saltmarsh", currency="GBP",
        about="Pots from one kiln on the coast.",
    )  # fmt: skip
    buyers = people.customers(sowing, kiln, 14, days=120)
    wares = [
        product(
            sowing, kiln, f"{glaze} {form}", price=sowing.price(14, 120),
            created_at=sowing.ago(days=130), sku=f"SM-{glaze[:2]}{form[:2]}".upper(),
            status=ProductStatus.ACTIVE, description=f"A {form.lower()} in {glaze.lower()} glaze.",
        )
        for glaze in ("Ash", "Tidal", "Bracken")
        for form in ("Jug", "Platter", "Beaker", "Jar")
    ]  # fmt: skip
    for ware in wares:
        reviews.reviews(sowing, ware, buyers, most=4)
    orders.orders(sowing, kiln, wares, buyers, count=30, days=110)
