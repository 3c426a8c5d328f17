"""What members of an organization may do, by the role that they have in it."""

from collections.abc import Mapping

from db.models import Role
from resolvers.viewer import RESOURCES

# Resources that tell of credentials, or of what every member does: not for everybody to look at.
CONFIDENTIAL = frozenset({"api_key", "audit", "invoice"})
# What only the owner decides: the organization itself, what it pays, and what its books say.
OWNERS = frozenset({"organization:update", "plan:switch", "invoice:pay", "balance:adjust"})
# What an editor works with, and may do anything to.
EDITED = ("product", "review", "landing_page", "bundle", "file", "stock", "job")


def _all_but(left_out: frozenset[str]) -> frozenset[str]:
    """Everything but some permissions, by whole resources where none of them is left out."""
    found: set[str] = set()
    for name, verbs in RESOURCES.items():
        of_resource = {f"{name}:{verb}" for verb in verbs}
        found |= of_resource - left_out if of_resource & left_out else {f"{name}:*"}
    return frozenset(found)


_LOOK = frozenset(
    f"{name}:{verb}"
    for name, verbs in RESOURCES.items()
    for verb in verbs
    if verb in ("view", "browse") and name not in CONFIDENTIAL
)
PERMISSIONS: Mapping[Role, frozenset[str]] = {
    Role.OWNER: frozenset({"*"}),
    Role.ADMIN: _all_but(OWNERS),
    Role.EDITOR: _LOOK
    | {f"{name}:*" for name in EDITED}
    | {"store:update", "order:create", "order:update", "order:export"}
    | {"customer:create", "customer:update"},
    Role.VIEWER: _LOOK,
}
