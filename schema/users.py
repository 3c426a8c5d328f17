"""Users and their memberships in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models
from resolvers import organizations, users
from schema.arguments import graphql_enum
from schema.relations import Connection, Node, connection, lookup, noun, plain, relation

if TYPE_CHECKING:
    from schema.organizations import Organization

graphql_enum(models.Role)
LazyOrganization = Annotated["Organization", strawberry.lazy("schema.organizations")]


@noun(models.User, users.by_id, "A person who works in an organization.")
class User(Node):
    email: str = plain("Unique among all users.")
    name: str = plain("The person's name.")
    created_at: datetime = plain("When the account was made.")
    updated_at: datetime = plain("When it was last changed.")
    memberships: Connection[Annotated["Membership", strawberry.lazy("schema.users")]] = connection(
        users.memberships_of_users,
        to="Membership",
        on=models.User.id,
        about="In your organization.",
    )


@noun(models.Membership, users.membership_by_id, "What a user may do in an organization.")
class Membership(Node):
    role: models.Role = plain("The role, which stands for a set of permissions.")
    created_at: datetime = plain("Since when.")
    user: User | None = relation(
        users.by_id, to="User", on=models.Membership.user_id, about="The person."
    )
    organization: LazyOrganization | None = relation(
        organizations.by_id,
        to="Organization",
        on=models.Membership.organization_id,
        about="The organization.",
    )


@strawberry.type
class UserQuery:
    user: User | None = lookup(users.by_id, to="User", about="A user of your organization by id.")
    users: Connection[User] = connection(
        users.listing, to="User", about="The people of your organization."
    )
