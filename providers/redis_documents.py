"""Documents that clients name by their hash, over Redis, for all processes together.

Whoever may send a document can have it remembered. So their number is bounded, and not only their
size: inventing documents without end pushes out others, and does not fill a Redis that the rate
limits need too. What is pushed out is sent again by the next client that names it.
"""

import hashlib
import time

import redis.asyncio
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from resolvers.services import DocumentStore

log = structlog.get_logger()
PREFIX = "storegraph"
LIFETIME = 7 * 86_400
"""Seconds after which a document that nobody fetched is forgotten."""
MOST_DOCUMENTS = 2_000
PAUSE = 5.0
"""Seconds without a look after Redis could not be reached: no request is to wait for it again."""
_PATIENCE = 1.0

# Two keys: the texts by hash, and the hashes by the time (milliseconds) of their last use.
_GET = """
local text = redis.call('HGET', KEYS[1], ARGV[1])
if text then
  local clock = redis.call('TIME')
  redis.call('ZADD', KEYS[2], 'XX', clock[1] * 1000 + math.floor(clock[2] / 1000), ARGV[1])
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[2]) end
end
return text
"""

# A Redis that is short of memory may have dropped one of the keys alone: then all begins anew.
_PUT = """
local id, text, lifetime, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('HLEN', KEYS[1]) ~= redis.call('ZCARD', KEYS[2]) then
  redis.call('DEL', KEYS[1], KEYS[2])
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSET', KEYS[1], id, text)
redis.call('ZADD', KEYS[2], now, id)
local function forget(hashes)
  for _, hash in ipairs(hashes) do
    redis.call('HDEL', KEYS[1], hash)
    redis.call('ZREM', KEYS[2], hash)
  end
end
forget(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - lifetime * 1000))
forget(redis.call('ZRANGE', KEYS[2], 0, -most - 1))
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, lifetime) end
"""


class RedisDocuments:
    """Implements ``resolvers.services.DocumentStore``.

    ``near`` holds what this process met lately: a hash never means another text, so there is
    nothing that Redis could know better. It is all there is while Redis is away.
    """

    def __init__(
        self,
        url: str,
        *,
        near: DocumentStore,
        prefix: str = PREFIX,
        lifetime: int = LIFETIME,
        most: int = MOST_DOCUMENTS,
    ) -> None:
        self._near = near
        self._keys = [f"{prefix}:documents:{part}" for part in ("texts", "used")]
        self._lifetime = lifetime
        self._most = most
        self._away_until = 0.0
        self._redis = redis.asyncio.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            socket_connect_timeout=_PATIENCE,
            socket_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 1),
        )
        self._get = self._redis.register_script(_GET)
        self._put = self._redis.register_script(_PUT)

    async def get(self, sha256: str) -> str | None:
        text = await self._near.get(sha256)
        if text is not None or self._is_away():
            return text
        try:
            found = await self._get(keys=self._keys, args=[sha256, self._lifetime])
        except (RedisError, OSError) as error:
            self._missed(error)
            return None
        if not isinstance(found, bytes) or hashlib.sha256(found).hexdigest() != sha256:
            return None  # not there, or not what it was when it was checked
        text = found.decode()
        await self._near.put(sha256, text)
        return text

    async def put(self, sha256: str, text: str) -> None:
        await self._near.put(sha256, text)
        if self._is_away():
            return
        try:
            await self._put(keys=self._keys, args=[sha256, text, self._lifetime, self._most])
        except (RedisError, OSError) as error:
            self._missed(error)

    async def close(self) -> None:
        await self._redis.aclose()

    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def _missed(self, error: Exception) -> None:
        self._away_until = time.monotonic() + PAUSE
        log.warning("redis_documents_away", error=str(error), seconds=PAUSE)
