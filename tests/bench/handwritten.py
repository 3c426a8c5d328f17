"""What it could be at best: ``python -m tests.bench.handwritten DATABASE_URL``. It prints its port.

aiohttp, the bare driver, and for each case a route that knows beforehand what is asked: one
statement a level with the columns of the answer alone, tuples shaped straight into it. It takes the
gateway's requests, of which it reads the variables and not the document, and its ``data`` is the
same. As the gateway does, each request looks its API key up by the hash, and each statement is
limited to rows of the key's organization that are not deleted.
"""

import hashlib
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import uvloop
from aiohttp import web

from tests.bench import statements
from tests.bench.drivers import Connection, Driver, driver
from tests.bench.serving import serve
from tests.bench.wire import after, amount, cursor, global_id, key_of

Variables = Mapping[str, Any]
Handle = Callable[[Connection, int, Variables], Awaitable[dict[str, Any]]]


async def product(connection: Connection, organization: int, given: Variables) -> dict[str, Any]:
    key = key_of("Product", given["id"])
    found = await connection.rows(statements.PRODUCT, organization, key)
    for title, description, rating, reviews, stock, lowest, highest, currency in found:
        return {
            "product": {
                "id": given["id"],
                "title": title,
                "description": description,
                "rating": rating / 1000 if reviews else None,
                "reviewCount": reviews,
                "inStock": stock > 0,
                "minPrice": {"amount": amount(lowest), "currency": currency},
                "maxPrice": {"amount": amount(highest), "currency": currency},
            }
        }
    return {"product": None}


async def catalogue(connection: Connection, organization: int, given: Variables) -> dict[str, Any]:
    found = await connection.rows(statements.CATALOGUE, organization, after(given.get("after")))
    rows = found[:50]
    keys = [row[0] for row in rows]
    brands = {
        key: {"id": global_id("Brand", key), "name": name}
        for key, name in await connection.rows(
            statements.BRANDS, organization, list({row[7] for row in rows})
        )
    }
    variants = await connection.rows(statements.VARIANTS, organization, keys)
    variants_of: dict[int, list[Any]] = {key: [] for key in keys}
    offers_of: dict[int, list[Any]] = {}
    for of, key, title, sku, stock, price, currency in variants:
        offers_of[key] = offers = []
        variants_of[of].append(
            {
                "id": global_id("Variant", key),
                "title": title,
                "sku": sku,
                "stock": stock,
                "price": {"amount": amount(price), "currency": currency},
                "offers": {"nodes": offers},
            }
        )
    for of, merchant, price, currency in await connection.rows(
        statements.OFFERS, organization, list(offers_of)
    ):
        offers_of[of].append(
            {"merchant": merchant, "price": {"amount": amount(price), "currency": currency}}
        )
    reviews_of: dict[int, list[Any]] = {key: [] for key in keys}
    for of, author, rating, title, body, created_at in await connection.rows(
        statements.REVIEWS, organization, keys
    ):
        reviews_of[of].append(
            {
                "author": author,
                "rating": rating,
                "title": title,
                "body": body,
                "createdAt": connection.instant(created_at),
            }
        )
    nodes = [
        {
            "id": global_id("Product", key),
            "title": title,
            "slug": slug,
            "rating": rating / 1000 if reviews else None,
            "price": {"amount": amount(price), "currency": currency},
            "brand": brands.get(brand),
            "variants": variants_of[key],
            "reviews": {"nodes": reviews_of[key]},
        }
        for key, title, slug, rating, reviews, price, currency, brand in rows
    ]
    page = {
        "hasNextPage": len(found) > len(rows),
        "endCursor": cursor(keys[-1]) if keys else None,
    }
    return {"products": {"pageInfo": page, "nodes": nodes}}


async def variants(connection: Connection, organization: int, _: Variables) -> dict[str, Any]:
    products = await connection.rows(statements.PRODUCTS, organization)
    variants_of: dict[int, list[Any]] = {key: [] for key, _ in products}
    for of, key, title, sku, stock, price, currency in await connection.rows(
        statements.VARIANTS, organization, list(variants_of)
    ):
        variants_of[of].append(
            {
                "id": global_id("Variant", key),
                "title": title,
                "sku": sku,
                "stock": stock,
                "price": {"amount": amount(price), "currency": currency},
            }
        )
    nodes = [
        {"id": global_id("Product", key), "title": title, "variants": variants_of[key]}
        for key, title in products
    ]
    return {"products": {"nodes": nodes}}


async def orders(connection: Connection, organization: int, _: Variables) -> dict[str, Any]:
    found = await connection.rows(statements.ORDERS, organization)
    customers = {
        key: {
            "id": global_id("Customer", key),
            "name": " ".join(filter(None, (given, family))) or None,
            "email": email,
        }
        for key, given, family, email in await connection.rows(
            statements.CUSTOMERS, organization, list({row[7] for row in found})
        )
    }
    lines = await connection.rows(statements.LINES, organization, [row[0] for row in found])
    variants = {
        key: {"id": global_id("Variant", key), "title": title, "sku": sku}
        for key, title, sku in await connection.rows(
            statements.VARIANTS_BY_ID, organization, list({row[6] for row in lines})
        )
    }
    products = {
        key: {"id": global_id("Product", key), "title": title}
        for key, title in await connection.rows(
            statements.PRODUCTS_BY_ID, organization, list({row[7] for row in lines})
        )
    }
    lines_of: dict[int, list[Any]] = {row[0]: [] for row in found}
    for of, key, title, quantity, total, currency, variant, product in lines:
        lines_of[of].append(
            {
                "id": global_id("OrderLine", key),
                "title": title,
                "quantity": quantity,
                "total": {"amount": amount(total), "currency": currency},
                "variant": variants.get(variant),
                "product": products.get(product),
            }
        )
    nodes = [
        {
            "id": global_id("Order", key),
            "ref": ref,
            "createdAt": connection.instant(created_at),
            "paymentStatus": payment.upper(),
            "fulfillmentStatus": fulfillment.upper(),
            "total": {"amount": amount(total), "currency": currency},
            "customer": customers.get(customer),
            "lines": lines_of[key],
        }
        for key, ref, created_at, payment, fulfillment, total, currency, customer in found
    ]
    return {"orders": {"nodes": nodes}}


def handler(driver: Driver, handle: Handle) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())
        _, _, key = request.headers.get("Authorization", "").partition(" ")
        key_hash = hashlib.sha256(key.encode()).hexdigest()
        async with driver.connection() as connection:
            holders = await connection.rows(statements.KEY, key_hash)
            if not holders:
                return web.Response(status=401)
            data = await handle(connection, holders[0][0], asked.get("variables") or {})
        return web.Response(body=orjson.dumps({"data": data}), content_type="application/json")

    return answer


async def main(database_url: str) -> None:
    async with driver(database_url) as opened:
        application = web.Application()
        for handle in (product, catalogue, variants, orders):
            application.router.add_post(f"/{handle.__name__}", handler(opened, handle))
        await serve(application)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
