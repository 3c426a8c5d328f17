"""The schema of the plain server: the types that the cases ask for, made of rows of the ORM."""

from enum import Enum, auto

import strawberry

from db import models
from tests.bench import wire
from tests.bench.loaders import Loaders

Info = strawberry.Info[Loaders, None]
strawberry.enum(models.PaymentStatus)
strawberry.enum(models.FulfillmentStatus)


@strawberry.type
class Money:
    amount: str
    currency: str


def money(micro_units: int, currency: str) -> Money:
    return Money(amount=wire.amount(micro_units), currency=currency)


@strawberry.type
class Brand:
    id: strawberry.ID
    name: str


@strawberry.type
class Offer:
    merchant: str
    price: Money


@strawberry.type
class Offers:
    nodes: list[Offer]


@strawberry.type
class Review:
    author: str
    rating: int
    title: str | None
    body: str
    created_at: str


@strawberry.type
class Reviews:
    nodes: list[Review]


@strawberry.type
class Variant:
    key: strawberry.Private[int]
    id: strawberry.ID
    title: str
    sku: str | None
    stock: int
    price: Money

    @classmethod
    def of(cls, row: models.Variant) -> "Variant":
        return cls(
            key=row.id,
            id=_id("Variant", row.id),
            title=row.title,
            sku=row.sku,
            stock=row.stock,
            price=money(row.price, row.currency),
        )

    @strawberry.field
    async def offers(self, info: Info, first: int = 20) -> Offers:
        rows = await info.context.offers(first).load(self.key)
        return Offers(
            nodes=[
                Offer(merchant=row.merchant, price=money(row.price, row.currency)) for row in rows
            ]
        )


@strawberry.type
class Product:
    row: strawberry.Private[models.Product]
    id: strawberry.ID
    title: str
    slug: str
    description: str | None
    rating: float | None
    review_count: int
    in_stock: bool
    price: Money

    @classmethod
    def of(cls, row: models.Product) -> "Product":
        return cls(
            row=row,
            id=_id("Product", row.id),
            title=row.title,
            slug=row.slug,
            description=row.description,
            rating=row.rating_average / 1000 if row.review_count else None,
            review_count=row.review_count,
            in_stock=row.stock > 0,
            price=money(row.price_min, row.currency),
        )

    @strawberry.field
    def min_price(self) -> Money:
        return self.price

    @strawberry.field
    def max_price(self) -> Money:
        return money(self.row.price_max, self.row.currency)

    @strawberry.field
    async def brand(self, info: Info) -> Brand | None:
        if self.row.brand_id is None:
            return None
        row = await info.context.brand.load(self.row.brand_id)
        return None if row is None else Brand(id=_id("Brand", row.id), name=row.name)

    @strawberry.field
    async def variants(self, info: Info) -> list[Variant]:
        rows = await info.context.variants.load(self.row.id)
        return [Variant.of(row) for row in rows]

    @strawberry.field
    async def reviews(self, info: Info, first: int = 20) -> Reviews:
        rows = await info.context.reviews(first).load(self.row.id)
        return Reviews(
            nodes=[
                Review(
                    author=row.author,
                    rating=row.rating,
                    title=row.title,
                    body=row.body,
                    created_at=wire.instant(row.created_at),
                )
                for row in rows
            ]
        )


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Products:
    nodes: list[Product]
    page_info: PageInfo


@strawberry.type
class Customer:
    id: strawberry.ID
    name: str | None
    email: str | None


@strawberry.type
class OrderLine:
    row: strawberry.Private[models.OrderLine]
    id: strawberry.ID
    title: str
    quantity: int
    total: Money

    @classmethod
    def of(cls, row: models.OrderLine) -> "OrderLine":
        return cls(
            row=row,
            id=_id("OrderLine", row.id),
            title=row.title,
            quantity=row.quantity,
            total=money(row.total, row.currency),
        )

    @strawberry.field
    async def variant(self, info: Info) -> Variant | None:
        if self.row.variant_id is None:
            return None
        row = await info.context.variant.load(self.row.variant_id)
        return None if row is None else Variant.of(row)

    @strawberry.field
    async def product(self, info: Info) -> Product | None:
        if self.row.product_id is None:
            return None
        row = await info.context.product.load(self.row.product_id)
        return None if row is None else Product.of(row)


@strawberry.type
class Order:
    row: strawberry.Private[models.Order]
    id: strawberry.ID
    ref: str
    created_at: str
    payment_status: models.PaymentStatus
    fulfillment_status: models.FulfillmentStatus
    total: Money

    @classmethod
    def of(cls, row: models.Order) -> "Order":
        return cls(
            row=row,
            id=_id("Order", row.id),
            ref=row.ref,
            created_at=wire.instant(row.created_at),
            payment_status=row.payment_status,
            fulfillment_status=row.fulfillment_status,
            total=money(row.total, row.currency),
        )

    @strawberry.field
    async def customer(self, info: Info) -> Customer | None:
        if self.row.customer_id is None:
            return None
        row = await info.context.customer.load(self.row.customer_id)
        if row is None:
            return None
        name = " ".join(part for part in (row.first_name, row.last_name) if part) or None
        return Customer(id=_id("Customer", row.id), name=name, email=row.email)

    @strawberry.field
    async def lines(self, info: Info) -> list[OrderLine]:
        return [OrderLine.of(row) for row in await info.context.lines.load(self.row.id)]


@strawberry.type
class Orders:
    nodes: list[Order]


@strawberry.enum
class ProductSort(Enum):
    ID_ASC = auto()


@strawberry.enum
class OrderSort(Enum):
    CREATED_AT_DESC = auto()


@strawberry.type
class Query:
    @strawberry.field
    async def product(self, info: Info, id: strawberry.ID) -> Product | None:
        row = await info.context.product.load(wire.key_of("Product", id))
        return None if row is None else Product.of(row)

    @strawberry.field
    async def products(
        self, info: Info, sort: ProductSort, first: int = 20, after: str | None = None
    ) -> Products:
        product = models.Product
        found = info.context.visible(product).order_by(product.id).limit(first + 1)
        if after is not None:
            found = found.where(product.id > wire.after(after))
        rows = await info.context.rows(found)
        page = rows[:first]
        end = wire.cursor(page[-1].id) if page else None
        return Products(
            nodes=[Product.of(row) for row in page],
            page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=end),
        )

    @strawberry.field
    async def orders(self, info: Info, sort: OrderSort, first: int = 20) -> Orders:
        order = models.Order
        found = info.context.visible(order).order_by(order.created_at.desc(), order.id.desc())
        return Orders(nodes=[Order.of(row) for row in await info.context.rows(found.limit(first))])


def _id(noun: str, key: int) -> strawberry.ID:
    return strawberry.ID(wire.global_id(noun, key))
