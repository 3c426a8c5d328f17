"""``python -m app users``: what operators do with people's accounts."""

import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from app.terminal import fail, out, run, settings
from db.models import Plan, Role
from resolvers.context import Context

app = typer.Typer(no_args_is_help=True, help="Add people, reset passwords, set plans.")
T = TypeVar("T")
Email = Annotated[str, typer.Argument(help="The e-mail address.")]
FromStdin = Annotated[
    bool,
    typer.Option("--stdin", help="Read the password from standard input; else it is random."),
]


@app.command()
def add(
    email: Email,
    name: Annotated[str | None, typer.Option(help="The person's name.")] = None,
    organization: Annotated[
        str | None, typer.Option(help="Slug of the organization; a new one without it.")
    ] = None,
    role: Annotated[Role, typer.Option(help="What they are there.")] = Role.OWNER,
    stdin: FromStdin = False,
) -> None:
    """Create an account. A random password is shown once, now."""
    if organization is None and role is not Role.OWNER:
        fail("a new organization begins with its owner: name one by --organization")
    password = _password(stdin=stdin)

    async def create(ctx: Context) -> int:
        from app.keys_cli import chosen  # noqa: PLC0415
        from resolvers import accounts, organizations  # noqa: PLC0415

        owner = None
        if organization is not None:
            owner = chosen(await organizations.slugs(ctx.services.database), organization)
        wanted = accounts.NewAccount(email=email, password=password, name=name)
        return await accounts.add(ctx, input=wanted, organization_id=owner, role=role)

    out.print(f"User {_do(create)}", soft_wrap=True)
    _show(password, stdin=stdin)


@app.command()
def password(email: Email, stdin: FromStdin = False) -> None:
    """Give somebody another password, and log them out everywhere. It is shown once, now."""
    new = _password(stdin=stdin)

    async def reset(ctx: Context) -> int:
        from resolvers import accounts  # noqa: PLC0415

        return await accounts.reset_password(ctx, email=email, password=new)

    out.print(f"{_do(reset)} sessions have ended.", soft_wrap=True)
    _show(new, stdin=stdin)


@app.command()
def plan(
    organization: Annotated[str, typer.Argument(help="Slug of the organization.")],
    plan: Annotated[Plan, typer.Argument(help="What it pays for from now on.")],
) -> None:
    """Set an organization's plan."""

    async def change(ctx: Context) -> None:
        from resolvers import accounts  # noqa: PLC0415

        await accounts.set_plan(ctx, slug=organization, plan=plan)

    _do(change)
    out.print(f"{organization} is on the plan {plan.value}.", soft_wrap=True)


def _password(*, stdin: bool) -> str:
    """Never an argument: those of a running program are for everybody on the machine to read."""
    return sys.stdin.readline().rstrip("\r\n") if stdin else secrets.token_urlsafe(16)


def _show(password: str, *, stdin: bool) -> None:
    if not stdin:
        out.print(f"Password: {password}", soft_wrap=True, markup=False)
        out.print("[dim]It is not shown again.[/dim]")


def _do(act: Callable[[Context], Awaitable[T]]) -> T:
    async def acted() -> T:
        from app.assembly import open_services  # noqa: PLC0415

        async with open_services(settings(), background=False) as services:
            return await act(Context(services))

    return run(acted())
