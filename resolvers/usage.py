"""How much each API key is used: counted in memory, added to the rows every second."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import BindParameter, String, Update, bindparam, case, func, or_, update

from db.base import Key, UtcDateTime
from db.engine import Database
from db.models import ApiKey

log = structlog.get_logger()


@dataclass(slots=True)
class _Count:
    requests: int
    first: datetime
    last: datetime
    endpoint: str


def _statement() -> Update:
    first: BindParameter[datetime] = bindparam("first", type_=UtcDateTime())
    last: BindParameter[datetime] = bindparam("last", type_=UtcDateTime())
    newer = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= last)
    table: Any = ApiKey.__table__
    key: BindParameter[int] = bindparam("key", type_=Key)
    requests: BindParameter[int] = bindparam("requests", type_=Key)
    return (
        update(table)
        .where(ApiKey.id == key)
        .values(
            request_count=ApiKey.request_count + requests,
            first_used_at=func.coalesce(ApiKey.first_used_at, first),
            last_used_at=case((newer, last), else_=ApiKey.last_used_at),
            last_endpoint=case(
                (newer, bindparam("endpoint", type_=String())), else_=ApiKey.last_endpoint
            ),
            updated_at=ApiKey.updated_at,  # nobody edited the key
        )
    )


ADD = _statement()


class UsageMeter:
    """One per process. ``run`` adds what was counted every second; a failure loses nothing."""

    def __init__(self, database: Database, *, interval: float = 1.0) -> None:
        self._database = database
        self._interval = interval
        self._counts: dict[int, _Count] = {}
        self._flushing = asyncio.Lock()

    def count(self, api_key_id: int, endpoint: str, at: datetime) -> None:
        """Note one request with a key; ``endpoint`` is its path without identifiers."""
        found = self._counts.get(api_key_id)
        if found is None:
            self._counts[api_key_id] = _Count(1, at, at, endpoint)
        else:
            found.requests += 1
            found.last, found.endpoint = at, endpoint

    async def flush(self) -> None:
        """Add what was counted to the rows. Call it before reading them, and at the end."""
        async with self._flushing:
            counts, self._counts = self._counts, {}
            if not counts:
                return
            adding = asyncio.ensure_future(self._add(counts))
            try:
                await asyncio.shield(adding)
            except asyncio.CancelledError:
                await adding  # half-way in, nobody could say whether it was committed
                raise

    async def run(self) -> None:
        """Flush at every interval until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.flush()
            except Exception:
                log.exception("usage_not_written")

    async def _add(self, counts: dict[int, _Count]) -> None:
        rows = [
            {
                "key": key,
                "requests": count.requests,
                "first": count.first,
                "last": count.last,
                "endpoint": count.endpoint,
            }
            # In one order for all processes, so that none waits for another in a circle.
            for key, count in sorted(counts.items())
        ]
        try:
            async with self._database.write() as tx:
                await (await tx.connection()).execute(ADD, rows)
        except BaseException:
            self._put_back(counts)
            raise

    def _put_back(self, counts: dict[int, _Count]) -> None:
        for key, old in counts.items():
            newer = self._counts.get(key)
            if newer is None:
                self._counts[key] = old
            else:
                newer.requests += old.requests
                newer.first = old.first
