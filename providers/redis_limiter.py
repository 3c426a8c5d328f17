"""Rate limits and replay protection over Redis, for all processes together.

The library ``limits`` counts windows well, but knows no token bucket, and tells the time to wait
only by a second call, when it may be another. So each hit is one script, run by Redis as a whole,
on Redis's own clock.
"""

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from resolvers.errors import Unavailable
from resolvers.services import Limit

PREFIX = "storegraph"
_PATIENCE = 2.0

# Both scripts answer 0 for a hit that was counted, else the seconds to wait. Times inside are
# microseconds. A refused hit counts for nothing.
_WINDOW = """
local amount, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000000, tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local count = redis.call('ZCARD', KEYS[1])
local over = count + cost - amount
if over > 0 then
  local leaves = now
  if count > 0 then
    local place = math.min(over, count) - 1
    leaves = tonumber(redis.call('ZRANGE', KEYS[1], place, place, 'WITHSCORES')[2])
  end
  return math.max(1, math.ceil((leaves + window - now) / 1000000))
end
for n = 1, cost do
  redis.call('ZADD', KEYS[1], now, string.format('%.0f:%d', now, count + n))
end
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return 0
"""

_BUCKET = """
local amount, seconds, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local capacity = amount * tonumber(ARGV[4])
local rate = amount / seconds / 1000000
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = capacity
if kept[1] then
  level = math.min(capacity, tonumber(kept[1]) + (now - tonumber(kept[2])) * rate)
end
if level < cost then
  return math.max(1, math.ceil((cost - level) / rate / 1000000))
end
redis.call('HSET', KEYS[1], 'level', string.format('%.9f', level - cost), 'at',
  string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate / 1000) + 1000)
return 0
"""


class RedisLimiter:
    """Implements ``resolvers.services.RateLimiter``."""

    def __init__(self, url: str, *, prefix: str = PREFIX) -> None:
        self._prefix = prefix
        # One more try, since a connection from the pool may have died; no waiting for Redis.
        self._redis = redis.asyncio.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            socket_connect_timeout=_PATIENCE,
            socket_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 1),
        )
        self._window = self._redis.register_script(_WINDOW)
        self._bucket = self._redis.register_script(_BUCKET)

    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        """Count a hit. 0 when it is within the limit, else the seconds to wait (at least 1)."""
        script = self._window if limit.burst == 1 else self._bucket
        key = f"{self._prefix}:limit:{limit.name}:{scope}"
        figures = [limit.amount, limit.seconds, cost, limit.burst]
        try:
            return int(await script(keys=[key], args=figures))
        except (RedisError, OSError) as error:
            raise Unavailable("the rate limits cannot be checked at the moment") from error

    async def first_time(self, token: str, *, seconds: int) -> bool:
        key = f"{self._prefix}:seen:{token}"
        try:
            return bool(await self._redis.set(key, b"", nx=True, ex=seconds))
        except (RedisError, OSError) as error:
            raise Unavailable("repetitions cannot be ruled out at the moment") from error

    async def close(self) -> None:
        await self._redis.aclose()
