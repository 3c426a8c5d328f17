"""Messages of the payment service. They say where to look; what is there, ``settlements`` finds."""

from typing import Any

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects import postgresql, sqlite

from db.models import CheckoutSession, ProviderEvent
from resolvers import connected_accounts, settlements
from resolvers.context import Context
from resolvers.payment_service import Notice
from resolvers.services import Services

log = structlog.get_logger()


async def receive(services: Services, body: bytes, signature: str | None) -> None:
    """Act upon a message, once. What is about nobody of ours is taken note of and no more.

    Raises ``Unauthenticated`` for a signature that is wrong or too old, ``Malformed``. Whatever
    else it raises (``Unavailable``, say) has the message sent again.
    """
    notice = services.payments.notice(body, signature)
    if notice is None:
        return
    ctx, event = Context(services), ProviderEvent
    seen = select(event.id).where(
        event.provider == services.payments.name, event.reference == notice.reference
    )
    if await ctx.rows(seen):
        return
    await _act(services, ctx, notice)
    async with services.database.write() as tx:
        insert = sqlite.insert if services.database.is_sqlite else postgresql.insert
        made = insert(event).values(
            provider=services.payments.name,
            reference=notice.reference,
            topic=notice.topic,
            created_at=services.clock(),
        )
        await tx.execute(made.on_conflict_do_nothing())  # the same message may come twice at once


async def _act(services: Services, ctx: Context, notice: Notice) -> None:
    if notice.topic == "account.updated":
        if notice.account is not None:
            await connected_accounts.refresh(services, notice.account)
        return
    session_id = await _session(ctx, notice)
    if session_id is None:
        log.info("provider_event_of_nobody", reference=notice.reference, topic=notice.topic)
        return
    await settlements.settle(services, session_id)


async def _session(ctx: Context, notice: Notice) -> int | None:
    """The session that a message is about: one whose money goes to the account that it names.

    Messages overtake one another. So the payment of one may be unknown here until the service is
    asked which session it came of, and a session may be unknown by its reference, where we have
    stopped between asking for it and keeping the answer.
    """
    if notice.account is None:
        return None
    service, session = ctx.services.payments, CheckoutSession
    if notice.session is not None:
        found = await _found(ctx, notice.account, session.reference == notice.session)
        if found is not None:
            return found
    if notice.session_uuid is not None:
        found = await _found(ctx, notice.account, session.uuid == notice.session_uuid)
        if found is not None and notice.session is not None:
            await _keep_reference(ctx, found, notice.session)
        if found is not None:
            return found
    if notice.payment is None:
        return None
    found = await _found(ctx, notice.account, session.payment_reference == notice.payment)
    if found is None:
        uuid = await service.session_of_payment(notice.payment, notice.account)
        if uuid is not None:
            found = await _found(ctx, notice.account, session.uuid == uuid)
    return found


async def _found(ctx: Context, account: str, condition: ColumnElement[bool]) -> Any:
    rows = await ctx.rows(
        select(CheckoutSession.id).where(
            CheckoutSession.provider == ctx.services.payments.name,
            CheckoutSession.account == account,
            condition,
        )
    )
    return rows[0].id if rows else None


async def _keep_reference(ctx: Context, session_id: int, reference: str) -> None:
    """Whether it is ours is told by the amounts, when it is settled."""
    async with ctx.services.database.write() as tx:
        found = select(CheckoutSession).where(CheckoutSession.id == session_id).with_for_update()
        session = (await tx.scalars(found)).one()
        if session.reference is None:
            session.reference = reference
