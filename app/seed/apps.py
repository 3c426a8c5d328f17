"""An app of the demo, and the store that has it."""

from datetime import timedelta
from typing import Any

from app.credentials import DemoApp
from app.seed.sowing import Sowing, of
from app.seed.tenants import Tenant
from db import models
from db.models import App, AppInstallation, AppToken, InstallationStatus, Store
from resolvers import app_tokens, apps


def app(sowing: Sowing, owner: Tenant, store: Store) -> DemoApp:
    """An app that may do everything apps may, active in the store, with a token of a day."""
    client_secret, token = apps.new_client_secret(), app_tokens.new_token()
    granted = sorted(apps.Grants.known)
    made_at = sowing.ago(days=75)
    row = sowing.rows.add(
        App(
            organization_id=owner.organization.id,
            name="Harbour Analytics",
            client_id=apps.new_client_id(),
            secret_hash=app_tokens.token_hash(client_secret),
            signing_secret_encrypted=sowing.vault.seal(apps.new_signing_secret()),
            permissions=granted,
            topics=list(apps.TOPICS),
            created_at=made_at,
        )
    )
    installed = sowing.rows.add(
        AppInstallation(
            **of(store),
            app_id=row.id,
            app_name=row.name,
            permissions=granted,
            status=InstallationStatus.ACTIVE,
            activated_at=made_at + timedelta(minutes=4),
            created_at=made_at + timedelta(minutes=3),
        )
    )
    sowing.rows.add(
        AppToken(
            organization_id=row.organization_id,
            app_id=row.id,
            installation_id=installed.id,
            token_hash=app_tokens.token_hash(token),
            expires_at=sowing.now + timedelta(seconds=app_tokens.LONGEST),
            created_at=sowing.now,
        )
    )
    _audit(sowing, owner, "register", ("app", row), client_id=row.client_id)
    _audit(sowing, owner, "install", ("app_installation", installed), app=row.name)
    return DemoApp(row.client_id, client_secret, str(installed.uuid), token)


def _audit(
    sowing: Sowing, by: Tenant, action: str, subject: tuple[str, Any], **details: Any
) -> None:
    kind, row = subject
    sowing.rows.add(
        models.AuditEntry(
            organization_id=by.organization.id,
            actor=f"user:{by.owner.id}",
            action=action,
            subject_type=kind,
            subject_id=row.id,
            details=details,
            created_at=row.created_at,
        )
    )
