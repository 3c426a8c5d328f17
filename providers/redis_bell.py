"""The bell between processes: Redis publish and subscribe. It may ring late, or not at all."""

import asyncio
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger()
CHANNEL = "storegraph:events"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_CONNECT = 2.0
_LISTEN = 15.0


class RedisBell:
    """Implements ``resolvers.feed.Bell``.

    Never raises for want of Redis. That it is away is logged once, and that it is back once more;
    meanwhile everybody polls.
    """

    def __init__(self, url: str, *, channel: str = CHANNEL) -> None:
        self._channel = channel
        self._ringing = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            socket_connect_timeout=_CONNECT,
            socket_timeout=_CONNECT,
            retry=Retry(NoBackoff(), 1),
        )
        # No time limit for reads: silence is the rule. Pings tell silence from a dead connection.
        self._listening = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            socket_connect_timeout=_CONNECT,
            socket_timeout=None,
            socket_keepalive=True,
            health_check_interval=_LISTEN,
            retry=Retry(NoBackoff(), 0),
        )
        self._away = False

    async def ring(self) -> None:
        try:
            await self._ringing.execute_command("PUBLISH", self._channel, b"")  # pyright: ignore[reportUnknownMemberType]
        except (RedisError, OSError) as error:
            self._missed(error)
        else:
            self._back()

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard`` at every ring, for ever.

        Also when the connection is made, or made anew: nobody knows how often it rang before.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                subscription = PubSub(
                    self._listening.connection_pool, ignore_subscribe_messages=True
                )
                async with subscription:
                    await subscription.subscribe(self._channel)
                    self._back()
                    pause = FIRST_PAUSE
                    heard()
                    while True:
                        if await subscription.get_message(timeout=_LISTEN) is not None:
                            heard()
            except (RedisError, OSError) as error:
                self._missed(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def close(self) -> None:
        await self._ringing.aclose()
        await self._listening.aclose()

    def _missed(self, error: Exception) -> None:
        if not self._away:
            log.warning("redis_bell_away", error=str(error))
        self._away = True

    def _back(self) -> None:
        if self._away:
            log.info("redis_bell_back")
        self._away = False
