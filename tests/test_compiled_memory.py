"""What a compiled answer leaves behind."""

import gc
from dataclasses import replace

import pytest

from app.settings import Settings
from tests.callers import GraphQL
from tests.kit import Make

LIST = """{ products(first: 50) { totalCount pageInfo { hasNextPage endCursor } nodes { id title
  variants { id price { amount } offers(first: 2) { edges { cursor node { merchant } } } } } } }"""
FEW = 50
"""What aiohttp, its test client and the test leave of one request."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, compiled_queries=True)


async def test_an_answer_is_no_garbage_that_somebody_has_to_look_for(
    gql: GraphQL, make: Make
) -> None:
    """All of it goes when it is sent; circles would stay until the collector comes by."""
    store = await make.store()
    for _ in range(30):
        await make.offer(await make.only_variant(await make.product(store)))
    key = await make.key()
    await gql.data(LIST, key=key)
    await gql.data(LIST, key=key)
    gc.collect()
    gc.disable()
    try:
        data = await gql.data(LIST, key=key)
        left = gc.collect()
    finally:
        gc.enable()

    assert len(data["products"]["nodes"]) == 30
    assert left < FEW
