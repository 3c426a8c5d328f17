"""The application: one GraphQL endpoint, the dialects, files, health and metrics."""

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

from aiohttp import web
from prometheus_client import Counter

from app import cors, graphiql, middlewares, persisted
from app.authentication import Proxies
from app.checkout import DemoCheckout
from app.files import Files
from app.graphql import View
from app.health import Health
from app.metrics import EXECUTIONS
from app.pages import graphiql_page
from app.people import People
from app.settings import Settings, listed, mapped
from app.stripe_webhook import StripeWebhook
from engine import Driver, Lookups, driver_for
from providers.simulated_payments import SimulatedPayments
from resolvers.services import PlainLookups, Services
from rest_compat.dialect import Dialect
from schema import Schema, make_schema
from schema.execution import Execution
from schema.limits import Limits

SERVICES = web.AppKey("services", Services)
HEALTH = web.AppKey("health", Health)
DRIVER: web.AppKey[Driver] = web.AppKey("driver")
VIEW = web.AppKey("view", View)
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
    chain = [
        middlewares.observed(Proxies(listed(settings.trusted_proxies))),
        middlewares.refusals,
    ]
    if hosts := _by_host(settings, dialects):
        chain.append(middlewares.hosted(hosts))
    app = web.Application(client_max_size=BODY_SIZE, middlewares=chain)
    origins = listed(settings.allowed_origins)
    limits = Limits(cost=settings.max_cost, depth=settings.max_depth)
    app[SERVICES] = services
    app[DRIVER] = driver = driver_for(services.database.url, connections=settings.database_pool)
    services.lookups = Lookups(driver, lambda: services.database.commits)
    graph = schema or make_schema(introspection=settings.with_introspection, limits=limits)
    app[HEALTH] = Health(services)
    app[VIEW] = View(
        graph,
        services,
        execution=_execution(graph, driver, settings),
        allowed_origins=origins,
        page=graphiql_page(settings) if settings.graphiql else None,
        documents=persisted.configured(
            services.documents,
            manifest_paths=listed(settings.trusted_documents),
            only_trusted=settings.trusted_documents_only,
            tokens=limits.tokens,
        ),
    )
    app.router.add_route("*", GRAPHQL, app[VIEW])
    app.add_routes(app[HEALTH].routes())
    app.add_routes(Files(services).routes())
    app.add_routes(People(services).routes())
    app.add_routes(StripeWebhook(services).routes())
    if isinstance(services.payments, SimulatedPayments):
        app.add_routes(DemoCheckout(services, services.payments).routes())
    if settings.graphiql:
        app.add_routes(graphiql.routes())
    for dialect in dialects:
        app.add_routes(dialect.routes())
    app.on_response_prepare.append(_completed(cors.granting(GRAPHQL, origins)))
    app.on_shutdown.append(drain)
    app.on_cleanup.append(_close_driver)
    return app


def _completed(
    grant: Callable[[web.Request, web.StreamResponse], None],
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """A signal handler for all that every response gets."""

    async def complete(request: web.Request, response: web.StreamResponse) -> None:
        middlewares.name_response(request, response)
        grant(request, response)

    return complete


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
        _counted(path, reason).inc()

    return Execution(graph, driver, observe, explains=settings.explain_executions)


@cache
def _counted(path: str, reason: str) -> Counter:
    return EXECUTIONS.labels(path, reason)


async def _close_driver(app: web.Application) -> None:
    services = app[SERVICES]
    services.lookups = PlainLookups(services.database)
    await app[DRIVER].close()


def _by_host(settings: Settings, dialects: Sequence[Dialect[Any]]) -> dict[str, Dialect[Any]]:
    named = {dialect.name: dialect for dialect in dialects}
    hosts = mapped(settings.dialect_hosts)
    if unknown := sorted(set(hosts.values()) - set(named)):
        raise ValueError(f"STOREGRAPH_DIALECT_HOSTS names no dialect: {', '.join(unknown)}")
    return {host.lower(): named[name] for host, name in hosts.items()}
