"""Checkout sessions: an order with its goods kept, and the page on which its buyer may pay it.

The order, its line, the goods and the session are written down first, in one transaction; then the
payment service is asked, with the session's uuid as its key; then its answer is kept. Whatever
happens between two of these steps: a repeated call goes on with the same session, and one that
nobody goes on with expires, which puts the goods back on sale.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from db.models import CheckoutSession, CheckoutStatus, Order, OrderLine, Product, Variant
from resolvers import (
    card_refunds,
    connected_accounts,
    currencies,
    idempotency,
    orders,
    primary_products,
    settlements,
    stock,
    transitions,
    wholesale,
)
from resolvers.context import Context
from resolvers.errors import (
    BelowMinimum,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)
from resolvers.keys import KeyOf
from resolvers.payment_service import SessionToOpen
from resolvers.reads import Conditions, narrowed, one, page, sorts
from resolvers.rules import MOST_MONEY, Between, WebAddress, checked
from resolvers.services import Services
from resolvers.viewer import Viewer, visible
from resolvers.writes import referred

NOT_OPENED = "The payment service did not open its checkout"
SORTS = sorts(
    "CheckoutSessionSort",
    default="created_at_desc",
    id=CheckoutSession.id,
    created_at=CheckoutSession.created_at,
)


@dataclass(frozen=True, kw_only=True)
class CheckoutSessionFilter:
    """Which checkout sessions; all given conditions must hold."""

    status: Annotated[CheckoutStatus | None, "Only of this status."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None


CONDITIONS: Conditions = {
    "status": lambda status: CheckoutSession.status == status,
    "store_id": lambda key: CheckoutSession.store_id == key,
}


@one(CheckoutSession, by=CheckoutSession.id, permission="order:view")
def by_id(sessions: Any) -> Any:
    return sessions


@one(CheckoutSession, by=CheckoutSession.order_id, permission="order:view")
def of_orders(sessions: Any) -> Any:
    return sessions


@page(CheckoutSession, sorts=SORTS, permission="order:view")
def listing(sessions: Any, *, filter: CheckoutSessionFilter | None = None) -> Any:
    return narrowed(sessions, filter, CONDITIONS)


@dataclass(frozen=True, kw_only=True)
class NewCheckoutSession:
    """What somebody is about to buy. What it costs is for the store to say."""

    store_id: Annotated[int, KeyOf("Store"), "Where they buy."]
    variant_id: Annotated[
        int | None,
        KeyOf("Variant"),
        "What they buy; by default the first variant of the store's primary product.",
    ] = None
    quantity: Annotated[int, Between(1, wholesale.MAX_QUANTITY), "How many units."] = 1
    success_url: Annotated[
        str, WebAddress(), "A page of the store, where they are sent after having paid."
    ]
    cancel_url: Annotated[
        str, WebAddress(), "A page of the store, where they are sent if they do not pay."
    ]


@dataclass(frozen=True, slots=True)
class Opened:
    """An open session. ``key`` is its row's, ``reference`` the payment service's name of it."""

    key: int
    reference: str
    url: str


async def create_session(
    ctx: Context, *, input: NewCheckoutSession, idempotency_key: str | None = None
) -> Opened:
    """Keep goods for a buyer, and open the page on which they pay.

    Raises ``Invalid`` for addresses that are not the store's, goods without a price, and a seller
    without an account that may take payments; ``InsufficientStock``; ``Unavailable``. After any of
    them no goods are kept, except that a call with a key, if the service does not answer, can be
    repeated.
    """
    viewer = ctx.require("order:create")
    if viewer.own_only:
        raise Forbidden("this key buys from its balance")
    values = checked(input, "input")
    await _check_addresses(ctx, viewer, values)
    account = await connected_accounts.charging(ctx, viewer.organization_id, ("input", "store_id"))

    async def work(tx: AsyncSession) -> int:
        return await _write_down(ctx, tx, viewer, values, account)

    key = await idempotency.once(ctx, "createCheckoutSession", idempotency_key, input, work)
    return await _open(ctx, key, can_be_repeated=idempotency_key is not None)


async def _check_addresses(ctx: Context, viewer: Viewer, values: dict[str, Any]) -> None:
    """Raise ``Invalid`` for an address at which others than the store answer."""
    store_id: int = values["store_id"]
    found = visible(viewer, models.Store).where(models.Store.id == store_id)
    rows = await ctx.rows(found.with_only_columns(models.Store.subdomain))
    if not rows:
        raise NotFound("store", field=("input", "store_id"))
    domains = select(models.Domain.name).where(models.Domain.store_id == store_id)
    own = f"{rows[0].subdomain}.{ctx.services.store_domain}".lower()
    hosts = {own, *(row.name for row in await ctx.rows(domains))}
    for name in ("success_url", "cancel_url"):
        if not is_own_address(values[name], hosts):
            raise Invalid(
                f"must be an https address at {own} or a domain of the store",
                field=("input", name),
            )


def is_own_address(url: str, hosts: set[str]) -> bool:
    """Whether an address leads to one of the host names, by a way that nobody listens to.

    On this machine (names below ``localhost``) any port will do, and http.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if host not in hosts or parts.username is not None or parts.password is not None:
        return False
    if "\\" in url:  # which browsers take for a slash
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return parts.scheme in ("http", "https")
    return parts.scheme == "https" and port in (None, 443)


async def _write_down(
    ctx: Context, tx: AsyncSession, viewer: Viewer, values: dict[str, Any], account: str
) -> int:
    store = await referred(
        tx, viewer, models.Store, values["store_id"], field=("input", "store_id")
    )
    if store.status is models.StoreStatus.SUSPENDED:
        raise Invalid("is suspended: it sells nothing", field=("input", "store_id"))
    variant, product = await _bought(tx, viewer, store, values["variant_id"])
    quantity: int = values["quantity"]
    amount = _amount(variant, quantity)
    floor = await wholesale.floor(tx, store.id) if store.wholesale else 0
    smallest = wholesale.minimum_batch(product.min_quantity, variant.price, floor)
    if quantity < smallest:
        raise BelowMinimum(
            f"the smallest batch is {smallest} units, requested {quantity}",
            field=("input", "quantity"),
            details={"minimum": smallest, "requested": quantity},
        )
    taken = await stock.take(tx, {variant.id: quantity}, [variant])
    owner = await tx.get_one(models.Organization, store.organization_id)
    place: dict[str, Any] = {"organization_id": store.organization_id, "store_id": store.id}
    order = Order(
        **place,
        ref=orders.new_ref(),
        api_key_id=viewer.api_key_id,
        currency=variant.currency,
        subtotal=amount,
        total=amount,
        quantity=quantity,
    )
    tx.add(order)
    await tx.flush()
    line = OrderLine(
        **place,
        order_id=order.id,
        product_id=product.id,
        variant_id=variant.id,
        title=product.title,
        sku=variant.sku,
        quantity=quantity,
        taken=taken[variant.id],
        unit_price=variant.price,
        total=amount,
        currency=variant.currency,
        is_digital=product.is_digital,
        options=dict(variant.options),
    )
    session = CheckoutSession(
        **place,
        order_id=order.id,
        provider=ctx.services.payments.name,
        account=account,
        amount=amount,
        fee=currencies.fee(amount, variant.currency, owner.plan),
        currency=variant.currency,
        success_url=values["success_url"],
        cancel_url=values["cancel_url"],
        expires_at=ctx.services.clock() + timedelta(seconds=ctx.services.checkout_lifetime),
    )
    tx.add_all([line, session])
    await tx.flush()
    transitions.tell(tx, order, "order.created")
    return session.id


async def _bought(
    tx: AsyncSession, viewer: Viewer, store: models.Store, variant_id: int | None
) -> tuple[Variant, Product]:
    """The variant, locked, with its product. Raises ``NotFound`` for what is not on sale."""
    mine = visible(viewer, Variant).where(Variant.store_id == store.id)
    if variant_id is None:
        variant_id = await tx.scalar(_first_variant(viewer, store))
    wanted = mine.where(Variant.id == variant_id)
    await stock.lock(tx, wanted)
    found = (
        wanted.add_columns(Product)
        .join(Product, Product.id == Variant.product_id)
        .where(Product.deleted_at.is_(None), Product.status == models.ProductStatus.ACTIVE)
        .execution_options(populate_existing=True)
    )
    row = (await tx.execute(found)).one_or_none()
    if row is None:
        raise NotFound("variant", field=("input", "variant_id"))
    return row[0], row[1]


def _first_variant(viewer: Viewer, store: models.Store) -> Select[Any]:
    """Of the primary product and of no other, whether or not that is on sale."""
    primary: Any = primary_products.of_stores.build(visible(viewer, Product))
    of_store = primary.where(Product.store_id == store.id).with_only_columns(Product.id)
    return (
        visible(viewer, Variant)
        .with_only_columns(Variant.id)
        .where(Variant.product_id.in_(of_store))
        .order_by(Variant.position, Variant.id)
        .limit(1)
    )


def _amount(variant: Variant, quantity: int) -> int:
    field = ("input", "variant_id")
    if variant.price <= 0:
        raise Invalid("has no price yet, so it cannot be sold", field=field)
    if variant.price % currencies.least(variant.currency):
        raise Invalid(f"has a price that cannot be paid by card in {variant.currency}", field=field)
    if variant.price * quantity > MOST_MONEY:
        raise Invalid("must come to less", field=("input", "quantity"))
    return variant.price * quantity


async def _open(ctx: Context, key: int, *, can_be_repeated: bool) -> Opened:
    """Ask the service for the page, unless it has been asked, and keep its answer."""
    async with ctx.services.database.write() as tx:
        session = await tx.get_one(CheckoutSession, key)
        if session.reference is not None and session.url is not None:
            return Opened(key, session.reference, session.url)
        if session.status is not CheckoutStatus.OPEN:
            raise Conflict("this checkout has come to nothing; begin another, with another key")
        wanted = await _wanted(tx, session)
    try:
        opened = await ctx.services.payments.open_session(wanted)
    except Unavailable:
        if not can_be_repeated:
            await _abandon(ctx, session, NOT_OPENED)
        raise
    except Invalid as error:
        await _abandon(ctx, session, NOT_OPENED)
        raise Invalid(str(error), field=("input", "store_id")) from error
    async with ctx.transaction() as tx:
        await card_refunds.locked_order(tx, session.order_id)
        fresh = await tx.get_one(CheckoutSession, key, populate_existing=True)
        if fresh.reference is None:
            fresh.reference, fresh.url = opened.reference, opened.url
        ended = fresh.status is not CheckoutStatus.OPEN
    if ended:  # it took so long that it was given up meanwhile
        await ctx.services.payments.expire_session(opened.reference, wanted.account)
        raise Conflict("this checkout has come to nothing; begin another, with another key")
    return Opened(key, opened.reference, opened.url)


async def _wanted(tx: AsyncSession, session: CheckoutSession) -> SessionToOpen:
    found = select(OrderLine).where(OrderLine.order_id == session.order_id)
    line = (await tx.scalars(found)).one()
    store = await tx.get_one(models.Store, session.store_id)
    return SessionToOpen(
        uuid=session.uuid,
        account=session.account or "",
        title=line.title,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=session.amount,
        fee=session.fee,
        currency=session.currency,
        shipped=not line.is_digital,
        seller=store.name,
        success_url=session.success_url,
        cancel_url=session.cancel_url,
        expires_at=session.expires_at,
    )


async def _abandon(ctx: Context, session: CheckoutSession, why: str) -> None:
    """End a session that no buyer has ever seen."""
    async with ctx.as_system(session.organization_id).transaction() as tx:
        order = await card_refunds.locked_order(tx, session.order_id)
        fresh = await tx.get_one(CheckoutSession, session.id, populate_existing=True)
        if fresh.status is CheckoutStatus.OPEN and fresh.reference is None:
            await settlements.give_up(ctx, tx, order, fresh, why)


async def expire_session(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("CheckoutSession"), "A session that is open."],
) -> int:
    """Let nobody pay there any more, and put its goods back on sale.

    Raises ``Conflict`` for one that was paid, ``Unavailable``. One that has expired stays so.
    """
    viewer = ctx.require("order:update")
    found = visible(viewer, CheckoutSession).where(CheckoutSession.id == id)
    async with ctx.services.database.write() as tx:
        session = (await tx.scalars(found)).one_or_none()
    if session is None:
        raise NotFound("checkout session", field=("id",))
    if session.reference is None:
        await _abandon(ctx, session, settlements.NOT_PAID)
    elif session.status is CheckoutStatus.OPEN:
        await ctx.services.payments.expire_session(session.reference, session.account or "")
        await settlements.settle(ctx.services, id)
    rows = await ctx.rows(found.with_only_columns(CheckoutSession.status))
    if rows and rows[0].status is not CheckoutStatus.EXPIRED:
        raise Conflict(f"this checkout is {rows[0].status}", field=("id",))
    return id


async def key_of(services: Services, reference: str) -> int | None:
    """The key of the session that the payment service calls so."""
    found = select(CheckoutSession.id).where(
        CheckoutSession.provider == services.payments.name, CheckoutSession.reference == reference
    )
    rows = await Context(services).rows(found)
    return rows[0].id if rows else None
