"""What people do about apps, and an app's own server."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from db import models
from db.base import now
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Installed, Key, gid

APP = "app { id name clientId installUrl webhookUrl permissions topics version }"
INSTALLATION = """installation { id uuid appName permissions status activatedAt uninstalledAt
  app { id } store { id } }"""
ERRORS = "errors { code message field }"
REGISTER = f"""mutation ($input: NewApp!, $once: String) {{
  registerApp(input: $input, idempotencyKey: $once) {{
    {APP} clientSecret signingSecret {ERRORS} }} }}"""
UPDATE = f"""mutation ($id: ID!, $changes: AppChanges!, $version: Int) {{
  updateApp(id: $id, changes: $changes, expectedVersion: $version) {{ {APP} {ERRORS} }} }}"""
DELETE = f"mutation ($id: ID!) {{ deleteApp(id: $id) {{ deletedId {ERRORS} }} }}"
ROTATE = f"mutation ($id: ID!) {{ rotateAppClientSecret(id: $id) {{ clientSecret {ERRORS} }} }}"
ROTATE_SIGNING = (
    f"mutation ($id: ID!) {{ rotateAppSigningSecret(id: $id) {{ signingSecret {ERRORS} }} }}"
)
REVOKE = f"mutation ($id: ID!) {{ revokeAppTokens(id: $id) {{ app {{ id }} {ERRORS} }} }}"
INSTALL = f"""mutation ($input: InstallApp!, $once: String) {{
  installApp(input: $input, idempotencyKey: $once) {{
    {INSTALLATION} redirectUrl {ERRORS} }} }}"""
RETRY = f"""mutation ($id: ID!, $flow: InstallFlow! = DIRECT) {{
  retryInstallation(id: $id, flow: $flow) {{ {INSTALLATION} redirectUrl {ERRORS} }} }}"""
CONFIRM = f"""mutation ($state: String!) {{
  confirmInstallation(state: $state) {{ installId {ERRORS} }} }}"""
GRANT = f"""mutation ($id: ID!, $changes: AppInstallationChanges!, $version: Int) {{
  updateInstallation(id: $id, changes: $changes, expectedVersion: $version) {{
    {INSTALLATION} {ERRORS} }} }}"""
UNINSTALL = f"mutation ($id: ID!) {{ uninstallApp(id: $id) {{ {INSTALLATION} {ERRORS} }} }}"
AUDIT = "{ auditLog(sort: ID_ASC) { nodes { actor action subjectType details } } }"
ASKED = ["order:view", "product:update", "product:view"]


LOG = """{ webhookDeliveries { nodes { status installation { status appName } } }
  appInstallations(sort: ID_ASC) { nodes { status webhookDeliveries { totalCount } } } }"""


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Server:
    """An app's server: answers with the planned statuses, then with 200."""

    url: str = ""
    plan: deque[int] = field(default_factory=deque)
    seen: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    stuck: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.Response:
        self.seen.append((request.headers, await request.read()))
        if self.stuck is not None:
            await self.stuck.wait()
        return web.Response(status=self.plan.popleft() if self.plan else 200)


@dataclass
class Desk:
    """Somebody of an organization with a store."""

    gql: GraphQL
    store: models.Store
    key: Key

    async def register(self, **input: Any) -> Any:
        given = {"name": "Till", "permissions": ASKED, **input}
        return await self.gql.done(REGISTER, key=self.key, input=given)

    def wanted(self, app: Any, **input: Any) -> dict[str, Any]:
        return {"storeId": gid(self.store), "clientId": app["clientId"], **input}

    async def install(self, app: Any, **input: Any) -> Any:
        return await self.gql.done(INSTALL, key=self.key, input=self.wanted(app, **input))

    async def status(self, installed: Any) -> str:
        query = "query ($id: ID!) { appInstallation(id: $id) { status } }"
        data = await self.gql.data(query, key=self.key, id=installed["installation"]["id"])
        return data["appInstallation"]["status"]

    async def audited(self) -> list[tuple[str, str]]:
        log = (await self.gql.data(AUDIT, key=self.key))["auditLog"]["nodes"]
        return [(entry["action"], entry["subjectType"]) for entry in log]


async def pending(services: Services, app: Installed) -> models.WebhookDelivery:
    """A message to the app that is still to be sent."""
    async with services.database.write() as tx:
        event = models.Event(
            organization_id=app.row.organization_id,
            store_id=app.row.store_id,
            topic="store.updated",
            subject_type="store",
            subject_id=app.row.store_id,
            payload={},
        )
        tx.add(event)
        await tx.flush()
        message = models.WebhookDelivery(
            organization_id=app.row.organization_id,
            store_id=app.row.store_id,
            event_id=event.id,
            installation_id=app.row.id,
            format="xpage",
            topic=event.topic,
            url="https://till.example/",
            body=services.vault.seal("{}"),
            next_attempt_at=now(),
        )
        tx.add(message)
    return message
