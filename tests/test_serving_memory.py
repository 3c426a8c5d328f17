"""What a serving process holds for as long as it runs."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Python imports this at every start, and it tells what else was imported in the end.
TELLING = """
import atexit, json, os, pathlib, sys
def tell():
    if "app.serving" in sys.modules:
        there = sorted(name for name, module in sys.modules.items() if module)
        pathlib.Path(os.environ["TOLD"]).write_text(json.dumps(there))
atexit.register(tell)
"""
# For the first start, for what few requests or only some settings need.
UNNEEDED = {
    "PIL", "alembic", "argon2", "cryptography", "dbos", "jinja2", "mako", "nh3", "obstore",
    "jsonschema_rs", "openai", "psycopg", "psycopg2", "puremagic", "pwdlib", "pycountry",
    "pydantic", "redis", "rich", "stripe", "typer",
}  # fmt: skip
DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}


@contextmanager
def served(environment: dict[str, str]) -> Iterator[str]:
    """The address of a gateway as anybody starts it, until it is told to stop."""
    command = [sys.executable, "-m", "app", "serve", "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield next(line.split()[1] for line in process.stdout if line.startswith("GraphQL"))
        finally:
            process.terminate()
    assert process.returncode == 0


def answer(address: str) -> str:
    body = json.dumps({"query": "{ products(first: 1) { nodes { id } } }"}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, body, headers)  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return response.read().decode()


async def test_it_holds_no_module_that_its_settings_and_requests_do_not_need(
    migrated_database_url: str, database_kind: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(TELLING)
    environment = {
        "PYTHONPATH": str(tmp_path),
        "TOLD": str(tmp_path / "modules.json"),
        "STOREGRAPH_DATA_DIR": str(tmp_path),
        "STOREGRAPH_DATABASE_URL": migrated_database_url,
        "STOREGRAPH_JOBS": "external",
    }
    with served(environment) as address:
        assert '"UNAUTHENTICATED"' in answer(address)
    others = {driver for kind, driver in DRIVERS.items() if kind != database_kind}
    modules = set(json.loads((tmp_path / "modules.json").read_text()))
    assert modules & (UNNEEDED | others) == set()
