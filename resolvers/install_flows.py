"""How an app learns that a store wants it, and agrees.

Directly: a job posts a signed event to the app's install URL, and 200 makes the installation
active. By redirect: the user's browser is sent there with signed parameters, and the app hands back
the ``state`` among them. Apps know these messages from xPage, the one old interface that has apps.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import App, AppInstallation, InstallationStatus, Job
from resolvers import app_tokens, jobs, webhooks
from resolvers.context import Context
from resolvers.errors import Invalid, Unavailable
from resolvers.services import Answer, NoAnswer, Services

KIND = "install_app"
SIGNATURE = "X-XPage-Signature"
STATE_LIFETIME = timedelta(hours=1)
UNKNOWN = "this state is none of ours, or too old"
_AGREED = 200


def signature(secret: str, body: str) -> str:
    """The value of ``X-XPage-Signature``: lower-case hex HMAC-SHA256 of the raw body."""
    return f"sha256={webhooks.signature(secret, body)}"


# By redirect


def redirect_url(services: Services, app: App, installation: UUID) -> str:
    """Where the user's browser goes: the app's install URL with signed parameters."""
    at = int(services.clock().timestamp())
    # Padding would be written differently by different URL libraries, and must be signed as read.
    state = services.vault.seal({"installation": str(installation), "at": at}).rstrip("=")
    parts = urlsplit(app.install_url or "")
    own = {"install_id": str(installation), "state": state, "timestamp": str(at)}
    kept = [pair for pair in parse_qsl(parts.query) if pair[0] not in {*own, "hmac"}]
    query = sorted_query([*kept, *own.items()])
    secret: str = services.vault.open(app.signing_secret_encrypted)
    return parts._replace(query=f"{query}&hmac={webhooks.signature(secret, query)}").geturl()


def sorted_query(pairs: list[tuple[str, str]]) -> str:
    """The query string that is signed: all parameters but ``hmac``, sorted by name."""
    return urlencode(sorted(pairs))


def installation_in(services: Services, state: str) -> UUID:
    """The installation that a state is of. Raises ``Invalid`` for one that is none of ours."""
    try:
        told = services.vault.open(state + "=" * (-len(state) % 4))
        uuid, at = UUID(told["installation"]), int(told["at"])
    except (ValueError, KeyError, TypeError) as error:  # sealed by us, but for something else
        raise Invalid(UNKNOWN, field=("state",)) from error
    if services.clock().timestamp() - at > STATE_LIFETIME.total_seconds():
        raise Invalid(UNKNOWN, field=("state",))
    return uuid


# Directly


async def run(ctx: Context, job_id: int) -> dict[str, Any]:
    """Ask the app; 200 activates the installation, anything else makes it inactive.

    After a crash it asks again, in the same words.
    """
    asked = await _asked(ctx, job_id)
    if asked.status is not InstallationStatus.PENDING:
        return {"status": asked.status.value}
    outcome = await _ask(ctx.services, asked)
    answered = isinstance(outcome, Answer)
    agreed = answered and outcome.status == _AGREED
    async with ctx.transaction() as tx:
        row = await _locked(tx, asked.id)
        if row.status is InstallationStatus.PENDING:
            status = InstallationStatus.ACTIVE if agreed else InstallationStatus.INACTIVE
            settle(ctx.services, tx, row, status)
        return {
            "status": row.status.value,
            "response_status": outcome.status if answered else None,
            "error": None if answered else outcome.reason,
        }


async def on_failure(ctx: Context, tx: AsyncSession, job: Job) -> None:
    """Nobody could be asked, or somebody cancelled the asking."""
    row = await _locked(tx, job.input["installation_id"])
    if row.status is InstallationStatus.PENDING:
        settle(ctx.services, tx, row, InstallationStatus.INACTIVE)


def settle(
    services: Services, tx: AsyncSession, row: AppInstallation, status: InstallationStatus
) -> None:
    """Write down what the app has made of it: it is active now, or not."""
    row.status = status
    if status is InstallationStatus.ACTIVE:
        row.activated_at = services.clock()
    app_tokens.tell(tx, row, ends_access=False)


async def _asked(ctx: Context, job_id: int) -> Any:
    [job] = await ctx.rows(select(Job.input).where(Job.id == job_id))
    # Asked twice, an app is asked in the same words: when, is when the job was made.
    asked_at = select(Job.created_at).where(Job.id == job_id).scalar_subquery()
    found = (
        select(
            AppInstallation.id,
            AppInstallation.uuid,
            AppInstallation.status,
            App.install_url,
            App.signing_secret_encrypted,
            asked_at.label("asked_at"),
        )
        .join(App, App.id == AppInstallation.app_id)
        .where(AppInstallation.id == job.input["installation_id"])
    )
    [row] = await ctx.rows(found)
    return row


async def _ask(services: Services, asked: Any) -> Answer | NoAnswer:
    if services.sender is None:
        raise Unavailable("this process reaches nobody")
    if asked.install_url is None:
        return NoAnswer("the app has no install URL any more")
    event = {
        "event": "app.installed",
        "install_id": str(asked.uuid),
        "timestamp": int(asked.asked_at.timestamp()),
    }
    body = orjson.dumps(event).decode()
    secret = services.vault.open(asked.signing_secret_encrypted)
    headers = {SIGNATURE: signature(secret, body)}
    return await services.sender.post(asked.install_url, body=body, headers=headers)


async def _locked(tx: AsyncSession, key: int) -> AppInstallation:
    found = select(AppInstallation).where(AppInstallation.id == key).with_for_update()
    return (await tx.scalars(found.execution_options(populate_existing=True))).one()


jobs.register(jobs.Kind(KIND, run, on_failure))
