"""``python -m app keys``: what operators do with API keys."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from app.terminal import fail, out, run, settings, show
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.viewer import WHOLESALE, Viewer

app = typer.Typer(no_args_is_help=True, help="Create, list, change and revoke API keys.")
T = TypeVar("T")
KeyNumber = Annotated[int, typer.Argument(help="The key's number, as `keys list` shows it.")]
ACTOR = "cli"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    organization: Annotated[
        str | None, typer.Option(help="Slug of its organization; not needed where there is one.")
    ] = None,
    permission: Annotated[
        list[str] | None, typer.Option(help="resource:action, resource:* or *. Repeatable.")
    ] = None,
    wholesale: Annotated[
        bool, typer.Option("--wholesale", help="A wholesale client's key; needs --store.")
    ] = False,
    store: Annotated[int | None, typer.Option(help="Number of the only store it sees.")] = None,
    own_only: Annotated[
        bool, typer.Option("--own-only", help="It sees only what it made itself.")
    ] = False,
    expires_in: Annotated[int | None, typer.Option(min=1, help="Days until it ends.")] = None,
    secret: Annotated[
        bool, typer.Option("--secret", help="Also make a secret that signs requests.")
    ] = False,
    allow_ip: Annotated[
        list[str] | None, typer.Option(help="Address or network that may use it. Repeatable.")
    ] = None,
) -> None:
    """Create a key. The key and its secret are shown once, now."""
    if wholesale and store is None:
        fail("a wholesale key needs --store")
    if not wholesale and not permission:
        fail('say what it may do: --permission ("*" is everything), or --wholesale')

    async def mint(ctx: Context) -> Any:
        from resolvers import api_keys  # noqa: PLC0415

        lifetime = None if expires_in is None else timedelta(days=expires_in)
        return await api_keys.create(
            ctx,
            input=api_keys.NewApiKey(
                name=name,
                permissions=[*sorted(WHOLESALE if wholesale else ()), *(permission or ())],
                store_id=store,
                own_only=own_only or wholesale,
                expires_at=None if lifetime is None else ctx.services.clock() + lifetime,
                with_secret=secret,
                allowed_addresses=tuple(allow_ip or ()),
            ),
        )

    minted = _do(mint, organization=organization)
    out.print(f"Key {minted.key}", soft_wrap=True)
    out.print(f"API key: {minted.token}", soft_wrap=True)
    if minted.secret is not None:
        out.print(f"Secret:  {minted.secret}", soft_wrap=True)
    out.print("[dim]Neither is shown again.[/dim]")


@app.command("list")
def list_keys() -> None:
    """All keys of all organizations."""

    async def read() -> list[tuple[str, ...]]:
        from app.assembly import open_services  # noqa: PLC0415
        from resolvers import api_keys  # noqa: PLC0415

        async with open_services(settings(), background=False) as services:
            return [
                (
                    str(row.id),
                    row.slug,
                    row.name,
                    f"{row.prefix}…",
                    api_keys.state(row, services.clock()),
                    str(row.request_count),
                    ", ".join(row.allowed_addresses) or "any",
                )
                for row in await api_keys.everyone(services.database)
            ]

    table = Table("Key", "Organization", "Name", "Begins", "State", "Requests", "Addresses")
    for cells in run(read()):
        table.add_row(*map(escape, cells))
    show(table)


@app.command()
def revoke(key: KeyNumber) -> None:
    """End a key for good, at once."""

    async def end(ctx: Context) -> int:
        from resolvers import api_keys  # noqa: PLC0415

        return await api_keys.revoke(ctx, id=key)

    _do(end, key=key)
    out.print(f"Key {key} is revoked.")


@app.command("rotate-secret")
def rotate_secret(key: KeyNumber) -> None:
    """Replace the secret that signs requests. The new one is shown once, now."""

    async def rotate(ctx: Context) -> Any:
        from resolvers import api_keys  # noqa: PLC0415

        return await api_keys.rotate_secret(ctx, id=key)

    out.print(f"Secret: {_do(rotate, key=key).secret}", soft_wrap=True)
    out.print("[dim]It is not shown again; the old one is void.[/dim]")


@app.command("allow-ip")
def allow_ip(
    key: KeyNumber,
    address: Annotated[
        list[str] | None, typer.Argument(help="Addresses or networks that may use it, too.")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Forget those allowed so far; alone, allow any.")
    ] = False,
) -> None:
    """Say from where a key may be used."""
    if not address and not clear:
        fail("name addresses, or --clear")

    async def allow(ctx: Context) -> int:
        from resolvers import api_keys  # noqa: PLC0415

        before = [] if clear else await api_keys.addresses(ctx, key)
        changes = api_keys.ApiKeyChanges(allowed_addresses=(*before, *(address or ())))
        return await api_keys.update(ctx, id=key, changes=changes)

    _do(allow, key=key)
    out.print(f"Key {key} is changed.")


def _do(
    act: Callable[[Context], Awaitable[T]],
    *,
    organization: str | None = None,
    key: int | None = None,
) -> T:
    """Act for the organization of a slug or of a key."""

    async def acted() -> T:
        from app.assembly import open_services  # noqa: PLC0415
        from resolvers import api_keys, organizations  # noqa: PLC0415

        async with open_services(settings(), background=False) as services:
            if key is not None:
                owner = await api_keys.organization_of(services.database, key)
            else:
                owner = chosen(await organizations.slugs(services.database), organization)
            viewer = Viewer(owner, frozenset({"*"}), ACTOR)
            return await act(Context(services, viewer))

    return run(acted())


def chosen(slugs: dict[str, int], wanted: str | None) -> int:
    """The key of the organization of a slug, or of the only one. Raises ``Invalid``."""
    if wanted is None and len(slugs) == 1:
        return next(iter(slugs.values()))
    if wanted not in slugs:
        known = ", ".join(slugs) or "none yet"
        raise Invalid(f"say which organization with --organization: {known}")
    return slugs[wanted]
