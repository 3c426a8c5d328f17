"""Which events somebody wants to hear of."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement

from db import models
from resolvers.events import BALANCE, DELIVERY, INSTALLATION, JOB, ORDER, EventRecord, wants
from resolvers.viewer import Viewer

PERMISSIONS: Mapping[str, str] = {
    ORDER: "order:view",
    DELIVERY: "order:view",
    JOB: "job:view",
    BALANCE: "balance:view",
    INSTALLATION: "app:view",
    "store": "store:view",
    "product": "product:view",
    "customer": "customer:view",
    "review": "review:view",
    "landing_page": "landing_page:view",
}
"""What somebody needs who wants to hear of a kind of subject, whichever row it is."""


@dataclass(frozen=True, slots=True)
class Interest:
    """Which events a subscriber wants, within what the viewer may see.

    Without a ``subject_type`` they are of all kinds in ``PERMISSIONS`` for which the viewer has
    the permission; ``topics`` (as of webhooks) limits them further.
    """

    viewer: Viewer
    subject_type: str | None
    subject_id: int | None = None
    store_id: int | None = None
    topics: frozenset[str] | None = None

    def matches(self, event: EventRecord) -> bool:
        viewer = self.viewer
        return (
            event.organization_id == viewer.organization_id
            and self._is_of_kind(event)
            and self.subject_id in (None, event.subject_id)
            and self.store_id in (None, event.store_id)
            and self._in_scope(event)
            and (not viewer.own_only or event.payload.get("api_key_id") == viewer.api_key_id)
        )

    def _is_of_kind(self, event: EventRecord) -> bool:
        if self.topics is not None and not wants(self.topics, event.topic):
            return False
        if self.subject_type is not None:
            return event.subject_type == self.subject_type
        permission = PERMISSIONS.get(event.subject_type)
        return permission is not None and self.viewer.may(permission)

    def _in_scope(self, event: EventRecord) -> bool:
        """Whether it is of the viewer's stores; balances are of no store."""
        scope = self.viewer.store_ids
        return scope is None or event.subject_type == BALANCE or event.store_id in scope

    def conditions(self) -> list[ColumnElement[bool]]:
        """What SQL can tell of it: no event that matches is missing."""
        event = models.Event
        found = [event.organization_id == self.viewer.organization_id]
        if self.subject_type is not None:
            found.append(event.subject_type == self.subject_type)
        if self.subject_id is not None:
            found.append(event.subject_id == self.subject_id)
        if self.store_id is not None:
            found.append(event.store_id == self.store_id)
        return found
