"""API keys in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models
from resolvers import api_keys, balances, orders, organizations, stores
from schema.payloads import UserError, errors_field, from_result, mutation
from schema.relations import Connection, Node, computed, connection, lookup, noun, plain, relation

if TYPE_CHECKING:
    from schema.balances import Balance
    from schema.orders import Order
    from schema.organizations import Organization
    from schema.stores import Store

LazyOrganization = Annotated["Organization", strawberry.lazy("schema.organizations")]
LazyStore = Annotated["Store", strawberry.lazy("schema.stores")]


@noun(models.ApiKey, api_keys.by_id, "A credential of a program. The key itself is never shown.")
class ApiKey(Node):
    name: str = plain("What it is for.")
    prefix: str = plain("How the key begins, to tell keys apart.")
    permissions: list[str] = plain("What it may do: resource:action, resource:* or *.")
    own_only: bool = plain("Whether it sees only orders, balances and top-ups it made itself.")
    allowed_addresses: list[str] = plain(
        "IP addresses and networks that may use it; any where the list is empty."
    )
    has_secret: bool = computed(
        lambda secret: secret is not None,
        models.ApiKey.secret_encrypted,
        about="Whether there is a secret that signs requests.",
    )
    expires_at: datetime | None = plain("When it ends by itself.")
    revoked_at: datetime | None = plain("When it was ended.")
    request_count: int = plain("Requests made with it.")
    first_used_at: datetime | None = plain("When it was first used.")
    last_used_at: datetime | None = plain("When it was last used.")
    last_endpoint: str | None = plain("What it was last used for.")
    created_at: datetime = plain("When it was made.")
    updated_at: datetime = plain("When it was last changed.")
    version: int = plain("Grows with every change; give it as expectedVersion.")
    orders: Connection[Annotated["Order", strawberry.lazy("schema.orders")]] = connection(
        orders.of_api_keys, to="Order", on=models.ApiKey.id, about="Orders placed with it."
    )
    balances: Connection[Annotated["Balance", strawberry.lazy("schema.balances")]] = connection(
        balances.of_api_keys, to="Balance", on=models.ApiKey.id, about="Its own balances."
    )
    organization: LazyOrganization | None = relation(
        organizations.by_id,
        to="Organization",
        on=models.ApiKey.organization_id,
        about="Whose rows it sees.",
    )
    store: LazyStore | None = relation(
        stores.by_id,
        to="Store",
        on=models.ApiKey.store_id,
        about="The only store it sees; null for all of the organization.",
    )


@strawberry.type
class ApiKeyQuery:
    api_key: ApiKey | None = lookup(api_keys.by_id, to="ApiKey", about="An API key by id.")
    api_keys: Connection[ApiKey] = connection(
        api_keys.listing, to="ApiKey", about="The API keys of your organization."
    )


@strawberry.type(description="The outcome of createApiKey.")
class CreateApiKeyPayload:
    api_key: ApiKey | None = relation(api_keys.by_id, to="ApiKey", about="The new key's row.")
    token: str | None = from_result("token", "The key itself. It is shown here and never again.")
    secret: str | None = from_result(
        "secret", "The signing secret, if asked for. It is shown here and never again."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="The outcome of a change of an API key.")
class ApiKeyPayload:
    api_key: ApiKey | None = relation(api_keys.by_id, to="ApiKey", about="The key as it is now.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="The outcome of rotateApiKeySecret.")
class RotateApiKeySecretPayload:
    api_key: ApiKey | None = relation(api_keys.by_id, to="ApiKey", about="The key as it is now.")
    secret: str | None = from_result(
        "secret", "The new secret. It is shown here and never again; the old one is void."
    )
    errors: list[UserError] = errors_field()


@strawberry.type
class ApiKeyMutation:
    create_api_key: CreateApiKeyPayload = mutation(
        api_keys.create, "Make an API key, no stronger than the one that asks."
    )
    update_api_key: ApiKeyPayload = mutation(
        api_keys.update, "Rename a key, or say who may use it."
    )
    rotate_api_key_secret: RotateApiKeySecretPayload = mutation(
        api_keys.rotate_secret, "Replace the signing secret of a key."
    )
    revoke_api_key: ApiKeyPayload = mutation(
        api_keys.revoke, "End a key for good, and its live subscriptions with it."
    )
