"""Webhooks in GraphQL: who is told, and how the telling goes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from db import models
from resolvers import (
    app_installations,
    orders,
    stores,
    webhook_deliveries,
    webhook_endpoints,
)
from resolvers.context import Context
from schema.arguments import graphql_enum
from schema.payloads import UserError, deleted_id, errors_field, from_result, mutation
from schema.relations import (
    Connection,
    Node,
    batched,
    computed,
    connection,
    lookup,
    noun,
    plain,
    relation,
)

if TYPE_CHECKING:
    from schema.apps import AppInstallation
    from schema.orders import Order
    from schema.stores import Store

graphql_enum(models.WebhookStatus)
_E, _D = models.WebhookEndpoint, models.WebhookDelivery


@strawberry.type(description="One attempt to deliver a message.")
class WebhookAttempt:
    at: datetime = strawberry.field(description="When it began.")
    status: int | None = strawberry.field(description="HTTP status of the answer, if one came.")
    error: str | None = strawberry.field(description="Why no answer came.")
    duration_ms: int = strawberry.field(description="How long it took, in milliseconds.")
    response: str | None = strawberry.field(description="The beginning of the answer's body.")


def _attempt(entry: Mapping[str, Any]) -> WebhookAttempt:
    values = {**entry, "at": datetime.fromisoformat(entry["at"])}
    return WebhookAttempt(**values)  # pyright: ignore[reportArgumentType] - JSON of our own


async def _bodies(ctx: Context, sealed: Sequence[tuple[Any, ...]]) -> list[str]:
    return [ctx.services.vault.open(body) for (body,) in sealed]


@noun(models.WebhookEndpoint, webhook_endpoints.by_id, "An address that is told what happens.")
class WebhookEndpoint(Node):
    url: str = plain("Where messages are posted.")
    topics: list[str] = plain("What it is told: order.created, order.* or * for everything.")
    format: str = plain("In whose words it is told: storegraph, or a dialect's.")
    active: bool = plain("Whether it is told of new events.")
    description: str | None = plain("For people.")
    created_at: datetime = plain("When it was added.")
    updated_at: datetime = plain("When it was last edited.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_E.store_id, about="The store whose events it hears of."
    )
    deliveries: Connection[Annotated["WebhookDelivery", strawberry.lazy("schema.webhooks")]] = (
        connection(
            webhook_deliveries.of_endpoints,
            to="WebhookDelivery",
            on=_E.id,
            about="What it was told.",
        )
    )


@noun(models.WebhookDelivery, webhook_deliveries.by_id, "A message on its way to one address.")
class WebhookDelivery(Node):
    topic: str = plain("What happened.")
    format: str = plain("Whose words the body is in: storegraph, or an old interface.")
    url: str = plain("Where it goes.")
    body: str = batched(
        _bodies, _D.body, about="The message, JSON, exactly as it is sent and signed."
    )
    status: models.WebhookStatus = plain("Where it stands.")
    attempts: int = plain("How often it was sent, since it was first or last asked for.")
    attempts_log: list[WebhookAttempt] = computed(
        lambda log: [_attempt(entry) for entry in log],
        _D.attempts_log,
        about="Every attempt that ended, oldest first.",
    )
    response_status: int | None = plain("HTTP status of the last answer.")
    next_attempt_at: datetime | None = plain("When it is sent next, while it is pending.")
    delivered_at: datetime | None = plain("When it was accepted.")
    created_at: datetime = plain("When its event was read.")
    endpoint: WebhookEndpoint | None = relation(
        webhook_endpoints.by_id,
        to="WebhookEndpoint",
        on=_D.endpoint_id,
        about="Who is told; null for an order's own address, for an app, and once deleted.",
    )
    installation: Annotated["AppInstallation", strawberry.lazy("schema.apps")] | None = relation(
        app_installations.by_id,
        to="AppInstallation",
        on=_D.installation_id,
        about="The app that is told, and where it is installed.",
    )
    order: Annotated["Order", strawberry.lazy("schema.orders")] | None = relation(
        orders.by_id, to="Order", on=_D.order_id, about="The order that it is about."
    )
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_D.store_id, about="The store where it happened."
    )


@strawberry.type(description="What became of a webhook endpoint.")
class WebhookEndpointPayload:
    webhook_endpoint: WebhookEndpoint | None = relation(
        webhook_endpoints.by_id, to="WebhookEndpoint", about="The endpoint; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="A webhook endpoint and its new signing secret.")
class WebhookSecretPayload:
    webhook_endpoint: WebhookEndpoint | None = relation(
        webhook_endpoints.by_id, to="WebhookEndpoint", about="The endpoint; null if refused."
    )
    secret: str | None = from_result(
        "secret", "Signs the messages. It is shown here and never again."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a webhook endpoint that was to be deleted.")
class DeleteWebhookEndpointPayload:
    deleted_id: strawberry.ID | None = deleted_id("WebhookEndpoint")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a message that was to be sent again.")
class WebhookDeliveryPayload:
    webhook_delivery: WebhookDelivery | None = relation(
        webhook_deliveries.by_id, to="WebhookDelivery", about="The message; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="Webhooks.")
class WebhookQuery:
    webhook_endpoint: WebhookEndpoint | None = lookup(
        webhook_endpoints.by_id, to="WebhookEndpoint", about="A webhook endpoint by id."
    )
    webhook_endpoints: Connection[WebhookEndpoint] = connection(
        webhook_endpoints.listing, to="WebhookEndpoint", about="Webhook endpoints of your stores."
    )
    webhook_delivery: WebhookDelivery | None = lookup(
        webhook_deliveries.by_id, to="WebhookDelivery", about="A message to a webhook by id."
    )
    webhook_deliveries: Connection[WebhookDelivery] = connection(
        webhook_deliveries.listing,
        to="WebhookDelivery",
        about="Messages to webhooks: to endpoints, to apps, and to addresses that orders name.",
    )


@strawberry.type(description="Changes of webhooks.")
class WebhookMutation:
    create_webhook_endpoint: WebhookSecretPayload = mutation(
        webhook_endpoints.create, "Have an address told of a store's events."
    )
    update_webhook_endpoint: WebhookEndpointPayload = mutation(
        webhook_endpoints.update, "Change where and what an endpoint is told."
    )
    delete_webhook_endpoint: DeleteWebhookEndpointPayload = mutation(
        webhook_endpoints.delete, "Remove an endpoint; what it was still to be told is given up."
    )
    rotate_webhook_secret: WebhookSecretPayload = mutation(
        webhook_endpoints.rotate_secret, "Replace an endpoint's signing secret at once."
    )
    redeliver_webhook: WebhookDeliveryPayload = mutation(
        webhook_deliveries.redeliver, "Send a message once more that was delivered or given up."
    )
