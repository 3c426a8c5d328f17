"""GraphQL: whatever valid document is sent, it gets an answer, and never an internal error."""

import asyncio
from typing import Any

import requests
from graphql import build_schema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes

from schema import make_schema
from tests.callers import GraphQL
from tests.kit import Make, gid

EXAMPLES = 60
EXPECTED = {
    "BAD_REQUEST", "COST_LIMIT", "LIMIT", "INVALID", "NOT_FOUND", "CONFLICT", "FORBIDDEN",
    "INSUFFICIENT_BALANCE", "INSUFFICIENT_STOCK", "BELOW_MINIMUM", "MALFORMED", "UNSUPPORTED_MEDIA",
}  # fmt: skip


def fuzz(url: str, headers: dict[str, str], ids: list[str]) -> tuple[int, set[str]]:
    """Send generated documents; returns how many were executed, and the codes of all errors."""
    schema = build_schema(make_schema().as_str())
    executed = 0
    codes: set[str] = set()
    scalars: dict[str, Any] = {
        "DateTime": st.sampled_from(["2026-01-31T12:00:00Z", "x"]).map(nodes.String),
        "Decimal": st.sampled_from(["1.5", "-3", "1e30", "NaN"]).map(nodes.String),
        "UUID": st.uuids().map(str).map(nodes.String),
        "JSON": st.sampled_from(["{}", "[1]"]).map(nodes.String),
        "Upload": st.just("no file").map(nodes.String),
        "ID": st.sampled_from([*ids, "x", ""]).map(nodes.String),
    }

    @given(document=from_schema(schema, custom_scalars=scalars, allow_null=True))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    def try_one(document: str) -> None:
        nonlocal executed
        response = requests.post(url, json={"query": document}, headers=headers, timeout=30)
        assert response.status_code in (200, 400), document
        answer = response.json()
        executed += "data" in answer
        found = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert found <= EXPECTED, (found, document)
        codes.update(found)

    try_one()
    return executed, codes


async def test_generated_documents_get_answers(gql: GraphQL, make: Make) -> None:
    store = await make.store()
    product = await make.product(store)
    await make.review(product)
    key = await make.key()
    url = str(gql.client.make_url("/graphql"))

    executed, _codes = await asyncio.to_thread(
        fuzz, url, key.headers, [gid(store), gid(product), gid(key.row)]
    )

    assert executed >= EXAMPLES // 4
