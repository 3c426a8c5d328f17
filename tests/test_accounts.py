"""Accounts: who signs up, who comes in, and what whoever tries learns from being refused."""

import asyncio
from typing import Any

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select

from db import models
from resolvers import accounts
from resolvers.passwords import Passwords
from resolvers.services import Services
from tests.callers import GraphQL, Rest
from tests.fixtures import CHEAP
from tests.kit import Make
from tests.sellers import PASSWORD, Browser, browser
from tests.state import everything

WRONG = {
    "code": "invalid_credentials",
    "message": "the e-mail address or the password is wrong",
}


async def refused(instxnt: Rest, **body: Any) -> tuple[str, str]:
    """The field that a sign-up is refused for, and why."""
    reply = await Browser(instxnt).sign_up(**body)
    assert (reply.status, reply.body["code"]) == (400, "validation_failed"), reply.body
    assert "Set-Cookie" not in reply.headers
    return reply.body["field"], reply.body["message"]


# Signing up


async def test_whoever_signs_up_owns_an_organization(
    instxnt: Rest, services: Services, gql: GraphQL
) -> None:
    ada = Browser(instxnt)
    reply = await ada.sign_up(
        email=" Ada@Example.COM ", name=" Ada Lovelace ", organization="Lamps & Co"
    )

    assert reply.status == 201
    assert {name: reply.body[name] for name in ("email", "name", "organization", "plan")} == {
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "organization": "Lamps & Co",
        "plan": "free",
    }
    members = """{ viewer { organization { slug members { nodes { role user { email } } } } } }"""
    assert (await gql.data(members, key=ada))["viewer"]["organization"] == {
        "slug": "lamps-co",
        "members": {"nodes": [{"role": "OWNER", "user": {"email": "ada@example.com"}}]},
    }
    # The proof that came along is good for the first write.
    assert (await ada("delete_store", store_id="st_none")).status == 404
    async with services.database.write() as tx:
        [user] = (await tx.scalars(select(models.User))).all()
    assert str(user.password_hash).startswith("$argon2id$")
    assert PASSWORD not in str(await everything(services))


async def test_organizations_of_one_name_have_slugs_of_their_own(
    instxnt: Rest, services: Services
) -> None:
    people = [Browser(instxnt, f"p{n}@example.com") for n in range(6)]
    replies = await asyncio.gather(*(each.sign_up(organization="Lamps") for each in people))
    assert [reply.status for reply in replies] == [201] * 6
    async with services.database.read() as connection:
        slugs = (await connection.execute(select(models.Organization.slug))).scalars().all()
    assert len(set(slugs)) == 6
    assert all(slug.startswith("lamps") for slug in slugs)


async def test_one_address_has_one_account_however_it_is_written(
    instxnt: Rest, services: Services
) -> None:
    await browser(instxnt)
    before = await everything(services)
    for same in ("ada@example.com", "ADA@example.com", " ada@EXAMPLE.com"):
        assert await refused(instxnt, email=same) == (
            "email",
            "email belongs to an account already",
        )
    assert await everything(services) == before


async def test_of_two_who_sign_up_at_once_one_has_the_address(
    instxnt: Rest, services: Services
) -> None:
    replies = await asyncio.gather(*(Browser(instxnt).sign_up() for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 400, 400, 400]
    async with services.database.read() as connection:
        for kind in (models.User, models.Organization, models.Membership, models.Session):
            assert len((await connection.execute(select(kind.id))).all()) == 1, kind


@pytest.mark.parametrize(
    "email",
    ["ada", "ada@", "@example.com", "a@b@c.example", "ada@example", "ada@localhost",
     "ada lovelace@example.com", "Ada <ada@example.com>",
     "x" * 300 + "@example.com"],
)  # fmt: skip
async def test_an_address_that_is_none_is_refused(instxnt: Rest, email: str) -> None:
    field, said = await refused(instxnt, email=email)
    assert field == "email"
    assert "e-mail address" in said


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "10 to 256 characters"),
        ("x" * 257, "10 to 256 characters"),
        ("Password123", "one of the first"),
        ("abababababab", "different characters"),
        ("ada@example.com", "must not be the e-mail address"),
        ("ADA@EXAMPLE.com", "must not be the e-mail address"),
    ],
)
async def test_a_password_that_is_guessed_at_once_is_refused(
    instxnt: Rest, password: str, said: str
) -> None:
    field, message = await refused(instxnt, password=password)
    assert field == "password"
    assert said in message


async def test_every_problem_is_found_in_a_body_that_is_no_sign_up(instxnt: Rest) -> None:
    for body in ({"email": "ada@example.com"}, {"password": PASSWORD}, {}, {"email": 7}):
        reply = await instxnt("sign_up", body=body)
        assert (reply.status, reply.body["code"]) == (400, "validation_failed")
    for name in ("email", "password", "name", "organization"):
        reply = await Browser(instxnt).sign_up(**{name: "a\x00b@example.com"})
        assert (reply.status, reply.body["field"]) == (400, name)


async def test_passwords_are_the_same_whichever_keyboard_has_made_them(instxnt: Rest) -> None:
    composed, decomposed = "caf\u00e9 lamps", "cafe\u0301 lamps"
    await browser(instxnt, password=composed)
    assert (await Browser(instxnt, password=decomposed).log_in()).status == 200


async def test_sign_ups_from_one_address_are_limited(instxnt: Rest) -> None:
    """So that nobody finds out whole lists of who has an account."""
    await browser(instxnt)
    statuses = [(await Browser(instxnt).sign_up()).status for _ in range(20)]
    assert statuses == [400] * 19 + [429]


# Coming in


async def test_nobody_learns_which_of_the_two_was_wrong(instxnt: Rest, services: Services) -> None:
    await browser(instxnt)
    async with services.database.write() as tx:
        tx.add(models.User(email="google@example.com", name="No password"))
    before = await everything(services)
    for given in (
        {"password": "wrong"},
        {"password": PASSWORD.upper()},
        {"email": "nobody@example.com"},
        {"email": "google@example.com"},
        {"email": "no address"},
        {"email": "google@example.com", "password": "of nobody"},
        {"password": "x" * 1024},
    ):
        reply = await Browser(instxnt).log_in(**given)
        assert (reply.status, reply.body) == (401, WRONG), given
        assert "Set-Cookie" not in reply.headers
    assert await everything(services) == before


class Counted(PasswordHash):
    """Counts how often somebody's password is compared."""

    compared = 0

    def verify_and_update(
        self, password: str | bytes, hash: str | bytes
    ) -> tuple[bool, str | None]:
        self.compared += 1
        return super().verify_and_update(password, hash)


async def test_the_work_is_the_same_whoever_is_asked_for(
    instxnt: Rest, services: Services, statements: list[str]
) -> None:
    services.passwords = Passwords(hasher := Counted(CHEAP.hashers))
    await browser(instxnt)
    done: list[tuple[int, int]] = []
    for email in ("ada@example.com", "nobody@example.com", "no address"):
        statements.clear()
        before = hasher.compared
        await Browser(instxnt).log_in(email=email, password="wrong")
        done.append((hasher.compared - before, len(statements)))
    assert done == [(1, 1)] * 3


async def test_a_hash_of_former_days_is_renewed_at_the_log_in(
    instxnt: Rest, services: Services
) -> None:
    await browser(instxnt)
    dearer = Argon2Hasher(time_cost=2, memory_cost=16, parallelism=1)
    services.passwords = Passwords(PasswordHash((dearer,)))
    assert (await Browser(instxnt).log_in(password="wrong")).status == 401
    assert (await Browser(instxnt).log_in()).status == 200
    async with services.database.write() as tx:
        [kept] = (await tx.scalars(select(models.User.password_hash))).all()
    assert "m=16,t=2,p=1" in str(kept)
    assert (await Browser(instxnt).log_in()).status == 200


async def test_whoever_guesses_is_stopped_and_the_person_is_not(
    instxnt: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await browser(instxnt)
    await browser(instxnt, "eve@example.com")
    statuses = [(await Browser(instxnt).log_in(password=f"guess {n}")).status for n in range(16)]
    assert statuses == [401] * 15 + [429]
    reply = await Browser(instxnt).log_in()
    assert (reply.status, reply.body["code"]) == (429, "rate_limited")
    assert int(reply.headers["Retry-After"]) == reply.body["retry_after"] > 1
    upper = await Browser(instxnt).log_in(email="ADA@example.com")
    assert upper.status == 429  # however it is written
    assert (await Browser(instxnt, "eve@example.com").log_in()).status == 200
    monkeypatch.setattr("resolvers.accounts.place", lambda _: "elsewhere")
    assert (await Browser(instxnt).log_in()).status == 200


async def test_trying_many_addresses_from_one_place_is_stopped(instxnt: Rest) -> None:
    statuses = [
        (await Browser(instxnt).log_in(email=f"p{n}@example.com")).status for n in range(31)
    ]
    assert statuses == [401] * 30 + [429]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("not an address", "not an address"),
        (None, "-"),
    ],
)
def test_tries_are_counted_by_the_network_that_somebody_has(
    address: str | None, counted: str
) -> None:
    assert accounts.place(address) == counted


@pytest.mark.parametrize("operation", ["sign_up", "log_in"])
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_no_page_of_another_site_logs_anybody_in(
    instxnt: Rest, services: Services, operation: str, content_type: str
) -> None:
    await browser(instxnt)
    before = await everything(services)
    body = b'{"email": "ada@example.com", "password": "nine lamps on a shelf"}'
    headers = {"Content-Type": content_type}
    reply = await instxnt(operation, body=body, headers=headers)
    assert (reply.status, reply.body["code"]) == (400, "validation_failed")
    assert await everything(services) == before


async def test_an_account_without_an_organization_is_let_in_nowhere(
    instxnt: Rest, services: Services, make: Make
) -> None:
    kept = await services.passwords.hash(PASSWORD)
    user = await make.save(models.User(email="ada@example.com", name="Ada", password_hash=kept))
    reply = await Browser(instxnt).log_in()
    assert (reply.status, reply.body["message"]) == (
        403,
        "this account belongs to no organization",
    )
    for name in ("Acme", "Other"):
        owner = await make.organization(name)
        await make.save(
            models.Membership(organization_id=owner.id, user_id=user.id, role=models.Role.EDITOR)
        )
    reply = await Browser(instxnt).log_in()
    assert (reply.status, reply.body["organization"]) == (200, "Acme")
