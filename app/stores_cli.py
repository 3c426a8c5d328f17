"""``python -m app stores``: what operators do with stores."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.keys_cli import ACTOR
from app.terminal import out, run, settings, show

app = typer.Typer(no_args_is_help=True, help="List deleted stores and bring them back.")
StoreNumber = Annotated[int, typer.Argument(help="Its number, as `stores list-deleted` shows it.")]


@app.command("list-deleted")
def list_deleted() -> None:
    """The deleted stores of all organizations that can still be restored, and until when."""

    async def read() -> list[tuple[str, ...]]:
        from app.assembly import open_services  # noqa: PLC0415
        from resolvers import stores  # noqa: PLC0415

        async with open_services(settings(), background=False) as services:
            return [
                (
                    str(row.id),
                    row.slug,
                    row.name,
                    row.subdomain,
                    f"{row.deleted_at:%Y-%m-%d %H:%M:%S}",
                    f"{row.deleted_at + stores.KEPT_FOR:%Y-%m-%d %H:%M:%S}",
                )
                for row in await stores.deleted(services)
            ]

    table = Table("Store", "Organization", "Name", "Subdomain", "Deleted (UTC)", "Kept until (UTC)")
    for cells in run(read()):
        table.add_row(*map(escape, cells))
    show(table)


@app.command()
def restore(store: StoreNumber) -> None:
    """Bring back a store with everything in it, within 30 days."""

    async def bring_back() -> None:
        from app.assembly import open_services  # noqa: PLC0415
        from db.models import Store  # noqa: PLC0415
        from resolvers import organizations, stores  # noqa: PLC0415
        from resolvers.context import Context  # noqa: PLC0415
        from resolvers.viewer import Viewer  # noqa: PLC0415

        async with open_services(settings(), background=False) as services:
            owner = await organizations.owner_of(services.database, Store, store)
            viewer = Viewer(owner, frozenset({"*"}), ACTOR)
            await stores.restore(Context(services, viewer), id=store)

    run(bring_back())
    out.print(f"Store {store} is restored.")
