"""Which events somebody wants to hear of."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement

from db import models
from resolvers.events import BALANCE, EventRecord
from resolvers.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Interest:
    """Which events a subscriber wants, within what the viewer may see."""

    viewer: Viewer
    subject_type: str
    subject_id: int | None = None
    store_id: int | None = None

    def matches(self, event: EventRecord) -> bool:
        viewer = self.viewer
        return (
            event.organization_id == viewer.organization_id
            and event.subject_type == self.subject_type
            and self.subject_id in (None, event.subject_id)
            and self.store_id in (None, event.store_id)
            and self._in_scope(event)
            and (not viewer.own_only or event.payload.get("api_key_id") == viewer.api_key_id)
        )

    def _in_scope(self, event: EventRecord) -> bool:
        """Whether it is of the viewer's stores; balances are of no store."""
        scope = self.viewer.store_ids
        return scope is None or event.subject_type == BALANCE or event.store_id in scope

    def conditions(self) -> list[ColumnElement[bool]]:
        """What SQL can tell of it: no event that matches is missing."""
        event = models.Event
        found = [
            event.organization_id == self.viewer.organization_id,
            event.subject_type == self.subject_type,
        ]
        if self.subject_id is not None:
            found.append(event.subject_id == self.subject_id)
        if self.store_id is not None:
            found.append(event.store_id == self.store_id)
        return found
