"""Queries as frontends send them: each stays valid, and costs so many statements and no more."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from graphql import build_schema, parse, validate
from sqlalchemy import func, select

from app import seed
from app.credentials import DemoKeys
from app.settings import Settings
from app.web import create_app
from db import models
from db.base import now
from resolvers import identity
from resolvers.keys import global_id
from resolvers.services import Services
from schema import make_schema
from tests.callers import GraphQL
from tests.kit import Key

FOLDER = Path(__file__).parent / "documents"
DOCUMENTS = sorted(path.stem for path in FOLDER.glob("*.graphql"))
# One of each is for the key, the others one a relation and one a count, however many the rows.
STATEMENTS = {
    "balance_page": 8,
    "catalogue_page": 11,
    "customer_page": 12,
    "dashboard": 16,
    "landing_page_list": 9,
    "order_list": 8,
    "product_page": 11,
}


def document(name: str) -> str:
    return (FOLDER / f"{name}.graphql").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_was_ever_shipped_stays_valid(name: str) -> None:
    schema = build_schema(make_schema().as_str())
    assert validate(schema, parse(document(name))) == []


async def _most(services: Services, column: Any) -> int:
    """The parent with the most rows: what a page shows when there is much to show."""
    found = select(column).where(column.is_not(None)).group_by(column)
    async with services.database.read() as connection:
        return (
            await connection.execute(found.order_by(func.count().desc(), column))
        ).scalars().first() or 0


async def _busiest(services: Services) -> int:
    """A customer of whom there is everything to show: orders, a review, and a return."""
    order, review = models.Order, models.Review
    found = (
        select(order.customer_id)
        .join(models.Return, models.Return.order_id == order.id)
        .join(review, review.customer_id == order.customer_id)
        .group_by(order.customer_id)
        .order_by(func.count().desc(), order.customer_id)
    )
    async with services.database.read() as connection:
        return (await connection.execute(found)).scalars().first() or 0


async def _variables(services: Services) -> dict[str, dict[str, Any]]:
    store = global_id("Store", await _most(services, models.Order.store_id))
    return {
        "catalogue_page": {"storeId": store, "filter": {"inStock": True}},
        "product_page": {
            "id": global_id("Product", await _most(services, models.Offer.product_id))
        },
        "order_list": {"filter": {"storeId": store, "paymentStatus": ["PAID"]}},
        "customer_page": {"id": global_id("Customer", await _busiest(services))},
        "dashboard": {"storeId": store, "since": (now() - timedelta(days=30)).isoformat()},
        "landing_page_list": {
            "storeId": global_id("Store", await _most(services, models.LandingPage.store_id))
        },
        "balance_page": {},
    }


def _lists(data: Any, path: str = "") -> dict[str, int]:
    """How long the longest list at each place is."""
    found: dict[str, int] = {}
    parts = data.items() if isinstance(data, dict) else [("", part) for part in data]
    for name, part in parts:
        inside = f"{path}.{name}".strip(".")
        if isinstance(part, list):
            found[inside] = max(found.get(inside, 0), len(part))
        if isinstance(part, (dict, list)):
            for place, length in _lists(part, inside).items():
                found[place] = max(found.get(place, 0), length)
    return found


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, explain_executions=True)


async def test_documents_are_answered_in_as_few_statements_as_there_are_levels(
    gql: GraphQL, services: Services, settings: Settings, statements: list[str]
) -> None:
    keys: DemoKeys = await seed.run(services, scale=0.3)
    everything = await _key(services, keys.graphql)
    wholesale = await _key(services, keys.wholesale)
    variables = await _variables(services)
    plain = replace(settings, compiled_queries=False)
    counted: dict[str, int] = {}
    ways: dict[str, Any] = {}
    async with TestClient(TestServer(create_app(services, plain))) as other:
        for name in DOCUMENTS:
            statements.clear()
            key = wholesale if name == "balance_page" else everything
            answer = await gql(document(name), key=key, **variables[name])
            counted[name] = len(statements)
            ways[name] = answer["extensions"].get("execution")
            empty = [place for place, length in _lists(answer["data"]).items() if not length]
            assert empty == [], name
            uncompiled = await GraphQL(other).data(document(name), key=key, **variables[name])
            assert orjson.dumps(uncompiled) == orjson.dumps(answer["data"]), name

    assert counted == STATEMENTS
    if settings.compiled_queries:
        assert ways == {name: {"path": "compiled"} for name in DOCUMENTS}


async def _key(services: Services, clear: str) -> Key:
    found = select(models.ApiKey).where(models.ApiKey.key_hash == identity.key_hash(clear))
    async with services.database.write() as session:
        return Key((await session.scalars(found)).one(), clear)
