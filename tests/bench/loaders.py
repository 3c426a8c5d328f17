"""Dataloaders of the plain server: rows of the ORM, found by the keys of their parents."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import aliased
from strawberry.dataloader import DataLoader

from db import models
from db.base import Attribute, Base
from db.models import Offer, OrderLine, Review, Variant

Loader = DataLoader[int, Any]


class Loaders:
    """One request's, for the organization of its key. A session a statement, as they overlap."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], organization_id: int) -> None:
        self._sessions, self._organization_id = sessions, organization_id
        self._firsts: dict[tuple[Any, int], Loader] = {}
        self.brand = self._one(models.Brand)
        self.customer = self._one(models.Customer)
        self.product = self._one(models.Product)
        self.variant = self._one(Variant)
        self.variants = self._many(Variant.product_id, Variant.position, Variant.id)
        self.lines = self._many(OrderLine.order_id, OrderLine.id)

    def offers(self, first: int) -> Loader:
        return self._first(first, Offer.variant_id, Offer.price, Offer.id)

    def reviews(self, first: int) -> Loader:
        newest = Review.created_at.desc(), Review.id.desc()
        return self._first(first, Review.product_id, *newest)

    def visible(self, kind: Any) -> Select[Any]:
        """What there is of a row class for the organization."""
        found = select(kind).where(kind.organization_id == self._organization_id)
        return found.where(kind.deleted_at.is_(None)) if hasattr(kind, "deleted_at") else found

    async def rows(self, statement: Select[Any]) -> Sequence[Any]:
        async with self._sessions() as session:
            return (await session.scalars(statement)).all()

    def _one(self, kind: Any) -> Loader:
        async def load(keys: list[int]) -> list[Any]:
            rows = await self.rows(self.visible(kind).where(kind.id.in_(keys)))
            found = {row.id: row for row in rows}
            return [found.get(key) for key in keys]

        return DataLoader(load)

    def _many(self, by: Attribute[Any], *order: Any) -> Loader:
        async def load(keys: list[int]) -> list[Any]:
            statement = self.visible(by.class_).where(by.in_(keys)).order_by(*order)
            return _grouped(await self.rows(statement), by.key, keys)

        return DataLoader(load)

    def _first(self, first: int, by: Attribute[Any], *order: Any) -> Loader:
        if (known := self._firsts.get((by, first))) is not None:
            return known

        async def load(keys: list[int]) -> list[Any]:
            place = func.row_number().over(partition_by=by, order_by=order).label("place")
            ranked = self.visible(by.class_).where(by.in_(keys)).add_columns(place).subquery()
            statement = select(aliased(by.class_, ranked)).where(ranked.c.place <= first)
            rows = await self.rows(statement.order_by(ranked.c.place))
            return _grouped(rows, by.key, keys)

        made = self._firsts[by, first] = DataLoader(load)
        return made


def _grouped(rows: Sequence[Base], by: str, keys: list[int]) -> list[list[Any]]:
    found: defaultdict[int, list[Base]] = defaultdict(list)
    for row in rows:
        found[getattr(row, by)].append(row)
    return [found[key] for key in keys]
