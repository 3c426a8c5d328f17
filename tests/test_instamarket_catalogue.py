"""InstaMarket: products and categories of the wholesale store."""

from typing import Any

import pytest

from db import models
from tests.callers import Rest
from tests.kit import Key, Make


@pytest.fixture
async def shop(make: Make) -> models.Store:
    return await make.store(wholesale=True, currency="USDT")


@pytest.fixture
async def key(make: Make, shop: models.Store) -> Key:
    return await make.wholesale_key(shop)


async def category(make: Make, store: models.Store, slug: str, **columns: Any) -> models.Category:
    name = slug.replace("-", " ").capitalize()
    return await make.save(
        models.Category(
            organization_id=store.organization_id, store_id=store.id, name=name, slug=slug,
            **columns,
        )
    )  # fmt: skip


async def ids(door: Rest, key: Key, **query: Any) -> list[int]:
    page = await door.data("list_products", key=key, **query)
    return [product["id"] for product in page["items"]]


async def test_a_product_shows_what_a_unit_costs_and_the_smallest_batch(
    instamarket: Rest, make: Make, shop: models.Store, key: Key
) -> None:
    aged = await category(make, shop, "instagram-aged")
    product = await make.product(
        shop, price="1.23", items=3, title="Instagram 2020", category_id=aged.id, min_quantity=2
    )
    variant = await make.only_variant(product)

    shown = {
        "id": product.id,
        "sku": variant.sku,
        "name": "Instagram 2020",
        "category": "instagram-aged",
        "price_usdt": 1.23,
        "min_quantity": 2,
        "stock": 3,
    }
    assert await instamarket.data("get_product", key=key, id=product.id) == shown
    assert await instamarket.data("list_products", key=key) == {
        "items": [shown], "total": 1, "page": 1, "page_size": 50,
    }  # fmt: skip


async def test_products_are_pages_by_id_and_cost_a_key_a_page_and_a_count(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, statements: list[str]
) -> None:
    made = [(await make.product(shop, price=price)).id for price in ("3", "1", "2")]
    statements.clear()

    page = await instamarket.data("list_products", key=key, page=1, page_size=2)

    assert len(statements) == 3
    assert [product["id"] for product in page["items"]] == made[:2]
    assert page["total"] == 3
    assert await ids(instamarket, key, page=2, page_size=2) == made[2:]
    assert await ids(instamarket, key, page=2**63 - 1, page_size=200) == []


async def test_filters_are_combined(
    instamarket: Rest, make: Make, shop: models.Store, key: Key
) -> None:
    aged, new = await category(make, shop, "aged"), await category(make, shop, "new")
    cheap = await make.product(shop, price="1", stock=500, category_id=aged.id)
    dear = await make.product(shop, price="2.5", stock=5, category_id=new.id)
    sold_out = await make.product(shop, price="1", stock=0, category_id=aged.id)
    sku = (await make.only_variant(dear)).sku

    async def found(**query: Any) -> list[int]:
        return await ids(instamarket, key, **query)

    assert await found() == [cheap.id, dear.id]
    assert await found(category="aged") == [cheap.id]
    assert await found(category="Aged") == []
    assert await found(sku=sku) == [dear.id]
    assert await found(min_price=1, max_price=2) == [cheap.id]
    assert await found(min_price="1.0000001") == [dear.id]
    assert await found(max_price="2.4999999") == [cheap.id]
    assert await found(min_price=1, max_price="1e15") == [cheap.id, dear.id]
    assert await found(min_qty=6) == [cheap.id]
    assert await found(category="new", min_qty=6) == []
    assert await found(min_qty=2**63 - 1) == []
    assert sold_out.id not in await found(min_qty=1)
    assert (await instamarket.data("get_product", key=key, id=sold_out.id))["stock"] == 0


async def test_the_purchase_floor_raises_the_smallest_batch(
    instamarket: Rest, make: Make, shop: models.Store, key: Key
) -> None:
    await make.setting(shop, "wholesale", "minimum_purchase", {"micro": 7_500_000})
    cheap = await make.product(shop, price="0.40", min_quantity=10)
    dear = await make.product(shop, price="8")

    page = await instamarket.data("list_products", key=key)

    batches = {product["id"]: product["min_quantity"] for product in page["items"]}
    assert batches == {cheap.id: 19, dear.id: 1}


async def test_the_first_variant_stands_for_the_product(
    instamarket: Rest, make: Make, shop: models.Store, key: Key
) -> None:
    product = await make.product(shop, price="5")
    await make.variant(product, price="1", position=-1, sku="FIRST", stock=7)

    shown = await instamarket.data("get_product", key=key, id=product.id)

    assert (shown["sku"], shown["price_usdt"], shown["stock"]) == ("FIRST", 1.0, 7)


async def test_goods_without_a_limit_can_be_ordered_in_any_quantity(
    instamarket: Rest, make: Make, shop: models.Store, key: Key
) -> None:
    product = await make.product(shop)
    await make.variant(product, position=-1, stock=0, stock_tracked=False)

    assert (await instamarket.data("get_product", key=key, id=product.id))["stock"] == 10_000
    assert await ids(instamarket, key, min_qty=10_000) == [product.id]


async def test_only_what_is_on_sale_in_usdt_in_the_wholesale_store_exists(
    instamarket: Rest, make: Make, shop: models.Store, key: Key
) -> None:
    retail = await make.store(currency="USDT")
    other = await make.store("Other", wholesale=True, currency="USDT")
    hidden = [
        await make.product(shop, status=models.ProductStatus.DRAFT),
        await make.product(shop, currency="USD"),
        await make.product(retail),
        await make.product(other),
    ]
    organization_wide = await make.key()

    for caller in (key, organization_wide):
        assert await ids(instamarket, caller) == []
        for product in hidden:
            reply = await instamarket("get_product", key=caller, id=product.id)
            assert (reply.status, reply.body) == (404, {"detail": "Product not found"})


async def test_a_key_of_the_whole_organization_browses_its_wholesale_store(
    instamarket: Rest, make: Make, shop: models.Store
) -> None:
    product = await make.product(shop)

    assert await ids(instamarket, await make.key()) == [product.id]


async def test_categories_tell_what_they_hold_by_one_statement(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, statements: list[str]
) -> None:
    aged = await category(make, shop, "instagram-aged", position=1)
    empty = await category(make, shop, "tiktok", position=2)
    for price, stock in (("1.23", 5), ("0.40", 1), ("0.10", 0)):
        await make.product(shop, price=price, stock=stock, category_id=aged.id)
    await make.product(shop, category_id=empty.id, status=models.ProductStatus.ARCHIVED)
    await category(make, await make.store(), "retail")
    statements.clear()

    found = await instamarket.data("list_categories", key=key)

    assert len(statements) == 2  # the key, the categories
    assert found["items"] == [
        {
            "category": "instagram-aged",
            "name": "Instagram aged",
            "product_count": 2,
            "min_price_usdt": 0.4,
        },
        {"category": "tiktok", "name": "Tiktok", "product_count": 0, "min_price_usdt": None},
    ]
    assert len(await ids(instamarket, key, category="instagram-aged")) == 2
