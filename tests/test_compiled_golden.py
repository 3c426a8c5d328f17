"""The SQL of documents that are asked most, on both databases, to be read like code.

``make golden`` writes it; its difference shows what a change of the engine does.
"""

import os
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from db import models
from engine import driver_for
from engine.engine import Engine
from engine.explain import Level, explained
from resolvers.keys import global_id
from resolvers.pages import encode_cursor
from resolvers.viewer import Viewer
from schema import make_schema
from schema.declarations import scope_of
from schema.documents import core
from schema.scalars import fast
from tests.callers import GraphQL
from tests.kit import Make, gid

FOLDER = Path(__file__).parent / "golden"
FRONTENDS = Path(__file__).parent / "documents"
DOCUMENTS = {
    **{name: FRONTENDS / f"{name}.graphql" for name in ("catalogue_page", "product_page")},
    **{path.stem: path for path in sorted(FOLDER.glob("*.graphql"))},
}
WRITES = os.environ.get("STOREGRAPH_TEST_UPDATE") == "1"
# No connection is made to plan.
URLS = {"sqlite": "sqlite+aiosqlite:///none.db", "postgresql": "postgresql+asyncpg://none/none"}
ALL = frozenset({"*"})
CALLERS = {
    "": Viewer(organization_id=1, permissions=ALL, credential="golden", all_stores_live=True),
    ".limited": Viewer(
        organization_id=1,
        permissions=ALL,
        credential="golden",
        store_ids=frozenset({1, 2}),
        api_key_id=3,
        own_only=True,
    ),
}
"""Whoever may see all of an organization; and a key that sees only its own, of some stores, in an
organization that has deleted others."""
PLANS = [
    *((name, kind, "") for name in DOCUMENTS for kind in URLS),
    *(("order_list", kind, ".limited") for kind in URLS),
]
VARIABLES: dict[str, dict[str, Any]] = {
    "catalogue_page": {
        "storeId": global_id("Store", 1),
        "filter": {"inStock": True, "minPrice": "0.5", "status": ["ACTIVE", "DRAFT"]},
    },
    "order_list": {"before": encode_cursor("created_at_desc", datetime(2000, 1, 1, tzinfo=UTC), 1)},
    "product_list": {"after": encode_cursor("id_asc", 0, 0)},
    "product_page": {"id": global_id("Product", 1)},
    "product_search": {"words": "Crème brûlée"},
    "product_variants": {},
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, compiled_queries=True)


def document(name: str) -> str:
    return DOCUMENTS[name].read_text(encoding="utf-8")


async def levels_of(kind: str, name: str, who: str, given: dict[str, Any]) -> list[Level]:
    driver = driver_for(URLS[kind], connections=1)
    schema = make_schema()
    engine = Engine(schema, core(schema), driver, fast)
    operation = schema.documents.prepare(schema, document(name)).operation(None)
    assert operation is not None
    try:
        coerced = engine.coerced(operation, given)
        plan = engine.planned(operation, coerced, scope_of(CALLERS[who]))
        return explained(plan, coerced)
    finally:
        await driver.close()


def rendered(levels: list[Level]) -> str:
    """SQL, each statement under the name of its field."""
    parts = [f"-- {sum(len(level.statements) for level in levels)} statements"]
    for level in levels:
        parts += [f"-- {level.name}\n{statement}" for statement in level.statements]
        parts += [f"-- {level.name}, of a single parent\n{text}" for text in level.alone]
    lines = (line.rstrip() for line in "\n\n".join(parts).splitlines())
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("name", "kind", "who"), PLANS)
async def test_the_sql_of_hot_documents_is_what_was_read_before(
    name: str, kind: str, who: str
) -> None:
    path = FOLDER / f"{name}{who}.{kind}.sql"
    found = rendered(await levels_of(kind, name, who, VARIABLES[name]))
    if WRITES:
        path.write_text(found, encoding="utf-8")

    assert found == path.read_text(encoding="utf-8"), "make golden writes it anew"


async def test_a_plan_is_of_one_database() -> None:
    """Documents are kept by the schema, which engines of several databases may share."""
    [one, other] = [
        rendered(await levels_of(kind, "product_list", "", VARIABLES["product_list"]))
        for kind in URLS
    ]

    assert "?" in one
    assert "?" not in other


def test_no_golden_file_is_left_of_what_is_gone() -> None:
    expected = {f"{name}{who}.{kind}.sql" for name, kind, who in PLANS}
    assert {path.name for path in FOLDER.glob("*.sql")} == expected


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_what_is_run_is_what_the_golden_files_hold(
    gql: GraphQL, make: Make, statements: list[str], database_kind: str, name: str
) -> None:
    store, product = await _filled(make)
    ids = {"catalogue_page": {"storeId": gid(store)}, "product_page": {"id": gid(product)}}
    given = VARIABLES[name] | ids.get(name, {})
    levels = await levels_of(database_kind, name, "", given)
    key = await make.key()
    statements.clear()

    await gql.data(document(name), key=key, **given)

    left = deque(statements[1:])  # the first one is for the key
    for level in levels:
        for _ in level.statements:
            assert level.runs(left.popleft()), level.name
    assert len(left) == sum(" " in level.name for level in levels)  # loaded by functions


async def _filled(make: Make) -> tuple[models.Store, models.Product]:
    """Two of everything, so that no level goes without rows; the product is deep in the tree."""
    store = await make.store()
    wares: list[models.Product] = []
    inside: dict[str, Any] = {"organization_id": store.organization_id, "store_id": store.id}
    root = await make.category(store)
    leaf = await make.category(store, await make.category(store, root))
    for n in range(2):
        product = await make.product(
            store, brand_id=(await make.brand(store)).id, category_id=(root, leaf)[n].id
        )
        wares.append(product)
        await make.save(models.Option(**inside, product_id=product.id, name="Size"))
        await make.save(models.Property(**inside, product_id=product.id, name="Fit", value="L"))
        variant = await make.variant(product)
        for each in (variant, await make.variant(product)):
            await make.offer(each)
        await make.review(product)
        customer = await make.customer(store)
        order = await make.save(
            models.Order(
                **inside, ref=f"R{n}", customer_id=customer.id, total=1, quantity=1, currency="USD"
            )
        )
        await make.save(
            models.OrderLine(
                **inside, order_id=order.id, product_id=product.id, variant_id=variant.id,
                title="x", quantity=1, unit_price=1, total=1, currency="USD",
            )
        )  # fmt: skip
    return store, wares[-1]
