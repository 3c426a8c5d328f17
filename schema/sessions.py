"""Sessions, and what people do about their own accounts, in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models
from resolvers import accounts, organizations, sessions, users
from schema.payloads import UserError, errors_field, from_result, mutation
from schema.relations import Connection, Node, batched, connection, lookup, noun, plain, relation

if TYPE_CHECKING:
    from schema.organizations import Organization
    from schema.users import User

LazyOrganization = Annotated["Organization", strawberry.lazy("schema.organizations")]
LazyUser = Annotated["User", strawberry.lazy("schema.users")]


@noun(models.Session, sessions.by_id, "A browser in which you are logged in.")
class Session(Node):
    user_agent: str | None = plain("What the browser called itself at the log-in.")
    address: str | None = plain("The address from which you logged in.")
    created_at: datetime = plain("When you logged in.")
    expires_at: datetime = plain("When it ends by itself.")
    revoked_at: datetime | None = plain("When it was ended.")
    current: bool = batched(
        sessions.are_current, models.Session.id, about="Whether it is the one that asks."
    )
    organization: LazyOrganization | None = relation(
        organizations.own,
        to="Organization",
        on=models.Session.organization_id,
        about="Where it works; null for another organization than the present one.",
    )


@strawberry.type
class SessionQuery:
    session: Session | None = lookup(
        sessions.by_id, to="Session", about="A session of yours by id."
    )
    sessions: Connection[Session] = connection(
        sessions.listing, to="Session", about="Your sessions; a program has none."
    )


@strawberry.type(description="The outcome of revokeSession.")
class SessionPayload:
    session: Session | None = relation(
        sessions.by_id, to="Session", about="The session as it is now."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="The outcome of revokeAllSessions.")
class RevokeAllSessionsPayload:
    count: int | None = from_result("count", "How many sessions have ended.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="The outcome of switchOrganization.")
class SwitchOrganizationPayload:
    session: Session | None = relation(
        sessions.by_id, to="Session", about="Your session from now on."
    )
    errors: list[UserError] = errors_field()


@strawberry.type(description="The outcome of changePassword.")
class ChangePasswordPayload:
    user: LazyUser | None = relation(users.myself, to="User", about="You.")
    errors: list[UserError] = errors_field()


@strawberry.type
class SessionMutation:
    revoke_session: SessionPayload = mutation(
        sessions.revoke, "End a session of yours, and its live subscriptions with it."
    )
    revoke_all_sessions: RevokeAllSessionsPayload = mutation(
        sessions.revoke_all, "Log out everywhere, in all organizations."
    )
    switch_organization: SwitchOrganizationPayload = mutation(
        sessions.switch,
        "Go on in another organization: the answer brings a new cookie, the one before is void.",
    )
    change_password: ChangePasswordPayload = mutation(
        accounts.change_password, "Get another password, and end all your other sessions."
    )
