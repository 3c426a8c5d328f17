"""The commands of operators, and the processes that they start."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import app

ROOT = Path(__file__).parent.parent
Cli = Callable[..., Result]
OURS = "(ours)"


def cli_in(folder: Path) -> Cli:
    runner = CliRunner()

    def call(*arguments: str, input: str | None = None, **settings: str) -> Result:
        named = {f"STOREGRAPH_{name.upper()}": value for name, value in settings.items()}
        env = {"STOREGRAPH_DATA_DIR": str(folder), "COLUMNS": "400", **named}
        result = runner.invoke(app, arguments, env=env, input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return cli_in(tmp_path)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with demo data, to be copied."""
    folder = tmp_path_factory.mktemp("demo")
    assert cli_in(folder)("seed", "--scale", "0.02").exit_code == 0
    return folder


@pytest.fixture
def seeded(demo: Path, cli: Cli, tmp_path: Path) -> Cli:
    shutil.copytree(demo, tmp_path, dirs_exist_ok=True)
    return cli


def organization(cli: Cli) -> str:
    refused = cli("keys", "create", "x", "--permission", "*")
    assert refused.exit_code == 1
    return refused.stderr.split("--organization: ")[1].split(",")[0].strip()


def test_migrate_says_what_it_did(cli: Cli) -> None:
    assert "Migrated from nothing to" in cli("migrate").stdout
    assert "Nothing to do" in cli("migrate").stdout


def test_a_database_of_a_newer_version_is_refused_in_one_line(cli: Cli, tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415

    cli("migrate")
    with sqlite3.connect(tmp_path / "storegraph.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for command in (["migrate"], ["keys", "list"], ["audit"]):
        result = cli(*command)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "9999" in result.stderr
        assert "Traceback" not in result.stderr


def test_settings_that_are_wrong_are_named(cli: Cli) -> None:
    result = cli("migrate", port="70000")
    assert result.exit_code == 1
    assert "STOREGRAPH_PORT" in result.stderr


def test_seed_fills_an_empty_database_only(seeded: Cli, tmp_path: Path) -> None:
    doors = json.loads((tmp_path / "demo-credentials.json").read_text())
    assert doors["graphql"]["headers"]["Authorization"].startswith("Bearer sg_")
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    again = seeded("seed")
    assert again.exit_code == 1
    assert "not empty" in again.stderr


def test_a_key_is_created_changed_and_revoked(seeded: Cli) -> None:
    slug = organization(seeded)
    made = seeded(
        "keys", "create", "Till", "--organization", slug, "--permission", "order:view",
        "--permission", "product:*", "--secret", "--expires-in", "30", "--allow-ip", "10.0.0.0/8",
    )  # fmt: skip
    assert made.exit_code == 0, made.stderr
    [number] = re.findall(r"^Key (\d+)$", made.stdout, re.MULTILINE)
    [token] = re.findall(r"API key: (sg_\S+)", made.stdout)
    [secret] = re.findall(r"Secret: +(\w{64})", made.stdout)

    listed = seeded("keys", "list").stdout
    [line] = [line for line in listed.splitlines() if "Till" in line]
    assert f" {number} " in line
    assert "active" in line
    assert "10.0.0.0/8" in line
    assert token not in listed

    rotated = seeded("keys", "rotate-secret", number)
    assert rotated.exit_code == 0
    assert secret not in rotated.stdout
    assert seeded("keys", "allow-ip", number, "203.0.113.9").exit_code == 0
    assert "10.0.0.0/8, 203.0.113.9" in seeded("keys", "list").stdout
    assert seeded("keys", "allow-ip", number, "--clear").exit_code == 0
    assert seeded("keys", "revoke", number).exit_code == 0
    assert seeded("keys", "revoke", number).exit_code == 0
    [line] = [line for line in seeded("keys", "list").stdout.splitlines() if "Till" in line]
    assert "revoked" in line

    audit = seeded("audit", "--last", "5").stdout
    assert re.findall(r"│ cli +│ (\w+)", audit) == [
        "revoke",
        "whitelist",
        "whitelist",
        "rotate_secret",
        "mint",
    ]
    assert token not in audit
    assert secret not in audit


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["keys", "create", "x", "--permission", "nope", "--organization", OURS], "nope"),
        (["keys", "create", "x"], "--permission"),
        (["keys", "create", "x", "--wholesale"], "--store"),
        (["keys", "create", "x", "--permission", "*", "--organization", "none"], "organization"),
        (["keys", "revoke", "999999"], "not found"),
        (["keys", "rotate-secret", "999999"], "not found"),
        (["keys", "allow-ip", "1"], "--clear"),
        (["deposit", "--network", "usdt_nowhere", "--amount", "1"], "usdt_trc_20"),
        (["deposit", "--network", "usdt_trc_20", "--amount", "1.1234567"], "six decimals"),
        (["deposit", "--network", "usdt_trc_20", "--amount", "-1"], "greater than zero"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_told_in_one_line(
    seeded: Cli, arguments: list[str], words: str
) -> None:
    ours = organization(seeded)
    result = seeded(*(ours if argument == OURS else argument for argument in arguments))
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_deleted_store_is_listed_and_restored(seeded: Cli, tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415

    assert "Ember" not in seeded("stores", "list-deleted").stdout
    deleted = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d %H:%M:%S.%f}"
    with sqlite3.connect(tmp_path / "storegraph.db") as connection:
        connection.execute(
            "UPDATE store SET deleted_at = ? WHERE subdomain = 'ember-one'", [deleted]
        )
        find = "SELECT id FROM store WHERE subdomain = 'ember-one'"
        number = str(connection.execute(find).fetchone()[0])
    connection.close()

    listed = seeded("stores", "list-deleted").stdout

    [line] = [line for line in listed.splitlines() if "ember-one" in line]
    assert number in line
    assert deleted[:19] in line
    assert f"Store {number} is restored." in seeded("stores", "restore", number).stdout
    assert "ember-one" not in seeded("stores", "list-deleted").stdout
    for key in (number, "999"):
        again = seeded("stores", "restore", key)
        assert (again.exit_code, again.stderr.strip()) == (1, "Error: store not found")
    assert "store.restored" in seeded("audit").stdout


def test_a_deposit_reaches_the_simulated_chain(seeded: Cli) -> None:
    result = seeded("deposit", "--network", "usdt_trc_20", "--amount", "10.01")
    assert re.search(r"Sent 10.01 USDT over usdt_trc_20: transaction \w{64}", result.stdout)


def test_the_schema_is_exported_and_compared(cli: Cli, tmp_path: Path) -> None:
    path = str(tmp_path / "schema.graphql")
    assert cli("export-schema", path, "--check").exit_code == 1
    assert cli("export-schema", path).exit_code == 0
    assert "type Query {" in Path(path).read_text()
    assert cli("export-schema", path, "--check").exit_code == 0


QUERY = """query Shelf($size: Int, $id: ID = "x") {
  products(first: $size) {
    totalCount
    nodes { title brand { name } orderLines(first: 1) { nodes { deliveredItems { content } } } }
  }
  product(id: $id) { variants { sku } }
}
query Other { viewer { plan } }"""


def test_people_are_added_and_given_passwords_and_plans(seeded: Cli) -> None:
    slug = organization(seeded)
    made = seeded("users", "add", "Ada@Example.com", "--name", "Ada", "--organization", slug,
                  "--role", "editor")  # fmt: skip
    assert made.exit_code == 0, made.stderr
    [first] = re.findall(r"^Password: (\S+)$", made.stdout, re.MULTILINE)
    reset = seeded("users", "password", "ada@example.com")
    [second] = re.findall(r"^Password: (\S+)$", reset.stdout, re.MULTILINE)
    assert "0 sessions have ended" in reset.stdout
    assert first != second
    owner = seeded("users", "add", "eve@example.com", "--stdin", input="nine lamps on a shelf\n")
    assert "Password" not in owner.stdout
    assert seeded("users", "plan", slug, "pro").exit_code == 0
    for wrong, said in (
        (("add", "ada@example.com"), "belongs to an account"),
        (("add", "nobody"), "e-mail address"),
        (("add", "x@example.com", "--role", "viewer"), "begins with its owner"),
        (("add", "x@example.com", "--organization", "none"), "--organization"),
        (("password", "x@example.com"), "user not found"),
        (("plan", "none", "pro"), "organization not found"),
    ):
        refused = seeded("users", *wrong)
        assert refused.exit_code == 1
        assert said in refused.stderr
    weak = seeded("users", "password", "ada@example.com", "--stdin", input="short\n")
    assert weak.exit_code == 1
    assert "10 to 256" in weak.stderr
    audit = seeded("audit", "--last", "4").stdout
    assert re.findall(r"│ cli +│ (\w+)", audit) == [
        "set_plan",
        "add_user",
        "reset_password",
        "add_user",
    ]
    assert second not in audit


@pytest.fixture
def query(tmp_path: Path) -> str:
    path = tmp_path / "query.graphql"
    path.write_text(QUERY)
    return str(path)


def test_a_query_is_explained_down_to_what_the_database_does(seeded: Cli, query: str) -> None:
    ours = ("--organization", organization(seeded), "--operation", "Shelf")
    result = seeded("explain", query, *ours, "--variables", '{"size": 2}')

    assert result.exit_code == 0, result.stderr
    tree, _, levels = result.stdout.partition("Needs ")
    assert [line for line in tree.splitlines() if "Product" in line or "Query" in line] == [
        "  Query.products",
        "    Product.brand",
        "    Product.orderLines",
        "      Product.orderLines: schema.orders._items",
        "  Query.product",
        "    Product.variants",
    ]
    assert levels.startswith("order:view, product:view\n")
    products, brand, *_ = re.split(r"^\d\. ", levels, flags=re.MULTILINE)[1:]
    assert "FROM product" in products
    assert "2 rows" in products
    assert "SELECT count(*)" in products
    assert "USING INDEX" in products
    assert "def shape(rows, m, window):" in products
    assert "'brand': " in products
    assert "FROM brand" in brand
    assert "not run: nothing leads here" in levels.partition("Product.variants")[2]

    limited = seeded("explain", query, *ours, "--store", "1", "--own", "7")
    assert "store.id IN" not in result.stdout
    assert "orders.api_key_id = ?" in limited.stdout


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (QUERY, [], "--operation"),
        (QUERY, ["--operation", "Other"], "opaque: Query.viewer"),
        (QUERY, ["--operation", "Shelf", "--variables", '{"size": "x"}'], "variables"),
        (QUERY, ["--operation", "Shelf", "--variables", '{"size": 999}'], "between 0 and 250"),
        (QUERY, ["--operation", "Shelf", "--variables", "{"], "no JSON"),
        (QUERY, ["--operation", "Shelf", "--variables", "[]"], "no JSON object"),
        ("{ products { nothing } }", [], "nothing"),
        ("{ products {", [], "Syntax Error"),
        ("mutation { deleteStore(id: 1) { deletedId } }", [], "mutation"),
    ],
)
def test_what_has_no_plan_is_told_in_one_line(
    seeded: Cli, query: str, text: str, options: list[str], words: str
) -> None:
    Path(query).write_text(text)
    result = seeded("explain", query, "--organization", organization(seeded), *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


# Processes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A gateway in processes of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port, self.folder = free_port(), folder
        env = {**os.environ, "STOREGRAPH_DATA_DIR": str(folder), "STOREGRAPH_DEMO": "0"}
        self.log = (folder / "log").open("a+")
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "app", "serve", "--port", str(self.port), *arguments],
            cwd=ROOT, env=env, stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def get(self, path: str, **headers: str) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours, too
            return answer.read().decode()

    def wait(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self.process.poll() is None, self.said()
            try:
                self.get("/health/ready")
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
            else:
                return
        raise AssertionError(self.said())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    opened: list[Server] = []

    def serve(*arguments: str) -> Server:
        opened.append(Server(tmp_path, *arguments))
        return opened[-1]

    yield serve
    for server in opened:
        server.close()


def minted(cli: Cli) -> str:
    slug = organization(cli)
    made = cli("keys", "create", "x", "--permission", "*", "--organization", slug)
    return re.findall(r"API key: (sg_\S+)", made.stdout)[0]


def requests_of(cli: Cli) -> int:
    [line] = [line for line in cli("keys", "list").stdout.splitlines() if "│ x " in line]
    return int(line.split("│")[6])


def test_a_server_answers_until_it_is_told_to_stop_and_loses_no_count(
    seeded: Cli, serving: Callable[..., Server]
) -> None:
    token = minted(seeded)
    server = serving()
    server.wait()
    for _ in range(3):
        headers = {"X-API-Key": token, "X-Requested-With": "test"}
        assert "plan" in server.get("/graphql?query=%7Bviewer%7Bplan%7D%7D", **headers)
    assert server.stop() == 0
    assert requests_of(seeded) == 3
    said = server.said()
    assert "Traceback" not in said
    assert token not in said
    assert "plan" not in said  # a query may hold what nobody should read


def test_several_workers_share_a_port_and_are_replaced_when_they_die(
    serving: Callable[..., Server],
) -> None:
    server = serving("--workers", "2")
    server.wait()
    while len(children := _children(server.process.pid)) < 2:
        time.sleep(0.05)
    _replaced(server, children[0])
    server.wait()
    assert "storegraph_requests_total" in server.get("/metrics")
    now = _replaced(server, children[1])
    assert server.stop(signal.SIGINT) == 0  # also the worker that was only just begun
    assert "worker_ended" in server.said()
    for child in now:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def _replaced(server: Server, child: int) -> list[int]:
    """Kill a worker; returns the two that there are as soon as another one was begun."""
    os.kill(child, signal.SIGKILL)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        now = _children(server.process.pid)
        if len(now) == 2 and child not in now:
            return now
        time.sleep(0.005)
    raise AssertionError(server.said())


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sorted(int(child) for child in found)


@pytest.mark.usefixtures("seeded")
def test_a_port_that_is_taken_is_told_in_one_line(
    serving: Callable[..., Server],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for workers in ("1", "2"):
            server = serving("--port", port, "--workers", workers)
            assert server.process.wait(60) == 1
            assert "address already in use" in server.said().lower()
            assert "Traceback" not in server.said()


def test_an_app_is_registered_installed_and_taken_away(seeded: Cli, tmp_path: Path) -> None:
    door = json.loads((tmp_path / "demo-credentials.json").read_text())["xpage"]
    slug = organization(seeded)
    made = seeded(
        "apps", "register", "Till", "--organization", slug, "--permission", "order:view",
        "--permission", "product:view", "--webhook-url", "https://till.example/hook",
        "--topic", "order.*",
    )  # fmt: skip
    assert made.exit_code == 0, made.stderr
    [client_id] = re.findall(r"Client id: +(public_\w{32})$", made.stdout, re.MULTILINE)
    [secret] = re.findall(r"Client secret: +(secret_\w{64})$", made.stdout, re.MULTILINE)
    [signing] = re.findall(r"Signing secret: +(signing_\w{64})$", made.stdout, re.MULTILINE)

    given = seeded("apps", "install", client_id, "2", "--permission", "order:view")
    assert given.exit_code == 0, given.stderr
    [number] = re.findall(r"Installation (\d+) is active; its install_id is", given.stdout)
    again = seeded("apps", "install", client_id, "2")
    assert (again.exit_code, "installed already" in again.stderr) == (1, True)
    listed = seeded("apps", "list").stdout
    lines = [line for line in listed.splitlines() if client_id in line or door["client_id"] in line]
    assert [line.count("active") for line in lines] == [1, 1]
    assert secret not in listed
    assert signing not in listed

    fresh = seeded("apps", "rotate", client_id)
    assert re.search(r"^Client secret: secret_\w{64}$", fresh.stdout, re.MULTILINE)
    assert secret not in fresh.stdout
    assert "Signing secret: signing_" in seeded("apps", "rotate", client_id, "--signing").stdout
    assert seeded("apps", "uninstall", number).exit_code == 0
    [line] = [line for line in seeded("apps", "list").stdout.splitlines() if client_id in line]
    assert "uninstalled" in line

    audit = seeded("audit", "--last", "5").stdout
    assert re.findall(r"│ cli +│ (\w+)", audit) == [
        "uninstall",
        "rotate_secret",
        "rotate_secret",
        "install",
        "register",
    ]


@pytest.mark.parametrize(
    "command",
    [
        ["install", "public_nobody", "2"],
        ["install", "public_nobody", "999"],
        ["uninstall", "999"],
        ["rotate", "public_nobody"],
        ["register", "Till", "--organization", "harbourline", "--permission", "order:fly"],
        ["register", "Till", "--organization", "nobody"],
    ],
)
def test_what_makes_no_sense_to_apps_is_refused_in_one_line(
    seeded: Cli, command: list[str]
) -> None:
    result = seeded("apps", *command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
