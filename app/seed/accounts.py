"""Somebody of the demo who can log in, and is logged in already."""

import secrets

from app.credentials import AGENT, DemoAccount
from app.seed.sowing import Sowing
from app.seed.tenants import Tenant
from db.models import Session
from resolvers import sessions
from resolvers.identity import key_hash


def new_password() -> str:
    """A password nobody can guess: 128 random bits."""
    return secrets.token_urlsafe(16)


def account(sowing: Sowing, of: Tenant, password: str, password_hash: str) -> DemoAccount:
    """The owner of a tenant, who has this password and a session of thirty days."""
    of.owner.password_hash, token = password_hash, secrets.token_urlsafe(32)
    sowing.rows.add(
        Session(
            organization_id=of.organization.id,
            user_id=of.owner.id,
            token_hash=key_hash(token),
            expires_at=sowing.now + sessions.LIFETIME,
            user_agent=AGENT,
            created_at=sowing.now,
        )
    )
    return DemoAccount(of.owner.email, password, token)
