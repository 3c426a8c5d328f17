"""Settings: how they are read, checked, and handed on to the program that serves."""

import os
import subprocess
import sys
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import pytest

from app import environment
from app.settings import Settings

ROOT = Path(__file__).parent.parent


def test_they_come_from_the_environment_and_options_go_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STOREGRAPH_PORT", "9000")
    monkeypatch.setenv("STOREGRAPH_DEMO", "off")
    monkeypatch.setenv("STOREGRAPH_WRITER_INPUT_PRICE", "0.15")
    found = environment.read(port=9001, host=None)
    assert (found.port, found.host) == (9001, "127.0.0.1")
    assert (found.demo, found.writer_input_price) == (False, Decimal("0.15"))
    assert environment.read().port == 9000


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "70000"), ("WORKERS", "0"), ("JOBS", "none"), ("GRAPHIQL", "perhaps"),
     ("WRITER_TIMEOUT", "0"), ("WRITER_OUTPUT_PRICE", "-1")],
)  # fmt: skip
def test_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"STOREGRAPH_{name}", value)
    with pytest.raises(environment.BadSettings, match=f"^STOREGRAPH_{name}: "):
        environment.read()


def test_handed_on_they_are_the_same() -> None:
    plain = Settings()
    given = replace(
        plain,
        data_dir=Path("/somewhere else/ö"),
        writer_input_price=Decimal("0.100"),
        database_url="sqlite+aiosqlite:///a.db?x=1",
        workers=3,
        demo=False,
    )
    for settings in (plain, given):
        again = Settings.loads(settings.dumps())
        assert again == settings
        for each in fields(Settings):
            kinds = [type(getattr(of, each.name)) for of in (again, settings)]
            assert kinds[0] is kinds[1], each.name


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite+aiosqlite:////var/lib/store.db", Path("/var/lib/store.db")),
        ("sqlite+aiosqlite:///store.db?timeout=5", Path("store.db")),
        ("postgresql+asyncpg://db:///store", None),
    ],
)
def test_the_file_of_an_embedded_database_is_known(url: str, file: Path | None) -> None:
    assert Settings(database_url=url).database_file == file


def test_the_program_that_serves_is_not_for_hands() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app.server", "serve"],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "python -m app serve" in ended.stderr
    assert "Traceback" not in ended.stderr
