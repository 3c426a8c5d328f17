"""The processes of a run: the gateway, its baselines, the load, and what they use."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

START_TIMEOUT = 60.0


class Process:
    """A child that is spoken with in lines, or that writes a log."""

    def __init__(self, child: asyncio.subprocess.Process, log: Path | None = None) -> None:
        self._child, self._log = child, log
        self.pid = child.pid

    def last_words(self) -> str:
        """The end of its log."""
        text = self._log.read_text(errors="replace") if self._log else ""
        return "\n".join(text.splitlines()[-30:])

    async def read(self) -> str:
        """Its next line. Raises ``RuntimeError`` where it ended instead."""
        assert self._child.stdout is not None
        line = await self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"process {self.pid} has ended: {await self._child.wait()}")
        return line.decode().rstrip("\n")

    async def say(self, line: bytes | str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write((line.encode() if isinstance(line, str) else line) + b"\n")
        await self._child.stdin.drain()

    @property
    def has_ended(self) -> bool:
        return self._child.returncode is not None

    async def stop(self) -> None:
        with suppress(ProcessLookupError):
            self._child.terminate()
        await self._child.wait()


@asynccontextmanager
async def python(
    *arguments: str, env: Mapping[str, str] | None = None, log: Path | None = None
) -> AsyncGenerator[Process]:
    """``python -m …`` until the block ends; what it prints is read in lines, or goes to ``log``."""
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, **(env or {})}
    command = (sys.executable, "-m", *arguments)
    with ExitStack() as files:
        out = None if log is None else files.enter_context(log.open("wb"))
        child = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=out or pipe, stderr=out, env=environment
        )
    process = Process(child, log)
    try:
        yield process
    finally:
        await process.stop()


@asynccontextmanager
async def serving(*arguments: str) -> AsyncGenerator[tuple[Process, int]]:
    """A module of this package that serves and prints its port, with the port."""
    async with python(*arguments) as process:
        yield process, int(await process.read())


@asynccontextmanager
async def gateway(database_url: str, folder: Path) -> AsyncGenerator[tuple[Process, int]]:
    """``python -m app serve`` over a database, with its port. Jobs are left to others.

    Only warnings are logged: the bare handler logs nothing either.
    """
    port = _free_port()
    env = {
        "STOREGRAPH_DATABASE_URL": database_url,
        "STOREGRAPH_DATA_DIR": str(folder),
        "STOREGRAPH_JOBS": "external",
        "STOREGRAPH_DEMO": "false",
        "STOREGRAPH_LOG_LEVEL": "WARNING",
    }
    log = folder / "gateway.log"
    async with python("app", "serve", "--port", str(port), env=env, log=log) as process:
        async with asyncio.timeout(START_TIMEOUT):
            while not await _answers(port):
                if process.has_ended:
                    raise RuntimeError(f"the gateway did not start: {process.last_words()}")
                await asyncio.sleep(0.05)
        try:
            yield process, port
        except RuntimeError as error:
            error.add_note(process.last_words())
            raise


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far; 0 where the system does not tell."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return 0.0
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory(pid: int) -> float | None:
    """The most megabytes that a process ever held, where the system tells."""
    return _megabytes(pid, "VmHWM")


def shared_memory(pid: int) -> float | None:
    """Of what a process holds now: pages of libraries, which all processes have in common."""
    return _megabytes(pid, "RssFile")


def _megabytes(pid: int, name: str) -> float | None:
    path = Path(f"/proc/{pid}/status")
    if not path.exists():
        return None
    for line in path.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return None
