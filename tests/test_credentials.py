"""Credentials of the demo in the data folder."""

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select, update

from app import credentials
from app.credentials import DemoAccount, DemoApp, DemoKeys
from app.settings import Settings
from db import models
from db.base import now
from resolvers.services import Services
from tests.callers import Rest
from tests.kit import Installed, Make
from tests.sellers import browser
from tests.state import everything

APP = DemoApp("public_1", "secret_1", "550e8400-e29b-41d4-a716-446655440000", "xpt_1")
ACCOUNT = DemoAccount("ines@shop.example", "nine lamps on a shelf", "cookie-1")
KEYS = DemoKeys("sg_one", "sg_two", "sg_three", "sg_four", "0123", APP, ACCOUNT)


def test_credentials_are_kept_where_only_their_owner_reads_them(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", port=8123)

    path = credentials.keep(settings, KEYS)

    doors = orjson.loads(path.read_bytes())
    token = (settings.data_dir / "admin.token").read_text()
    assert doors["graphql"]["url"] == "http://127.0.0.1:8123/graphql"
    assert doors["graphql"]["ws_url"] == "ws://127.0.0.1:8123/graphql"
    assert doors["graphql"]["headers"] == {"Authorization": "Bearer sg_one"}
    assert doors["instamarket"] == {
        "base_url": "http://127.0.0.1:8123/instamarket/api/v1",
        "headers": {"X-API-Key": "sg_three"},
        "signed": {"headers": {"X-API-Key": "sg_four"}, "hmac_secret": "0123"},
        "admin": {"headers": {"Authorization": f"Bearer {token}"}},
    }
    assert doors["xpage"] == {
        "base_url": "http://127.0.0.1:8123/xpage/api/apps/v1",
        "client_id": "public_1",
        "client_secret": "secret_1",
        "install_id": "550e8400-e29b-41d4-a716-446655440000",
        "headers": {"Authorization": "Bearer xpt_1"},
    }
    assert doors["instxnt"] == {
        "base_url": "http://127.0.0.1:8123/instxnt",
        "headers": {"Cookie": "instxnt_session=cookie-1"},
        "email": "ines@shop.example",
        "password": "nine lamps on a shelf",
    }
    for file in settings.data_dir.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert len(list(settings.data_dir.iterdir())) == 2


def test_another_port_changes_the_addresses_and_nothing_else(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    credentials.refresh(settings)  # nothing is there yet, and nothing appears
    assert not settings.credentials_file.exists()
    path = credentials.keep(settings, KEYS)
    before = path.read_text()

    credentials.refresh(settings, base_url="https://shop.example")

    assert path.read_text() == before.replace(
        "http://127.0.0.1:8000", "https://shop.example"
    ).replace("ws://127.0.0.1:8000", "wss://shop.example")


def test_without_a_demo_the_operators_routes_need_a_configured_token(tmp_path: Path) -> None:
    assert credentials.admin_token(Settings(data_dir=tmp_path, demo=False)) is None
    configured = Settings(data_dir=tmp_path, demo=False, admin_token="told")
    assert credentials.admin_token(configured) == "told"
    random = credentials.admin_token(Settings(data_dir=tmp_path))
    assert random
    assert credentials.admin_token(Settings(data_dir=tmp_path)) == random


def test_credentials_of_an_older_demo_without_an_app_stay_without(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    path = credentials.keep(settings, replace(KEYS, app=None, account=None))

    credentials.refresh(settings, base_url="https://shop.example")

    doors = orjson.loads(path.read_bytes())
    assert list(doors) == ["graphql", "instamarket"]


async def kept(settings: Settings, services: Services, app: Installed) -> Path:
    given = DemoApp(app.app.client_id, app.client_secret, str(app.row.uuid), app.clear)
    path = credentials.keep(settings, replace(KEYS, app=given))
    await credentials.renew(settings, services)
    return path


def token_in(path: Path) -> str:
    headers = orjson.loads(path.read_bytes())["xpage"]["headers"]
    return headers["Authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("hours", [23, 2, -2])
async def test_a_start_gives_the_app_a_fresh_token_where_its_own_ends_soon(
    services: Services, settings: Settings, make: Make, xpage: Rest, hours: int
) -> None:
    app = await make.installed(await make.store())
    async with services.database.write() as tx:
        await tx.execute(update(models.AppToken).values(expires_at=now() + timedelta(hours=hours)))

    path = await kept(settings, services, app)

    token = token_in(path)
    assert (token == app.clear) is (hours == 23)
    called = await xpage("list_shipping_carriers", headers={"Authorization": f"Bearer {token}"})
    assert called.status not in (401, 403)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    async with services.database.read() as connection:
        ends = (await connection.execute(select(models.AppToken.expires_at))).scalars().all()
    assert max(ends) > now() + timedelta(hours=22)
    before = path.read_bytes()
    await credentials.renew(settings, services)
    assert path.read_bytes() == before


async def test_an_app_with_another_secret_keeps_what_it_has(
    services: Services, settings: Settings, make: Make
) -> None:
    app = await make.installed(await make.store())
    async with services.database.write() as tx:
        await tx.execute(update(models.App).values(secret_hash="another"))
        await tx.execute(update(models.AppToken).values(expires_at=now()))
    before = await everything(services)

    path = await kept(settings, services, app)

    assert token_in(path) == app.clear
    assert await everything(services) == before


async def test_without_a_demo_nothing_is_renewed(services: Services, settings: Settings) -> None:
    await credentials.renew(settings, services)

    assert not settings.credentials_file.exists()


@pytest.mark.parametrize("left", [timedelta(days=2), timedelta(hours=2), timedelta(hours=-2)])
async def test_a_start_logs_the_demos_person_in_again_where_their_session_ends_soon(
    services: Services, settings: Settings, instxnt: Rest, left: timedelta
) -> None:
    ines = await browser(instxnt, ACCOUNT.email, password=ACCOUNT.password)
    account = replace(ACCOUNT, session=ines.cookie)
    path = credentials.keep(settings, replace(KEYS, app=None, account=account))
    async with services.database.write() as tx:
        await tx.execute(update(models.Session).values(expires_at=now() + left))

    await credentials.renew(settings, services)

    door = orjson.loads(path.read_bytes())["instxnt"]
    assert (door["headers"] == ines.headers) is (left > timedelta(days=1))
    assert (await instxnt("get_csrf_token", headers=door["headers"])).status == 200
    before = path.read_bytes()
    await credentials.renew(settings, services)
    assert path.read_bytes() == before


async def test_a_person_with_another_password_is_not_logged_in(
    services: Services, settings: Settings, instxnt: Rest
) -> None:
    await browser(instxnt, ACCOUNT.email)
    path = credentials.keep(
        settings, replace(KEYS, app=None, account=replace(ACCOUNT, password="other"))
    )
    before = path.read_bytes()

    await credentials.renew(settings, services)

    assert path.read_bytes() == before
