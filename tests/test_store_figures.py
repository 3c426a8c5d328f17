"""Who looked at a store, and what was sold in it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from db import models
from db.models import PaymentStatus as P
from resolvers.money import micro
from rest_compat.instxnt import wire
from tests.callers import GraphQL, Rest
from tests.kit import Make, gid
from tests.sellers import seller
from tests.state import everything

RECORD = """mutation ($input: NewVisit!, $once: String) {
  recordVisit(input: $input, idempotencyKey: $once) {
    store { id analytics { views visitors } } errors { code field } } }"""
FIGURES = """query ($since: DateTime, $until: DateTime) { stores(sort: ID_ASC) { nodes {
  analytics(since: $since, until: $until) {
    views visitors sales revenue { amount currency } } } } }"""
PLAIN = """{ stores(sort: ID_ASC) { nodes { analytics {
  views visitors sales revenue { amount currency } } } } }"""
DAY = datetime(2026, 5, 1, tzinfo=UTC)


async def sold(make: Make, store: models.Store, status: P, total: str, **columns: Any) -> None:
    columns.setdefault("created_at", DAY)
    refunded = {P.REFUNDED: total, P.PARTIALLY_REFUNDED: "1.50"}.get(status, "0")
    await make.order(
        store, total=total, payment_status=status, refunded_total=micro(refunded), **columns
    )


async def visited(make: Make, store: models.Store, visitor: str | None, at: datetime) -> None:
    await make.save(
        models.Visit(
            organization_id=store.organization_id, store_id=store.id, path="/", visitor=visitor,
            created_at=at,
        )
    )  # fmt: skip


async def test_both_doors_tell_the_same_figures(
    gql: GraphQL, instxnt: Rest, make: Make, statements: list[str]
) -> None:
    key, store = await seller(make), await make.store(currency="EUR")
    quiet, foreign = await make.store(), await make.store("Other")
    for status in P:
        await sold(make, store, status, "10.00")
    await sold(make, store, P.PAID, "99.00", currency="USD")
    await sold(make, foreign, P.PAID, "7.00")
    for n, visitor in enumerate(("ada", "ada", "ben", None)):
        await visited(make, store, visitor, DAY + timedelta(days=n))
    await visited(make, foreign, "ada", DAY)
    statements.clear()

    data = await gql.data(PLAIN, key=key)

    assert len(statements) == 4  # who asks, the stores, their visits, their orders
    nothing = {
        "views": 0, "visitors": 0, "sales": 0, "revenue": {"amount": "0.00", "currency": "USD"},
    }  # fmt: skip
    # Paid, partially refunded and refunded ones, and one in another currency.
    figures = {
        "views": 4, "visitors": 2, "sales": 4,
        "revenue": {"amount": "18.50", "currency": "EUR"},
    }  # fmt: skip
    assert [node["analytics"] for node in data["stores"]["nodes"]] == [figures, nothing]
    statements.clear()
    told = await instxnt.data("get_store_analytics", key=key, store_id=wire.store_id(store.uuid))
    assert told == {"views": 4, "sales": 4, "revenue_cents": 1850, "currency": "EUR"}
    assert len(statements) == 5  # who asks, whose it is, its currency, visits, orders
    told = await instxnt.data("get_store_analytics", key=key, store_id=wire.store_id(quiet.uuid))
    assert told == {"views": 0, "sales": 0, "revenue_cents": 0, "currency": "USD"}


async def test_figures_of_some_time(gql: GraphQL, make: Make) -> None:
    key, store = await make.key(), await make.store()
    for n in range(4):
        await visited(make, store, f"v{n}", DAY + timedelta(days=n))
        await sold(make, store, P.PAID, "10.00", created_at=DAY + timedelta(days=n))

    for since, until, count in ((0, 4, 4), (1, 3, 2), (2, None, 2), (None, 1, 1), (3, 3, 0)):
        bounds = {
            name: None if day is None else (DAY + timedelta(days=day)).isoformat()
            for name, day in (("since", since), ("until", until))
        }
        data = await gql.data(FIGURES, key=key, **bounds)
        [node] = data["stores"]["nodes"]
        found = node["analytics"]
        assert (found["views"], found["visitors"], found["sales"]) == (count,) * 3
        assert found["revenue"] == {"amount": f"{count * 10}.00", "currency": "USD"}


async def test_a_visit_is_recorded_once(gql: GraphQL, make: Make) -> None:
    key, store = await make.key(), await make.store()
    new = {"storeId": gid(store), "path": "/", "visitor": "ada", "referrer": "https://x.example"}

    first, second = [await gql.done(RECORD, key=key, input=new, once="1") for _ in range(2)]

    assert first == second
    assert first["store"] == {"id": gid(store), "analytics": {"views": 1, "visitors": 1}}
    await gql.done(RECORD, key=key, input={"storeId": gid(store), "path": "/faq"})
    reader = await make.key(permissions=frozenset({"analytic:view", "store:view"}))
    before = await everything(make.services)
    for wrong, field in (
        ({"path": "faq"}, "path"), ({"path": "/" + "x" * 2000}, "path"),
        ({"path": "/a\nb"}, "path"), ({"visitor": ""}, "visitor"),
        ({"referrer": "x" * 2001}, "referrer"),
    ):  # fmt: skip
        refused = await gql.refused(RECORD, key=key, input={**new, **wrong})
        assert refused == [f"INVALID input.{field}"]
    answer = await gql(RECORD, key=reader, input=new)
    assert answer["errors"][0]["extensions"]["details"] == {"permission": "analytic:create"}
    assert await everything(make.services) == before


async def test_figures_need_a_permission(gql: GraphQL, make: Make) -> None:
    await make.store()
    key = await make.key(permissions=frozenset({"store:view"}))

    answer = await gql(PLAIN, key=key)

    assert answer["errors"][0]["extensions"]["details"] == {"permission": "analytic:view"}
