"""What stores sell: products, their options and variants, and where they are filed."""

from datetime import datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Deletable, Edited, Keyed, statuses
from db.models.stores import InStore
from db.search import made_with
from db.uuid7 import uuid7


class ProductStatus(StrEnum):
    ACTIVE = "active"
    DRAFT = "draft"
    ARCHIVED = "archived"


class BrandRole(StrEnum):
    BRAND = "brand"
    ARTIST = "artist"
    LABEL = "label"


class Brand(Keyed, InStore, Edited, Deletable, Base, kw_only=True):
    """A maker: a brand proper, or an artist or a label of a record."""

    __tablename__ = "brand"
    __table_args__ = (UniqueConstraint("store_id", "role", "slug"),)

    name: Mapped[str]
    slug: Mapped[str]
    role: Mapped[BrandRole] = mapped_column(
        statuses(BrandRole, name="role"), default=BrandRole.BRAND
    )
    description: Mapped[str | None] = mapped_column(default=None)
    website: Mapped[str | None] = mapped_column(default=None)


class Category(Keyed, InStore, Edited, Deletable, Base, kw_only=True):
    """A node of a store's category tree. ``path`` holds the ids from the root, ``/1/7/``."""

    __tablename__ = "category"
    __table_args__ = (
        UniqueConstraint("store_id", "slug"),
        Index("ix_category_path", "path"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    parent_id: Mapped[int | None] = mapped_column(
        ForeignKey("category.id"), index=True, default=None
    )
    name: Mapped[str]
    slug: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    position: Mapped[int] = mapped_column(default=0)
    path: Mapped[str] = mapped_column(default="/", init=False)


class Product(Keyed, InStore, Edited, Deletable, Base, kw_only=True):
    """Something a store sells, in one or more variants.

    ``price_min``, ``price_max``, ``stock`` (micro-units, units) and the review figures are sums
    over its rows, written in the transaction that changes those; lists filter and sort by them.
    So are the words in ``search_text``, of its own text and of its variants' SKUs.
    ``description_html`` is a text of its own beside ``description``, sanitised before it is kept.
    ``is_primary`` marks the one product of a single-product storefront.
    """

    __tablename__ = "product"
    __table_args__ = (
        UniqueConstraint("store_id", "slug"),
        CheckConstraint("min_quantity >= 1", name="min_quantity"),
        CheckConstraint("price_min <= price_max", name="price_range"),
        CheckConstraint("review_count >= 0", name="review_count"),
        Index("ix_product_newest", "organization_id", "created_at", "id"),
        Index("ix_product_store_created", "store_id", "created_at", "id"),
        Index("ix_product_store_price", "store_id", "price_min", "id"),
        Index(
            "uq_product_primary",
            "store_id",
            unique=True,
            sqlite_where=text("is_primary AND deleted_at IS NULL"),
            postgresql_where=text("is_primary AND deleted_at IS NULL"),
        ),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    title: Mapped[str]
    slug: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    status: Mapped[ProductStatus] = mapped_column(
        statuses(ProductStatus, name="status"), default=ProductStatus.ACTIVE
    )
    brand_id: Mapped[int | None] = mapped_column(ForeignKey("brand.id"), index=True, default=None)
    category_id: Mapped[int | None] = mapped_column(
        ForeignKey("category.id"), index=True, default=None
    )
    is_digital: Mapped[bool] = mapped_column(default=False)
    min_quantity: Mapped[int] = mapped_column(default=1)
    page_title: Mapped[str | None] = mapped_column(default=None)
    meta_description: Mapped[str | None] = mapped_column(default=None)
    description_html: Mapped[str | None] = mapped_column(default=None)
    keywords: Mapped[list[str]] = mapped_column(default_factory=list[str])
    is_primary: Mapped[bool] = mapped_column(default=False)
    attributes: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    currency: Mapped[str] = mapped_column(default="USD")
    price_min: Mapped[int] = mapped_column(default=0)
    price_max: Mapped[int] = mapped_column(default=0)
    stock: Mapped[int] = mapped_column(default=0)
    review_count: Mapped[int] = mapped_column(default=0)
    rating_sum: Mapped[int] = mapped_column(default=0)
    rating_average: Mapped[int] = mapped_column(default=0)  # thousandths of a star
    search_text: Mapped[str] = mapped_column(default="")


made_with(cast("Table", Product.__table__))


class Option(Keyed, InStore, Base, kw_only=True):
    """A way in which variants of a product differ ("Size"), with its values in order."""

    __tablename__ = "product_option"
    __table_args__ = (UniqueConstraint("product_id", "name"),)

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    name: Mapped[str]
    choices: Mapped[list[str]] = mapped_column(default_factory=list[str])
    position: Mapped[int] = mapped_column(default=0)


class Property(Keyed, InStore, Base, kw_only=True):
    """A fact about a product that buyers see ("Material": "Aluminium")."""

    __tablename__ = "product_property"
    __table_args__ = (Index("ix_product_property_product", "product_id", "position", "id"),)

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    name: Mapped[str]
    value: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)


class FaqEntry(Keyed, InStore, Base, kw_only=True):
    """A question that buyers of a product ask, and the answer to it."""

    __tablename__ = "faq_entry"
    __table_args__ = (Index("ix_faq_entry_product", "product_id", "position", "id"),)

    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    question: Mapped[str]
    answer: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)


class Variant(Keyed, InStore, Edited, Deletable, Base, kw_only=True):
    """What is actually bought: one choice of every option, with a price and a stock.

    Prices are micro-units of ``currency``. ``stock`` is what can be sold now; it is never negative.
    ``options`` maps option names to chosen values. A variant with a ``base_price`` is priced
    dynamically: ``price`` moves up from there, last at ``repriced_at``.
    """

    __tablename__ = "variant"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("stock >= 0", name="stock"),
        Index("ix_variant_product", "product_id", "position", "id"),
        Index("ix_variant_sku", "store_id", "sku"),
    )

    uuid: Mapped[UUID] = mapped_column(default_factory=uuid7, unique=True, init=False)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    title: Mapped[str] = mapped_column(default="Default")
    sku: Mapped[str | None] = mapped_column(default=None)
    price: Mapped[int]
    compare_price: Mapped[int | None] = mapped_column(default=None)
    base_price: Mapped[int | None] = mapped_column(default=None)
    repriced_at: Mapped[datetime | None] = mapped_column(default=None)
    currency: Mapped[str] = mapped_column(default="USD")
    stock: Mapped[int] = mapped_column(default=0)
    stock_tracked: Mapped[bool] = mapped_column(default=True)
    sell_when_out_of_stock: Mapped[bool] = mapped_column(default=False)
    options: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    position: Mapped[int] = mapped_column(default=0)


class Offer(Keyed, InStore, Edited, Deletable, Base, kw_only=True):
    """The price at which a merchant elsewhere sells a variant."""

    __tablename__ = "offer"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price"),
        Index("ix_offer_variant", "variant_id", "price", "id"),
        Index("ix_offer_product", "product_id", "price", "id"),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    variant_id: Mapped[int] = mapped_column(ForeignKey("variant.id"))
    merchant: Mapped[str]
    url: Mapped[str | None] = mapped_column(default=None)
    price: Mapped[int]
    currency: Mapped[str] = mapped_column(default="USD")
    in_stock: Mapped[bool] = mapped_column(default=True)


class StockItemState(StrEnum):
    AVAILABLE = "available"
    SOLD = "sold"


class StockItem(Keyed, InStore, Base, kw_only=True):
    """One deliverable digital good (an account, a licence). ``content`` is encrypted JSON.

    An item is sold once: ``order_line_id`` is set when, and only when, it is.
    """

    __tablename__ = "stock_item"
    __table_args__ = (
        CheckConstraint(
            "(state = 'sold') = (order_line_id IS NOT NULL)", name="sold_to_an_order_line"
        ),
        Index("ix_stock_item_variant", "variant_id", "state", "id"),
    )

    variant_id: Mapped[int] = mapped_column(ForeignKey("variant.id"))
    content: Mapped[str]
    state: Mapped[StockItemState] = mapped_column(
        statuses(StockItemState, name="state"), default=StockItemState.AVAILABLE
    )
    order_line_id: Mapped[int | None] = mapped_column(
        ForeignKey("order_line.id"), index=True, default=None
    )
