"""Who is told: active installations of apps that want to hear what happens in their store."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from db import models
from db.models import App, AppInstallation, InstallationStatus
from resolvers import app_tokens
from resolvers.context import Context
from resolvers.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Listener:
    """An active installation that wants to be told: as whom it sees things, and where it is."""

    installation_id: int
    uuid: UUID
    viewer: Viewer
    url: str
    topics: Sequence[str]
    signing_secret_encrypted: str


async def of_store(ctx: Context, store_id: int) -> list[Listener]:
    """The active installations of a store whose apps are told of something."""
    found = (
        select(
            AppInstallation.id,
            AppInstallation.uuid,
            AppInstallation.organization_id,
            AppInstallation.permissions,
            App.webhook_url,
            App.topics,
            App.signing_secret_encrypted,
        )
        .join(App, App.id == AppInstallation.app_id)
        .join(models.Store, models.Store.id == AppInstallation.store_id)
        .where(
            AppInstallation.store_id == store_id,
            AppInstallation.status == InstallationStatus.ACTIVE,
            App.webhook_url.is_not(None),
            App.deleted_at.is_(None),
            models.Store.deleted_at.is_(None),
        )
        .order_by(AppInstallation.id)
    )
    return [
        Listener(
            row.id,
            row.uuid,
            app_tokens.viewer_for(row.id, row.organization_id, store_id, row.permissions),
            row.webhook_url,
            row.topics,
            row.signing_secret_encrypted,
        )
        for row in await ctx.rows(found)
    ]
