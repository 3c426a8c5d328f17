"""Build what requests lean on, from settings: the one place that knows every implementation."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog

from app.settings import Settings, listed, mapped
from db import migrate
from db.engine import Database, connect
from providers import storage
from providers.chain import SimulatedChain
from providers.memory import MemoryDocuments, MemoryLimiter, NoJobs
from providers.openai_writer import OpenAIWriter, Prices
from providers.outbound import OutboundHttp
from providers.rule_writer import RuleWriter
from providers.simulated_payments import SimulatedPayments
from resolvers.feed import Bell, Feed
from resolvers.payment_service import PaymentService
from resolvers.services import (
    DocumentStore,
    IdentityProvider,
    RateLimiter,
    Services,
    Storage,
    Wholesale,
)
from resolvers.vault import Vault

log = structlog.get_logger()
KEY_FILE = "secret.key"
FILES = "files"


class Countdown:
    """The time that stopping may take, all together. It runs from ``begin`` on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    def begin(self) -> None:
        if self._end is None:
            self._end = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        return self._seconds if self._end is None else max(0.0, self._end - time.monotonic())


@asynccontextmanager
async def open_services(settings: Settings, *, background: bool = True) -> AsyncGenerator[Services]:
    """Everything but the jobs, started; and at the end stopped in order, with nothing lost.

    The embedded database is brought to the code's schema first; any other must have it already
    (``SchemaIsOlder``, ``SchemaIsNewer``). Without ``background`` nothing runs by itself: for
    commands.
    """
    if settings.is_embedded:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        await migrate.upgrade(settings.database)
    async with AsyncExitStack() as stack:
        database = connect(settings.database, pool_size=settings.database_pool)
        stack.push_async_callback(database.close)
        if not settings.is_embedded:
            await migrate.verify(database)
        bell, limiter = await _shared(settings, stack)
        kept = vault(settings)
        feed = Feed(database, bell=bell)
        services = Services(
            database=database,
            vault=kept,
            events=feed,
            limiter=limiter,
            chain=SimulatedChain(database, mapped(settings.wallets)),
            jobs=NoJobs(),
            storage=_storage(settings),
            wholesale=Wholesale(fulfillment_timeout=settings.fulfillment_timeout),
            documents=_documents(settings, stack),
            payments=_payments(settings, database, kept, stack),
            checkout_lifetime=settings.checkout_lifetime,
            public_url=settings.base_url,
            largest_file=settings.files_largest,
            link_lifetime=settings.files_link_lifetime,
            store_domain=settings.store_domain,
            google=_google(settings, stack),
        )
        if background:
            stack.push_async_callback(services.usage.flush)
            await stack.enter_async_context(_running(services.usage.run))
            await stack.enter_async_context(_running(feed.run))
        yield services


@asynccontextmanager
async def running_jobs(
    settings: Settings, services: Services, countdown: Countdown, *, process: str = ""
) -> AsyncGenerator[None]:
    """Jobs, sweeps and webhooks run in this process.

    At the end those under way may finish or are handed back. ``process`` tells the processes of one
    host apart.
    """
    # DBOS takes long to import. Requests are answered meanwhile.
    background, sweeps = await asyncio.to_thread(_background)
    executor = settings.executor_id or socket.gethostname()
    sender = OutboundHttp(private_addresses=settings.webhook_private_addresses)
    fetcher = OutboundHttp(private_addresses=settings.picture_private_addresses)
    services.fetcher, services.writer = fetcher, _writer(settings)
    working = background.working(
        services,
        sender,
        sweeps.standard(
            orders_every=settings.sweep_interval, deposits_every=settings.deposit_interval
        ),
        executor_id=f"{executor}{process}",
        grace=lambda: countdown.left,
    )
    try:
        async with working:
            yield
    finally:
        if isinstance(services.writer, OpenAIWriter):
            await services.writer.close()
        services.fetcher = services.writer = None
        await fetcher.close()
        await sender.close()


def _background() -> tuple[ModuleType, ModuleType]:
    from jobs import background, sweeps  # noqa: PLC0415 - DBOS is imported with them

    return background, sweeps


def vault(settings: Settings) -> Vault:
    """The vault of the configured keys, or of the key file, which is made at the first start.

    Raises ``ValueError`` for keys that are none.
    """
    if settings.secret_keys:
        return Vault(listed(settings.secret_keys))
    path = settings.data_dir / KEY_FILE
    if not settings.is_embedded:
        log.warning("secret_key_in_a_file", path=str(path), hint="set STOREGRAPH_SECRET_KEYS")
    return Vault([_key_in(path)])


def _key_in(path: Path) -> str:
    """The key in the file. Of several processes that make it at once, one wins and all read it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(Vault.new_key())
        with suppress(FileExistsError):
            os.link(draft, path)  # appears with its content, or not at all
        draft.unlink()
    return path.read_text().strip()


def _storage(settings: Settings) -> Storage:
    """Where files are kept. Raises ``ValueError`` for an address of no bucket."""
    if settings.files_url is None:
        return storage.local(settings.data_dir.resolve() / FILES)
    return storage.bucket(
        settings.files_url,
        endpoint=settings.files_endpoint,
        region=settings.files_region,
        key_id=settings.files_key_id,
        secret=settings.files_secret,
    )


def _writer(settings: Settings) -> OpenAIWriter | RuleWriter:
    """Who writes copy. Raises ``ValueError`` for an API without a model."""
    if not settings.writer_url:
        log.info("copy_is_written_by_rules", hint="set STOREGRAPH_WRITER_URL for a model")
        return RuleWriter()
    if not settings.writer_model:
        raise ValueError("STOREGRAPH_WRITER_URL needs STOREGRAPH_WRITER_MODEL beside it")
    return OpenAIWriter(
        url=settings.writer_url,
        key=settings.writer_key,
        model=settings.writer_model,
        timeout=settings.writer_timeout,
        prices=Prices.of(settings.writer_input_price, settings.writer_output_price),
    )


def _payments(
    settings: Settings, database: Database, kept: Vault, stack: AsyncExitStack
) -> PaymentService:
    """Stripe where a key is configured, else pages on which no money moves."""
    if settings.stripe_key is None:
        return SimulatedPayments(database, kept, public_url=settings.base_url)
    from providers.stripe_payments import StripePayments  # noqa: PLC0415 - costs time, if not asked for

    service = StripePayments(
        settings.stripe_key,
        webhook_secrets=listed(settings.stripe_webhook_secret or ""),
        base_url=settings.stripe_url,
    )
    stack.push_async_callback(service.close)
    return service


async def _shared(settings: Settings, stack: AsyncExitStack) -> tuple[Bell | None, RateLimiter]:
    """What processes share: through Redis, or not at all."""
    if settings.redis_url is None:
        return None, MemoryLimiter()
    from providers.redis_bell import RedisBell  # noqa: PLC0415 - costs time, and few need it
    from providers.redis_limiter import RedisLimiter  # noqa: PLC0415

    bell, limiter = RedisBell(settings.redis_url), RedisLimiter(settings.redis_url)
    stack.push_async_callback(bell.close)
    stack.push_async_callback(limiter.close)
    return bell, limiter


def _documents(settings: Settings, stack: AsyncExitStack) -> DocumentStore | None:
    """Where documents are kept that clients name by their hash; None where they may not."""
    if not settings.persisted_queries:
        return None
    if settings.redis_url is None:
        return MemoryDocuments()
    from providers.redis_documents import RedisDocuments  # noqa: PLC0415

    store = RedisDocuments(settings.redis_url, near=MemoryDocuments())
    stack.push_async_callback(store.close)
    return store


def _google(settings: Settings, stack: AsyncExitStack) -> IdentityProvider | None:
    """Where people log in who have an account at Google; None where that is not configured."""
    if settings.google_client_id is None or settings.google_client_secret is None:
        return None
    from providers.openid import OpenIdProvider  # noqa: PLC0415 - costs time, and few need it

    provider = OpenIdProvider(
        "google",
        issuer=settings.google_issuer,
        client_id=settings.google_client_id,
        client_secret=settings.google_client_secret,
    )
    stack.push_async_callback(provider.close)
    return provider


@asynccontextmanager
async def _running(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None]:
    """``work`` runs beside the rest."""
    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
