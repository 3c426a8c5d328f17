"""Webhook endpoints: addresses that want to hear what happens in a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from sqlalchemy import update as changing

from db import models
from db.models import WebhookDelivery, WebhookEndpoint, WebhookStatus
from resolvers import audit, idempotency, webhook_formats
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.outbound import checked_url
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Count, Each, Rule, Text, checked
from resolvers.webhooks import new_secret
from resolvers.writes import held, put, referred

ENDPOINT = "webhook_endpoint"
KEY = Annotated[int, KeyOf("WebhookEndpoint"), "The endpoint."]
SORTS = sorts(
    "WebhookEndpointSort",
    default="created_at_desc",
    id=WebhookEndpoint.id,
    created_at=WebhookEndpoint.created_at,
    url=WebhookEndpoint.url,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint and its new secret, in clear for the only time (None in a repeated answer)."""

    key: int
    secret: str | None


class Topics(Rule):
    """Topics of events, each once: one by name, a group such as ``order.*``, or ``*``."""

    kind: ClassVar[str] = "topic"
    known: ClassVar[frozenset[str]] = webhook_formats.topics(webhook_formats.OWN)
    unknown: ClassVar[str] = "which is no topic"

    def check(self, value: Sequence[str]) -> list[str]:
        if unknown := sorted(set(value) - self.known):
            raise ValueError(f"must not hold {', '.join(unknown)}, {self.unknown}")
        return list(dict.fromkeys(value))


def checked_topics(
    topics: Sequence[str], *, format: str = webhook_formats.OWN, path: Sequence[str] = ()
) -> list[str]:
    """Topics of a format, each once: one by name, a group such as ``order.*``, or ``*``.

    Raises ``Invalid``.
    """
    if unknown := sorted(set(topics) - webhook_formats.topics(format)):
        field, listed = (*path, "topics"), ", ".join(unknown)
        raise Invalid(f"topics must not hold {listed}, which is no topic", field=field)
    return list(dict.fromkeys(topics))


class Format(Rule):
    """The name of a format of webhooks."""

    kind: ClassVar[str] = "format"

    def check(self, value: str) -> str:
        if value not in webhook_formats.known():
            raise ValueError(f"must be one of {', '.join(webhook_formats.known())}")
        return value


@dataclass(frozen=True, kw_only=True)
class WebhookEndpointFilter:
    """Which endpoints; all given conditions must hold."""

    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    active: Annotated[bool | None, "Active ones only, or only others."] = None
    search: Annotated[str | None, "Text in the address."] = None


@dataclass(frozen=True, kw_only=True)
class NewWebhookEndpoint:
    """An address to tell of events. Its signing secret is shown once, in the answer."""

    store_id: Annotated[int, KeyOf("Store"), "The store whose events it wants to hear of."]
    url: Annotated[str, "An absolute http or https address, reached from the gateway."]
    topics: Annotated[
        Sequence[str],
        Count(50, 1),
        Each(Text(60)),
        "order.created, order.* or * for everything; topics are those of the format.",
    ]
    format: Annotated[
        str, Format(), "In whose words it is told: storegraph, or instxnt for programs made for it."
    ] = webhook_formats.OWN
    description: Annotated[str | None, Text(500, 0), "For people."] = None
    active: Annotated[bool, "Whether it is told of new events."] = True


@dataclass(frozen=True, kw_only=True)
class WebhookEndpointChanges:
    """What to change about an endpoint. What it was to be told before is still sent as it was."""

    url: Annotated[str, "An absolute http or https address, reached from the gateway."] = ABSENT
    topics: Annotated[
        Sequence[str],
        Count(50, 1),
        Each(Text(60)),
        "order.created, order.* or * for everything; topics are those of the format.",
    ] = ABSENT
    description: Annotated[str | None, Text(500, 0), "For people."] = ABSENT
    active: Annotated[bool, "Whether it is told of new events."] = ABSENT


CONDITIONS: Conditions = {
    "store_id": lambda key: WebhookEndpoint.store_id == key,
    "active": WebhookEndpoint.active.is_,
    "search": lambda text: contains(WebhookEndpoint.url, text),
}


@one(WebhookEndpoint, by=WebhookEndpoint.id, permission="webhook:view")
def by_id(endpoints: Any) -> Any:
    return endpoints


@page(WebhookEndpoint, sorts=SORTS, permission="webhook:view")
def listing(endpoints: Any, *, filter: WebhookEndpointFilter | None = None) -> Any:
    return narrowed(endpoints, filter, CONDITIONS)


of_stores = listing.by_column(WebhookEndpoint.store_id)


async def create(
    ctx: Context, *, input: NewWebhookEndpoint, idempotency_key: str | None = None
) -> Endpoint:
    viewer = ctx.require("webhook:create")
    values = checked(input, "input")
    checked_url(input.url, ("input", "url"))
    values["topics"] = checked_topics(values["topics"], format=values["format"], path=("input",))
    secret = new_secret()
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(
            ctx, tx, "createWebhookEndpoint", idempotency_key, input
        )
        if kept is not None:
            return Endpoint(kept["key"], None)
        await referred(tx, viewer, models.Store, input.store_id, field=("input", "store_id"))
        row = WebhookEndpoint(
            organization_id=viewer.organization_id,
            secret_encrypted=ctx.services.vault.seal(secret),
            **values,
        )
        tx.add(row)
        await tx.flush()
        audit.write(tx, viewer, "webhook.created", (ENDPOINT, row.id), url=row.url)
        await idempotency.keep(ctx, tx, "createWebhookEndpoint", idempotency_key, {"key": row.id})
    return Endpoint(row.id, secret)


async def update(
    ctx: Context,
    *,
    id: KEY,
    changes: WebhookEndpointChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("webhook:update")
    values = checked(changes, "changes")
    checked_url(values.get("url"), ("changes", "url"))
    if not values:
        raise Invalid("nothing to change", field=("changes",))
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, WebhookEndpoint, id, expected_version=expected_version)
        if "topics" in values:
            values["topics"] = checked_topics(
                values["topics"], format=row.format, path=("changes",)
            )
        put(row, values)
        audit.write(tx, viewer, "webhook.changed", (ENDPOINT, id), changed=sorted(values))
    return id


async def delete(ctx: Context, *, id: KEY, expected_version: int | None = None) -> int:
    """Remove an endpoint. What it was still to be told is given up; the log of the rest stays."""
    viewer = ctx.require("webhook:delete")
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, WebhookEndpoint, id, expected_version=expected_version)
        own = changing(WebhookDelivery).where(WebhookDelivery.endpoint_id == id)
        still_open = own.where(WebhookDelivery.status == WebhookStatus.PENDING)
        await tx.execute(still_open.values(status=WebhookStatus.FAILED, next_attempt_at=None))
        await tx.execute(own.values(endpoint_id=None))
        await tx.delete(row)
        audit.write(tx, viewer, "webhook.deleted", (ENDPOINT, id), url=row.url)
    return id


async def rotate_secret(ctx: Context, *, id: KEY) -> Endpoint:
    """Replace the signing secret; every message from now on is signed with the new one."""
    viewer = ctx.require("webhook:update")
    secret = new_secret()
    async with ctx.transaction() as tx:
        row = await held(tx, viewer, WebhookEndpoint, id)
        row.secret_encrypted = ctx.services.vault.seal(secret)
        audit.write(tx, viewer, "webhook.secret_rotated", (ENDPOINT, id))
    return Endpoint(id, secret)
