"""Payment providers: the ways to pay that a store offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import PaymentProvider, Store
from resolvers import idempotency
from resolvers.context import Context
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, narrowed, one, page, sorts
from resolvers.rules import Count, Each, Text, checked
from resolvers.writes import held, put, referred

SORTS = sorts(
    "PaymentProviderSort",
    default="name_asc",
    id=PaymentProvider.id,
    name=PaymentProvider.name,
    created_at=PaymentProvider.created_at,
)


@dataclass(frozen=True, kw_only=True)
class PaymentProviderFilter:
    """Which payment providers; all given conditions must hold."""

    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    active: Annotated[bool | None, "Offered to buyers, or not."] = None
    connected: Annotated[bool | None, "Set up with the provider, or not."] = None


CONDITIONS: Conditions = {
    "store_id": lambda key: PaymentProvider.store_id == key,
    "active": PaymentProvider.active.is_,
    "connected": PaymentProvider.connected.is_,
}


@one(PaymentProvider, by=PaymentProvider.id, permission="payment_method:view")
def by_id(providers: Any) -> Any:
    return providers


@page(PaymentProvider, sorts=SORTS, permission="payment_method:view")
def listing(providers: Any, *, filter: PaymentProviderFilter | None = None) -> Any:
    return narrowed(providers, filter, CONDITIONS)


@dataclass(frozen=True, kw_only=True)
class NewPaymentProvider:
    """A way to pay."""

    store_id: Annotated[int, KeyOf("Store"), "The store that offers it."]
    name: Annotated[str, Text(120), "Its name, as buyers see it."]
    payment_types: Annotated[
        Sequence[str], Count(20), Each(Text(40), distinct=True), 'What it takes: "card", "cod".'
    ] = ()
    active: Annotated[bool, "Whether it is offered to buyers."] = True
    connected: Annotated[bool, "Whether it is set up with the provider."] = False


@dataclass(frozen=True, kw_only=True)
class PaymentProviderChanges:
    """What to change about a way to pay."""

    name: Annotated[str, Text(120), "Its name, as buyers see it."] = ABSENT
    payment_types: Annotated[
        Sequence[str], Count(20), Each(Text(40), distinct=True), 'What it takes: "card", "cod".'
    ] = ABSENT
    active: Annotated[bool, "Whether it is offered to buyers."] = ABSENT
    connected: Annotated[bool, "Whether it is set up with the provider."] = ABSENT


async def create(
    ctx: Context, *, input: NewPaymentProvider, idempotency_key: str | None = None
) -> int:
    viewer = ctx.require("payment_method:create")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        store = await referred(tx, viewer, Store, input.store_id, field=("input", "store_id"))
        provider = PaymentProvider(organization_id=store.organization_id, **values)
        tx.add(provider)
        await tx.flush()
        return provider.id

    return await idempotency.once(ctx, "createPaymentProvider", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("PaymentProvider"), "The payment provider."],
    changes: PaymentProviderChanges,
    expected_version: int | None = None,
) -> int:
    """Change a way to pay; there is no deleting, since orders say how they were paid."""
    viewer = ctx.require("payment_method:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        found = await held(tx, viewer, PaymentProvider, id, expected_version=expected_version)
        put(found, values)
    return id
