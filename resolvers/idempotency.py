"""The same call twice is one call: the first answer is kept and replayed for 24 hours."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid

LIFETIME = timedelta(hours=24)
MAX_KEY = 255


async def first_answer(
    ctx: Context, tx: AsyncSession, operation: str, key: str | None, call: Any
) -> dict[str, Any] | None:
    """The kept answer of an earlier call with this key, or None for the first one.

    Call it at the start of the unit of work, and ``keep`` at its end. Two calls with one key at the
    same time wait for one another here. ``call`` is the input as JSON (dates and enums allowed).
    Raises ``Conflict`` when the key was used for another input.
    """
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_KEY or "\x00" in key:
        raise Invalid(
            f"an idempotency key has 1 to {MAX_KEY} characters", field=("idempotencyKey",)
        )
    viewer, record = ctx.require(), models.IdempotencyRecord
    digest = hashlib.sha256(
        orjson.dumps(call, option=orjson.OPT_SORT_KEYS, default=str)
    ).hexdigest()
    scope = {
        "organization_id": viewer.organization_id,
        "caller": viewer.credential,
        "operation": operation,
        "key": key,
    }
    now = ctx.services.clock()
    await tx.execute(delete(record).filter_by(**scope).where(record.expires_at <= now))
    insert = sqlite.insert if ctx.services.database.is_sqlite else postgresql.insert
    added = await tx.execute(
        insert(record)
        .values(**scope, input_hash=digest, outcome={}, expires_at=now + LIFETIME, created_at=now)
        .on_conflict_do_nothing()
    )
    if getattr(added, "rowcount", 0):
        return None
    kept = (await tx.scalars(select(record).filter_by(**scope))).one()
    if kept.input_hash != digest:
        raise Conflict("this idempotency key was used for another input", field=("idempotencyKey",))
    return kept.outcome


async def keep(
    ctx: Context, tx: AsyncSession, operation: str, key: str | None, outcome: dict[str, Any]
) -> None:
    """Keep the answer (JSON) for repetitions of the call."""
    if key is None:
        return
    viewer = ctx.require()
    found = select(models.IdempotencyRecord).filter_by(
        organization_id=viewer.organization_id,
        caller=viewer.credential,
        operation=operation,
        key=key,
    )
    (await tx.scalars(found)).one().outcome = outcome


async def once(
    ctx: Context,
    operation: str,
    key: str | None,
    call: Any,
    work: Callable[[AsyncSession], Awaitable[int]],
) -> int:
    """Run ``work``, a unit of work that answers with a row's key, or repeat its first answer."""
    async with ctx.transaction() as tx:
        kept = await first_answer(ctx, tx, operation, key, call)
        if kept is not None:
            return int(kept["key"])
        made = await work(tx)
        await keep(ctx, tx, operation, key, {"key": made})
        return made
