"""What every part of the demo is made with: one source of chance, one clock, one pile of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from app.seed.rows import Rows
from db import models
from resolvers.slugs import slug_of
from resolvers.vault import Vault

CENT = 10_000  # micro-units
T = TypeVar("T")


@dataclass(slots=True)
class Sowing:
    """``now`` is when the demo is made: everything in it happened before. ``scale`` multiplies."""

    rng: Random
    now: datetime
    scale: float
    rows: Rows
    vault: Vault
    stored: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    """The bytes of files, with the keys under which they are stored."""
    _slugs: set[tuple[int, str]] = field(default_factory=set[tuple[int, str]])

    def count(self, at_scale_1: int) -> int:
        return max(1, round(at_scale_1 * self.scale))

    def ago(self, *, days: float = 0, hours: float = 0, minutes: float = 0) -> datetime:
        return self.now - timedelta(days=days, hours=hours, minutes=minutes)

    def between(self, start: datetime, end: datetime) -> datetime:
        """Some moment of an interval, in whole seconds."""
        length = max(0.0, (end - start).total_seconds())
        return start + timedelta(seconds=int(self.rng.random() * length))

    def after(self, at: datetime, *, hours: tuple[float, float]) -> datetime:
        """Some hours later, but still in the past."""
        later = at + timedelta(seconds=int(self.rng.uniform(*hours) * 3600))
        return later if later < self.now else self.between(at, self.now - timedelta(seconds=30))

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, among: Sequence[T]) -> T:
        return self.rng.choice(among)

    def price(self, low: int, high: int) -> int:
        """Micro-units of a price as shops write it, between two whole amounts: 34.90, 34.99, 34."""
        ending = self.rng.choices((90, 99, 95, 50, 0), (5, 5, 2, 2, 2))[0]
        return (self.rng.randint(low, high) * 100 + ending) * CENT

    def slug(self, store: models.Store, title: str) -> str:
        """A slug of the title that nothing of this pile and store has."""
        base = slug = slug_of(title, otherwise="item")
        number = 1
        while (store.id, slug) in self._slugs:
            number += 1
            slug = f"{base}-{number}"
        self._slugs.add((store.id, slug))
        return slug


def of(store: models.Store) -> dict[str, Any]:
    """Whose row it is, for any row of a store."""
    return {"organization_id": store.organization_id, "store_id": store.id}
