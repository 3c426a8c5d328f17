"""Sessions: opened by a log-in and no other way, ended at once, and of no use to anybody else."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from db import models
from db.base import now
from jobs import retention
from resolvers import sessions
from resolvers.services import Services
from rest_compat.dialect import Operation
from rest_compat.instxnt import contract
from tests.callers import Reply, Rest
from tests.desk import Clock
from tests.kit import Make
from tests.sellers import PASSWORD, Browser, browser, cookie_of, promote, seller

MISSING = {"code": "missing_session", "message": "Authenticate via /api/auth/* first"}
CHANGING = [
    operation
    for operation in contract().operations
    if operation.method != "GET" and operation.security
]
READING = [
    operation
    for operation in contract().operations
    if operation.method == "GET" and operation.security
]


@pytest.fixture
def clock(services: Services) -> Clock:
    services.clock = made = Clock(now())
    return made


async def called(door: Rest, operation: Operation, **headers: str) -> Reply:
    """An operation called with nothing but headers, and an id that nobody has."""
    inside: Any = {each.name: "st_none" for each in operation.parameters if each.place == "path"}
    return await door(operation.id, headers=headers, **inside)


async def proof_of(instxnt: Rest, who: Browser) -> str:
    return (await instxnt.data("get_csrf_token", headers=who.headers))["token"]


async def is_logged_in(instxnt: Rest, cookie: str) -> bool:
    headers = {"Cookie": f"instxnt_session={cookie}"}
    return (await instxnt("get_csrf_token", headers=headers)).status == 200


# What a log-in gives


async def test_a_session_is_kept_as_a_hash_for_thirty_days(
    instxnt: Rest, services: Services, clock: Clock
) -> None:
    ada = await browser(instxnt)

    assert len(ada.cookie) >= 43  # 256 bits in base64
    for reply in (await ada("get_csrf_token"), await Browser(instxnt).log_in()):
        assert reply.headers["Cache-Control"] == "no-store"
    async with services.database.write() as tx:
        row, _ = (await tx.scalars(select(models.Session).order_by(models.Session.id))).all()
    assert ada.cookie not in row.token_hash
    assert row.expires_at - clock.now == timedelta(days=30)
    assert (row.address, row.user_agent) == ("127.0.0.1", row.user_agent)
    clock.pass_(30 * 86400 - 1)
    assert await is_logged_in(instxnt, ada.cookie)
    clock.pass_(1)
    assert not await is_logged_in(instxnt, ada.cookie)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("public", "secure"), [("http://x.example", False), ("https://x", True)])
async def test_the_cookie_is_for_no_script_and_no_other_site(
    instxnt: Rest, services: Services, public: str, secure: Any
) -> None:
    services.public_url = public
    for reply in (
        await Browser(instxnt).sign_up(),
        await Browser(instxnt).log_in(),
    ):
        flags = {part.strip() for part in reply.headers["Set-Cookie"].split(";")[1:]}
        assert flags == {
            "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000", *(["Secure"] * secure)
        }  # fmt: skip


async def test_a_log_in_ends_the_session_whose_cookie_comes_along(instxnt: Rest) -> None:
    ada = await browser(instxnt)
    first = ada.cookie
    elsewhere = Browser(instxnt)
    await elsewhere.log_in()

    await ada.log_in()

    assert ada.cookie != first
    assert not await is_logged_in(instxnt, first)
    assert await is_logged_in(instxnt, ada.cookie)
    assert await is_logged_in(instxnt, elsewhere.cookie)


async def test_a_planted_cookie_is_never_the_session_of_who_logs_in(instxnt: Rest) -> None:
    """Session fixation: what an attacker knows stays worthless, his own session included."""
    await browser(instxnt)
    mallory = await browser(instxnt, "mallory@example.com")
    for planted in (mallory.cookie, "x" * 43):
        victim = Browser(instxnt, cookie=planted)

        await victim.log_in()

        assert victim.cookie != planted
        assert not await is_logged_in(instxnt, planted)


async def test_logging_out_ends_this_session_and_no_other(instxnt: Rest) -> None:
    ada = await browser(instxnt)
    other = Browser(instxnt)
    await other.log_in()

    reply = await ada("log_out")

    assert reply.status == 204
    assert cookie_of(reply) == ""
    assert "Max-Age=0" in reply.headers["Set-Cookie"]
    assert not await is_logged_in(instxnt, ada.cookie)
    assert await is_logged_in(instxnt, other.cookie)


async def test_logging_out_everywhere_ends_all_sessions_of_the_person(instxnt: Rest) -> None:
    ada, eve = await browser(instxnt), await browser(instxnt, "eve@example.com")
    others = [Browser(instxnt) for _ in range(2)]
    for other in others:
        await other.log_in()

    assert (await ada("log_out_everywhere")).status == 204

    for ended in (ada, *others):
        assert not await is_logged_in(instxnt, ended.cookie)
    assert await is_logged_in(instxnt, eve.cookie)


@pytest.mark.parametrize("what", ["user", "organization", "membership"])
async def test_a_session_ends_with_what_it_belongs_to(
    instxnt: Rest, services: Services, what: str
) -> None:
    ada = await browser(instxnt)
    assert await is_logged_in(instxnt, ada.cookie)
    async with services.database.write() as tx:
        if what == "membership":
            await tx.delete((await tx.scalars(select(models.Membership))).one())
        else:
            kind: Any = models.User if what == "user" else models.Organization
            (await tx.scalars(select(kind))).one().deleted_at = now()

    assert not await is_logged_in(instxnt, ada.cookie)
    if what != "organization":
        assert (await Browser(instxnt).log_in()).status in (401, 403)


async def test_expired_sessions_are_removed(
    instxnt: Rest, services: Services, clock: Clock
) -> None:
    await browser(instxnt)
    clock.pass_(sessions.LIFETIME.total_seconds() - 1)
    await retention.sweep(services)
    async with services.database.read() as connection:
        count = select(func.count()).select_from(models.Session)
        assert (await connection.execute(count)).scalar() == 1
        clock.pass_(1)
    await retention.sweep(services)
    async with services.database.read() as connection:
        assert (await connection.execute(count)).scalar() == 0


# Who may call


@pytest.mark.parametrize("operation", [*READING, *CHANGING], ids=lambda each: each.id)
async def test_no_operation_is_served_without_a_session(
    instxnt: Rest, operation: Operation
) -> None:
    for headers in ({}, {"Cookie": "instxnt_session=unknown"}, {"Cookie": "other=1"}):
        reply = await called(instxnt, operation, **headers)
        assert (reply.status, reply.body) == (401, MISSING)


@pytest.mark.parametrize("operation", CHANGING, ids=lambda each: each.id)
async def test_no_change_is_made_without_a_proof_of_the_session(
    instxnt: Rest, clock: Clock, operation: Operation
) -> None:
    ada = await browser(instxnt)
    foreign = (await browser(instxnt, "eve@example.com")).proof
    old = ada.proof
    clock.pass_(3600)
    fresh = await proof_of(instxnt, ada)
    wrong = {
        "missing_csrf": [None, ""],
        "invalid_csrf": [
            "csrf_", "csrf", "x", fresh.removeprefix("csrf_"), fresh[:-1], fresh + "0",
            fresh[:-1] + ("0" if fresh[-1] != "0" else "1"), fresh.upper(), old, foreign,
            f"csrf_{int(clock.now.timestamp())}_{fresh.rpartition('_')[2][::-1]}",
            f"csrf_{int(clock.now.timestamp()) + 1}_{fresh.rpartition('_')[2]}",
            ada.cookie,
        ],
    }  # fmt: skip
    for code, proofs in wrong.items():
        for proof in proofs:
            given = {} if proof is None else {"X-CSRF-Token": proof}
            reply = await called(instxnt, operation, **ada.headers, **given)
            assert (reply.status, reply.body["code"]) == (403, code), proof
    assert await is_logged_in(instxnt, ada.cookie)

    reply = await called(instxnt, operation, **ada.headers, **{"X-CSRF-Token": fresh})

    assert reply.body is None or "csrf" not in str(reply.body)


async def test_many_proofs_are_good_at_a_time_each_for_an_hour(instxnt: Rest, clock: Clock) -> None:
    ada = await browser(instxnt)
    first = await proof_of(instxnt, ada)
    clock.pass_(1800)
    second = await proof_of(instxnt, ada)
    assert first != second
    clock.pass_(1799)
    ada.proof = first
    assert (await ada("delete_store", store_id="st_none")).status == 404
    clock.pass_(1)
    assert (await ada("delete_store", store_id="st_none")).body["code"] == "invalid_csrf"
    ada.proof = second
    assert (await ada("delete_store", store_id="st_none")).status == 404


async def test_proofs_are_compared_in_constant_time(
    instxnt: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hmac  # noqa: PLC0415

    ada, compared = await browser(instxnt), list[bytes]()
    honest = hmac.compare_digest

    def compare(one: Any, other: Any) -> bool:
        compared.append(other)
        return honest(one, other)

    monkeypatch.setattr("resolvers.csrf.hmac.compare_digest", compare)
    await ada("delete_store", store_id="st_none")

    assert compared == [ada.proof.encode()]


async def test_a_proof_outlives_no_session(instxnt: Rest) -> None:
    ada = await browser(instxnt)
    old = ada.proof
    await ada.log_in()
    ada.proof = old
    assert (await ada("delete_store", store_id="st_none")).body["code"] == "invalid_csrf"


async def test_a_token_needs_no_proof_and_goes_before_the_cookie(instxnt: Rest, make: Make) -> None:
    ada, key = await browser(instxnt), await seller(make)
    both = {**ada.headers, **key.headers}

    reply = await instxnt("delete_store", store_id="st_none", headers=both)
    assert reply.status == 404
    bad = {**ada.headers, "Authorization": "Bearer sg_unknown"}
    assert (await instxnt("get_csrf_token", headers=bad)).status == 401
    assert (await instxnt("get_csrf_token", headers=both)).status == 401
    free = await make.key("Free")
    for used, status in ((key, 404), (free, 401)):
        headers = {"Authorization": f"Bearer {used.clear}"}
        reply = await instxnt("get_store", store_id="st_none", headers=headers)
        assert reply.status == status


async def test_a_token_is_used_from_its_addresses_only(instxnt: Rest, make: Make) -> None:
    await seller(make)
    key = await make.key(allowed_addresses=["203.0.113.9"])
    headers = {"Authorization": f"Bearer {key.clear}"}
    assert (await instxnt("get_store", store_id="st_none", headers=headers)).status == 401


async def test_existence_is_told_after_the_session_and_the_proof(instxnt: Rest, make: Make) -> None:
    from rest_compat.instxnt.wire import store_id  # noqa: PLC0415

    ada, foreign = await browser(instxnt), store_id((await make.store()).uuid)
    assert (await instxnt("delete_store", store_id=foreign)).status == 401
    without = await instxnt("delete_store", store_id=foreign, headers=ada.headers)
    assert without.body["code"] == "missing_csrf"
    assert (await ada("delete_store", store_id=foreign)).body["code"] == "not_owner"
    assert (await ada("delete_store", store_id="st_none")).body["code"] == "not_found"


async def test_each_session_may_write_in_bursts_of_twice_the_limit(instxnt: Rest) -> None:
    ada = await browser(instxnt)
    other = Browser(instxnt)
    await other.log_in()
    statuses = [(await ada("delete_store", store_id="st_none")).status for _ in range(125)]

    assert statuses.count(404) >= 120
    assert statuses[-1] == 429
    reply = await ada("delete_store", store_id="st_none")
    assert reply.body["code"] == "rate_limited"
    assert int(reply.headers["Retry-After"]) == reply.body["retry_after"] >= 1
    assert (await other("delete_store", store_id="st_none")).status == 404
    assert await is_logged_in(instxnt, ada.cookie)


async def test_a_proof_that_is_wrong_costs_nothing_of_the_limit(instxnt: Rest) -> None:
    """Whoever can only make a browser send requests cannot use up what its owner may do."""
    ada = await browser(instxnt)
    for _ in range(125):
        await instxnt("delete_store", store_id="st_none", headers=ada.headers)
    assert (await ada("delete_store", store_id="st_none")).status == 404


async def test_the_plan_of_the_organization_is_that_of_the_session(
    instxnt: Rest, services: Services
) -> None:
    ada = await browser(instxnt)
    assert (await sessions.viewer_of(services, ada.cookie)).plan == "free"
    await promote(services, ada)
    assert (await sessions.viewer_of(services, ada.cookie)).plan == "pro"
    reply = await ada.log_in()
    assert (reply.body["plan"], reply.body["email"], ada.password) == (
        "pro", "ada@example.com", PASSWORD,
    )  # fmt: skip
