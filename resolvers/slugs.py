"""The part of an address that names a row within its store."""

import re
import secrets
import unicodedata
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers.errors import Conflict

LONGEST = 80
TRIES = 20


def slug_of(text: str, *, otherwise: str) -> str:
    """``text`` in lower case, of any script, with hyphens for all that is no letter or digit."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    slug = re.sub(r"[\W_]+", "-", plain).strip("-")[:LONGEST].strip("-")
    return slug or otherwise


async def claimed(
    tx: AsyncSession,
    column: Any,
    wanted: str | None,
    title: str,
    *taken: Any,
    otherwise: str,
    inside: str = "input",
) -> str:
    """The wanted slug, or one made of the title with the first number that makes it new.

    ``taken`` are the conditions of the rows among which it must be new. Whoever holds their store
    finds it still new when the row is written. Raises ``Conflict`` for a wanted one that is taken,
    naming the field of the argument ``inside`` which it came.
    """
    base = wanted or slug_of(title, otherwise=otherwise)
    candidates = [base] if wanted else [base, *(f"{base}-{n}" for n in range(2, TRIES))]
    used = set(await tx.scalars(select(column).where(column.in_(candidates), *taken)))
    free = next((slug for slug in candidates if slug not in used), None)
    if free is None and wanted:
        raise Conflict(f"another one has the {column.key} {wanted}", field=(inside, column.key))
    return free or f"{base}-{secrets.token_hex(4)}"


def released(slug: str, key: int) -> str:
    """The slug of a deleted row: ``~`` is in no slug, so it stands in nobody's way."""
    return f"{slug}~{key}"
