"""``python -m app apps``: what operators do with apps."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from app.keys_cli import ACTOR, chosen
from app.terminal import out, run, settings, show
from db import models
from resolvers.context import Context
from resolvers.services import Services
from resolvers.viewer import Viewer

app = typer.Typer(no_args_is_help=True, help="Register, install, uninstall apps.")
T = TypeVar("T")
ClientId = Annotated[str, typer.Argument(help="The app's client id: public_…")]
Owner = Callable[[Services], Awaitable[int]]


@app.command()
def register(
    name: Annotated[str, typer.Argument(help="What stores know it as.")],
    organization: Annotated[
        str | None, typer.Option(help="Slug of its organization; not needed where there is one.")
    ] = None,
    permission: Annotated[
        list[str] | None, typer.Option(help="What it asks for: resource:action. Repeatable.")
    ] = None,
    install_url: Annotated[str | None, typer.Option(help="Told when a store installs it.")] = None,
    webhook_url: Annotated[str | None, typer.Option(help="Told what happens.")] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="What it is told of: order.created. Repeatable.")
    ] = None,
) -> None:
    """Register an app. Its secrets are shown once, now."""

    async def owner(services: Services) -> int:
        from resolvers import organizations  # noqa: PLC0415

        return chosen(await organizations.slugs(services.database), organization)

    async def made(ctx: Context) -> Any:
        from resolvers import apps, fetch  # noqa: PLC0415

        given = apps.NewApp(
            name=name,
            permissions=tuple(permission or ()),
            install_url=install_url,
            webhook_url=webhook_url,
            topics=tuple(topic or ()),
        )
        registered = await apps.register(ctx, input=given)
        row = await fetch.find(ctx, apps.by_id, registered.key, (models.App.client_id,), what="app")
        return registered, row.client_id

    registered, client_id = _do(made, owner)
    out.print(f"Client id:      {client_id}", soft_wrap=True)
    out.print(f"Client secret:  {registered.client_secret}", soft_wrap=True)
    out.print(f"Signing secret: {registered.signing_secret}", soft_wrap=True)
    out.print("[dim]The secrets are not shown again.[/dim]")


@app.command("list")
def list_apps() -> None:
    """All apps of all organizations, and where they are installed."""

    async def read() -> list[tuple[str, ...]]:
        from app.assembly import open_services  # noqa: PLC0415
        from resolvers import apps  # noqa: PLC0415

        async with open_services(settings(), background=False) as services:
            return [
                (
                    row.client_id,
                    row.slug,
                    row.name,
                    "" if row.installation_id is None else str(row.installation_id),
                    row.subdomain or "",
                    "" if row.status is None else row.status.value,
                )
                for row in await apps.everyone(services.database)
            ]

    table = Table("Client id", "Organization", "Name", "Installation", "Store", "Status")
    for cells in run(read()):
        table.add_row(*map(escape, cells))
    show(table)


@app.command()
def install(
    client_id: ClientId,
    store: Annotated[int, typer.Argument(help="Number of the store.")],
    permission: Annotated[
        list[str] | None, typer.Option(help="What it may do there; all it asks for without.")
    ] = None,
) -> None:
    """Give an app to a store."""

    async def owner(services: Services) -> int:
        from resolvers import organizations  # noqa: PLC0415

        return await organizations.owner_of(services.database, models.Store, store)

    async def give(ctx: Context) -> Any:
        from resolvers import app_installations, fetch  # noqa: PLC0415

        given = app_installations.InstallApp(
            store_id=store,
            client_id=client_id,
            permissions=None if permission is None else tuple(permission),
        )
        installed = await app_installations.install(ctx, input=given)
        columns = (models.AppInstallation.uuid, models.AppInstallation.status)
        return await fetch.find(
            ctx, app_installations.by_id, installed.key, columns, what="installation"
        )

    row = _do(give, owner)
    out.print(f"Installation {row.id} is {row.status}; its install_id is {row.uuid}.")


@app.command()
def uninstall(
    installation: Annotated[int, typer.Argument(help="Its number, as `apps list` shows it.")],
) -> None:
    """Take an app from a store, at once."""

    async def owner(services: Services) -> int:
        from resolvers import organizations  # noqa: PLC0415

        return await organizations.owner_of(services.database, models.AppInstallation, installation)

    async def take(ctx: Context) -> int:
        from resolvers import app_installations  # noqa: PLC0415

        return await app_installations.uninstall(ctx, id=installation)

    _do(take, owner)
    out.print(f"Installation {installation} is uninstalled.")


@app.command()
def rotate(
    client_id: ClientId,
    signing: Annotated[
        bool, typer.Option("--signing", help="The secret that signs messages instead.")
    ] = False,
) -> None:
    """Replace an app's client secret. The new one is shown once, now."""

    async def owner(services: Services) -> int:
        from resolvers import apps  # noqa: PLC0415

        return (await apps.owned(services.database, client_id))[0]

    async def replaced(ctx: Context) -> str | None:
        from resolvers import apps  # noqa: PLC0415

        _, key = await apps.owned(ctx.services.database, client_id)
        if signing:
            return (await apps.rotate_signing_secret(ctx, id=key)).signing_secret
        return (await apps.rotate_client_secret(ctx, id=key)).client_secret

    secret = _do(replaced, owner)
    out.print(f"{'Signing' if signing else 'Client'} secret: {secret}", soft_wrap=True)
    out.print("[dim]It is not shown again; the old one is void.[/dim]")


def _do(act: Callable[[Context], Awaitable[T]], owner: Owner) -> T:
    """Act for the organization that ``owner`` finds."""

    async def acted() -> T:
        from app.assembly import open_services  # noqa: PLC0415

        async with open_services(settings(), background=False) as services:
            viewer = Viewer(await owner(services), frozenset({"*"}), ACTOR)
            return await act(Context(services, viewer))

    return run(acted())
