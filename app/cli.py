"""``python -m app``: what operators do by hand, beside ``serve`` and ``work``."""

from pathlib import Path
from typing import Annotated, Any, cast

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from app import apps_cli, keys_cli, serve_cli, stores_cli, users_cli
from app.terminal import fail, out, run, settings, show

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="storegraph: one GraphQL schema over a combined commerce domain, and legacy REST APIs.",
)
app.add_typer(serve_cli.app)
app.add_typer(apps_cli.app, name="apps")
app.add_typer(keys_cli.app, name="keys")
app.add_typer(users_cli.app, name="users")
app.add_typer(stores_cli.app, name="stores")
SCHEMA_FILE = Path("schema/schema.graphql")


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from db.migrate import upgrade  # noqa: PLC0415

    chosen = settings()
    if chosen.is_embedded:
        chosen.data_dir.mkdir(parents=True, exist_ok=True)
    done = run(upgrade(chosen.database))
    if done.changed:
        out.print(f"Migrated from {done.before or 'nothing'} to {done.after}.")
    else:
        out.print(f"Nothing to do: the database is at {done.after}.")


@app.command()
def seed(
    scale: Annotated[float, typer.Option(min=0.01, help="Times the usual amount.")] = 1,
) -> None:
    """Fill an empty database with demo data."""
    from app import first_start  # noqa: PLC0415
    from app.assembly import open_services  # noqa: PLC0415
    from app.seed import NotEmpty  # noqa: PLC0415

    async def fill() -> None:
        async with open_services(chosen, background=False) as services:
            await first_start.plant(chosen, services, scale)

    chosen = settings()
    try:
        run(fill())
    except NotEmpty as error:
        fail(str(error))
    out.print(f"Demo credentials: {escape(str(chosen.credentials_file))}")


@app.command("export-schema")
def export_schema(
    path: Annotated[Path, typer.Argument(help="File to write.")] = SCHEMA_FILE,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where the file differs.")
    ] = False,
) -> None:
    """Print the GraphQL schema into a file."""
    from schema import make_schema  # noqa: PLC0415

    text = make_schema().as_str() + "\n"
    if not check:
        path.write_text(text, encoding="utf-8")
        out.print(f"Wrote {escape(str(path))}.")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        fail(f"{path} is not what the code says: run export-schema")


@app.command()
def explain(
    document: Annotated[Path, typer.Argument(help="File with a GraphQL query.", exists=True)],
    variables: Annotated[str, typer.Option(help="Its variables, JSON.")] = "{}",
    operation: Annotated[
        str | None, typer.Option(help="Name of the operation, where there are several.")
    ] = None,
    organization: Annotated[
        str | None, typer.Option(help="Slug of who asks; not needed where there is one.")
    ] = None,
    store: Annotated[int | None, typer.Option(help="As a key that sees only this store.")] = None,
    own: Annotated[int | None, typer.Option(help="As this key, if it saw only its own.")] = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Measure each statement (PostgreSQL).")
    ] = False,
) -> None:
    """How a query is answered: its plan, SQL, generated functions, and how the database runs it."""
    from app import explain as explaining  # noqa: PLC0415
    from app.assembly import open_services  # noqa: PLC0415
    from resolvers.organizations import slugs  # noqa: PLC0415
    from resolvers.viewer import Viewer  # noqa: PLC0415
    from schema import make_schema  # noqa: PLC0415
    from schema.limits import Limits  # noqa: PLC0415

    async def told() -> str:
        async with open_services(chosen, background=False) as services:
            viewer = Viewer(
                organization_id=keys_cli.chosen(await slugs(services.database), organization),
                permissions=frozenset({"*"}),
                credential=keys_cli.ACTOR,
                store_ids=None if store is None else frozenset({store}),
                api_key_id=own,
                own_only=own is not None,
            )
            text = document.read_text(encoding="utf-8")
            question = explaining.Question(text, given, operation, viewer)
            limits = Limits(cost=chosen.max_cost, depth=chosen.max_depth)
            return await explaining.explain(
                services, make_schema(limits=limits), question, analyze=analyze
            )

    chosen = settings()
    given = _json_object(variables)
    out.print(escape(run(told())), soft_wrap=True)


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        fail(f"--variables is no JSON: {error}")
    if not isinstance(found, dict):
        fail("--variables is no JSON object")
    return cast("dict[str, Any]", found)


@app.command()
def deposit(
    network: Annotated[str, typer.Option(help="Such as usdt_trc_20.")],
    amount: Annotated[str, typer.Option(help="In USDT, exactly as the top-up asks for it.")],
) -> None:
    """Send USDT to our wallet on the simulated chain. No real money moves."""
    from app.assembly import open_services  # noqa: PLC0415
    from providers.chain import SimulatedChain  # noqa: PLC0415
    from resolvers.money import micro  # noqa: PLC0415

    async def send() -> str:
        async with open_services(settings(), background=False) as services:
            chain = SimulatedChain(services.database, {})
            return await chain.send(network, units)

    try:
        units = micro(amount)
        if units <= 0:
            fail("an amount is greater than zero")
        transaction = run(send())
    except ValueError as error:
        fail(str(error))
    out.print(
        f"Sent {amount} USDT over {escape(network)}: transaction {transaction}", soft_wrap=True
    )


@app.command()
def audit(
    last: Annotated[int, typer.Option(min=1, max=1000, help="How many entries.")] = 50,
) -> None:
    """The newest entries of the audit log, of all organizations."""
    from app.assembly import open_services  # noqa: PLC0415
    from resolvers.audit import newest  # noqa: PLC0415

    async def read() -> list[tuple[str, ...]]:
        async with open_services(settings(), background=False) as services:
            return [
                (
                    f"{row.created_at:%Y-%m-%d %H:%M:%S}",
                    str(row.organization_id),
                    row.actor,
                    row.action,
                    f"{row.subject_type} {row.subject_id or ''}",
                    str(row.details),
                )
                for row in await newest(services.database, last)
            ]

    table = Table("When (UTC)", "Organization", "Who", "What", "To", "Details")
    for cells in run(read()):
        table.add_row(*map(escape, cells))
    show(table)
