"""A catalogue of one store, made by the database itself: 130,000 rows in seconds.

Every value is a function of the row's number, so that SQLite and PostgreSQL hold the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import JSON, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db import models
from db.base import Base
from db.engine import Database
from resolvers.identity import key_hash, new_key
from resolvers.viewer import WHOLESALE

PRODUCTS, VARIANTS, OFFERS, REVIEWS = 2000, 5, 3, 4
BRANDS, CATEGORIES, CUSTOMERS, ORDERS, LINES = 100, 40, 2000, 20_000, 2
CLIENTS = 400  # a key may ask the old API 60 times a minute
BALANCE = 10**15
START = "2026-01-01 00:00:00"

# What each database calls things. ``i`` is the row's number, from 1.
SQLITE = {
    "uuid": "lower(hex(randomblob(16)))",
    "start": f"'{START}.000000'",
    "before": f"strftime('%Y-%m-%d %H:%M:%S', '{START}', '-' || i || ' minutes') || '.000000'",
    "true": "1",
    "false": "0",
    "json": "{0}",
}
POSTGRES = {
    "uuid": "gen_random_uuid()",
    "start": f"timestamptz '{START}Z'",
    "before": f"timestamptz '{START}Z' - i * interval '1 minute'",
    "true": "true",
    "false": "false",
    "json": "cast({0} AS jsonb)",
}
# Columns that mean the same wherever they are.
USUAL = {
    "id": "i",
    "organization_id": "1",
    "store_id": "1",
    "uuid": "{uuid}",
    "currency": "'USDT'",
    "created_at": "{before}",
    "updated_at": "{start}",
    "version": "1",
}
NOTHING = "'{{}}'"
ROWS: tuple[tuple[type[Base], int, Mapping[str, str]], ...] = (
    (models.Organization, 1, {"name": "'Bench'", "slug": "'bench'", "plan": "'pro'"}),
    (models.Store, 1, {
        "name": "'Bench'", "subdomain": "'bench'", "status": "'live'", "wholesale": "{true}",
    }),
    (models.Brand, BRANDS, {
        "name": "'Brand ' || i", "slug": "'brand-' || i", "role": "'brand'",
    }),
    (models.Category, CATEGORIES, {
        "name": "'Category ' || i", "slug": "'category-' || i", "position": "i", "path": "'/'",
    }),
    (models.Product, PRODUCTS, {
        "title": "'Product number ' || i",
        "slug": "'product-' || i",
        "description": "'A plain thing of the kind that shops have many of, with number ' || i",
        "status": "'active'",
        "brand_id": "i % 100 + 1",
        "category_id": "i % 40 + 1",
        "is_digital": "{true}",
        "min_quantity": "1",
        "attributes": NOTHING,
        "price_min": "(i % 400 + 10) * 10000",
        "price_max": "(i % 400 + 14) * 10000",
        "stock": "5000000",
        "review_count": "4",
        "rating_sum": "14",
        "rating_average": "3500",
        "search_text": "'product number ' || i",
    }),
    (models.Variant, PRODUCTS * VARIANTS, {
        "product_id": "(i - 1) / 5 + 1",
        "title": "'Variant ' || ((i - 1) % 5 + 1)",
        "sku": "'SKU-' || i",
        "price": "(((i - 1) / 5 + 1) % 400 + 10 + (i - 1) % 5) * 10000",
        "stock": "1000000",
        "stock_tracked": "{true}",
        "sell_when_out_of_stock": "{false}",
        "options": NOTHING,
        "position": "(i - 1) % 5",
    }),
    (models.Offer, PRODUCTS * VARIANTS * OFFERS, {
        "product_id": "(i - 1) / 15 + 1",
        "variant_id": "(i - 1) / 3 + 1",
        "merchant": "'Merchant ' || (i % 7)",
        "price": "(i % 977 + 100) * 10000",
        "in_stock": "{true}",
    }),
    (models.Customer, CUSTOMERS, {
        "first_name": "'Given'",
        "last_name": "'Name ' || i",
        "email": "'buyer' || i || '@example.com'",
        "order_count": "10",
        "amount_spent": "40000000",
        "subscription_status": "'not_subscribed'",
    }),
    (models.Review, PRODUCTS * REVIEWS, {
        "product_id": "(i - 1) / 4 + 1",
        "customer_id": "i % 2000 + 1",
        "author": "'Given N.'",
        "rating": "(i - 1) % 4 + 2",
        "title": "'Fine'",
        "body": "'It does what it should, and it came in time.'",
        "status": "'published'",
    }),
    (models.Order, ORDERS, {
        "ref": "'B' || i",
        "customer_id": "i % 2000 + 1",
        "payment_status": "'paid'",
        "fulfillment_status": "'unfulfilled'",
        "subtotal": "4000000",
        "shipping": "0",
        "discount": "0",
        "total": "4000000",
        "refunded_total": "0",
        "tip": "0",
        "tip_value": "0",
        "fee": "0",
        "attributes": NOTHING,
        "quantity": "2",
    }),
    (models.OrderLine, ORDERS * LINES, {
        "order_id": "(i - 1) / 2 + 1",
        "product_id": "(i * 7 % 10000) / 5 + 1",
        "variant_id": "i * 7 % 10000 + 1",
        "title": "'Product number ' || ((i * 7 % 10000) / 5 + 1)",
        "sku": "'SKU-' || (i * 7 % 10000 + 1)",
        "quantity": "1",
        "unit_price": "2000000",
        "total": "2000000",
        "is_digital": "{false}",
        "options": NOTHING,
    }),
)  # fmt: skip
KEYS = {
    "id": ":id",
    "store_id": ":store_id",
    "name": "'Bench'",
    "prefix": "'sg_bench'",
    "key_hash": ":hash",
    "permissions": ":permissions",
    "allowed_addresses": "'[]'",
    "request_count": "0",
}
MONEY = {
    "role": "CASE WHEN i = 401 THEN 'deposits' ELSE 'balance' END",
    "owner": "CASE WHEN i = 401 THEN '-' ELSE 'key:' || i END",
    "api_key_id": "CASE WHEN i < 401 THEN i END",
    "unit": "'USDT'",
    "balance": f"CASE WHEN i = 401 THEN {-BALANCE * CLIENTS} ELSE {BALANCE} END",
}


@dataclass(frozen=True, slots=True)
class Filled:
    """``everything`` may do all; ``clients`` are wholesale keys, each with a balance."""

    everything: str
    clients: list[str]


async def fill(database: Database) -> Filled:
    """Fill an empty, migrated database."""
    words = SQLITE if database.is_sqlite else POSTGRES
    filled = Filled(new_key(), [new_key() for _ in range(CLIENTS)])
    async with database.writing.begin() as connection:
        for kind, count, columns in ROWS:
            await connection.execute(text(_insert(kind, columns, words, count=count)))
        for own in (True, False):
            columns = {**KEYS, "own_only": "{true}" if own else "{false}"}
            sql = _insert(models.ApiKey, columns, words, count=1)
            await connection.execute(text(sql), _keys(filled, own=own))
        sql = _insert(models.Account, MONEY, words, count=CLIENTS + 1)
        await connection.execute(text(sql))
        if not database.is_sqlite:
            for kind in (*(kind for kind, _, _ in ROWS), models.ApiKey, models.Account):
                await _advance(connection, kind.__tablename__)
        await connection.execute(text("ANALYZE"))
    return filled


def _insert(
    kind: type[Base], columns: Mapping[str, str], words: Mapping[str, str], *, count: int
) -> str:
    """``INSERT … SELECT`` of ``count`` rows."""
    table = kind.__table__
    values = {name: sql for name, sql in USUAL.items() if name in table.c} | dict(columns)
    found = {name: sql.format(**words) for name, sql in values.items()}
    for name, sql in found.items():
        if isinstance(table.c[name].type, JSON):
            found[name] = words["json"].format(sql)
    return (
        f"INSERT INTO {kind.__tablename__} ({', '.join(found)})"  # noqa: S608 - nobody else's words
        f" WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        f" SELECT {', '.join(found.values())} FROM n"
    )


def _keys(filled: Filled, *, own: bool) -> list[dict[str, object]]:
    first, keys = (1, filled.clients) if own else (CLIENTS + 1, [filled.everything])
    permissions = json.dumps(sorted(WHOLESALE) if own else ["*"])
    return [
        {
            "id": number,
            "hash": key_hash(key),
            "store_id": 1 if own else None,
            "permissions": permissions,
        }
        for number, key in enumerate(keys, first)
    ]


async def _advance(connection: AsyncConnection, table: str) -> None:
    """PostgreSQL's sequences know nothing of the keys that we gave."""
    largest = f"(SELECT max(id) FROM {table})"  # noqa: S608 - our own tables
    sequence = f"pg_get_serial_sequence('{table}', 'id')"
    await connection.execute(text(f"SELECT setval({sequence}, {largest})"))
