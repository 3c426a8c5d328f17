"""Customers: who buys in a store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import String, cast, func, or_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Customer, Store, SubscriptionStatus
from resolvers import idempotency
from resolvers.context import Context
from resolvers.countries import Country
from resolvers.errors import Conflict
from resolvers.events import announce
from resolvers.inputs import ABSENT, MicroUnits
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Email, Text, checked
from resolvers.writes import held, put, referred

FULL_NAME = func.coalesce(Customer.first_name, "") + " " + func.coalesce(Customer.last_name, "")
SORTS = sorts(
    "CustomerSort",
    default="created_at_desc",
    id=Customer.id,
    created_at=Customer.created_at,
    updated_at=Customer.updated_at,
    name=FULL_NAME,
    email=func.coalesce(Customer.email, ""),
    phone=func.coalesce(Customer.phone, ""),
    address=func.coalesce(Customer.address, ""),
    city=func.coalesce(Customer.city, ""),
    postal_code=func.coalesce(Customer.postal_code, ""),
    subscription_status=cast(Customer.subscription_status, String),
    first_name=func.coalesce(Customer.first_name, ""),
    last_name=func.coalesce(Customer.last_name, ""),
    order_count=Customer.order_count,
    amount_spent=Customer.amount_spent,
)


@dataclass(frozen=True, kw_only=True)
class CustomerFilter:
    """Which customers; all given conditions must hold."""

    search: Annotated[
        str | None,
        "Text in the name, e-mail address, phone, address, city or postal code.",
    ] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    email: Annotated[str | None, "Exactly this e-mail address, in any case."] = None
    country: Annotated[str | None, "Only from this country."] = None
    subscription_status: Annotated[
        SubscriptionStatus | None, "Only those who want to be written to, or only others."
    ] = None
    min_orders: Annotated[int | None, "At least this many orders."] = None
    max_orders: Annotated[int | None, "At most this many orders."] = None
    min_spent: Annotated[int | None, MicroUnits, "Spent at least this."] = None
    max_spent: Annotated[int | None, MicroUnits, "Spent at most this."] = None
    created_after: Annotated[datetime | None, "Came at or after."] = None
    created_before: Annotated[datetime | None, "Came before."] = None


SEARCHED = (
    FULL_NAME,
    Customer.email,
    Customer.phone,
    Customer.address,
    Customer.city,
    Customer.postal_code,
)
CONDITIONS: Conditions = {
    "search": lambda text: or_(*(contains(column, text) for column in SEARCHED)),
    "store_id": lambda key: Customer.store_id == key,
    "email": lambda address: func.lower(Customer.email) == address.lower(),
    "country": lambda country: Customer.country == country.upper(),
    "subscription_status": lambda status: Customer.subscription_status == status,
    "min_orders": lambda least: Customer.order_count >= least,
    "max_orders": lambda most: Customer.order_count <= most,
    "min_spent": lambda least: Customer.amount_spent >= least,
    "max_spent": lambda most: Customer.amount_spent <= most,
    "created_after": lambda at: Customer.created_at >= at,
    "created_before": lambda at: Customer.created_at < at,
}


@one(Customer, by=Customer.id, permission="customer:view")
def by_id(customers: Any) -> Any:
    return customers


@one(Customer, by=Customer.uuid, permission="customer:view")
def by_uuid(customers: Any) -> Any:
    return customers


@page(Customer, sorts=SORTS, permission="customer:view")
def listing(customers: Any, *, filter: CustomerFilter | None = None) -> Any:
    return narrowed(customers, filter, CONDITIONS)


of_stores = listing.by_column(Customer.store_id)


def full_name(first_name: str | None, last_name: str | None) -> str | None:
    return " ".join(part for part in (first_name, last_name) if part) or None


def given_and_family(name: str | None) -> tuple[str | None, str | None]:
    """The first word of a full name, and the rest of it."""
    given, _, family = " ".join((name or "").split()).partition(" ")
    return given or None, family or None


@dataclass(frozen=True, kw_only=True)
class NewCustomer:
    """A customer to add."""

    store_id: Annotated[int, KeyOf("Store"), "The store they buy in."]
    first_name: Annotated[str | None, Text(120, 0), "Given name."] = None
    last_name: Annotated[str | None, Text(120, 0), "Family name."] = None
    email: Annotated[str | None, Email, "E-mail address."] = None
    phone: Annotated[str | None, Text(40, 0), "Telephone number."] = None
    address: Annotated[str | None, Text(500, 0), "Street and house."] = None
    city: Annotated[str | None, Text(120, 0), "Town."] = None
    state: Annotated[str | None, Text(120, 0), "State or region."] = None
    postal_code: Annotated[str | None, Text(40, 0), "Postal code."] = None
    country: Annotated[str | None, Country(), "Country, as ISO 3166-1 alpha-2 code."] = None
    subscription_status: Annotated[SubscriptionStatus, "Whether they want to be written to."] = (
        SubscriptionStatus.NOT_SUBSCRIBED
    )


@dataclass(frozen=True, kw_only=True)
class CustomerChanges:
    """What to change about a customer."""

    first_name: Annotated[str | None, Text(120, 0), "Given name."] = ABSENT
    last_name: Annotated[str | None, Text(120, 0), "Family name."] = ABSENT
    email: Annotated[str | None, Email, "E-mail address."] = ABSENT
    phone: Annotated[str | None, Text(40, 0), "Telephone number."] = ABSENT
    address: Annotated[str | None, Text(500, 0), "Street and house."] = ABSENT
    city: Annotated[str | None, Text(120, 0), "Town."] = ABSENT
    state: Annotated[str | None, Text(120, 0), "State or region."] = ABSENT
    postal_code: Annotated[str | None, Text(40, 0), "Postal code."] = ABSENT
    country: Annotated[str | None, Country(), "Country, as ISO 3166-1 alpha-2 code."] = ABSENT
    subscription_status: Annotated[SubscriptionStatus, "Whether they want to be written to."] = (
        ABSENT
    )


async def create(ctx: Context, *, input: NewCustomer, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("customer:create")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        store = await referred(tx, viewer, Store, input.store_id, field=("input", "store_id"))
        customer = Customer(
            organization_id=store.organization_id, currency=store.currency, **values
        )
        tx.add(customer)
        await _write(tx, "input")
        _tell(tx, "customer.created", customer)
        return customer.id

    return await idempotency.once(ctx, "createCustomer", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Customer"), "The customer."],
    changes: CustomerChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("customer:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        customer = await held(tx, viewer, Customer, id, expected_version=expected_version)
        put(customer, values)
        await _write(tx, "changes")
        _tell(tx, "customer.updated", customer)
    return id


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Customer"), "The customer."],
    expected_version: int | None = None,
) -> int:
    """Delete a customer. Their orders and reviews stay, without them."""
    viewer = ctx.require("customer:delete")
    async with ctx.transaction() as tx:
        customer = await held(tx, viewer, Customer, id, expected_version=expected_version)
        customer.deleted_at = ctx.services.clock()
        _tell(tx, "customer.deleted", customer)
    return id


async def _write(tx: AsyncSession, inside: str) -> None:
    """Raise ``Conflict`` where another customer of the store has the e-mail address.

    Only the database can tell: of two who come at once, neither sees the other.
    """
    try:
        await tx.flush()
    except IntegrityError as error:
        message = "another customer has this e-mail address"
        raise Conflict(message, field=(inside, "email")) from error


def _tell(tx: AsyncSession, topic: str, customer: Customer) -> None:
    announce(
        tx,
        topic,
        organization_id=customer.organization_id,
        store_id=customer.store_id,
        subject=("customer", customer.id),
    )
