"""The application: one GraphQL endpoint, the dialects, files, health and metrics."""

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import Counter

from app import cors, graphiql, persisted
from app.authentication import Proxies
from app.checkout import DemoCheckout
from app.files import Files
from app.graphql import Complete, View
from app.health import Health
from app.metrics import EXECUTIONS, TALLY
from app.observation import Observation, name_response
from app.pages import graphiql_page
from app.people import People
from app.settings import Settings, listed, mapped
from app.stripe_webhook import StripeWebhook
from engine import Driver, Lookups, Reader, driver_for
from providers.simulated_payments import SimulatedPayments
from resolvers.services import PlainLookups, PlainReader, Services
from rest_compat.dialect import Dialect
from schema import Schema, make_schema
from schema.execution import Execution
from schema.limits import Limits

log = structlog.get_logger()
SERVICES = web.AppKey("services", Services)
HEALTH = web.AppKey("health", Health)
DRIVER: web.AppKey[Driver] = web.AppKey("driver")
VIEW = web.AppKey("view", View)
OBSERVATION = web.AppKey("observation", Observation)
GRAPHQL = "/graphql"
BODY_SIZE = 1 << 20


def create_app(
    services: Services,
    settings: Settings,
    *,
    dialects: Sequence[Dialect[Any]] = (),
    schema: Schema | None = None,
) -> web.Application:
    """The whole gateway over given services; whoever builds them starts and closes them.

    Another ``schema`` than the store's own is for tests of what surrounds it.
    Raises ``ValueError`` for settings that name hosts of dialects, origins or proxies wrongly,
    ``Invalid`` for trusted documents that cannot be read.
    """
    app = web.Application(client_max_size=BODY_SIZE)
    proxies = Proxies(listed(settings.trusted_proxies))
    app[OBSERVATION] = observation = Observation(app, proxies, _by_host(settings, dialects))
    origins = listed(settings.allowed_origins)
    limits = Limits(cost=settings.max_cost, depth=settings.max_depth)
    app[SERVICES] = services
    app[DRIVER] = driver = driver_for(services.database.url, connections=settings.database_pool)
    services.lookups = Lookups(driver, lambda: services.database.commits)
    if settings.compiled_queries:
        services.reader = Reader(driver, PlainReader(services.database), read_failed)
    graph = schema or make_schema(introspection=settings.with_introspection, limits=limits)
    app[HEALTH] = Health(services)
    complete = _completing(cors.granting(GRAPHQL, origins))
    app[VIEW] = View(
        graph,
        services,
        execution=_execution(graph, driver, settings),
        allowed_origins=origins,
        page=graphiql_page(settings) if settings.graphiql else None,
        complete=complete,
        documents=persisted.configured(
            services.documents,
            manifest_paths=listed(settings.trusted_documents),
            only_trusted=settings.trusted_documents_only,
            tokens=limits.tokens,
        ),
    )
    observation.add(web.route("*", GRAPHQL, app[VIEW]))
    observation.add(*app[HEALTH].routes())
    observation.add(*Files(services).routes())
    observation.add(*People(services).routes())
    observation.add(*StripeWebhook(services).routes())
    if isinstance(services.payments, SimulatedPayments):
        observation.add(*DemoCheckout(services, services.payments).routes())
    if settings.graphiql:
        observation.add(*graphiql.routes())
    for dialect in dialects:
        observation.add(*dialect.routes())
    observation.close()
    app.on_response_prepare.append(_signalled(complete))
    app.on_shutdown.append(drain)
    app.on_cleanup.append(_close)
    return app


def _completing(grant: Complete) -> Complete:
    """What adds to a response all that every response gets."""

    def complete(request: web.Request, response: web.StreamResponse) -> None:
        name_response(request, response)
        grant(request, response)

    return complete


def _signalled(
    complete: Complete,
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        complete(request, response)

    return prepare


async def drain(app: web.Application) -> None:
    """Say that the process is about to stop, and send those who follow streams elsewhere.

    Requests in flight go on. Once more does nothing more.
    """
    app[HEALTH].draining = True
    await app[VIEW].drain()
    app[SERVICES].events.close()


def _execution(graph: Schema, driver: Driver, settings: Settings) -> Execution | None:
    if not settings.compiled_queries or not hasattr(graph, "documents"):
        return None

    def observe(path: str, reason: str) -> None:
        TALLY.count(_counted(path, reason))

    return Execution(graph, driver, observe, explains=settings.explain_executions)


def read_failed(error: Exception) -> None:
    """A read that SQLAlchemy does again, slowly: whatever is wrong is to be known."""
    log.warning("prepared_read_failed", exc_info=error)


@cache
def _counted(path: str, reason: str) -> Counter:
    return EXECUTIONS.labels(path, reason)


async def _close(app: web.Application) -> None:
    TALLY.flush()
    services = app[SERVICES]
    services.lookups = PlainLookups(services.database)
    services.reader = PlainReader(services.database)
    await app[DRIVER].close()


def _by_host(settings: Settings, dialects: Sequence[Dialect[Any]]) -> dict[str, Dialect[Any]]:
    named = {dialect.name: dialect for dialect in dialects}
    hosts = mapped(settings.dialect_hosts)
    if unknown := sorted(set(hosts.values()) - set(named)):
        raise ValueError(f"STOREGRAPH_DIALECT_HOSTS names no dialect: {', '.join(unknown)}")
    return {host.lower(): named[name] for host, name in hosts.items()}
