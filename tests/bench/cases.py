"""What is asked: the requests of each figure."""

from dataclasses import dataclass
from typing import Any

import orjson

from resolvers.keys import global_id
from tests.bench.catalogue import PRODUCTS, VARIANTS, Filled
from tests.bench.client import request

PRODUCT = """query Product($id: ID!) {
  product(id: $id) { id title description rating reviewCount inStock
    minPrice { amount currency } maxPrice { amount currency } } }"""
CATALOGUE = """query Catalogue($after: String) {
  products(first: 50, sort: ID_ASC, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id title slug rating price { amount currency }
      brand { id name }
      variants { id title sku stock price { amount currency }
        offers(first: 3) { nodes { merchant price { amount currency } } } }
      reviews(first: 3) { nodes { author rating title body createdAt } } } } }"""
VARIANTS_OF_250 = """{
  products(first: 250, sort: ID_ASC) {
    nodes { id title
      variants { id title sku stock price { amount currency } } } } }"""
ORDERS = """{
  orders(first: 50, sort: CREATED_AT_DESC) {
    nodes { id ref createdAt paymentStatus fulfillmentStatus total { amount currency }
      customer { id name email }
      lines { id title quantity total { amount currency }
        variant { id title sku } product { id title } } } } }"""
PLACE = """mutation Place($input: PlaceOrder!) {
  placeOrder(input: $input) { order { id ref total { amount } } errors { code message } } }"""
SPREAD = 97  # different rows in turn, so that no cache of one answer can help


@dataclass(frozen=True, slots=True)
class Case:
    """``expected`` is part of every right answer.

    ``route`` is where the hand-written server answers it; a case without is not for the baselines.
    """

    name: str
    requests: list[str]
    expected: str
    route: str | None = None

    def routed(self) -> list[str]:
        """The requests as the hand-written server takes them."""
        return [each.replace(" /graphql ", f" /{self.route} ", 1) for each in self.requests]


def cases(filled: Filled) -> list[Case]:
    mine = {"Authorization": f"Bearer {filled.everything}"}
    products = [{"id": global_id("Product", n * 19 % PRODUCTS + 1)} for n in range(SPREAD)]
    return [
        Case(
            "one product",
            [_graphql(PRODUCT, mine, each) for each in products],
            '"title":"Pr',
            "product",
        ),
        Case(
            "50 products, brand, variants, offers, 3 reviews",
            [_graphql(CATALOGUE, mine, {})],
            '"author":"Given N."',
            "catalogue",
        ),
        Case(
            "250 products, 5 variants",
            [_graphql(VARIANTS_OF_250, mine, {})],
            '"sku":"SKU-1250"',
            "variants",
        ),
        Case(
            "50 orders, customer, lines, variant, product",
            [_graphql(ORDERS, mine, {})],
            '"SKU-',
            "orders",
        ),
        Case(
            "50 products by REST (InstaMarket)",
            [
                request(
                    "GET", "/instamarket/api/v1/products?page_size=50", {"X-API-Key": key}
                )
                for key in filled.clients
            ],
            '"total":2000',
        ),
        Case("placing an order", _orders(filled), '"errors":[]'),
    ]  # fmt: skip


def _orders(filled: Filled) -> list[str]:
    """Each key buys one unit of another variant, with its own balance."""
    store = global_id("Store", 1)
    return [
        _graphql(
            PLACE,
            {"X-API-Key": key},
            {"input": {"storeId": store, "lines": [{"variantId": global_id("Variant", at)}]}},
        )
        for at, key in zip(range(1, PRODUCTS * VARIANTS, SPREAD), filled.clients, strict=False)
    ]


def _graphql(query: str, headers: dict[str, str], variables: dict[str, Any]) -> str:
    return request(
        "POST", "/graphql", headers, orjson.dumps({"query": query, "variables": variables})
    )
