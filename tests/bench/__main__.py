"""``python -m tests.bench``: figures on SQLite and, where there is one, on PostgreSQL.

Nothing here passes or fails by how long it takes.
"""

import asyncio
import os
import platform
import sys
import time
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
from tests.bench.measure import DEFAULT, QUICK, Plan, Result
from tests.bench.processes import gateway, peak_memory, python

# Wide enough for a row a line, also where the output goes to a file.
console = Console(width=None if sys.stdout.isatty() else 110)


@dataclass(slots=True)
class Report:
    """What was found on one database. Memory is the serving process's most, in megabytes."""

    database: str
    results: list[Result] = field(default_factory=list[Result])
    heard: list[Heard] = field(default_factory=list[Heard])
    memory: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "requests": [each.as_json() for each in self.results],
            "subscriptions": [each.as_json() for each in self.heard],
            "peak_memory_mb": self.memory,
        }


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="One short round of everything.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures here.")] = None,
    only: Annotated[str | None, typer.Option(help="Figures whose name has this text.")] = None,
) -> None:
    """Load figures of the gateway, each beside a bare aiohttp handler in the same run."""
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
            async with gateway(url, folder) as served, python("tests.bench.client") as load:
                process, port = served
                for case in chosen:
                    report.results += await measure.measure(
                        case, port, load, folder, plan=plan, tell=tell
                    )
                for what in hearing.FIELDS if only in "subscribers" else ():
                    tell(f"{hearing.SUBSCRIBERS} subscribers, {what}")
                    heard = await hearing.of_gateway(what, filled, database, served, plan.changes)
                    report.heard.append(heard)
                if report.heard:
                    report.heard.append(await hearing.of_bare_handler(folder, plan.changes))
                report.memory = peak_memory(process.pid)
            await database.close()
    return report


def _show(report: Report) -> None:
    table = Table(title=f"{report.database}: requests", title_justify="left")
    table.add_column("answer")
    for heading in ("KB", "clients", "req/s", "p50 ms", "p99 ms", "bare req/s", "ratio"):
        table.add_column(heading, justify="right")
    for each in report.results:
        table.add_row(
            each.what if each.clients == 1 else "",
            f"{each.bytes / 1000:.1f}",
            str(each.clients),
            f"{each.gateway.rate:.0f}",
            f"{each.gateway.p50:.1f}",
            f"{each.gateway.p99:.1f}",
            f"{each.bare.rate:.0f}",
            f"{each.ratio:.1f}",
        )
    console.print(table)
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
    if report.memory is not None:
        console.print(f"Peak memory of the serving process: {report.memory:.0f} MB\n")


if __name__ == "__main__":
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(main)
    command()
