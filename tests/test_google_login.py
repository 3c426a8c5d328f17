"""Logging in at Google: a real flow against a provider that signs real tokens."""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select

from app.settings import Settings
from app.web import create_app
from db import models
from db.base import now
from providers.openid import OpenIdProvider
from resolvers.services import Services
from rest_compat.instxnt import instxnt
from tests.callers import Client, GraphQL, Rest
from tests.desk import Clock
from tests.fixtures import DATABASES
from tests.provider import CLIENT_ID, CLIENT_SECRET, KEY, OTHER_KEY, Provider, provider
from tests.sellers import Browser, browser
from tests.state import everything

START, BACK = "/instxnt/api/auth/google", "/instxnt/api/auth/google/callback"
FAILED = "/login?notice=google-failed"


@pytest.fixture
def database_kind() -> str:
    """What is tried here is the same whichever database is behind it, but for two tests."""
    return "sqlite"


@pytest.fixture
async def google(services: Services) -> AsyncGenerator[Provider]:
    async with provider() as made:
        services.google = client = OpenIdProvider(
            "google", issuer=made.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
        )
        yield made
        await client.close()


@pytest.fixture
async def visitor(services: Services, settings: Settings) -> AsyncGenerator[Client]:
    """A browser that keeps cookies, and goes nowhere by itself."""
    app = create_app(services, settings, dialects=[instxnt(services, check_answers=True)])
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        services.public_url = str(client.make_url("/")).rstrip("/")
        yield client


async def location(visitor: Client, address: str, **options: Any) -> str:
    """Where an address leads."""
    async with visitor.session.get(address, allow_redirects=False, **options) as reply:
        assert reply.status == 302, await reply.text()
        return reply.headers["Location"]


async def back(visitor: Client) -> str:
    """The address to which the provider sends the browser back."""
    return await location(visitor, await location(visitor, str(visitor.make_url(START))))


async def log_in(visitor: Client, services: Services) -> str:
    """Where somebody ends, below our own address."""
    return (await location(visitor, await back(visitor))).removeprefix(services.public_url)


async def page(visitor: Client) -> str:
    async with visitor.get("/account", allow_redirects=False) as reply:
        return await reply.text()


async def count(services: Services, kind: Any) -> int:
    async with services.database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(kind))).scalar() or 0


@pytest.mark.parametrize("database_kind", DATABASES)
async def test_somebody_new_gets_an_account_and_comes_back_to_it(
    visitor: Client, services: Services, google: Provider
) -> None:
    assert await log_in(visitor, services) == "/account"
    shown = await page(visitor)
    assert all(told in shown for told in ("Ada", "ada@example.com"))
    visitor.session.cookie_jar.clear()
    # The person is known by what does not change, whatever their address is by then.
    google.person["email"] = "other@example.com"

    assert await log_in(visitor, services) == "/account"

    assert "ada@example.com" in await page(visitor)
    assert await count(services, models.User) == 1
    assert await count(services, models.UserIdentity) == 1
    assert google.asked == ["description", "keys"]


@pytest.mark.usefixtures("google")
async def test_what_is_sent_to_the_provider_proves_nothing_twice(visitor: Client) -> None:
    first, second = [
        parse_qs(urlsplit(await location(visitor, str(visitor.make_url(START)))).query)
        for _ in range(2)
    ]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert first["redirect_uri"] == [str(visitor.make_url(BACK))]
    assert first["code_challenge_method"] == ["S256"]


@pytest.mark.parametrize("database_kind", DATABASES)
@pytest.mark.usefixtures("google")
async def test_whoever_proves_an_address_that_nobody_had_proven_has_its_account(
    visitor: Client, instxnt: Rest, services: Services, gql: GraphQL
) -> None:
    """Somebody may have signed up with it before; they do not stay."""
    squatter = await browser(instxnt, organization="Lamps")

    assert await log_in(visitor, services) == "/account"

    assert "Lamps" in await page(visitor)
    assert (await squatter("get_csrf_token")).status == 401
    assert (await Browser(instxnt).log_in()).status == 401
    cookie = next(each.value for each in visitor.session.cookie_jar)
    ada = Browser(instxnt, cookie=cookie)
    await gql.done(
        'mutation { changePassword(newPassword: "ten lamps on a shelf") { errors { code } } }',
        key=ada,
    )
    assert (await Browser(instxnt, password="ten lamps on a shelf").log_in()).status == 200
    log = await gql.data("{ auditLog(sort: ID_ASC) { nodes { action } } }", key=ada)
    assert [each["action"] for each in log["auditLog"]["nodes"]][:3] == [
        "sign_up", "link", "log_in",
    ]  # fmt: skip


@pytest.mark.parametrize("verified", [False, None, "no"])
async def test_an_address_that_is_not_proven_leads_to_nobodys_account(
    visitor: Client, instxnt: Rest, services: Services, google: Provider, verified: Any
) -> None:
    ada = await browser(instxnt)
    google.person["email_verified"] = verified
    before = await everything(services)

    assert await log_in(visitor, services) == FAILED

    assert await everything(services) == before
    assert (await ada("get_csrf_token")).status == 200


async def test_a_deleted_account_stays_closed(
    visitor: Client, services: Services, google: Provider
) -> None:
    await log_in(visitor, services)
    async with services.database.write() as tx:
        (await tx.scalars(select(models.User))).one().deleted_at = now()
    assert await log_in(visitor, services) == FAILED
    google.person["sub"] = "another"
    assert await log_in(visitor, services) == FAILED


# What is no token, or not for us

BAD: dict[str, dict[str, Any]] = {
    "issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "audience": {"aud": "another client"},
    "no audience": {"aud": None},
    "others too": {"aud": [CLIENT_ID, "another client"]},
    "party": {"azp": "another client"},
    "nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "expired": {"exp": int(time.time()) - 3600},
    "no end": {"exp": None},
    "from the future": {"iat": int(time.time()) + 3600},
    "nobody": {"sub": None},
    "blank": {"sub": ""},
    "odd": {"sub": 7},
}


@pytest.mark.parametrize("case", BAD)
async def test_a_token_that_says_something_else_is_none(
    visitor: Client, services: Services, google: Provider, case: str
) -> None:
    google.claims = BAD[case]
    assert await log_in(visitor, services) == FAILED
    assert await count(services, models.User) == 0


def _part(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def by_hand(claims: dict[str, Any], algorithm: str) -> str:
    """Signed by nothing, or with what everybody knows: libraries refuse to write such tokens."""
    header = {"alg": algorithm, "kid": "a", "typ": "JWT"}
    signed = f"{_part(orjson.dumps(header))}.{_part(orjson.dumps(claims))}"
    mac = hmac.digest(KEY.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{'' if algorithm == 'none' else _part(mac)}"


@pytest.mark.parametrize("case", ["other key", "none", "HS256", "garbage", "cut"])
async def test_a_token_that_is_not_signed_by_the_provider_is_none(
    visitor: Client, services: Services, google: Provider, case: str
) -> None:
    match case:
        case "other key":
            google.key = OTHER_KEY
        case "none" | "HS256":
            google.sign = partial(by_hand, algorithm=case)
        case _:
            google.sign = lambda _: "x.y.z" if case == "garbage" else "x"
    assert await log_in(visitor, services) == FAILED
    assert await count(services, models.User) == 0


async def test_a_new_key_of_the_provider_is_found(
    visitor: Client, services: Services, google: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await log_in(visitor, services) == "/account"
    google.key, google.header = OTHER_KEY, {"alg": "RS256", "kid": "b"}
    google.published = [KEY, OTHER_KEY]
    assert await log_in(visitor, services) == FAILED  # asked a moment ago
    monkeypatch.setattr("providers.openid.ASKED_AGAIN", -1.0)

    assert await log_in(visitor, services) == "/account"

    assert google.asked == ["description", "keys", "keys"]


async def test_a_provider_that_calls_itself_another_one_is_not_believed(
    visitor: Client, services: Services, google: Provider
) -> None:
    google.issuer = "https://evil.example"
    address = await location(visitor, str(visitor.make_url(START)))
    assert address.removeprefix(services.public_url) == FAILED


async def test_a_provider_that_is_down_sends_people_back(
    visitor: Client, services: Services
) -> None:
    client = OpenIdProvider(
        "google", issuer="http://127.0.0.1:9", client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    )
    services.google = client
    address = await location(visitor, str(visitor.make_url(START)))
    assert address.removeprefix(services.public_url) == FAILED
    await client.close()


# The way back


@pytest.mark.usefixtures("google")
async def test_only_the_browser_that_began_comes_back(visitor: Client, services: Services) -> None:
    """Otherwise somebody could be logged in to another's account by following a link."""
    address = await back(visitor)
    visitor.session.cookie_jar.clear()
    assert (await location(visitor, address)).endswith(FAILED)
    await location(visitor, str(visitor.make_url(START)))  # an attempt of its own
    assert (await location(visitor, address)).endswith(FAILED)
    assert await count(services, models.User) == 0


@pytest.mark.usefixtures("google")
@pytest.mark.parametrize(
    ("query", "notice"),
    [
        ("", "google-failed"), ("?code=x", "google-failed"), ("?state=x&code=x", "google-failed"),
        ("?error=access_denied&state=x", "google-refused"),
    ],
)  # fmt: skip
async def test_a_way_back_without_an_attempt_leads_to_the_log_in(
    visitor: Client, services: Services, query: str, notice: str
) -> None:
    for planted in (None, "x", services.vault.seal({"purpose": "another"}), services.vault.seal(7)):
        headers = {} if planted is None else {"Cookie": f"instxnt_google={planted}"}
        address = await location(visitor, str(visitor.make_url(BACK)) + query, headers=headers)
        assert address == f"{services.public_url}/login?notice={notice}"


@pytest.mark.usefixtures("google")
async def test_an_attempt_is_good_once_and_for_ten_minutes(
    visitor: Client, services: Services
) -> None:
    services.clock = clock = Clock(now())
    address = await back(visitor)
    clock.pass_(600)
    assert (await location(visitor, address)).endswith(FAILED)
    address = await back(visitor)
    assert (await location(visitor, address)).endswith("/account")
    assert (await location(visitor, address)).endswith(FAILED)


async def test_without_a_client_id_there_is_no_google(visitor: Client, services: Services) -> None:
    address = await location(visitor, str(visitor.make_url(START)))
    assert address == f"{services.public_url}/login?notice=google-off"
    async with visitor.session.get(address) as reply:
        text = await reply.text()
    assert "No Google sign-in is configured" in text
    assert START not in text


@pytest.mark.usefixtures("google")
async def test_the_log_in_page_leads_to_google(visitor: Client) -> None:
    for path in ("/login", "/signup"):
        async with visitor.get(path) as reply:
            assert f'href="{START}"' in await reply.text()


async def test_ten_attempts_a_minute_come_from_one_address(instxnt: Rest) -> None:
    statuses = [(await instxnt("start_google_login")).status for _ in range(11)]
    assert statuses == [302] * 10 + [429]
    assert (await instxnt("finish_google_login")).status == 429
