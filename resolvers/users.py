"""Users, and their memberships in organizations."""

from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import or_

from db.models import Membership, Role, User
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts

SORTS = sorts(
    "UserSort",
    default="name_asc",
    id=User.id,
    created_at=User.created_at,
    name=User.name,
    email=User.email,
)
MEMBERSHIP_SORTS = sorts(
    "MembershipSort", default="id_asc", id=Membership.id, created_at=Membership.created_at
)


@dataclass(frozen=True, kw_only=True)
class UserFilter:
    """Which users; all given conditions must hold."""

    search: Annotated[str | None, "Text in the name or the e-mail address."] = None
    email: Annotated[str | None, "Exactly this e-mail address."] = None


@dataclass(frozen=True, kw_only=True)
class MembershipFilter:
    """Which memberships; all given conditions must hold."""

    role: Annotated[tuple[Role, ...] | None, "Any of these roles."] = None


@one(User, by=User.id, permission="organization:view")
def by_id(users: Any) -> Any:
    return users


@one(User, by=User.id, permission=None)
def myself(users: Any) -> Any:
    """The viewer's own account, which needs no permission."""
    return users


@page(User, sorts=SORTS, permission="organization:view")
def listing(users: Any, *, filter: UserFilter | None = None) -> Any:
    return narrowed(users, filter, CONDITIONS)


@one(Membership, by=Membership.id, permission="organization:view")
def membership_by_id(memberships: Any) -> Any:
    return memberships


@page(Membership, sorts=MEMBERSHIP_SORTS, permission="organization:view")
def memberships(rows: Any, *, filter: MembershipFilter | None = None) -> Any:
    return narrowed(rows, filter, {"role": Membership.role.in_})


memberships_of_organizations = memberships.by_column(Membership.organization_id)
memberships_of_users = memberships.by_column(Membership.user_id)

CONDITIONS: Conditions = {
    "search": lambda text: or_(contains(User.name, text), contains(User.email, text)),
    "email": lambda address: User.email == address,
}
