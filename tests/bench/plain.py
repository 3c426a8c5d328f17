"""What most people would write: ``python -m tests.bench.plain DATABASE_URL``. It prints its port.

Strawberry's types and aiohttp view, whole entities of SQLAlchemy's ORM, dataloaders, and the caches
of parsed and of validated documents that Strawberry brings along. It answers the gateway's
documents with the same ``data``. As the gateway does, each request looks its API key up by the
hash, and each statement is limited to rows of the key's organization that are not deleted.
"""

import hashlib
import sys
from typing import Any

import strawberry
import uvloop
from aiohttp import web
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from strawberry.aiohttp.views import GraphQLView
from strawberry.extensions import ParserCache, ValidationCache

from db.models import ApiKey, Organization
from tests.bench.loaders import Loaders
from tests.bench.plain_schema import Query
from tests.bench.serving import serve

POOL = 10  # connections, as many as the gateway reads with
schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])


class View(GraphQLView[Loaders, None]):
    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        super().__init__(schema)
        self._sessions = sessions

    async def get_context(self, request: web.Request, response: Any) -> Loaders:
        _, _, key = request.headers.get("Authorization", "").partition(" ")
        found = (
            select(ApiKey)
            .join(Organization, Organization.id == ApiKey.organization_id)
            .where(
                ApiKey.key_hash == hashlib.sha256(key.encode()).hexdigest(),
                ApiKey.revoked_at.is_(None),
                or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
                Organization.deleted_at.is_(None),
            )
        )
        async with self._sessions() as session:
            holder = await session.scalar(found)
        if holder is None:
            raise web.HTTPUnauthorized
        return Loaders(self._sessions, holder.organization_id)


async def main(database_url: str) -> None:
    # A single statement needs no BEGIN and no ROLLBACK around it.
    engine = create_async_engine(
        database_url, pool_size=POOL, max_overflow=0, isolation_level="AUTOCOMMIT"
    )
    application = web.Application()
    application.router.add_route("*", "/graphql", View(async_sessionmaker(engine)))
    await serve(application)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
