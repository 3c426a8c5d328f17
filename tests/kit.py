"""Rows as tests make them, whatever they leave open, and those who may ask for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import signature
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Enum as SqlEnum
from sqlalchemy import select

from db import models
from db.base import Base, UtcDateTime, now
from jobs.runner import Runner
from resolvers import app_tokens, identity, keys, ledger, search
from resolvers.jobs import OPEN
from resolvers.money import micro
from resolvers.services import Services
from resolvers.viewer import WHOLESALE
from rest_compat.xpage.permissions import PERMISSIONS

R = TypeVar("R", bound=Base)


_GRANTED = sorted(f"{name}:{verb}" for name, verbs in PERMISSIONS.items() for verb in verbs)


def gid(row: Any) -> str:
    """The global id of a row in GraphQL."""
    noun = {models.Order: "Order", models.Account: "Balance"}.get(type(row), type(row).__name__)
    return keys.global_id(noun, row.id)


@dataclass
class Make:
    """Save rows; every column that a test does not care about has a plausible default."""

    services: Services
    count: int = 0
    _tenants: dict[str, models.Organization] = field(default_factory=dict)

    def _next(self) -> int:
        self.count += 1
        return self.count

    async def organization(self, name: str = "Acme") -> models.Organization:
        """The organization of this name, made at its first mention."""
        if name not in self._tenants:
            self._tenants[name] = await self.save(
                models.Organization(name=name, slug=f"{name.lower()}-{self._next()}")
            )
        return self._tenants[name]

    async def store(self, of: str = "Acme", **columns: Any) -> models.Store:
        owner = await self.organization(of)
        n = self._next()
        values = {"name": f"Store {n}", "subdomain": f"store-{n}", **columns}
        return await self.save(models.Store(organization_id=owner.id, **values))

    async def product(
        self,
        store: models.Store,
        *,
        stock: int = 10,
        price: str = "10.00",
        items: int = 0,
        **columns: Any,
    ) -> models.Product:
        """A product with one default variant; ``items`` deliverable goods make it digital."""
        n = self._next()
        amount = micro(price)
        values = {
            "title": f"Product {n}",
            "slug": f"product-{n}",
            "currency": store.currency,
            "price_min": amount,
            "price_max": amount,
            "stock": items or stock,
            "is_digital": items > 0,
            **columns,
        }
        product = await self.save(models.Product(**self._of(store), **values))
        variant = await self.variant(product, price=price, stock=items or stock)
        await self.stock_items(variant, items)
        return product

    async def variant(
        self, product: models.Product, *, price: str = "10.00", **columns: Any
    ) -> models.Variant:
        values = {"sku": f"SKU-{self._next()}", "currency": product.currency, **columns}
        variant = await self.save(
            models.Variant(
                organization_id=product.organization_id,
                store_id=product.store_id,
                product_id=product.id,
                price=micro(price),
                **values,
            )
        )
        async with self.services.database.write() as session:
            await search.refresh(session, product.id)
        return variant

    async def only_variant(self, product: models.Product) -> models.Variant:
        async with self.services.database.write() as session:
            found = select(models.Variant).where(models.Variant.product_id == product.id)
            return (await session.scalars(found)).one()

    async def setting(self, store: models.Store, group: str, name: str, value: Any) -> None:
        await self.save(models.StoreSetting(**self._of(store), group=group, name=name, value=value))

    async def foreign_balance(self) -> models.Account:
        """A balance of another organization."""
        key = await self.key("Other")
        return await fund(self.services, key, "10")

    async def stock_items(self, variant: models.Variant, count: int) -> None:
        for n in range(count):
            content = {"login": f"user{variant.id}-{n}", "password": f"pass{n}"}
            await self.save(
                models.StockItem(
                    organization_id=variant.organization_id,
                    store_id=variant.store_id,
                    variant_id=variant.id,
                    content=self.services.vault.seal(content),
                )
            )

    async def customer(self, store: models.Store, **columns: Any) -> models.Customer:
        values = {
            "email": f"c{self._next()}@example.com",
            "first_name": "Ada",
            "currency": store.currency,
            **columns,
        }
        return await self.save(models.Customer(**self._of(store), **values))

    async def order(
        self, store: models.Store, *, total: str = "10.00", **columns: Any
    ) -> models.Order:
        """An order without lines, pending unless told otherwise."""
        amount = micro(total)
        values = {
            "ref": f"REF-{self._next()}",
            "currency": store.currency,
            "subtotal": amount,
            "total": amount,
            "quantity": 1,
            **columns,
        }
        return await self.save(models.Order(**self._of(store), **values))

    async def order_line(
        self, order: models.Order, variant: models.Variant | None = None, **columns: Any
    ) -> models.OrderLine:
        values = {"title": "Lamp", "quantity": 1, "unit_price": order.total, **columns}
        return await self.save(
            models.OrderLine(
                **self._part(order),
                product_id=variant.product_id if variant else None,
                variant_id=variant.id if variant else None,
                total=values["unit_price"] * values["quantity"],
                currency=order.currency,
                **values,
            )
        )

    async def delivery(self, order: models.Order, **columns: Any) -> models.Delivery:
        return await self.save(models.Delivery(**self._part(order), **columns))

    async def returned(self, order: models.Order, **columns: Any) -> models.Return:
        """A return with its parcel, on its way unless told otherwise."""
        status = columns.pop("status", models.DeliveryStatus.SHIPPED)
        parcel = await self.delivery(order, status=status)
        return await self.save(models.Return(**self._part(order), delivery_id=parcel.id, **columns))

    async def refund(self, order: models.Order, **columns: Any) -> models.Refund:
        values = {"amount": 1_000_000, "currency": order.currency, **columns}
        return await self.save(models.Refund(**self._part(order), **values))

    async def carrier(self, **columns: Any) -> models.ShippingCarrier:
        n = self._next()
        values = {"name": f"Carrier {n}", "code": f"carrier-{n}", **columns}
        return await self.save(models.ShippingCarrier(**values))

    async def review(self, product: models.Product, **columns: Any) -> models.Review:
        values = {
            "author": "Ada",
            "rating": 5,
            "body": "Good.",
            "status": models.ReviewStatus.PUBLISHED,
            **columns,
        }
        return await self.save(
            models.Review(
                organization_id=product.organization_id,
                store_id=product.store_id,
                product_id=product.id,
                **values,
            )
        )

    async def brand(self, store: models.Store, **columns: Any) -> models.Brand:
        n = self._next()
        values = {"name": f"Brand {n}", "slug": f"brand-{n}", **columns}
        return await self.save(models.Brand(**self._of(store), **values))

    async def category(
        self, store: models.Store, parent: models.Category | None = None, **columns: Any
    ) -> models.Category:
        n = self._next()
        values = {"name": f"Category {n}", "slug": f"category-{n}", **columns}
        category = models.Category(
            **self._of(store), parent_id=parent.id if parent else None, **values
        )
        if parent:
            category.path = f"{parent.path}{parent.id}/"
        return await self.save(category)

    async def offer(
        self, variant: models.Variant, *, price: str = "9.00", **columns: Any
    ) -> models.Offer:
        values = {"merchant": f"Merchant {self._next()}", "currency": variant.currency, **columns}
        return await self.save(
            models.Offer(
                organization_id=variant.organization_id,
                store_id=variant.store_id,
                product_id=variant.product_id,
                variant_id=variant.id,
                price=micro(price),
                **values,
            )
        )

    async def file(self, store: models.Store, **columns: Any) -> models.File:
        n = self._next()
        values = {
            "name": f"{n}.png",
            "key": f"files/{n}",
            "content_type": "image/png",
            "size": 100,
            "sha256": "0" * 64,
            **columns,
        }
        return await self.save(models.File(**self._of(store), **values))

    async def domain(self, store: models.Store, **columns: Any) -> models.Domain:
        values = {"name": f"shop-{self._next()}.example", **columns}
        return await self.save(models.Domain(**self._of(store), **values))

    async def landing_page(self, product: models.Product, **columns: Any) -> models.LandingPage:
        n = self._next()
        values = {"title": f"Page {n}", "slug": f"page-{n}", **columns}
        return await self.save(
            models.LandingPage(
                organization_id=product.organization_id,
                store_id=product.store_id,
                product_id=product.id,
                **values,
            )
        )

    async def link(
        self, file: models.File, row: Any, *, role: str = "image", position: int = 0
    ) -> models.FileLink:
        """A file in a role of a row."""
        return await self.save(
            models.FileLink(
                organization_id=file.organization_id,
                store_id=file.store_id,
                file_id=file.id,
                subject_type=type(row).__name__,
                subject_id=row.id,
                role=role,
                position=position,
            )
        )

    async def row(self, kind: type[R], of: str) -> R:
        """A row of any kind that an organization may see, with all the rows that it needs."""
        made = await self._row(kind, of)
        if isinstance(made, models.User):
            owner, role = await self.organization(of), models.Role.VIEWER
            await self.save(models.Membership(organization_id=owner.id, user_id=made.id, role=role))
        return made

    async def _row(self, kind: type[R], of: str) -> R:
        owner = await self.organization(of)
        if isinstance(owner, kind):
            return owner
        columns: dict[str, Any] = {}
        for name, parameter in signature(kind).parameters.items():
            if parameter.default is not parameter.empty:
                continue
            column = kind.__table__.columns[name]
            parent = next((_row_of(key.column.table) for key in column.foreign_keys), None)
            if parent is not None:
                columns[name] = (await self._row(parent, of)).id
            else:
                columns[name] = self._plausible(column.type)
        return await self.save(kind(**columns))

    def _plausible(self, kind: Any) -> Any:
        n = self._next()
        if isinstance(kind, SqlEnum):
            assert kind.enum_class is not None
            return next(iter(kind.enum_class))
        if isinstance(kind, UtcDateTime):
            return now()
        # SQLAlchemy calls what JSON holds an ``object``.
        return {str: f"text-{n}", int: 1, bool: False, object: {}}[kind.python_type]

    async def key(
        self,
        of: str = "Acme",
        *,
        permissions: frozenset[str] = frozenset({"*"}),
        secret: str | None = None,
        **columns: Any,
    ) -> "Key":
        """An API key of an organization, with everything allowed unless told otherwise."""
        owner = await self.organization(of)
        clear = identity.new_key()
        sealed = self.services.vault.seal(secret) if secret else None
        row = await self.save(
            models.ApiKey(
                organization_id=owner.id,
                name="test",
                prefix=clear[:10],
                key_hash=identity.key_hash(clear),
                secret_encrypted=sealed,
                permissions=sorted(permissions),
                **columns,
            )
        )
        return Key(row, clear, secret)

    async def wholesale_key(self, store: models.Store, of: str = "Acme", **columns: Any) -> "Key":
        return await self.key(
            of, permissions=WHOLESALE, store_id=store.id, own_only=True, **columns
        )

    async def installed(
        self,
        store: models.Store,
        *,
        permissions: Iterable[str] | None = None,
        topics: Sequence[str] = (),
        webhook_url: str | None = None,
        app: models.App | None = None,
        status: models.InstallationStatus = models.InstallationStatus.ACTIVE,
    ) -> "Installed":
        """An app in a store, granted everything unless told otherwise, and a token of it."""
        granted = _GRANTED if permissions is None else sorted(permissions)
        secret, signing, token = (f"{mark}{uuid4().hex}" for mark in ("secret_", "sign_", "xpt_"))
        app = app or await self.save(
            models.App(
                organization_id=store.organization_id,
                name=f"App {self._next()}",
                client_id=f"public_{uuid4().hex}",
                secret_hash=app_tokens.token_hash(secret),
                signing_secret_encrypted=self.services.vault.seal(signing),
                permissions=granted,
                topics=list(topics),
                webhook_url=webhook_url,
            )
        )
        row = await self.save(
            models.AppInstallation(
                **self._of(store),
                app_id=app.id,
                app_name=app.name,
                permissions=granted,
                status=status,
            )
        )
        await self.save(
            models.AppToken(
                organization_id=app.organization_id,
                app_id=app.id,
                installation_id=row.id,
                token_hash=app_tokens.token_hash(token),
                expires_at=now() + timedelta(hours=1),
            )
        )
        return Installed(app, row, token, secret, signing)

    async def save(self, row: R) -> R:
        async with self.services.database.write() as session:
            session.add(row)
        return row

    def _of(self, store: models.Store) -> dict[str, Any]:
        return {"organization_id": store.organization_id, "store_id": store.id}

    def _part(self, order: models.Order) -> dict[str, Any]:
        return {
            "organization_id": order.organization_id,
            "store_id": order.store_id,
            "order_id": order.id,
        }


def _row_of(table: Any) -> Any:
    return next(m.class_ for m in Base.registry.mappers if m.local_table is table)


@dataclass(frozen=True)
class Key:
    row: models.ApiKey
    clear: str
    secret: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.clear}


async def work(services: Services) -> int:
    """Run all open jobs to their end, as the runtime would; returns how many attempts it took."""
    runner = Runner(services, concurrency=8, lease=15.0, backoff=(0.0,), on_free=lambda: None)
    attempts = 0
    while True:
        due = select(models.Job.id, models.Job.run).where(models.Job.status.in_(OPEN))
        async with services.database.read() as connection:
            rows = (await connection.execute(due)).all()
        if not rows:
            return attempts
        for row in rows:
            attempts += 1
            await runner.attempt(row.id, row.run)


async def fund(services: Services, key: Key, amount: str, *, unit: str = "USDT") -> models.Account:
    """Put money on the balance of a key (or, of a key that is not its own_only, of its owner)."""
    owner = ledger.Owner(key.row.organization_id, key.row.id if key.row.own_only else None)
    async with services.database.write() as tx:
        balance = await ledger.account(tx, owner, unit)
        outside = await ledger.account(tx, owner, unit, models.AccountRole.DEPOSITS)
        await ledger.transfer(
            tx,
            kind=models.TransferKind.TOP_UP,
            reference=f"test:{uuid4()}",
            debit=outside,
            credit=balance,
            amount=micro(amount),
        )
    return balance


@dataclass(frozen=True)
class Installed:
    """An app in a store; ``clear`` is a token for this installation, and the app's secrets."""

    app: models.App
    row: models.AppInstallation
    clear: str
    client_secret: str
    signing_secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.clear}"}
