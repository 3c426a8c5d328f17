"""Who bought, where an order only brings an e-mail address: the customer of that address."""

import zlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Customer, Store
from resolvers.context import Context
from resolvers.events import announce

ADDRESS_LOCK = 0x5709E8


async def wait_for(ctx: Context, tx: AsyncSession, store_id: int, address: str) -> None:
    """Let one order of an address in a store follow the other: the second finds the first's buyer.

    Call it before any row is locked. SQLite has one writer at a time anyway.
    """
    if not ctx.services.database.is_sqlite:
        place = zlib.crc32(f"{store_id}:{address.lower()}".encode()) - 2**31
        await tx.execute(select(func.pg_advisory_xact_lock(ADDRESS_LOCK, place)))


async def known(tx: AsyncSession, store: Store, contact: Mapping[str, Any]) -> int:
    """The key of the store's first customer with the contact's address, added if there is none."""
    address = contact["email"]
    found = (
        select(Customer.id)
        .where(
            Customer.store_id == store.id,
            func.lower(Customer.email) == address.lower(),
            Customer.deleted_at.is_(None),
        )
        .order_by(Customer.id)
        .limit(1)
    )
    key = await tx.scalar(found)
    if key is not None:
        return key
    customer = Customer(
        organization_id=store.organization_id,
        store_id=store.id,
        currency=store.currency,
        **contact,
    )
    tx.add(customer)
    await tx.flush()
    announce(
        tx,
        "customer.created",
        organization_id=customer.organization_id,
        store_id=customer.store_id,
        subject=("customer", customer.id),
    )
    return customer.id
