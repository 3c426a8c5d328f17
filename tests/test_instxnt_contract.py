"""instxnt: every operation with every status that its contract documents, and the papers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData
from PIL import Image
from sqlalchemy import delete, select

from app.settings import Settings
from db import models
from db.models import PaymentStatus
from providers.memory import MemoryLimiter
from resolvers import fetch
from resolvers.errors import StoreError
from resolvers.keys import parse_prefixed_id
from resolvers.services import Services
from rest_compat.dialect import Internal
from rest_compat.instxnt import contract
from rest_compat.instxnt.failure import STATUS
from rest_compat.instxnt.wire import order_id, store_id
from tests.callers import Rest
from tests.doors import instxnt_door
from tests.kit import Make
from tests.limiters import Busy
from tests.sellers import PASSWORD, Browser, Seller, browser, seller

OPERATIONS = contract().operations
CONTRACTUAL = [each.id for each in OPERATIONS]
DOCUMENTED = [
    (operation.id, int(status))
    for operation in OPERATIONS
    for status in operation.responses
    if status != "500"  # what nobody can bring about by asking
]
NOWHERE = {"store_id": "st_abc123", "order_id": "or_xyz789", "job_id": "jb_xyz789"}


def picture() -> FormData:
    made, form = BytesIO(), FormData()
    Image.new("RGB", (8, 8), "teal").save(made, "PNG")
    form.add_field("image", made.getvalue(), filename="it.png", content_type="image/png")
    return form


@dataclass
class World:
    """What cases find: somebody's store with one of everything, and somebody else."""

    mine: Browser
    theirs: Browser
    homeless: Browser
    store: str
    order: str
    job: str
    url: str

    @property
    def ids(self) -> dict[str, str]:
        return {"store_id": self.store, "order_id": self.order, "job_id": self.job}


@pytest.fixture
async def world(instxnt: Rest, make: Make, services: Services) -> World:
    mine, theirs = await browser(instxnt), await browser(instxnt, "eve@example.com")
    homeless = await browser(instxnt, "tom@example.com")
    await leave(services, homeless)
    made = await mine.data("create_store", body={"name": "Magnetic mount"})
    named = {"store_id": made["id"]}
    await mine.data("update_product", body={"price_cents": 2400}, **named)
    uuid = parse_prefixed_id("st", made["id"])
    async with services.database.read() as connection:
        found = select(models.Store.id, models.Store.organization_id)
        row = (await connection.execute(found.where(models.Store.uuid == uuid))).one()
    order = await make.save(
        models.Order(
            organization_id=row.organization_id,
            store_id=row.id,
            ref="ONE",
            currency="USD",
            total=24_000_000,
            quantity=1,
            payment_status=PaymentStatus.PAID,
        )
    )
    image = "https://images.example.com/it.png"
    body = {**named, "image_url": image, "hints": {"product_kind": "car accessory"}}
    job = await mine.data("start_generation", body=body)
    people, ids = (mine, theirs, homeless), (made["id"], order_id(order.uuid), job["job_id"])
    return World(*people, *ids, made["url"])


async def leave(services: Services, person: Browser) -> None:
    """Have a person work for nobody any more."""
    row = models.Membership
    async with services.database.write() as tx:
        mine = row.user_id.in_(select(models.User.id).where(models.User.email == person.email))
        await tx.execute(delete(row).where(mine))


Case = Callable[[World], dict[str, Any]]


def _checkout(world: World, **changed: Any) -> dict[str, Any]:
    urls = {"success_url": f"{world.url}/thank-you", "cancel_url": f"{world.url}/cart"}
    return {"store_id": world.store, "quantity": 1, **urls, **changed}


def _generation(world: World, **changed: Any) -> dict[str, Any]:
    return {"store_id": world.store, "image_url": "https://images.example.com/a.png", **changed}


GIVEN: dict[str, Case] = {
    "sign_up": lambda _: {"body": {"email": "new@example.com", "password": PASSWORD}},
    "log_in": lambda world: {"body": {"email": world.mine.email, "password": PASSWORD}},
    "create_store": lambda _: {"body": {"name": "Desk lamp"}},
    "update_store": lambda _: {"body": {"settings": {"theme": "neon"}}},
    "update_product": lambda _: {"body": {"title": "Mount"}},
    "upload_image": lambda _: {"form": picture()},
    "start_generation": lambda world: {"body": _generation(world)},
    "create_checkout_session": lambda world: {"body": _checkout(world)},
}
WRONG: dict[str, Case] = {
    "sign_up": lambda _: {"body": {"email": "nobody", "password": PASSWORD}},
    "log_in": lambda _: {"body": {"email": 7}},
    "create_store": lambda _: {"body": {"name": "Lamp", "subdomain": "Not A Label"}},
    "update_store": lambda _: {"body": {"name": ""}},
    "update_product": lambda _: {"body": {"price_cents": 0}},
    "list_orders": lambda _: {"cursor": "nonsense"},
    "finish_google_login": lambda _: {"state": "x" * 600},
    "upload_image": lambda _: {"form": FormData(default_to_multipart=True)},
    "start_generation": lambda world: {"body": _generation(world, image_url=7)},
    "create_checkout_session": lambda world: {"body": _checkout(world, quantity=0)},
}
ABOUT_BODIES = {"start_generation": _generation, "create_checkout_session": _checkout}


def _paths(operation_id: str, given: dict[str, str]) -> dict[str, str]:
    parameters = contract().operation(operation_id).parameters
    return {each.name: given[each.name] for each in parameters if each.place == "path"}


def _ok(operation_id: str) -> Case:
    def case(world: World) -> dict[str, Any]:
        given = GIVEN.get(operation_id, lambda _: {})
        return {**given(world), **_paths(operation_id, world.ids)}

    return case


def _missing(operation_id: str) -> Case:
    def case(world: World) -> dict[str, Any]:
        call = {**_ok(operation_id)(world), **_paths(operation_id, NOWHERE)}
        if operation_id in ABOUT_BODIES:
            call["body"] = ABOUT_BODIES[operation_id](world, store_id=NOWHERE["store_id"])
        return call

    return case


def _wrong(operation_id: str) -> Case:
    return lambda world: {**_ok(operation_id)(world), **WRONG[operation_id](world)}


def _foreign(operation_id: str) -> Case:
    """Somebody else's, or where nothing is anybody's a request that proves nothing."""

    def case(world: World) -> dict[str, Any]:
        call = _ok(operation_id)(world)
        if operation_id in ABOUT_BODIES or _paths(operation_id, NOWHERE):
            return {**call, "by": world.theirs}
        return {**call, "headers": {"X-CSRF-Token": ""}}

    return case


def _logging_in(email: str, password: str) -> dict[str, Any]:
    return {"by": None, "body": {"email": email, "password": password}}


CASES: dict[tuple[str, int], Case] = {
    ("log_in", 401): lambda world: _logging_in(world.mine.email, "a wrong password"),
    ("log_in", 403): lambda world: _logging_in(world.homeless.email, PASSWORD),
}
for _id, _status in DOCUMENTED:
    match _status:
        case 400:
            CASES.setdefault((_id, _status), _wrong(_id))
        case 401:
            CASES.setdefault((_id, _status), lambda world, of=_id: {**_ok(of)(world), "by": None})
        case 403:
            CASES.setdefault((_id, _status), _foreign(_id))
        case 404:
            CASES.setdefault((_id, _status), _missing(_id))
        case _:
            CASES.setdefault((_id, _status), _ok(_id))
CODES = {
    400: {"validation_failed"},
    401: {"missing_session"},
    403: {"not_owner", "missing_csrf"},
    404: {"not_found"},
    429: {"rate_limited"},
}


def test_every_documented_status_has_a_case() -> None:
    assert set(CASES) == set(DOCUMENTED)


@pytest.mark.parametrize("operation", CONTRACTUAL)
async def test_every_operation_answers_with_every_documented_status(
    instxnt: Rest, world: World, services: Services, operation: str
) -> None:
    """That each answer is as the contract says is checked by both ends of ``instxnt``."""
    statuses = [status for each, status in DOCUMENTED if each == operation]
    for status in sorted(statuses, reverse=True):  # what deletes comes last
        call = {"by": world.mine, **CASES[operation, status](world)}
        services.limiter = Busy() if status == 429 else MemoryLimiter()
        by = call.pop("by")

        reply = await (by or instxnt)(operation, **call)

        assert reply.status == status, (status, reply.status, reply.body)
        if (operation, status) == ("log_in", 401):
            assert reply.body["code"] == "invalid_credentials"
        elif status in CODES:
            assert reply.body["code"] in CODES[status]


def _codes(error: type[StoreError]) -> set[str]:
    return {error.code}.union(*(_codes(each) for each in error.__subclasses__()))


def test_every_failure_of_the_store_has_a_status() -> None:
    assert Internal.code in STATUS
    assert _codes(StoreError) - {StoreError.code} <= set(STATUS)
    known = set(contract().schema("Error").flat["properties"]["code"]["enum"])
    assert {code for _, code in STATUS.values()} <= known


async def ask(door: Rest, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
    async with door.client.request(method, path, **options) as reply:
        is_json = reply.content_type == "application/json"
        return reply.status, await (reply.json() if is_json else reply.text()), reply.headers


async def test_other_paths_and_methods_are_refused_in_the_dialects_words(instxnt: Rest) -> None:
    for path in ("", "/", "/api", "/api/store", "/api/stores/", "/api/stores/a/b/c", "/api/%00"):
        status, body, _ = await ask(instxnt, "GET", f"/instxnt{path}")
        assert (status, body) == (404, {"code": "not_found", "message": "Not found"}), path
    status, body, headers = await ask(instxnt, "PUT", "/instxnt/api/stores")
    assert (status, body["code"]) == (405, "not_found")
    assert headers["Allow"] == "GET, HEAD, OPTIONS, POST"


async def test_broken_json_is_told_as_such(instxnt: Rest, make: Make) -> None:
    key = await seller(make)
    for body in (b"{", b"[]", b"\xff", b'"text"', b""):
        reply = await instxnt("create_store", key=key, body=body)
        assert (reply.status, reply.body["code"]) == (400, "validation_failed"), body


async def test_what_a_request_sends_beyond_the_contract_is_ignored(
    instxnt: Rest, make: Make
) -> None:
    key = await seller(make)
    body = {"name": "Lamp", "plan": "enterprise", "id": "st_1", "status": "live"}
    made = await instxnt.data("create_store", key=key, body=body)
    assert (made["status"], made["id"] == "st_1") == ("draft", False)


async def test_who_is_nobody_learns_nothing_else(instxnt: Rest, world: World) -> None:
    """Before the path, the proof, the body and the limits it is told that there is no session."""
    for operation in OPERATIONS:
        if not operation.security:
            continue
        call = {**_missing(operation.id)(world)}
        call.pop("headers", None)
        reply = await instxnt(operation.id, **call)
        assert (reply.status, reply.body["code"]) == (401, "missing_session"), operation.id


async def test_a_token_is_for_accounts_of_the_plan_pro(
    instxnt: Rest, make: Make, services: Services
) -> None:
    key: Seller = await seller(make)
    assert (await instxnt("list_stores", key=key)).status == 200
    async with services.database.write() as tx:
        owner = await tx.get_one(models.Organization, key.row.organization_id)
        owner.plan = models.Plan.FREE
    reply = await instxnt("list_stores", key=key)
    assert (reply.status, reply.body["code"]) == (401, "missing_session")


async def test_the_contract_is_served_at_its_address_and_at_its_own_host(
    instxnt: Rest, services: Services, settings: Settings
) -> None:
    status, body, _ = await ask(instxnt, "GET", "/instxnt/openapi.json")
    assert (status, body) == (200, {**contract().spec, "servers": [{"url": "/instxnt"}]})
    named = replace(settings, dialect_hosts="api.example.com=instxnt")
    async with instxnt_door(services, named) as door:
        at = {"Host": "api.example.com"}
        status, body, _ = await ask(door, "GET", "/api/stores", headers=at)
        assert (status, body["code"]) == (401, "missing_session")


async def test_an_error_of_ours_is_told_by_the_requests_id_alone(
    instxnt: Rest, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await seller(make)

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(fetch, "rows_of", broken)
    store = await make.store()
    reply = await instxnt("get_store", key=key, store_id=store_id(store.uuid))
    assert (reply.status, reply.body["code"]) == (500, "internal")
    assert reply.body["request_id"] == reply.headers["X-Request-Id"]
    assert "secret" not in str(reply.body)
