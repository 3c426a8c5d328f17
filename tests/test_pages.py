"""Pages on which people sign up, log in and out: whole without scripts, safe from other sites."""

import re
from collections.abc import AsyncGenerator
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient, TestServer

from app.settings import Settings
from app.web import create_app
from db.base import now
from resolvers.services import Services
from tests.callers import Client
from tests.desk import Clock
from tests.sellers import PASSWORD
from tests.state import everything

EMAIL = "ada@example.com"
HOSTILE = "\"><script>alert(1)</script>'{{ 7 * 7 }}"


@pytest.fixture
def database_kind() -> str:
    """What is tried here is the same whichever database is behind it."""
    return "sqlite"


@pytest.fixture
async def visitor(services: Services, settings: Settings) -> AsyncGenerator[Client]:
    """A browser: it keeps the cookies that it is given, and goes nowhere by itself."""
    server = TestServer(create_app(services, settings))
    async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
        yield client


@pytest.fixture
def clock(services: Services) -> Clock:
    services.clock = made = Clock(now())
    return made


class Form(HTMLParser):
    """The fields of a page's forms, by name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "input" and (name := given.get("name")):
            self.fields.setdefault(name, given.get("value") or "")


async def fields(visitor: Client, path: str) -> dict[str, str]:
    async with visitor.get(path) as reply:
        assert reply.status == 200
        return Form(await reply.text()).fields


async def send(visitor: Client, path: str, page: str | None = None, **given: str) -> ClientResponse:
    """A form filled in and sent, as it was found at ``page`` (or where it is sent to)."""
    form = await fields(visitor, page or path)
    return await visitor.post(path, data={**form, **given}, allow_redirects=False)


async def sign_up(visitor: Client, email: str = EMAIL, **given: str) -> None:
    reply = await send(visitor, "/signup", email=email, password=PASSWORD, **given)
    assert (reply.status, reply.headers["Location"]) == (303, "/account"), await reply.text()


def cookie(visitor: Client, name: str) -> str | None:
    return next((each.value for each in visitor.session.cookie_jar if each.key == name), None)


async def test_people_sign_up_look_around_log_out_and_in_again(visitor: Client) -> None:
    await sign_up(visitor, name="Ada", organization="Lamps")
    assert cookie(visitor, "storegraph_form") is None
    async with visitor.get("/account") as reply:
        text = await reply.text()
    assert all(told in text for told in ("Ada", EMAIL, "Lamps", "free", "(this one)", "127.0.0.1"))

    out = await send(visitor, "/logout", "/account")
    assert out.headers["Location"] == "/login?notice=logged-out"
    assert cookie(visitor, "instxnt_session") is None
    async with visitor.get("/account", allow_redirects=False) as reply:
        assert (reply.status, reply.headers["Location"]) == (303, "/login?next=/account")

    back = await send(visitor, "/login", email=EMAIL.upper(), password=PASSWORD)
    assert back.headers["Location"] == "/account"
    async with visitor.get("/login?next=/graphql", allow_redirects=False) as reply:
        assert (reply.status, reply.headers["Location"]) == (303, "/graphql")


async def test_logging_out_everywhere_ends_the_other_browsers_too(
    visitor: Client, services: Services, settings: Settings
) -> None:
    await sign_up(visitor)
    server = TestServer(create_app(services, settings))
    async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as other:
        await send(other, "/login", email=EMAIL, password=PASSWORD)
        async with other.get("/account") as reply:
            assert (await reply.text()).count("127.0.0.1") == 2

        await send(visitor, "/account/logout-all", "/account")

        for each in (visitor, other):
            async with each.get("/account", allow_redirects=False) as reply:
                assert reply.status == 303


@pytest.mark.parametrize("page", ["/login", "/signup", "/account", "/login?notice=google-off"])
async def test_no_page_runs_a_script_or_is_shown_in_a_frame(visitor: Client, page: str) -> None:
    if page == "/account":
        await sign_up(visitor)
    async with visitor.get(page) as reply:
        text = await reply.text()
        policy = reply.headers["Content-Security-Policy"]
    assert reply.status == 200
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"
    assert "script" not in Form(text).tags
    # The one style is the one that the policy names.
    import hashlib  # noqa: PLC0415
    from base64 import b64encode  # noqa: PLC0415

    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert f"'sha256-{b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy


async def test_what_people_write_is_shown_as_they_wrote_it(visitor: Client) -> None:
    async def hostile(path: str, **given: str) -> str:
        reply = await send(visitor, path, **given)
        text = await reply.text()
        assert "<script>" not in text
        assert "49" not in Form(text).fields.values()
        return text

    for path in ("/login", "/signup"):
        text = await hostile(path, email=HOSTILE, name=HOSTILE, organization=HOSTILE, password="x")
        assert Form(text).fields["email"] == HOSTILE
        async with visitor.get(path, params={"next": HOSTILE, "notice": HOSTILE}) as reply:
            assert "<script>" not in await reply.text()
    await sign_up(visitor, name=HOSTILE, organization=HOSTILE)
    async with visitor.get("/account", headers={"User-Agent": HOSTILE}) as reply:
        text = await reply.text()
    assert "<script>" not in text
    assert text.count(HOSTILE) == 0
    assert unescape(text).count(HOSTILE) == 2


async def test_the_browser_is_shown_escaped(visitor: Client) -> None:
    form = await fields(visitor, "/signup")
    given = {**form, "email": EMAIL, "password": PASSWORD}
    await visitor.post("/signup", data=given, headers={"User-Agent": HOSTILE})
    async with visitor.get("/account") as reply:
        text = await reply.text()
    assert "<script>" not in text
    assert HOSTILE in unescape(text)


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "///evil",
     "/%09/evil.example\t", "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)",
     "evil.example", "", " /x", "/x y", "/é", "/" + "x" * 3000, "http:/x", "/\x00", "/..//\\x"],
)  # fmt: skip
async def test_nobody_is_sent_to_another_site(visitor: Client, wanted: str) -> None:
    async with visitor.get("/login", params={"next": wanted}) as reply:
        assert Form(await reply.text()).fields["next"] == "/account"
    reply = await send(visitor, "/signup", email=EMAIL, password=PASSWORD, next=wanted)
    assert (reply.status, reply.headers["Location"]) == (303, "/account")
    async with visitor.get("/login", params={"next": wanted}, allow_redirects=False) as reply:
        assert reply.headers["Location"] == "/account"


@pytest.mark.parametrize("wanted", ["/graphql", "/account?x=1&y=2#z", "/", "/a/b//c"])
async def test_people_go_on_to_where_they_meant_to(visitor: Client, wanted: str) -> None:
    reply = await send(visitor, "/signup", email=EMAIL, password=PASSWORD, next=wanted)
    assert reply.headers["Location"] == wanted


@pytest.mark.parametrize("path", ["/login", "/signup"])
async def test_another_site_logs_nobody_in(
    visitor: Client, services: Services, clock: Clock, path: str
) -> None:
    """Login CSRF: the form is sent with a proof of this browser's own, or it comes to nothing."""
    await sign_up(visitor, "known@example.com")
    await send(visitor, "/logout", "/account")
    before = await everything(services)
    given = {"email": EMAIL if path == "/signup" else "known@example.com", "password": PASSWORD}
    visitor.session.cookie_jar.clear()
    foreign = (await fields(visitor, path))["csrf"]
    visitor.session.cookie_jar.clear()
    own = (await fields(visitor, path))["csrf"]
    clock.pass_(3600)
    for proof in (None, "", "x", foreign, own[:-1], own):
        sent = given if proof is None else {**given, "csrf": proof}
        reply = await visitor.post(path, data=sent, allow_redirects=False)
        assert reply.status == 403
        assert "instxnt_session" not in str(reply.headers.getall("Set-Cookie"))
    visitor.session.cookie_jar.clear()
    no_cookie = await visitor.post(path, data={**given, "csrf": foreign}, allow_redirects=False)
    assert no_cookie.status == 403
    for content_type in ("text/plain", "application/json"):
        headers = {"Content-Type": content_type}
        reply = await visitor.post(path, data=b"{}", headers=headers)
        assert reply.status == 400
    assert await everything(services) == before


@pytest.mark.parametrize("path", ["/logout", "/account/logout-all"])
async def test_another_site_logs_nobody_out(visitor: Client, clock: Clock, path: str) -> None:
    await sign_up(visitor)
    old = (await fields(visitor, "/account"))["csrf"]
    clock.pass_(3600)
    for proof in ("", "x", old):
        reply = await visitor.post(path, data={"csrf": proof}, allow_redirects=False)
        assert reply.status == 403
    async with visitor.get("/account", allow_redirects=False) as reply:
        assert reply.status == 200


async def test_with_https_cookies_go_no_other_way_and_forms_keep_to_one_host(
    visitor: Client, services: Services
) -> None:
    services.public_url = "https://shop.example"
    async with visitor.get("/login") as reply:
        [flags] = reply.headers.getall("Set-Cookie")
    assert flags.startswith("__Host-storegraph_form=")
    assert flags.split("; ")[1:] == ["Max-Age=3600", "Path=/", "HttpOnly", "SameSite=Lax", "Secure"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"email": "nobody"}, "must be an e-mail address"),
        ({"password": "short"}, "must have 10 to 256 characters"),
        ({"email": "taken@example.com"}, "belongs to an account already"),
        ({"name": "x" * 101}, "must have 1 to 100 characters"),
        ({"name": "a\x00b"}, "NUL"),
    ],
)
async def test_a_form_that_is_refused_says_why_and_keeps_what_was_written(
    visitor: Client, given: dict[str, Any], said: str
) -> None:
    await sign_up(visitor, "taken@example.com")
    await send(visitor, "/logout", "/account")

    reply = await send(visitor, "/signup", **{"email": EMAIL, "password": PASSWORD, **given})

    text = await reply.text()
    assert reply.status == 400
    assert said in unescape(text)
    assert Form(text).fields["email"] == given.get("email", EMAIL)
    assert PASSWORD not in text
    again = {**Form(text).fields, "email": EMAIL, "password": PASSWORD, "name": ""}
    assert (await visitor.post("/signup", data=again, allow_redirects=False)).status == 303


async def test_guessing_a_password_is_stopped(visitor: Client) -> None:
    await sign_up(visitor)
    await send(visitor, "/logout", "/account")
    statuses = [
        (await send(visitor, "/login", email=EMAIL, password=f"guess number {n}")).status
        for n in range(15)
    ]
    right = await send(visitor, "/login", email=EMAIL, password=PASSWORD)

    assert statuses == [401] * 15
    assert right.status == 429
    assert int(right.headers["Retry-After"]) > 0
    assert "too many tries" in (await right.text()).lower()
