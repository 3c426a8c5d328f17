"""Connected accounts: where the money of an organization's buyers goes."""

from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from db import models
from db.models import ConnectedAccount
from resolvers import audit
from resolvers.context import Context
from resolvers.errors import Forbidden, Invalid
from resolvers.payment_service import AccountState
from resolvers.reads import one
from resolvers.rules import WebAddress, checked
from resolvers.services import Services
from resolvers.viewer import Viewer, system


@one(ConnectedAccount, by=ConnectedAccount.id, permission="organization:view")
def by_id(accounts: Any) -> Any:
    return accounts


@one(ConnectedAccount, by=ConnectedAccount.organization_id, permission="organization:view")
def of_organizations(accounts: Any) -> Any:
    """The newest one, where the payment service was another before."""
    newest = (
        select(func.max(ConnectedAccount.id))
        .group_by(ConnectedAccount.organization_id)
        .scalar_subquery()
    )
    return accounts.where(ConnectedAccount.id.in_(newest))


async def charging(ctx: Context, organization_id: int, field: tuple[str, ...]) -> str:
    """The reference of the account that may take the organization's payments. Raises ``Invalid``.

    What is known of one that may not take any yet is asked for again: the message that it may by
    now could be on its way.
    """
    found = select(ConnectedAccount.reference, ConnectedAccount.charges_enabled).where(
        ConnectedAccount.organization_id == organization_id,
        ConnectedAccount.provider == ctx.services.payments.name,
    )
    rows = await ctx.rows(found)
    if not rows:
        state = ctx.services.payments.own_account(organization_id)
        if state is None:
            raise Invalid("the seller has connected no account that takes payments", field=field)
        await _keep(ctx.services, organization_id, state)
        return state.reference
    if rows[0].charges_enabled:
        return rows[0].reference
    try:
        state = await refresh(ctx.services, rows[0].reference)
    except Invalid as error:
        raise Invalid(str(error), field=field) from error
    if state is None or not state.charges_enabled:
        raise Invalid("the seller's connected account may not take payments yet", field=field)
    return state.reference


async def refresh(services: Services, reference: str) -> AccountState | None:
    """Ask the service what an account of ours may do; None for a stranger's."""
    ctx = Context(services)
    found = select(ConnectedAccount.organization_id).where(
        ConnectedAccount.provider == services.payments.name,
        ConnectedAccount.reference == reference,
    )
    if not (rows := await ctx.rows(found)):
        return None
    state = await services.payments.account(reference)
    await _keep(services, rows[0].organization_id, state)
    return state


async def _keep(services: Services, organization_id: int, state: AccountState) -> int:
    """Write down what an account may do; the key of its row."""
    values = {
        "charges_enabled": state.charges_enabled,
        "payouts_enabled": state.payouts_enabled,
        "details_submitted": state.details_submitted,
    }
    scope = {"organization_id": organization_id, "provider": services.payments.name}
    ctx = Context(services, system(organization_id))
    async with ctx.transaction() as tx:
        insert = sqlite.insert if services.database.is_sqlite else postgresql.insert
        at = services.clock()
        made = insert(ConnectedAccount).values(
            **scope, **values, reference=state.reference, version=1, created_at=at, updated_at=at
        )
        await tx.execute(made.on_conflict_do_nothing())
        found = select(ConnectedAccount).filter_by(**scope).with_for_update()
        account = (await tx.scalars(found)).one()
        changed = {name for name, value in values.items() if getattr(account, name) != value}
        for name in changed:
            setattr(account, name, values[name])
        if changed:
            audit.write(
                tx, system(organization_id), "account.changed", ("connected_account", account.id),
                **values,
            )  # fmt: skip
        return account.id


@dataclass(frozen=True, kw_only=True)
class _Onboarding:
    return_url: Annotated[str, WebAddress()]
    refresh_url: Annotated[str, WebAddress()]


@dataclass(frozen=True, slots=True)
class Started:
    """``key`` is the connected account's."""

    key: int
    url: str


async def start_onboarding(
    ctx: Context,
    *,
    return_url: Annotated[str, "Where they are sent when they are done."],
    refresh_url: Annotated[str, "Where they are sent when the address does not work any more."],
) -> Started:
    """Open an account with the payment service, once, and begin to fill it in.

    The answer's ``url`` is good for some minutes, and for whoever has it: give it to the seller
    only.
    """
    viewer = ctx.require("organization:update")
    if viewer.store_ids is not None or viewer.own_only:
        raise Forbidden("this credential does not speak for the whole organization")
    values = checked(_Onboarding(return_url=return_url, refresh_url=refresh_url))
    service = ctx.services.payments
    reference = await _reference(ctx, viewer)
    if reference is None:
        state = service.own_account(viewer.organization_id)
        if state is None:
            name = await _name(ctx, viewer)
            state = await service.create_account(viewer.organization_id, name)
        key = await _keep(ctx.services, viewer.organization_id, state)
        reference = await _reference(ctx, viewer) or state.reference
        async with ctx.transaction() as tx:
            audit.write(
                tx, viewer, "account.connected", ("connected_account", key), reference=reference
            )
    url = await service.onboarding_url(
        reference, return_url=values["return_url"], refresh_url=values["refresh_url"]
    )
    return Started(await _key(ctx, viewer), url)


async def _reference(ctx: Context, viewer: Viewer) -> str | None:
    rows = await ctx.rows(_own(ctx, viewer).with_only_columns(ConnectedAccount.reference))
    return rows[0].reference if rows else None


async def _key(ctx: Context, viewer: Viewer) -> int:
    return (await ctx.rows(_own(ctx, viewer).with_only_columns(ConnectedAccount.id)))[0].id


def _own(ctx: Context, viewer: Viewer) -> Any:
    return select(ConnectedAccount).where(
        ConnectedAccount.organization_id == viewer.organization_id,
        ConnectedAccount.provider == ctx.services.payments.name,
    )


async def _name(ctx: Context, viewer: Viewer) -> str:
    found = select(models.Organization.name).where(models.Organization.id == viewer.organization_id)
    return (await ctx.rows(found))[0].name
