"""InstaMarket: every operation with every status that its contract documents, and the papers."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import pytest

from app.settings import Settings
from db import models
from providers.memory import MemoryLimiter
from resolvers.errors import StoreError, Unavailable
from resolvers.services import Limit, Services
from rest_compat.dialect import Internal
from rest_compat.instamarket import contract
from rest_compat.instamarket.failure import STATUS
from tests.callers import Rest
from tests.doors import instamarket_door
from tests.kit import Key, Make, fund
from tests.limiters import Busy

DOCUMENTED = [
    (operation.id, int(status))
    for operation in contract().operations
    for status in operation.responses
]
ADMIN = {"Authorization": "Bearer admin-token-of-tests"}
ONCE = {"Idempotency-Key": "once"}
BY_KEY = [each.id for each in contract().operations if each.id != "list_audit_entries"]


class Down(MemoryLimiter):
    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        raise Unavailable("down")


@dataclass
class World:
    """What cases find: a shop with a product in batches of two, and keys."""

    services: Services
    key: Key
    poor: Key
    elsewhere: Key
    product: models.Product
    order_id: int
    topup_id: str

    def order(self, **body: Any) -> dict[str, Any]:
        return {"body": {"product_id": self.product.id, "quantity": 2, **body}}


@pytest.fixture
async def world(instamarket: Rest, make: Make, services: Services) -> World:
    shop = await make.store(wholesale=True, currency="USDT")
    key, poor = await make.wholesale_key(shop), await make.wholesale_key(shop)
    product = await make.product(shop, price="1", items=9, min_quantity=2)
    await fund(services, key, "100")
    body = {"product_id": product.id, "quantity": 2}
    order = await instamarket.data("create_order", key=key, body=body)
    announced = {"key": key, "body": {"amount_usdt": 5}, "headers": ONCE}
    topup = await instamarket.data("create_topup", **announced)
    elsewhere = await make.wholesale_key(shop, allowed_addresses=["203.0.113.10"])
    return World(services, key, poor, elsewhere, product, order["order_id"], topup["topup_id"])


Case = Callable[[World], dict[str, Any]]


CASES: dict[tuple[str, int], Case] = {
    ("get_health", 200): lambda _: {},
    ("list_products", 200): lambda _: {"page_size": 1},
    ("list_products", 422): lambda _: {"page_size": 201},
    ("get_product", 200): lambda world: {"id": world.product.id},
    ("get_product", 404): lambda _: {"id": 10**9},
    ("get_product", 422): lambda _: {"id": "first"},
    ("list_categories", 200): lambda _: {},
    ("get_balance", 200): lambda _: {},
    ("create_topup", 200): lambda _: {"body": {"amount_usdt": 50}},
    ("create_topup", 409): lambda _: {"body": {"amount_usdt": 6}, "headers": ONCE},
    ("create_topup", 422): lambda _: {"body": {"amount_usdt": 0}},
    ("get_topup", 200): lambda world: {"topup_id": world.topup_id},
    ("get_topup", 404): lambda _: {"topup_id": "none"},
    ("create_order", 200): lambda world: world.order(),
    ("create_order", 400): lambda world: world.order(quantity=1),
    ("create_order", 402): lambda world: {**world.order(), "key": world.poor},
    ("create_order", 404): lambda world: world.order(product_id=10**9),
    ("create_order", 409): lambda world: world.order(quantity=10),
    ("create_order", 422): lambda world: world.order(quantity=0),
    ("create_order", 501): lambda world: world.order(payment_method="invoice"),
    ("get_order", 200): lambda world: {"id": world.order_id},
    ("get_order", 404): lambda _: {"id": 10**9},
    ("get_order", 422): lambda _: {"id": 0},
    ("get_usage", 200): lambda _: {},
    ("list_audit_entries", 200): lambda _: {"key": None, "headers": ADMIN},
    ("list_audit_entries", 401): lambda _: {},
}
PATHS = {"get_product": "id", "get_order": "id", "get_topup": "topup_id"}
for _id in BY_KEY:
    _path = {PATHS[_id]: "1"} if _id in PATHS else {}
    CASES |= {
        (_id, 401): lambda _, path=_path: {"key": None, **path},
        (_id, 403): lambda world, path=_path: {"key": world.elsewhere, **path},
        (_id, 429): lambda _, path=_path: path,
        (_id, 503): lambda _, path=_path: path,
    }


def test_every_documented_status_has_a_case() -> None:
    assert set(CASES) == set(DOCUMENTED)


@pytest.mark.parametrize("operation", [each.id for each in contract().operations])
async def test_every_operation_answers_with_every_documented_status(
    instamarket: Rest, world: World, operation: str
) -> None:
    """That each answer is as the contract says is checked by both ends of ``instamarket``."""
    limiters = {429: Busy(), 503: Down()}
    for status in [status for each, status in DOCUMENTED if each == operation]:
        call = {"key": world.key, **CASES[operation, status](world)}
        world.services.limiter = limiters.get(status, MemoryLimiter())

        reply = await instamarket(operation, **call)

        assert reply.status == status, reply.body
        if status == 429:
            assert reply.headers["Retry-After"] == "17"


def _codes(error: type[StoreError]) -> set[str]:
    return {error.code}.union(*(_codes(each) for each in error.__subclasses__()))


def test_every_failure_of_the_store_has_a_status() -> None:
    assert Internal.code in STATUS
    assert _codes(StoreError) - {StoreError.code} <= set(STATUS)


# What the contract does not list


async def ask(door: Rest, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
    async with door.client.request(method, path, **options) as reply:
        is_json = reply.content_type == "application/json"
        return reply.status, await (reply.json() if is_json else reply.text()), reply.headers


async def test_other_paths_lead_nowhere(instamarket: Rest) -> None:
    for path in (
        "",
        "/",
        "/api/v1",
        "/api/v1/health/",
        "/api/v2/health",
        "/v1/health",
        "/api/v1/products/1/2",
        "/api/v1/products/%00",
    ):
        status, body, _ = await ask(instamarket, "GET", f"/instamarket{path}")
        assert (status, body) == (404, {"detail": "Not Found"}), path


async def test_methods_bodies_and_sizes_are_refused_in_the_dialects_words(
    instamarket: Rest, make: Make
) -> None:
    key = await make.key()
    status, body, headers = await ask(instamarket, "DELETE", "/instamarket/api/v1/products")
    assert (status, body) == (405, {"detail": "Method Not Allowed"})
    assert headers["Allow"] == "GET, HEAD, OPTIONS"

    orders = "/instamarket/api/v1/orders"
    as_text = {**key.headers, "Content-Type": "text/plain"}
    status, body, _ = await ask(instamarket, "POST", orders, data=b"{}", headers=as_text)
    assert (status, list(body)) == (415, ["detail"])

    as_json = {**key.headers, "Content-Type": "application/json"}
    large = BytesIO(b'{"note": "' + b"x" * (2 << 20) + b'"}')
    status, body, _ = await ask(instamarket, "POST", orders, data=large, headers=as_json)
    assert (status, list(body)) == (413, ["detail"])


async def test_head_and_options_are_answered(instamarket: Rest, make: Make) -> None:
    key = await make.key()
    path = "/instamarket/api/v1/health"
    status, body, _ = await ask(instamarket, "HEAD", path, headers=key.headers)
    assert (status, body) == (200, None)
    status, _, headers = await ask(instamarket, "OPTIONS", path)
    assert (status, headers["Allow"]) == (204, "GET, HEAD, OPTIONS")


async def test_a_bug_tells_nothing_but_where_to_look(
    instamarket: Rest, make: Make, services: Services
) -> None:
    key = await make.key()

    class Broken(MemoryLimiter):
        async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
            raise RuntimeError("the password is swordfish")

    services.limiter = Broken()
    reply = await instamarket("get_health", key=key, headers={"X-Request-Id": "req-12345678"})
    assert (reply.status, reply.body) == (500, {"detail": "Internal server error"})
    assert reply.headers["X-Request-Id"] == "req-12345678"


# Papers and addresses


async def test_the_contract_is_served_at_its_address(instamarket: Rest) -> None:
    status, body, _ = await ask(instamarket, "GET", "/instamarket/openapi.json")
    assert status == 200
    assert body == {**contract().spec, "servers": [{"url": "/instamarket"}]}
    assert len([one for path in body["paths"].values() for one in path]) == len(BY_KEY) + 1


async def test_the_postman_collection_has_every_operation(instamarket: Rest) -> None:
    _, body, _ = await ask(instamarket, "GET", "/instamarket/postman_collection.json")
    requests = {
        (each["request"]["method"], "/" + "/".join(each["request"]["url"]["path"]))
        for folder in body["item"]
        for each in folder["item"]
    }
    assert requests == {
        (each.method, each.path.replace("{", ":").replace("}", ""))
        for each in contract().operations
    }
    order = next(
        each["request"]
        for folder in body["item"]
        for each in folder["item"]
        if each["request"]["url"]["path"][-1] == "orders"
    )
    assert '"product_id": 12345' in order["body"]["raw"]
    assert order["auth"]["apikey"][0]["value"] == "X-API-Key"


@pytest.fixture
async def at_its_host(services: Services, settings: Settings) -> AsyncGenerator[Rest]:
    named = replace(settings, dialect_hosts="old.example.com=instamarket")
    async with instamarket_door(services, named) as door:
        yield door


async def test_the_old_host_name_needs_no_other_path(at_its_host: Rest, make: Make) -> None:
    key = await make.key()
    headers = {**key.headers, "Host": "old.example.com"}
    status, body, _ = await ask(at_its_host, "GET", "/api/v1/health", headers=headers)
    assert (status, body["status"]) == (200, "ok")
    _, body, _ = await ask(at_its_host, "GET", "/openapi.json", headers=headers)
    assert body["servers"] == [{"url": "/"}]
    status, _, _ = await ask(at_its_host, "GET", "/api/v1/health", headers=key.headers)
    assert status == 404
