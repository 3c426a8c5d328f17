"""``python -m app serve`` and ``work``: read the settings, and become the program that serves.

Little is imported here: the program imports all it needs, and who starts it waits for both.
"""

from typing import Annotated

import typer

from app import launch
from app.terminal import run, settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")]
Workers = Annotated[int | None, typer.Option(help="Serving processes on that port.")]


@app.command()
def serve(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """Serve GraphQL and the legacy APIs, with demo data at the first start."""
    chosen = settings(host=host, port=port, workers=workers)
    if launch.is_first_start(chosen):
        from app import first_start  # noqa: PLC0415

        run(first_start.prepare(chosen))
    launch.become(chosen, "serve")


@app.command()
def work() -> None:
    """Run jobs until stopped; for databases that serving processes leave the jobs of."""
    launch.become(settings(), "work")
