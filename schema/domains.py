"""Domains in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from db import models
from resolvers import domains, landing_pages, stores
from schema.payloads import UserError, deleted_id, errors_field, mutation
from schema.relations import Connection, Node, connection, lookup, noun, plain, relation

if TYPE_CHECKING:
    from schema.landing_pages import LandingPage
    from schema.stores import Store

_D = models.Domain


@noun(models.Domain, domains.by_id, "A host name of a store's own.")
class Domain(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    name: str = plain("The host name; no two stores have the same.")
    is_primary: bool = plain("Whether it is the one where buyers find the store.")
    created_at: datetime = plain("When it was added.")
    updated_at: datetime = plain("When it was last changed.")
    version: int = plain("Raised by every edit; see `expectedVersion`.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] = relation(
        stores.by_id, to="Store", on=_D.store_id, about="The store that is found there."
    )
    landing_pages: Connection[Annotated["LandingPage", strawberry.lazy("schema.landing_pages")]] = (
        connection(
            landing_pages.of_domains, to="LandingPage", on=_D.id, about="Pages put on this domain."
        )
    )


@strawberry.type(description="What became of a domain.")
class DomainPayload:
    domain: Domain | None = relation(
        domains.by_id, to="Domain", about="The domain; null if refused."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="What became of a domain that was to be deleted.")
class DeleteDomainPayload:
    deleted_id: strawberry.ID | None = deleted_id("Domain")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Domains.")
class DomainQuery:
    domain: Domain | None = lookup(domains.by_id, to="Domain", about="A domain by id.")
    domains: Connection[Domain] = connection(
        domains.listing, to="Domain", about="Domains of all stores that you may see."
    )


@strawberry.type(description="Changes of domains.")
class DomainMutation:
    create_domain: DomainPayload = mutation(
        domains.create, "Add a domain to a store; its first one becomes the primary one."
    )
    update_domain: DomainPayload = mutation(domains.update, "Rename a domain.")
    set_primary_domain: DomainPayload = mutation(
        domains.set_primary, "Make it the one where buyers find the store."
    )
    delete_domain: DeleteDomainPayload = mutation(
        domains.delete, "Give a domain up; its landing pages move to the primary one."
    )
