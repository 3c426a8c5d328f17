"""Credentials of the demo in the data folder."""

import stat
from pathlib import Path

import orjson

from app import credentials
from app.credentials import DemoKeys
from app.settings import Settings

KEYS = DemoKeys("sg_one", "sg_two", "sg_three", "sg_four", "0123")


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
    for file in settings.data_dir.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert len(list(settings.data_dir.iterdir())) == 2


def test_another_port_changes_the_addresses_and_nothing_else(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    credentials.refresh(settings)  # nothing is there yet, and nothing appears
    assert not (tmp_path / credentials.FILE).exists()
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
