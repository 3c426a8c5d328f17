"""Who owns the demo: organizations, the people who work there, their stores and API keys."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.credentials import DemoKeys
from app.seed.sowing import Sowing
from db import models
from db.models import ApiKey, Membership, Organization, Plan, Role, Store, StoreStatus, User
from resolvers.identity import PREFIX_LENGTH, key_hash, new_key, new_secret
from resolvers.slugs import slug_of
from resolvers.viewer import WHOLESALE

EVERYTHING = frozenset({"*"})
READ_ONLY = frozenset({"store:view", "product:view", "review:view"})


@dataclass(frozen=True, slots=True)
class Tenant:
    organization: Organization
    owner: User


@dataclass(frozen=True, slots=True)
class Issued:
    """The keys whose clear text goes into the credentials file, and what others there are."""

    clear: DemoKeys
    wholesale: ApiKey
    signed: ApiKey


def tenant(sowing: Sowing, name: str, *, plan: Plan, people: dict[str, Role]) -> Tenant:
    """An organization with its people, the owner first. Nobody has a password here."""
    created_at = sowing.ago(days=430)
    slug = slug_of(name.split(maxsplit=1)[0], otherwise="tenant")
    owner = sowing.rows.add(Organization(name=name, slug=slug, plan=plan, created_at=created_at))
    users: list[User] = []
    for person, role in people.items():
        email = f"{person.split()[0].lower()}@{slug}.example"
        user = sowing.rows.add(User(email=email, name=person, created_at=created_at))
        users.append(user)
        sowing.rows.add(
            Membership(organization_id=owner.id, user_id=user.id, role=role, created_at=created_at)
        )
    return Tenant(owner, users[0])


def store(
    sowing: Sowing,
    of: Tenant,
    name: str,
    subdomain: str,
    *,
    about: str,
    currency: str = "USD",
    status: StoreStatus = StoreStatus.LIVE,
    wholesale: bool = False,
) -> Store:
    row = sowing.rows.add(
        Store(
            organization_id=of.organization.id,
            name=name,
            subdomain=subdomain,
            description=about,
            status=status,
            currency=currency,
            wholesale=wholesale,
            created_at=sowing.ago(days=425),
        )
    )
    for group, setting, value in (
        ("checkout", "guest_orders", {"allowed": not wholesale}),
        ("contact", "support", {"email": f"help@{subdomain}.example", "hours": "09:00-17:00 UTC"}),
    ):
        sowing.rows.add(
            models.StoreSetting(
                organization_id=row.organization_id,
                store_id=row.id,
                group=group,
                name=setting,
                value=value,
                created_at=row.created_at,
            )
        )
    return row


def api_keys(sowing: Sowing, mine: Tenant, other: Tenant, wholesale: Store) -> Issued:
    """All keys of the demo. Their clear text is random: other than all else in the demo."""
    client: dict[str, Any] = {
        "permissions": WHOLESALE, "store_id": wholesale.id, "own_only": True
    }  # fmt: skip
    everything, _ = _key(sowing, mine, "GraphQL, whole organization", permissions=EVERYTHING)
    buyer, buyer_row = _key(sowing, mine, "Wholesale client", **client)
    secret = new_secret()
    signed, signed_row = _key(sowing, mine, "Wholesale client, signed", secret=secret, **client)
    foreign, _ = _key(sowing, other, "GraphQL, whole organization", permissions=EVERYTHING)
    # Keys that nobody has in clear, for the lists of keys to show every state.
    _key(
        sowing, mine, "Price comparison feed", permissions=READ_ONLY,
        allowed_addresses=["192.0.2.14", "198.51.100.0/24"],
    )  # fmt: skip
    _key(sowing, mine, "Contractor", permissions=EVERYTHING, expires_at=sowing.ago(days=12))
    _key(sowing, mine, "Old till", permissions=READ_ONLY, revoked_at=sowing.ago(days=33))
    return Issued(DemoKeys(everything, foreign, buyer, signed, secret), buyer_row, signed_row)


def _key(
    sowing: Sowing,
    of: Tenant,
    name: str,
    *,
    permissions: frozenset[str],
    secret: str | None = None,
    **columns: Any,
) -> tuple[str, ApiKey]:
    clear, created_at = new_key(), sowing.ago(days=120)
    row = sowing.rows.add(
        ApiKey(
            organization_id=of.organization.id,
            name=name,
            prefix=clear[:PREFIX_LENGTH],
            key_hash=key_hash(clear),
            secret_encrypted=None if secret is None else sowing.vault.seal(secret),
            permissions=sorted(permissions),
            created_at=created_at,
            **columns,
        )
    )
    details: dict[str, Any] = {"name": name, "hmac": secret is not None}
    _audit(sowing, of, "mint", row, days=120, details=details)
    if row.allowed_addresses:
        added = {"added": row.allowed_addresses, "removed": []}
        _audit(sowing, of, "whitelist", row, days=100, details=added)
    if secret is not None:
        _audit(sowing, of, "rotate_secret", row, days=45, details={})
    if row.revoked_at is not None:
        _audit(sowing, of, "revoke", row, days=33, details={"name": name})
    return clear, row


def _audit(
    sowing: Sowing, of: Tenant, action: str, key: ApiKey, *, days: int, details: dict[str, Any]
) -> None:
    sowing.rows.add(
        models.AuditEntry(
            organization_id=of.organization.id,
            actor="system" if action == "mint" else f"user:{of.owner.id}",
            action=action,
            subject_type="api_key",
            subject_id=key.id,
            details=details,
            created_at=sowing.ago(days=days) + timedelta(seconds=key.id),
        )
    )
