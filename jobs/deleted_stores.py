"""Stores that were deleted so long ago that nobody can restore them any more go for good.

The ledger is never changed. So of what it refers to stay the orders, with the money that was paid
and given back for them, without the people who bought; top-ups that were credited; and keys that
have a balance, which open nothing any more. Where any of that stays, so does the row of the store,
hidden like that of any deleted store.

Every step finds by itself what is left to do: an interrupted sweep is continued by the next one.
"""

from collections.abc import Iterable
from typing import Any

import structlog
from sqlalchemy import delete, exists, or_, select

from db import models
from db.base import Base
from db.models import Order, Store
from jobs import batches
from jobs.batches import remove, rewrite
from resolvers import audit, contacts
from resolvers.services import Services
from resolvers.stores import KEPT_FOR
from resolvers.viewer import system

log = structlog.get_logger()
# What may outlive a store, because the ledger refers to it or it belongs to what the ledger does.
KEPT: tuple[type[Base], ...] = (
    models.Order, models.OrderLine, models.Payment, models.Refund, models.RefundLine,
    models.CheckoutSession, models.Dispute, models.TopUp, models.ApiKey,
)  # fmt: skip
# These are of stores alone, in an order in which nothing refers to what is gone.
OF_STORES: tuple[type[Base], ...] = (
    models.WebhookDelivery, models.WebhookEndpoint, models.AppInstallation, models.Visit,
    models.StoreSetting, models.Review, models.Offer, models.FaqEntry, models.Option,
    models.Property, models.StockItem, models.ReturnLine,
)  # fmt: skip
# And these after what orders refer to is untied from them.
OF_CATALOGUES: tuple[type[Base], ...] = (
    models.Customer, models.LandingPage, models.Domain, models.PaymentProvider, models.Variant,
    models.Product, models.Category, models.Brand,
)  # fmt: skip
# What is told about people, or may be, and what is gone.
BLANK: dict[str, Any] = {
    **dict.fromkeys(
        (
            *contacts.NAMES,
            *(f"{contacts.BILLING}{name}" for name in contacts.NAMES),
            "note", "card_brand", "card_last4", "source_link", "webhook_url", "failure_reason",
            "discount_code", "customer_id", "payment_provider_id", "landing_page_id",
        )
    ),
    "attributes": {},
}  # fmt: skip


async def sweep(services: Services) -> int:
    """Erase the stores that were deleted ``KEPT_FOR`` ago or earlier; returns how many.

    One that fails stops no other, and is tried again.
    """
    erased = 0
    for store_id in await _due(services):
        try:
            erased += await _erase(services, store_id)
        except Exception:
            log.exception("store_not_erased", store_id=store_id)
    return erased


async def _due(services: Services) -> list[int]:
    found = select(Store.id).where(
        Store.deleted_at < services.clock() - KEPT_FOR, Store.erased_at.is_(None)
    )
    async with services.database.read() as connection:
        return list((await connection.execute(found.order_by(Store.deleted_at))).scalars())


async def _erase(services: Services, store_id: int) -> bool:
    if not await _begin(services, store_id):
        return False
    await remove_files(services, store_id)
    installed = select(models.AppInstallation.id).where(models.AppInstallation.store_id == store_id)
    await remove(services, models.AppToken, models.AppToken.installation_id.in_(installed))
    mine = select(Order.id).where(Order.store_id == store_id)
    job = models.Job
    await remove(services, job, or_(job.store_id == store_id, job.order_id.in_(mine)))
    for row in OF_STORES:
        await remove(services, row, _in(row, store_id))
    await _part_with_orders(services, store_id)
    await rewrite(services, models.Category, {"parent_id": None}, _in(models.Category, store_id))
    for row in OF_CATALOGUES:
        await remove(services, row, _in(row, store_id))
    await _end_access(services, store_id)
    await _forget_events(services, store_id)
    return await _finish(services, store_id)


async def _begin(services: Services, store_id: int) -> bool:
    """From now on the store cannot be restored. False where somebody just did."""
    now = services.clock()
    due = (Store.id == store_id, Store.deleted_at < now - KEPT_FOR)
    begun = select(Store.id).where(*due, Store.erasure_began_at.is_not(None))
    async with services.database.read() as connection:
        if (await connection.execute(begun)).first() is not None:
            return True
    async with services.database.write() as tx:
        found = await tx.scalars(select(Store).where(*due).with_for_update(key_share=True))
        store = found.one_or_none()
        if store is not None:
            store.erasure_began_at = now
    return store is not None


async def remove_files(services: Services, store_id: int) -> None:
    """Bytes first: while there are rows, somebody knows of them."""
    file = models.File
    await remove(services, models.FileLink, _in(models.FileLink, store_id))
    some = select(file.id, file.key, file.thumbnail_key).where(file.store_id == store_id)
    some = some.order_by(file.id).limit(batches.BATCH)
    while True:
        async with services.database.read() as connection:
            rows = (await connection.execute(some)).all()
        if not rows:
            return
        await services.storage.delete(
            [key for row in rows for key in (row.key, row.thumbnail_key) if key is not None]
        )
        async with services.database.write() as tx:
            await tx.execute(delete(file).where(file.id.in_([row.id for row in rows])))


async def _part_with_orders(services: Services, store_id: int) -> None:
    """Remove the orders of which the ledger does not know, and the people from the others."""
    line, refund, session = models.OrderLine, models.Refund, models.CheckoutSession
    sold = {"product_id": None, "variant_id": None, "delivery_id": None}
    await rewrite(services, line, sold, _in(line, store_id))
    await rewrite(services, refund, {"return_id": None, "reason": None}, _in(refund, store_id))
    await rewrite(services, session, {"url": None}, _in(session, store_id))
    part = models.RefundLine
    of_kept = exists().where(
        refund.id == part.refund_id, models.Transfer.order_id == refund.order_id
    )
    await remove(services, part, _in(part, store_id), ~of_kept)
    for row in (refund, line, models.Payment, session, models.Dispute):
        await remove(services, row, _in(row, store_id), ~_is_kept(row.order_id))
    for row in (models.Return, models.Delivery):
        await remove(services, row, _in(row, store_id))
    customer = models.Customer
    await rewrite(services, customer, {"latest_order_id": None}, _in(customer, store_id))
    await remove(services, Order, _in(Order, store_id), ~_is_kept(Order.id))
    await rewrite(services, Order, BLANK, _in(Order, store_id))


async def _end_access(services: Services, store_id: int) -> None:
    """Keys open nothing any more; those without a past go, and so do top-ups without money."""
    key, top_up = models.ApiKey, models.TopUp
    is_credited = exists().where(models.Deposit.top_up_id == top_up.id)
    credited = (models.TopUpStatus.CREDITED_AUTO, models.TopUpStatus.CREDITED_MANUAL)
    await remove(
        services, top_up, _in(top_up, store_id), top_up.status.not_in(credited), ~is_credited
    )
    await _revoke(services, store_id)
    has_past = or_(
        *(
            exists().where(row.api_key_id == key.id)
            for row in (models.Account, models.TopUp, models.Order)
        )
    )
    await remove(services, key, _in(key, store_id), ~has_past)


async def _revoke(services: Services, store_id: int) -> None:
    key = models.ApiKey
    open_ones = select(key).where(_in(key, store_id), key.revoked_at.is_(None)).order_by(key.id)
    async with services.database.write() as tx:
        for each in await tx.scalars(open_ones.with_for_update(key_share=True)):
            each.revoked_at = services.clock()


async def _forget_events(services: Services, store_id: int) -> None:
    """What happened in the store is told to nobody any more.

    The places of its events stay, since readers rely on there being no gap between them.
    """
    event = models.Event
    told = {
        "store_id": None,
        "topic": "store.updated",
        "subject_type": "store",
        "subject_id": store_id,
        "payload": {"deleted": True},
    }
    await rewrite(services, event, told, event.store_id == store_id)


async def _finish(services: Services, store_id: int) -> bool:
    """The row of the store goes unless something that stays refers to it."""
    async with services.database.write() as tx:
        found = select(Store).where(Store.id == store_id).with_for_update()
        store = (await tx.scalars(found)).one_or_none()
        if store is None:  # another process was faster
            return False
        left = [row for row in _referring() if await tx.scalar(select(_any_in(row, store_id)))]
        if any(row not in KEPT for row in left):  # written meanwhile; the next sweep sees to it
            return False
        audit.write(
            tx, system(store.organization_id), "store.erased", ("store", store_id),
            kept=sorted(row.__tablename__ for row in left),
        )  # fmt: skip
        if left:
            store.description, store.erased_at = None, services.clock()
        else:
            await tx.delete(store)
    return True


def _referring() -> Iterable[type[Base]]:
    """All rows that can be of a store."""
    for mapper in Base.registry.mappers:
        if "store_id" in mapper.columns:
            yield mapper.class_


def _any_in(row: type[Base], store_id: int) -> Any:
    return exists().where(_in(row, store_id))


def _in(row: type[Base], store_id: int) -> Any:
    return row.__mapper__.columns["store_id"] == store_id


def _is_kept(order_id: Any) -> Any:
    """Whether the ledger refers to an order."""
    return exists().where(models.Transfer.order_id == order_id)
