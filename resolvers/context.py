"""One request: who is asking, how to reach the rows, what is already loaded."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiodataloader import DataLoader
from sqlalchemy import Executable
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from resolvers.errors import Conflict, Unauthenticated
from resolvers.services import Services
from resolvers.viewer import Viewer, system

Batch = Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]


def _empty() -> dict[Any, Any]:
    """What ``dict[str, Any]()`` makes, in a fifth of the time."""
    return {}


@dataclass(slots=True)
class Context:
    """``services`` are the process's, everything else is the request's."""

    services: Services
    viewer: Viewer | None = None
    request_id: str = "-"
    remote: str | None = None
    connection_params: Any = None
    extensions: dict[str, Any] = field(default_factory=_empty)
    """What the response tells beside its data."""
    keep_session: Callable[[str, datetime], None] | None = None
    """Gives the browser the cookie of another session, which ends at an instant.

    None where whoever asks takes no cookies with the answer.
    """
    _loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=_empty)

    def require(self, permission: str | None = None) -> Viewer:
        """The viewer. Raises ``Unauthenticated`` without one, ``Forbidden`` without permission."""
        if self.viewer is None:
            raise Unauthenticated("this needs a credential")
        if permission is not None:
            self.viewer.require(permission)
        return self.viewer

    def as_system(self, organization_id: int) -> "Context":
        """The same services, seen by the gateway itself."""
        return Context(self.services, system(organization_id), self.request_id)

    async def rows(self, query: Executable) -> Sequence[Row[Any]]:
        """Run one read on a connection of its own, so that reads may overlap."""
        async with self.services.database.read() as connection:
            return (await connection.execute(query)).all()

    async def load(self, slot: Hashable, batch: Batch, key: Any) -> Any:
        """The value of ``key`` by ``batch``, together with all keys of the slot in this tick."""
        loader = self._loaders.get(slot)
        if loader is None:

            async def load_all(keys: list[Any]) -> list[Any]:
                return list(await batch(keys))

            # Batches within a tick, remembers nothing: a WebSocket's context lives for hours.
            loader = self._loaders[slot] = DataLoader(load_all, cache=False)
        return await loader.load(key)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """One unit of work: changes, their events, jobs and transfers commit together.

        Rolls back on any error. After commit, readers of events and jobs are woken. A change of a
        row that somebody else changed meanwhile, and a breach of a constraint that no rule caught
        before, are conflicts.
        """
        try:
            async with self.services.database.write() as session:
                yield session
        except StaleDataError as error:
            raise Conflict("somebody else changed this at the same time") from error
        except IntegrityError as error:
            raise Conflict("this contradicts what is stored already") from error
        self.services.events.wake()
        self.services.jobs.wake()
