"""xPage: every operation with every status that its contract documents, and the papers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiohttp import FormData
from PIL import Image

from app.settings import Settings
from db import models
from providers.memory import MemoryLimiter
from resolvers.errors import StoreError
from resolvers.services import Services
from rest_compat.dialect import Internal
from rest_compat.xpage import contract
from rest_compat.xpage.failure import STATUS
from tests.callers import Rest
from tests.doors import xpage_door
from tests.kit import Installed, Make
from tests.limiters import Busy

OPERATIONS = contract().operations
DOCUMENTED = [
    (operation.id, int(status)) for operation in OPERATIONS for status in operation.responses
]
BASE = "/xpage/api/apps/v1"


def picture() -> bytes:
    made = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(made, "PNG")
    return made.getvalue()


def form(*, metadata: Any = None, **files: bytes) -> FormData:
    made = FormData(default_to_multipart=True)
    if metadata is not None:
        made.add_field("metadata", orjson.dumps(metadata).decode())
    for name, content in files.items():
        made.add_field(name, content, filename="it.png", content_type="image/png")
    return made


@dataclass
class World:
    """What cases find: a store with one of everything, and an app in it."""

    app: Installed
    asleep: Installed
    ids: dict[str, str]
    file_id: str = ""
    spare: dict[str, str] = field(default_factory=dict[str, str])

    def credentials(self) -> dict[str, str]:
        return {"client_id": self.app.app.client_id, "client_secret": self.app.client_secret}


@pytest.fixture
async def world(xpage: Rest, make: Make) -> World:
    store = await make.store()
    app = await make.installed(store)
    asleep = await make.installed(store, status=models.InstallationStatus.INACTIVE)
    product = await make.product(store)
    customer = await make.customer(store)
    review = await make.review(product)
    page = await make.landing_page(product)
    order = (await xpage.data("create_order", key=app, body={"status": "paid"}))["data"]["order"]
    row = await make.delivery(await make.order(store))
    file = await xpage.data("upload_file", key=app, form=form(file=picture()))
    linked = FormData()
    linked.add_field("file", picture(), filename="it.png", content_type="image/png")
    linked.add_field("fileable_type", "product")
    linked.add_field("fileable_id", str(product.uuid))
    linked_file = await xpage.data("upload_file", key=app, form=linked)
    return World(
        app,
        asleep,
        {
            "get_product": str(product.uuid),
            "update_product": str(product.uuid),
            "get_order": order["id"],
            "update_delivery": str(row.uuid),
            "get_customer": str(customer.uuid),
            "get_review": str(review.uuid),
            "get_landing_page": str(page.uuid),
            "get_file": file["data"]["file"]["id"],
            "delete_file": file["data"]["file"]["id"],
            "unlink_file": linked_file["data"]["file"]["id"],
        },
        spare={"product": str(product.uuid)},
    )


Case = Callable[[World], dict[str, Any]]
BODIES: dict[str, Callable[[World], dict[str, Any]]] = {
    "create_access_token": lambda world: {"key": None, "body": world.credentials()},
    "create_product": lambda _: {"form": form(metadata={"title": "Magnetic mount"})},
    "update_product": lambda _: {"form": form(metadata={"title": "Magnetic mount 2"})},
    "create_order": lambda _: {"body": {"status": "pending", "customer_first_name": "Jane"}},
    "update_delivery": lambda _: {"body": {"status": "fulfilled"}},
    "create_customer": lambda _: {"body": {"email": "jane@example.com"}},
    "create_review": lambda world: {
        "form": form(
            metadata={
                "product_id": world.spare["product"],
                "content": "Holds well.",
                "rating": 5,
                "reviewer_name": "Jane",
            }
        )
    },
    "upload_file": lambda _: {"form": form(file=picture())},
}


def _paths(operation_id: str, given: str) -> dict[str, str]:
    names = [
        each.name for each in contract().operation(operation_id).parameters if each.place == "path"
    ]
    others = {"fileable_type": "product", "fileable_id": given}
    return {name: others.get(name, given) for name in names}


def _ok(operation_id: str) -> Case:
    def case(world: World) -> dict[str, Any]:
        paths = _paths(operation_id, world.ids.get(operation_id, ""))
        if "fileable_id" in paths:
            paths["fileable_id"] = world.spare["product"]
        return {**BODIES.get(operation_id, lambda _: {})(world), **paths}

    return case


def _with(operation_id: str, **changed: Any) -> Case:
    return lambda world: {**_ok(operation_id)(world), **changed}


def _missing(operation_id: str) -> Case:
    return lambda world: {**_ok(operation_id)(world), **_paths(operation_id, str(uuid4()))}


def _for_nothing(_: World) -> dict[str, Any]:
    made = form(file=picture())
    made.add_field("fileable_type", "product")
    made.add_field("fileable_id", str(uuid4()))
    return {"form": made}


CASES: dict[tuple[str, int], Case] = {
    ("create_access_token", 401): lambda world: {
        "key": None,
        "body": {**world.credentials(), "client_secret": "secret_wrong"},
    },
    ("create_access_token", 403): lambda world: {
        "key": None,
        "body": {**world.credentials(), "install_id": str(world.asleep.row.uuid)},
    },
    ("create_access_token", 422): _with("create_access_token", body={"ttl": 0}),
    ("create_access_token", 429): _ok("create_access_token"),
    ("upload_file", 404): _for_nothing,
}
for _id, _status in DOCUMENTED:
    if _status == 200:
        CASES[_id, _status] = _ok(_id)
    elif _status == 401:
        CASES.setdefault((_id, _status), _with(_id, key=None))
    elif _status == 403:
        CASES.setdefault(
            (_id, _status), lambda world, of=_id: {**_ok(of)(world), "key": world.asleep}
        )
    elif _status == 404:
        CASES.setdefault((_id, _status), _missing(_id))
    elif _status == 422:
        CASES.setdefault((_id, _status), _with(_id, headers={"X-App-Install-Id": "first"}))


def test_every_documented_status_has_a_case() -> None:
    assert set(CASES) == set(DOCUMENTED)


@pytest.mark.parametrize("operation", [each.id for each in OPERATIONS])
async def test_every_operation_answers_with_every_documented_status(
    xpage: Rest, world: World, services: Services, operation: str
) -> None:
    """That each answer is as the contract says is checked by both ends of ``xpage``."""
    statuses = [status for each, status in DOCUMENTED if each == operation]
    for status in sorted(statuses, reverse=True):  # what deletes comes last
        call = {"key": world.app, **CASES[operation, status](world)}
        services.limiter = Busy() if status == 429 else MemoryLimiter()

        reply = await xpage(operation, **call)

        assert reply.status == status, reply.body
        if status != 200:
            assert set(reply.body) <= {"code", "message", "errors"}


def _codes(error: type[StoreError]) -> set[str]:
    return {error.code}.union(*(_codes(each) for each in error.__subclasses__()))


def test_every_failure_of_the_store_has_a_status() -> None:
    assert Internal.code in STATUS
    assert _codes(StoreError) - {StoreError.code} <= set(STATUS)


async def ask(door: Rest, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
    async with door.client.request(method, path, **options) as reply:
        is_json = reply.content_type == "application/json"
        return reply.status, await (reply.json() if is_json else reply.text()), reply.headers


async def test_other_paths_and_methods_are_refused_in_the_dialects_words(xpage: Rest) -> None:
    for path in ("", "/", "/product/", "/product/1/2/3", "/orders", "/file/%00/x"):
        status, body, _ = await ask(xpage, "GET", f"{BASE}{path}")
        assert (status, body["code"]) == (404, "NOT_FOUND"), path
    status, body, headers = await ask(xpage, "DELETE", f"{BASE}/product")
    assert (status, body["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert headers["Allow"] == "GET, HEAD, OPTIONS, POST"


async def test_what_is_no_uuid_leads_nowhere(xpage: Rest, world: World) -> None:
    for operation in OPERATIONS:
        paths = _paths(operation.id, "1")
        if paths:
            call = {**_ok(operation.id)(world), **paths}
            reply = await xpage(operation.id, key=world.app, **call)
            assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND"), operation.id


async def test_broken_json_is_told_by_its_field(xpage: Rest, make: Make) -> None:
    app = await make.installed(await make.store())
    for operation in ("create_product", "create_review"):
        broken = FormData(default_to_multipart=True)
        broken.add_field("metadata", '{"title": ')
        broken.add_field("images[]", picture(), filename="it.png", content_type="image/png")
        reply = await xpage(operation, key=app, form=broken)
        assert (reply.status, list(reply.body["errors"])) == (422, ["metadata"])
    headers = {"Content-Type": "application/json"}
    reply = await xpage("create_customer", key=app, body=b"{", headers=headers)
    assert (reply.status, reply.body["code"]) == (422, "VALIDATION_ERROR")


async def test_the_contract_is_served_at_its_address_and_at_its_own_host(
    xpage: Rest, services: Services, settings: Settings
) -> None:
    status, body, _ = await ask(xpage, "GET", "/xpage/openapi.json")
    assert (status, body) == (200, {**contract().spec, "servers": [{"url": "/xpage"}]})
    named = replace(settings, dialect_hosts="old.example.com=xpage")
    async with xpage_door(services, named) as door:
        at = {"Host": "old.example.com"}
        status, body, _ = await ask(door, "GET", "/api/apps/v1/permission", headers=at)
        assert (status, list(body["data"])) == (200, ["permissions"])


async def test_the_postman_collection_has_every_operation(xpage: Rest) -> None:
    _, body, _ = await ask(xpage, "GET", "/xpage/postman_collection.json")
    requests = {
        (each["request"]["method"], "/" + "/".join(each["request"]["url"]["path"]))
        for folder in body["item"]
        for each in folder["item"]
    }
    assert requests == {
        (each.method, each.path.replace("{", ":").replace("}", "")) for each in OPERATIONS
    }
