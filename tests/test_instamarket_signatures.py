"""InstaMarket: signed requests, replays, and clocks that differ."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import func, select

from db import models
from providers.memory import MemoryLimiter
from resolvers import signatures
from resolvers.services import Services
from rest_compat.instamarket import contract
from tests.callers import Rest, signed
from tests.kit import Key, Make

SECRET = "hmac_secret_example"
BODY = b'{"amount_usdt": 100, "network": "usdt_trc_20"}'
RESERIALISED = orjson.dumps(orjson.loads(BODY))
NOW = datetime(2026, 5, 23, 0, 46, 40, 500_000, tzinfo=UTC)
STAMP = int(NOW.timestamp())


@pytest.fixture
async def shop(make: Make) -> models.Store:
    return await make.store(wholesale=True, currency="USDT")


@pytest.fixture
async def key(make: Make, shop: models.Store) -> Key:
    return await make.wholesale_key(shop)


@pytest.fixture
async def signing(make: Make, shop: models.Store, services: Services) -> Key:
    services.clock = lambda: NOW
    return await make.wholesale_key(shop, secret=SECRET)


async def topups(make: Make) -> int:
    async with make.services.database.write() as session:
        return await session.scalar(select(func.count()).select_from(models.TopUp)) or 0


def test_the_contracts_test_vector_verifies() -> None:
    vector: dict[str, str] = contract().extension("x-hmac")["x-test-vector"]
    made = signatures.of_request(
        vector["secret"], vector["X-Timestamp"], vector["raw_body"].encode()
    )
    assert made == vector["X-Signature"]


async def test_a_signed_request_is_accepted_once(
    instamarket: Rest, make: Make, signing: Key
) -> None:
    headers = GOOD
    assert (
        await instamarket("create_topup", key=signing, body=BODY, headers=headers)
    ).status == 200
    again = await instamarket("create_topup", key=signing, body=BODY, headers=headers)
    assert (again.status, again.body) == (
        401,
        {"detail": "This signed request was received before"},
    )
    assert await topups(make) == 1


async def test_a_replay_is_refused_for_as_long_as_its_timestamp_is_fresh(
    instamarket: Rest, make: Make, signing: Key, services: Services
) -> None:
    elapsed = 0
    services.limiter = MemoryLimiter(lambda: 1000.0 + elapsed)
    services.clock = lambda: NOW.replace(microsecond=0) + timedelta(seconds=elapsed)
    headers = signed(SECRET, BODY, STAMP + 300)
    call = {"key": signing, "body": BODY, "headers": headers}
    assert (await instamarket("create_topup", **call)).status == 200

    while elapsed < 600:
        elapsed += 300
        reply = await instamarket("create_topup", **call)
        assert reply.body == {"detail": "This signed request was received before"}
    assert await topups(make) == 1


GOOD = signed(SECRET, BODY, STAMP)
NOT_SIGNED: list[tuple[dict[str, str], bytes]] = [
    ({}, BODY),
    ({"X-Timestamp": str(STAMP)}, BODY),
    ({"X-Signature": GOOD["X-Signature"]}, BODY),
    ({**GOOD, "X-Signature": "0" * 64}, BODY),
    ({**GOOD, "X-Signature": GOOD["X-Signature"].upper()}, BODY),
    ({**GOOD, "X-Signature": "é"}, BODY),
    ({**GOOD, "X-Timestamp": str(STAMP + 1)}, BODY),
    (signed(SECRET, BODY, STAMP - 301), BODY),
    (signed(SECRET, BODY, STAMP + 301), BODY),
    (signed(SECRET, BODY, f"{STAMP}.5"), BODY),
    (signed(SECRET, BODY, "9" * 400), BODY),
    (signed(SECRET, BODY, "now"), BODY),
    (signed("another", BODY, STAMP), BODY),
    (GOOD, RESERIALISED),
    (GOOD, b""),
]


async def test_a_signature_that_is_missing_wrong_or_stale_is_refused(
    instamarket: Rest, make: Make, signing: Key
) -> None:
    for headers, body in NOT_SIGNED:
        reply = await instamarket("create_topup", key=signing, body=body, headers=headers)
        assert reply.status == 401, (headers, reply.body)
    assert await topups(make) == 0


async def test_clocks_may_differ_by_five_minutes(instamarket: Rest, signing: Key) -> None:
    for stamp in (STAMP - 299, STAMP + 300):
        headers = signed(SECRET, BODY, stamp)
        reply = await instamarket("create_topup", key=signing, body=BODY, headers=headers)
        assert reply.status == 200, reply.body


async def test_reads_of_a_key_with_a_secret_need_no_signature(
    instamarket: Rest, signing: Key
) -> None:
    assert (await instamarket("get_balance", key=signing)).status == 200


async def test_a_key_without_a_secret_may_send_anything_as_a_signature(
    instamarket: Rest, key: Key
) -> None:
    for headers in (
        {},
        {"X-Timestamp": "yesterday", "X-Signature": "none"},
        signed(SECRET, BODY, 1),
    ):
        reply = await instamarket("create_topup", key=key, body=BODY, headers=headers)
        assert reply.status == 200
