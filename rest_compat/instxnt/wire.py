"""Amounts, instants and ids as the contract writes them: cents, RFC 3339, prefixed ids."""

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from db import models
from db.base import Base
from resolvers.context import Context
from resolvers.keys import parse_prefixed_id, prefixed_id
from resolvers.money import MICRO
from resolvers.ownership import owned

CENT = MICRO // 100
PREFIXES: dict[type[Base], str] = {
    models.Store: "st",
    models.Product: "pr",
    models.Variant: "vr",
    models.Order: "or",
    models.Job: "jb",
}
store_id = partial(prefixed_id, "st")
product_id = partial(prefixed_id, "pr")
variant_id = partial(prefixed_id, "vr")
order_id = partial(prefixed_id, "or")
job_id = partial(prefixed_id, "jb")


def uuid_of(row: type[Base], text: str) -> UUID | None:
    """The UUID in an id of this kind of row, or None where it is anything else."""
    return parse_prefixed_id(PREFIXES[row], text)


async def key_of(ctx: Context, row: type[Base], text: str, *, field: str) -> int:
    """The key of a row that a body names. Raises ``NotFound``, ``NotOwner``."""
    return await owned(ctx, row, uuid_of(row, text), field=(field,))


def cents(micro: int) -> int:
    """Hundredths of the currency's unit; what lies beyond is rounded half up."""
    return (micro + CENT // 2) // CENT


def micro(cents: int) -> int:
    return cents * CENT


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, by the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
