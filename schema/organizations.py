"""Organizations, and who is asking, in GraphQL."""

from asyncio import gather
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from db import models
from resolvers import (
    api_keys,
    connected_accounts,
    fetch,
    generation_quota,
    keys,
    organizations,
    sessions,
    stores,
    users,
)
from resolvers.context import Context
from schema.arguments import graphql_enum
from schema.relations import (
    Connection,
    Info,
    Node,
    batched,
    connection,
    noun,
    plain,
    relation,
    selected,
)

if TYPE_CHECKING:
    from schema.api_keys import ApiKey
    from schema.checkouts import ConnectedAccount
    from schema.stores import Store
    from schema.users import Membership, User

graphql_enum(models.Plan)
LazyStore = Annotated["Store", strawberry.lazy("schema.stores")]
LazyUser = Annotated["User", strawberry.lazy("schema.users")]
LazyMembership = Annotated["Membership", strawberry.lazy("schema.users")]
LazyApiKey = Annotated["ApiKey", strawberry.lazy("schema.api_keys")]


@strawberry.type(description="How many generations may be started today (UTC).")
class GenerationQuota:
    limit: int = strawberry.field(description="Today's, by the plan.")
    used: int = strawberry.field(description="Started today; those that failed do not count.")
    left: int = strawberry.field(description="What can still be started today.")
    resets_at: datetime = strawberry.field(description="When tomorrow begins; nothing is kept.")


async def _quotas(
    ctx: Context, organizations: Sequence[tuple[Any, ...]]
) -> Sequence[GenerationQuota]:
    found = await generation_quota.of_organizations(
        ctx, [(key, plan) for key, plan in organizations]
    )
    return [
        GenerationQuota(limit=each.limit, used=each.used, left=each.left, resets_at=each.resets_at)
        for each in found
    ]


@noun(models.Organization, organizations.by_id, "A tenant: owns stores, employs people.")
class Organization(Node):
    name: str = plain("Its name.")
    slug: str = plain("Unique among all organizations.")
    plan: models.Plan = plain("What it pays for.")
    created_at: datetime = plain("When it was set up.")
    updated_at: datetime = plain("When it was last changed.")
    version: int = plain("Grows with every change; give it as expectedVersion.")
    stores: Connection[LazyStore] = connection(
        stores.listing.by_column(models.Store.organization_id),
        to="Store",
        on=models.Organization.id,
        about="Its stores that you may see.",
    )
    generation_quota: GenerationQuota = batched(
        _quotas,
        models.Organization.id,
        models.Organization.plan,
        about="How many generations it may start today; this needs product:update.",
        permission="product:update",
    )
    members: Connection[LazyMembership] = connection(
        users.memberships_of_organizations,
        to="Membership",
        on=models.Organization.id,
        about="Who works there, in which role.",
    )
    connected_account: Annotated["ConnectedAccount", strawberry.lazy("schema.checkouts")] | None = (
        relation(
            connected_accounts.of_organizations,
            to="ConnectedAccount",
            on=models.Organization.id,
            about="Where the money of its buyers goes; null until one is connected.",
        )
    )


@strawberry.type(description="An organization that you are a member of.")
class Workplace:
    name: str = strawberry.field(description="Its name.")
    role: models.Role = strawberry.field(description="What you are there.")
    current: bool = strawberry.field(description="Whether you work there now.")

    @strawberry.field(description="Its id, for switchOrganization.")
    def id(self) -> strawberry.ID:
        workplace: Any = self
        return strawberry.ID(keys.global_id("Organization", workplace.organization_id))


@strawberry.type(description="Who is asking: what the credential of this request stands for.")
class Viewer:
    organization: Organization | None = relation(
        organizations.own,
        to="Organization",
        on=models.Membership.organization_id,
        about="The organization whose rows you see.",
    )
    user: LazyUser | None = relation(
        users.myself,
        to="User",
        on=models.Membership.user_id,
        about="The person; null for a program.",
    )
    api_key: LazyApiKey | None = relation(
        api_keys.in_use,
        to="ApiKey",
        on=models.Account.api_key_id,
        about="The key in use; null where the credential is none.",
    )
    own_only: bool = strawberry.field(
        description="Whether you see only orders, balances and top-ups that this key made."
    )
    expires_at: datetime | None = strawberry.field(description="When the credential ends.")

    @strawberry.field(
        description="Where the person may work; none for a program.", graphql_type=list[Workplace]
    )
    async def workplaces(self, info: Info) -> Any:
        return await sessions.workplaces(info.context)

    @strawberry.field(description="The organization's plan.")
    def plan(self) -> models.Plan:
        viewer: Any = self
        return models.Plan(viewer.plan)

    @strawberry.field(description="What you may do: resource:action, resource:* or *.")
    def permissions(self) -> list[str]:
        viewer: Any = self
        return sorted(viewer.permissions)

    @strawberry.field(
        description="The stores that you are limited to; null for all of the organization.",
        graphql_type=list[LazyStore] | None,
    )
    async def stores(self, info: Info) -> Any:
        viewer: Any = self
        if viewer.store_ids is None:
            return None
        columns = selected(info, "Store")
        rows = await gather(
            *(
                fetch.load(info.context, stores.by_id, key, {}, columns)
                for key in sorted(viewer.store_ids)
            )
        )
        return [row for row in rows if row is not None]

    @strawberry.field(description="Ids of these stores, which needs no permission.")
    def store_ids(self) -> list[strawberry.ID] | None:
        viewer: Any = self
        if viewer.store_ids is None:
            return None
        return [strawberry.ID(keys.global_id("Store", key)) for key in sorted(viewer.store_ids)]


@strawberry.type
class OrganizationQuery:
    @strawberry.field(
        description="Who is asking; null without a credential.", graphql_type=Viewer | None
    )
    def viewer(self, info: Info) -> Any:
        return info.context.viewer
