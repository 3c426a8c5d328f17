"""The courier: makes deliveries of events, and takes them where they are wanted."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import structlog

from resolvers import webhook_deliveries, webhooks
from resolvers.context import Context
from resolvers.events import EventRecord
from resolvers.services import Sender, Services
from resolvers.webhook_deliveries import PER_ADDRESS, Claim

log = structlog.get_logger()
CONCURRENCY = 16
LEASE = timedelta(seconds=30)


class Courier:
    """Start it once per process; any number of processes share the work.

    ``lease``: how long a message in hand is left to its sender, more than an attempt takes.
    ``poll``: seconds after which the rows are looked at even if no event was heard of.
    """

    def __init__(
        self,
        services: Services,
        sender: Sender,
        *,
        concurrency: int = CONCURRENCY,
        lease: timedelta = LEASE,
        poll: float = 1.0,
    ) -> None:
        self._services = services
        self._sender = sender
        self._ctx = Context(services)
        self._concurrency = concurrency
        self._lease = lease
        self._poll = poll
        self._news = asyncio.Event()
        self._sending: dict[asyncio.Task[None], str] = {}
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._services.events.after_read.append(self._hear)
        self._running = asyncio.create_task(self._run())

    async def stop(self, grace: float) -> None:
        """Take nothing new in hand; messages under way have ``grace`` seconds to arrive.

        One that has not is sent again when its lease has passed.
        """
        if self._running is None:
            return
        self._services.events.after_read.remove(self._hear)
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        self._running = None
        if self._sending:
            await asyncio.wait(self._sending, timeout=grace)
        for task in self._sending:
            task.cancel()

    async def turn(self) -> int:
        """Make what follows from new events, send what is due, wait for the answers.

        Returns how many were sent. What ``start`` does all the time, for those who want it once.
        """
        while await webhooks.consume(self._ctx):
            pass
        sent = 0
        while claims := await self._claim():
            await asyncio.gather(*(self._send(claim) for claim in claims))
            sent += len(claims)
        return sent

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                while await webhooks.consume(self._ctx):
                    pass
                for claim in await self._claim():
                    task = asyncio.create_task(self._send(claim))
                    self._sending[task] = claim.url
                    task.add_done_callback(self._sent)
            except Exception:
                log.exception("webhooks_not_dispatched")
            # Not wait_for, which before Python 3.12 loses a cancellation that comes with the news.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._news.wait()

    async def _claim(self) -> Sequence[Claim]:
        at_address = Counter(self._sending.values())
        return await webhook_deliveries.claim(
            self._ctx,
            most=self._concurrency - len(self._sending),
            lease=self._lease,
            busy=[url for url, count in at_address.items() if count >= PER_ADDRESS],
        )

    async def _send(self, claim: Claim) -> None:
        started_at, started = self._services.clock(), time.monotonic()
        outcome = await self._sender.post(claim.url, body=claim.body, headers=claim.headers)
        try:
            await webhook_deliveries.settle(
                self._ctx,
                claim,
                outcome,
                started_at=started_at,
                duration_ms=round((time.monotonic() - started) * 1000),
            )
        except Exception:  # it is sent again when its lease has passed
            log.exception("webhook_outcome_not_recorded", delivery_id=claim.delivery_id)

    def _sent(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("webhook_not_sent", exc_info=error)
        self._news.set()

    async def _hear(self, events: Sequence[EventRecord]) -> None:
        self._news.set()
