"""InstaMarket: the balance, top-ups, usage and the operators' audit log."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.settings import Settings
from db import models
from providers.chain import SimulatedChain
from resolvers import api_keys, topups
from resolvers.api_keys import ApiKeyChanges
from resolvers.context import Context
from resolvers.money import micro
from resolvers.services import Services
from resolvers.viewer import system
from rest_compat.instamarket import contract
from rest_compat.instamarket.audit import ACTIONS
from tests.callers import Rest
from tests.doors import instamarket_door
from tests.kit import Key, Make, fund

NETWORKS = (
    "usdt_trc_20",
    "usdt_bep_20",
    "usdt_polygon",
    "usdt_arbitrum",
    "usdt_ton",
    "usdt_solana",
)


@pytest.fixture
async def shop(make: Make) -> models.Store:
    return await make.store(wholesale=True, currency="USDT")


@pytest.fixture
async def key(make: Make, shop: models.Store) -> Key:
    return await make.wholesale_key(shop)


async def announce(door: Rest, key: Key, amount: Any = 100, **body: Any) -> dict[str, Any]:
    return await door.data("create_topup", key=key, body={"amount_usdt": amount, **body})


async def pay(services: Services, network: str, amount: str) -> None:
    assert isinstance(services.chain, SimulatedChain)
    await services.chain.send(network, micro(amount))
    await topups.scan(services)


async def test_a_new_key_has_nothing(instamarket: Rest, key: Key) -> None:
    assert await instamarket.data("get_balance", key=key) == {
        "balance_usdt": 0.0,
        "total_spent_usdt": 0.0,
        "total_topup_usdt": 0.0,
        "total_refunded_usdt": 0.0,
        "currency": "USDT",
    }


async def test_looking_at_the_balance_costs_three_statements_and_writes_nothing(
    instamarket: Rest, key: Key, services: Services, statements: list[str]
) -> None:
    await fund(services, key, "12.345678")
    statements.clear()

    assert (await instamarket.data("get_balance", key=key))["balance_usdt"] == 12.345678
    assert [each.split()[0] for each in statements] == ["SELECT"] * 3


async def test_money_of_the_announced_amount_is_credited_on_every_network(
    instamarket: Rest, key: Key, services: Services
) -> None:
    for count, network in enumerate(NETWORKS, 1):
        topup = await announce(instamarket, key, network=network)
        assert topup == {
            "topup_id": topup["topup_id"],
            "payment_address": services.chain.wallet(network),
            "payment_network": network,
            "amount_usdt": 100.0,
            "expires_at": topup["expires_at"],
        }
        lookup = {"key": key, "topup_id": topup["topup_id"]}
        assert await instamarket.data("get_topup", **lookup) == {**topup, "status": "pending"}

        await pay(services, network, "100.009")

        seen = await instamarket.data("get_topup", **lookup)
        assert seen["status"] == "credited_auto"
        balance = await instamarket.data("get_balance", key=key)
        assert balance["balance_usdt"] == count * 100.0


async def test_the_network_may_be_left_out(instamarket: Rest, key: Key) -> None:
    assert (await announce(instamarket, key))["payment_network"] == "usdt_trc_20"


async def test_a_topup_lives_an_hour_and_is_remembered_for_a_day(
    instamarket: Rest, key: Key, services: Services
) -> None:
    now = datetime(2026, 5, 23, tzinfo=UTC)
    services.clock = lambda: now
    topup = await announce(instamarket, key)
    assert topup["expires_at"] == int(now.timestamp()) + 3600

    for later, expected in ((3601, "expired"), (86_400, "expired"), (86_401, None)):
        services.clock = lambda at=later: now + timedelta(seconds=at)
        await topups.scan(services)
        reply = await instamarket("get_topup", key=key, topup_id=topup["topup_id"])
        assert reply.body.get("status") == expected, later
    assert (reply.status, reply.body) == (404, {"detail": "Top-up not found"})


async def test_amounts_of_open_topups_never_meet(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    other = await make.wholesale_key(shop)
    first, second = await announce(instamarket, key), await announce(instamarket, other)
    assert first["amount_usdt"] == 100.0
    assert second["amount_usdt"] == pytest.approx(100.03)

    await pay(services, "usdt_trc_20", "100.03")

    assert (await instamarket.data("get_balance", key=key))["balance_usdt"] == 0.0
    assert (await instamarket.data("get_balance", key=other))["balance_usdt"] == 100.03


async def test_amounts_are_exact_to_the_sixth_decimal(instamarket: Rest, key: Key) -> None:
    for amount, sent in ((1, 1.0), (100_000, 100_000.0), (12.3456789, 12.345679)):
        assert (await announce(instamarket, key, amount))["amount_usdt"] == sent


AMOUNT, NETWORK = ["body", "amount_usdt"], ["body", "network"]
REFUSED: list[tuple[Any, list[str], str]] = [
    ({}, AMOUNT, "missing"),
    ({"amount_usdt": 0.999}, AMOUNT, "greater_than_equal"),
    ({"amount_usdt": 100_000.01}, AMOUNT, "less_than_equal"),
    ({"amount_usdt": 1e300}, AMOUNT, "less_than_equal"),
    ({"amount_usdt": "100"}, AMOUNT, "float_type"),
    ({"amount_usdt": True}, AMOUNT, "float_type"),
    ({"amount_usdt": 5, "network": "btc"}, NETWORK, "enum"),
    ({"amount_usdt": 5, "network": None}, NETWORK, "string_type"),
]


async def test_a_topup_outside_the_limits_is_refused(instamarket: Rest, key: Key) -> None:
    for body, loc, kind in REFUSED:
        reply = await instamarket("create_topup", key=key, body=body)
        assert reply.status == 422
        assert [(each["loc"], each["type"]) for each in reply.body["detail"]] == [(loc, kind)]


async def test_a_topup_under_an_idempotency_key_is_announced_once(
    instamarket: Rest, key: Key
) -> None:
    headers = {"Idempotency-Key": "top-up-1"}
    body = {"amount_usdt": 5}
    first = await instamarket.data("create_topup", key=key, body=body, headers=headers)
    assert await instamarket.data("create_topup", key=key, body=body, headers=headers) == first
    body = {"amount_usdt": 6}
    assert (await instamarket("create_topup", key=key, body=body, headers=headers)).status == 409


async def test_a_topup_of_another_key_and_what_is_no_id_are_not_found(
    instamarket: Rest, make: Make, shop: models.Store, key: Key
) -> None:
    topup = await announce(instamarket, key)
    for stranger in (await make.wholesale_key(shop), await make.key(), await make.key("Other")):
        reply = await instamarket("get_topup", key=stranger, topup_id=topup["topup_id"])
        assert (reply.status, reply.body) == (404, {"detail": "Top-up not found"})
    for text in ("1", "x" * 300, "%", "é", "a\nb", "0" * 32, f"{topup['topup_id']}\n"):
        assert (await instamarket("get_topup", key=key, topup_id=text)).status == 404


# Usage


async def test_usage_counts_every_request_and_tells_of_the_one_before(
    instamarket: Rest, make: Make, shop: models.Store, services: Services
) -> None:
    key = await make.wholesale_key(shop, allowed_addresses=["127.0.0.1"])
    at = datetime(2026, 5, 23, tzinfo=UTC)

    async def usage(second: int) -> dict[str, Any]:
        services.clock = lambda: at + timedelta(seconds=second)
        return await instamarket.data("get_usage", key=key)

    start = int(at.timestamp())
    spent = {"total_spent_usdt": 0.0, "total_refunded_usdt": 0.0}
    assert await usage(0) == {
        "request_count": 1,
        "first_used_at": start,
        "last_used_at": start,
        "last_endpoint": "/api/v1/usage",
        **spent,
    }
    services.clock = lambda: at + timedelta(seconds=7)
    await instamarket("list_products", key=key, page=1)
    assert await usage(9) == {
        "request_count": 3,
        "first_used_at": start,
        "last_used_at": start + 7,
        "last_endpoint": "/api/v1/products",
        **spent,
    }
    await instamarket("get_order", key=key, id=789)  # not found
    await instamarket("create_order", key=key, body=b"{")  # invalid
    await instamarket("get_health")  # nobody's
    assert (await usage(10))["request_count"] == 6
    assert (await usage(11))["last_endpoint"] == "/api/v1/usage"


async def test_refused_requests_count_too(
    instamarket: Rest, make: Make, shop: models.Store, services: Services
) -> None:
    key = await make.wholesale_key(shop, allowed_addresses=["203.0.113.10"])
    for operation in ("get_health", "get_usage"):
        assert (await instamarket(operation, key=key)).status == 403
    await services.usage.flush()
    async with services.database.write() as session:
        row = await session.get_one(models.ApiKey, key.row.id)
    assert row.request_count == 2


# The audit log


ADMIN = {"Authorization": "Bearer admin-token-of-tests"}


async def test_admins_see_what_was_done_to_keys_of_every_organization(
    instamarket: Rest, make: Make, shop: models.Store, key: Key, services: Services
) -> None:
    staff = Context(services, system(shop.organization_id))
    addresses = ApiKeyChanges(allowed_addresses=["203.0.113.10"])
    await api_keys.update(staff, id=key.row.id, changes=addresses)
    topup = await announce(instamarket, await make.wholesale_key(shop))
    await pay(services, "usdt_trc_20", "100")
    foreign = await make.key("Other")
    elsewhere = Context(services, system(foreign.row.organization_id))
    await api_keys.update(elsewhere, id=foreign.row.id, changes=ApiKeyChanges(name="renamed"))
    await api_keys.revoke(elsewhere, id=foreign.row.id)

    items = (await instamarket.data("list_audit_entries", headers=ADMIN))["items"]

    assert [(each["action"], each["key_id"]) for each in items] == [
        ("revoke", foreign.row.id),
        ("topup_credited", key.row.id + 1),
        ("whitelist", key.row.id),
    ]
    assert items[1]["details"] == {
        "top_up": topup["topup_id"],
        "network": "usdt_trc_20",
        "amount_usdt": 100.0,
    }
    assert items[2]["details"] == {"added": ["203.0.113.10"], "removed": []}


def test_the_audit_log_tells_of_the_contracts_actions() -> None:
    entry = contract().schema("AuditEntry").flat
    assert list(ACTIONS) == entry["properties"]["action"]["enum"]


async def test_the_audit_log_ends_after_fifty_entries(
    instamarket: Rest, make: Make, shop: models.Store
) -> None:
    for n in range(52):
        await make.save(
            models.AuditEntry(
                organization_id=shop.organization_id,
                actor="system",
                action="mint",
                subject_type="api_key",
                subject_id=n,
            )
        )
    items = (await instamarket.data("list_audit_entries", headers=ADMIN))["items"]
    assert [each["key_id"] for each in items] == list(range(51, 1, -1))


async def test_nobody_else_sees_the_audit_log(instamarket: Rest, make: Make) -> None:
    key = await make.key()
    tokens = ("", "Bearer", "Bearer ", "Bearer admin-token-of-test", "Basic admin-token-of-tests")
    for given in (*tokens, f"Bearer {key.clear}"):
        for caller in (None, key):
            headers = {"Authorization": given} if given else {}
            reply = await instamarket("list_audit_entries", key=caller, headers=headers)
            assert (reply.status, reply.body) == (401, {"detail": "Admin access required"})


async def test_without_an_admin_token_the_audit_log_is_closed(
    services: Services, settings: Settings
) -> None:
    closed = replace(settings, admin_token=None)
    async with instamarket_door(services, closed) as door:
        for token in ("", "None", "admin-token-of-tests"):
            headers = {"Authorization": f"Bearer {token}"}
            assert (await door("list_audit_entries", headers=headers)).status == 401
