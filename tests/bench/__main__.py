"""``python -m tests.bench``: figures on SQLite and, where there is one, on PostgreSQL.

Each read is also asked of two baselines over the same database: a plain Strawberry server, and
hand-written handlers on the bare driver. Nothing here passes or fails by how long it takes.
"""

import asyncio
import os
import platform
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from db import migrate
from db.engine import connect
from tests.bench import catalogue, hearing, measure
from tests.bench.cases import cases
from tests.bench.databases import new_database, postgres
from tests.bench.hearing import Heard
from tests.bench.measure import (
    BARE,
    BASELINES,
    DEFAULT,
    GATEWAY,
    HANDWRITTEN,
    PLAIN,
    QUICK,
    Plan,
    Result,
)
from tests.bench.processes import (
    Process,
    gateway,
    peak_memory,
    python,
    serving,
    shared_memory,
)

# Wide enough for a row a line, also where the output goes to a file.
console = Console(width=None if sys.stdout.isatty() else 160)


@dataclass(slots=True)
class Report:
    """What was found on one database. Memory is the most of each serving process, in megabytes.

    The gateway's is told once before the subscribers come, as its baselines have none, and once
    with them.
    """

    database: str
    results: list[Result] = field(default_factory=list[Result])
    heard: list[Heard] = field(default_factory=list[Heard])
    memory: dict[str, float] = field(default_factory=dict[str, float])

    def as_json(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "requests": [each.as_json() for each in self.results],
            "subscriptions": [each.as_json() for each in self.heard],
            "peak_memory_mb": self.memory,
        }

    def weigh(self, name: str, process: Process) -> None:
        if (megabytes := peak_memory(process.pid)) is not None:
            self.memory[name] = megabytes


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="One short round of everything.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures here.")] = None,
    only: Annotated[str | None, typer.Option(help="Figures whose name has this text.")] = None,
) -> None:
    """Load figures of the gateway, each beside those of its baselines in the same run."""
    started = time.monotonic()
    reports = asyncio.run(_run(QUICK if quick else DEFAULT, only or ""))
    for report in reports:
        _show(report)
    python_version = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    console.print(f"[dim]{python_version}; {time.monotonic() - started:.0f} s in all[/dim]")
    if json is not None:
        found = {"python": python_version, "reports": [each.as_json() for each in reports]}
        json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


async def _run(plan: Plan, only: str) -> list[Report]:
    servers: dict[str, str | None] = {"SQLite": None}
    if (server := await postgres()) is not None:
        servers["PostgreSQL"] = server
    return [await _on(name, server, plan, only) for name, server in servers.items()]


async def _on(name: str, server: str | None, plan: Plan, only: str) -> Report:
    report = Report(name)
    with TemporaryDirectory() as made, console.status(f"{name}: filling") as status:
        folder = Path(made)

        def tell(what: str) -> None:
            status.update(f"{name}: {what}")

        async with new_database(server, folder) as url:
            await migrate.upgrade(url)
            database = connect(url)
            filled = await catalogue.fill(database)
            chosen = [case for case in cases(filled) if only in case.name]
            async with AsyncExitStack() as stack:
                served = await stack.enter_async_context(gateway(url, folder))
                load = await stack.enter_async_context(python("tests.bench.client"))
                servers = {GATEWAY: served}
                for baseline in BASELINES if any(case.route for case in chosen) else ():
                    started = serving(f"tests.bench.{baseline}", url)
                    servers[baseline] = await stack.enter_async_context(started)
                ports = {each: port for each, (_, port) in servers.items()}
                for case in chosen:
                    report.results += await measure.measure(
                        case, ports, load, folder, plan=plan, tell=tell
                    )
                for each, (process, _) in servers.items():
                    report.weigh(each, process)
                if (shared := shared_memory(served[0].pid)) is not None:
                    report.memory["of which the gateway shares"] = shared
                for what in hearing.FIELDS if only in "subscribers" else ():
                    tell(f"{hearing.SUBSCRIBERS} subscribers, {what}")
                    heard = await hearing.of_gateway(what, filled, database, served, plan.changes)
                    report.heard.append(heard)
                if report.heard:
                    report.weigh(f"gateway with {hearing.SUBSCRIBERS} subscribers", served[0])
                    report.heard.append(await hearing.of_bare_handler(folder, plan.changes))
            await database.close()
    return report


def _show(report: Report) -> None:
    if report.results:
        console.print(_requests(report))
    if report.heard:
        table = Table(title=f"{report.database}: one change heard", title_justify="left")
        table.add_column("message")
        for heading in ("subscribers", "first ms", "last ms", "CPU µs/message"):
            table.add_column(heading, justify="right")
        for heard in report.heard:
            table.add_row(
                heard.what,
                str(heard.subscribers),
                f"{heard.first:.1f}",
                f"{heard.last:.1f}",
                f"{heard.cpu:.0f}",
            )
        console.print(table)
    memory = ", ".join(f"{name} {most:.0f} MB" for name, most in report.memory.items())
    console.print(f"Peak memory: {memory or 'not told here'}\n")


def _requests(report: Report) -> Table:
    table = Table(title=f"{report.database}: requests", title_justify="left")
    table.add_column("answer")
    for heading in (
        "KB", "clients", "req/s", "p50 ms", "p99 ms",
        "bare", "bare/\ngateway", "plain", "gateway/\nplain", "by hand", "gateway/\nby hand",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for each in report.results:
        gateway = each.figures[GATEWAY]
        table.add_row(
            each.what if each.clients == 1 else "",
            f"{each.bytes / 1000:.1f}",
            str(each.clients),
            f"{gateway.rate:.0f}",
            f"{gateway.p50:.1f}",
            f"{gateway.p99:.1f}",
            *_beside(each, BARE, 1),
            *_beside(each, PLAIN, 1),
            *_beside(each, HANDWRITTEN, 2),
        )
    return table


def _beside(result: Result, name: str, digits: int) -> tuple[str, str]:
    """Another server's rate, and its ratio to the gateway's; nothing where it was not asked."""
    if name not in result.figures:
        return "", ""
    return f"{result.figures[name].rate:.0f}", f"{result.ratios[name]:.{digits}f}"


if __name__ == "__main__":
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(main)
    command()
