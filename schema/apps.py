"""Apps in GraphQL: what organizations register, and what stores have installed."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from db import models
from resolvers import app_installations, app_tokens, apps, stores, viewer, webhook_deliveries
from schema.arguments import graphql_enum
from schema.payloads import UserError, deleted_id, errors_field, from_result, mutation
from schema.relations import Connection, Node, connection, lookup, noun, plain, relation

if TYPE_CHECKING:
    from schema.stores import Store
    from schema.webhooks import WebhookDelivery

graphql_enum(models.InstallationStatus)
_A, _I = models.App, models.AppInstallation


@noun(models.App, apps.by_id, "A program of your organization that stores may install.")
class App(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    name: str = plain("What stores know it as.")
    client_id: str = plain("Its public name: it gets tokens with it, and stores install it by it.")
    install_url: str | None = plain("Told when a store installs it.")
    webhook_url: str | None = plain("Told what happens in stores that have installed it.")
    permissions: list[str] = plain("What it asks stores for: resource:action.")
    topics: list[str] = plain("What it is told of: order.created, order.* or *.")
    created_at: datetime = plain("When it was registered.")
    updated_at: datetime = plain("When it was last changed.")
    version: int = plain("Raised by every change; see `expectedVersion`.")
    installations: Connection[Annotated["AppInstallation", strawberry.lazy("schema.apps")]] = (
        connection(
            app_installations.of_apps,
            to="AppInstallation",
            on=_A.id,
            about="Where it is installed, as far as your own stores go.",
        )
    )


@noun(models.AppInstallation, app_installations.by_id, "An app in a store.")
class AppInstallation(Node):
    uuid: UUID = plain("The id under which the app and old interfaces know it.")
    app_name: str = plain("What the app was called when it was installed.")
    permissions: list[str] = plain("What the store lets it do.")
    status: models.InstallationStatus = plain("Where it stands.")
    activated_at: datetime | None = plain("When the app agreed.")
    uninstalled_at: datetime | None = plain("When it was taken from the store.")
    created_at: datetime = plain("When somebody installed it.")
    updated_at: datetime = plain("When it last changed.")
    version: int = plain("Raised by every change; see `expectedVersion`.")
    app: App | None = relation(
        apps.by_id, to="App", on=_I.app_id, about="The app; null for one of somebody else."
    )
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_I.store_id, about="The store that has it."
    )
    webhook_deliveries: Connection[
        Annotated["WebhookDelivery", strawberry.lazy("schema.webhooks")]
    ] = connection(
        webhook_deliveries.of_installations,
        to="WebhookDelivery",
        on=_I.id,
        about="What the app was told of this store.",
    )


@strawberry.type(description="Something that a credential can be allowed to do.")
class Permission:
    name: str = strawberry.field(description="As it is granted: resource:action.")
    resource: str = strawberry.field(description="What it is about.")
    action: str = strawberry.field(description="What may be done with it.")
    for_apps: bool = strawberry.field(description="Whether apps can ask for it.")


def _permissions() -> list[Any]:
    grantable = apps.Grants.known
    return [
        Permission(
            name=f"{resource}:{action}",
            resource=resource,
            action=action,
            for_apps=f"{resource}:{action}" in grantable,
        )
        for resource, actions in viewer.RESOURCES.items()
        for action in actions
    ]


@strawberry.type(description="Apps and their installations.")
class AppQuery:
    app: App | None = lookup(apps.by_id, to="App", about="An app of your organization by id.")
    apps: Connection[App] = connection(
        apps.listing, to="App", about="The apps that your organization has registered."
    )
    app_installation: AppInstallation | None = lookup(
        app_installations.by_id, to="AppInstallation", about="An app in a store by id."
    )
    app_installations: Connection[AppInstallation] = connection(
        app_installations.listing, to="AppInstallation", about="The apps in your stores."
    )
    permissions: list[Permission] = strawberry.field(
        resolver=_permissions, description="All permissions that there are."
    )


@strawberry.type(description="A new app, with its secrets.")
class RegisterAppPayload:
    app: App | None = relation(apps.by_id, to="App", about="The app; null if refused.")
    client_secret: str | None = from_result(
        "client_secret", "It gets tokens with it. It is shown here and never again."
    )
    signing_secret: str | None = from_result(
        "signing_secret", "Signs what it is sent. It is shown here and never again."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of an app.")
class AppPayload:
    app: App | None = relation(apps.by_id, to="App", about="The app; null if refused.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="An app and the secret that it gets tokens with.")
class AppClientSecretPayload:
    app: App | None = relation(apps.by_id, to="App", about="The app; null if refused.")
    client_secret: str | None = from_result(
        "client_secret", "The new one. It is shown here and never again; the old one is void."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="An app and the secret that signs what it is sent.")
class AppSigningSecretPayload:
    app: App | None = relation(apps.by_id, to="App", about="The app; null if refused.")
    signing_secret: str | None = from_result(
        "signing_secret", "The new one. It is shown here and never again."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of an app that was to be deleted.")
class DeleteAppPayload:
    deleted_id: strawberry.ID | None = deleted_id("App")
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of an app that was to be installed.")
class InstallAppPayload:
    installation: AppInstallation | None = relation(
        app_installations.by_id, to="AppInstallation", about="The installation; null if refused."
    )
    redirect_url: str | None = from_result(
        "redirect_url",
        "Where to send the user's browser within the hour; null where nothing is left to do.",
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of an installation.")
class AppInstallationPayload:
    installation: AppInstallation | None = relation(
        app_installations.by_id, to="AppInstallation", about="The installation; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What an app hears that has agreed to be installed.")
class ConfirmInstallationPayload:
    install_id: UUID | None = from_result(
        "uuid", "The installation, active now: name it to get tokens. Null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="Changes of apps and their installations.")
class AppMutation:
    register_app: RegisterAppPayload = mutation(
        apps.register, "Register a program that stores may install."
    )
    update_app: AppPayload = mutation(apps.update, "Change an app.")
    delete_app: DeleteAppPayload = mutation(
        apps.delete, "End an app, with its tokens, in all stores that have it."
    )
    rotate_app_client_secret: AppClientSecretPayload = mutation(
        apps.rotate_client_secret, "Replace what an app gets tokens with."
    )
    rotate_app_signing_secret: AppSigningSecretPayload = mutation(
        apps.rotate_signing_secret, "Replace what signs messages to an app."
    )
    revoke_app_tokens: AppPayload = mutation(
        app_tokens.revoke_all, "End all tokens of an app at once; it may ask for new ones."
    )
    install_app: InstallAppPayload = mutation(
        app_installations.install, "Give an app to a store, no more than you may do yourself."
    )
    retry_installation: InstallAppPayload = mutation(
        app_installations.retry, "Ask an app once more that has not agreed."
    )
    confirm_installation: ConfirmInstallationPayload = mutation(
        app_installations.confirm,
        "Agree to be installed, with the state of the redirect; needs no credential beside it.",
    )
    update_installation: AppInstallationPayload = mutation(
        app_installations.update, "Grant an app other permissions."
    )
    uninstall_app: AppInstallationPayload = mutation(
        app_installations.uninstall, "Take an app from a store, at once."
    )
