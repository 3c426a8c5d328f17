"""The old dialects, each in a gateway of its own."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from app.settings import Settings
from app.web import create_app
from resolvers.services import Services
from rest_compat.instamarket import instamarket
from rest_compat.instxnt import instxnt
from rest_compat.xpage import xpage
from tests.callers import Rest


@asynccontextmanager
async def xpage_door(services: Services, settings: Settings) -> AsyncGenerator[Rest]:
    """The gateway with xPage in it, whose every answer is checked on both sides."""
    dialect = xpage(services, check_answers=True)
    app = create_app(services, settings, dialects=[dialect])
    async with TestClient(TestServer(app)) as client:
        yield Rest(client, dialect.contract)


@asynccontextmanager
async def instxnt_door(services: Services, settings: Settings) -> AsyncGenerator[Rest]:
    """The gateway with instxnt in it, whose every answer is checked on both sides.

    It keeps no cookies: whoever calls sends those that they mean to.
    """
    dialect = instxnt(services, check_answers=True)
    app = create_app(services, settings, dialects=[dialect])
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        yield Rest(client, dialect.contract)


@asynccontextmanager
async def instamarket_door(services: Services, settings: Settings) -> AsyncGenerator[Rest]:
    """The gateway with InstaMarket in it, whose every answer is checked on both sides."""
    dialect = instamarket(services, admin_token=settings.admin_token, check_answers=True)
    app = create_app(services, settings, dialects=[dialect])
    async with TestClient(TestServer(app)) as client:
        yield Rest(client, dialect.contract)
