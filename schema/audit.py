"""The audit log in GraphQL."""

from datetime import datetime

import strawberry

from db import models
from resolvers import audit
from schema.relations import Connection, Node, connection, noun, plain
from schema.scalars import JSON


@noun(models.AuditEntry, audit.by_id, "Who did what to which row. Never changed, never deleted.")
class AuditEntry(Node):
    actor: str = plain("The credential that did it: key:7, session:3, system.")
    action: str = plain("What was done: mint, revoke, rotate_secret, whitelist, credit, ...")
    subject_type: str = plain("The kind of row it was done to, such as api_key.")
    subject_id: int | None = plain("The row's number; null where no single row is meant.")
    details: JSON = plain("Figures of the action; never a secret.")
    created_at: datetime = plain("When.")


@strawberry.type
class AuditQuery:
    audit_log: Connection[AuditEntry] = connection(
        audit.listing, to="AuditEntry", about="What was done in your organization, newest first."
    )
