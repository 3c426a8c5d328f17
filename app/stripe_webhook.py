"""Where Stripe says that something has happened."""

import structlog
from aiohttp import web

from app.refusals import refusal
from resolvers import provider_events
from resolvers.errors import Malformed, StoreError, Unauthenticated
from resolvers.services import Services

log = structlog.get_logger()
PATH = "/stripe/webhook"
SIGNATURE = "Stripe-Signature"


class StripeWebhook:
    """200 once a message has been acted upon or is not for us, 400 for one that is not Stripe's.

    Anything else has Stripe send it again, for three days.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            await provider_events.receive(self._services, body, request.headers.get(SIGNATURE))
        except (Unauthenticated, Malformed) as error:
            return refusal(400, str(error))
        except StoreError as error:
            log.warning("stripe_event_postponed", why=str(error))
            return refusal(503, "try again", code=error.code)
        return web.json_response({"received": True})
