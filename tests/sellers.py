"""Those who call instxnt: programs with a token, and people whose browser keeps a cookie."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from db import models
from resolvers.services import Services
from tests.callers import GraphQL, Reply, Rest
from tests.kit import Key, Make

PASSWORD = "nine lamps on a shelf"


@dataclass(frozen=True)
class Seller(Key):
    """A token of an account."""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.clear}"}


async def seller(make: Make, of: str = "Acme") -> Seller:
    """A new token of an organization, which is of the plan Pro from now on."""
    owner = await make.organization(of)
    async with make.services.database.write() as tx:
        (await tx.get_one(models.Organization, owner.id)).plan = models.Plan.PRO
    key = await make.key(of)
    return Seller(key.row, key.clear)


@dataclass
class Browser:
    """Somebody who has signed up by instxnt's own route, and the cookie of their session.

    Operations are called with the cookie and, where the contract asks for one, with a proof.
    """

    door: Rest
    email: str = "ada@example.com"
    password: str = PASSWORD
    cookie: str = ""
    proof: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Only what a browser sends by itself: so reads come in, and GraphQL as JSON."""
        return {"Cookie": f"instxnt_session={self.cookie}"} if self.cookie else {}

    async def sign_up(self, **body: Any) -> Reply:
        return await self._enter("sign_up", body)

    async def log_in(self, **body: Any) -> Reply:
        return await self._enter("log_in", body)

    async def _enter(self, operation_id: str, body: dict[str, Any]) -> Reply:
        given = {"email": self.email, "password": self.password, **body}
        reply = await self.door(operation_id, body=given, headers=self.headers)
        if reply.status in (200, 201):
            self.cookie = cookie_of(reply)
            self.proof = reply.body["token"]
        return reply

    async def __call__(self, operation_id: str, **call: Any) -> Reply:
        headers = {**self.headers, **(call.pop("headers", None) or {})}
        if self.door.contract.operation(operation_id).method != "GET":
            headers.setdefault("X-CSRF-Token", self.proof)
        return await self.door(operation_id, headers=headers, **call)

    async def data(self, operation_id: str, **call: Any) -> Any:
        """The body of a success; anything else fails."""
        reply = await self(operation_id, **call)
        assert 200 <= reply.status < 300, (reply.status, reply.body)
        return reply.body

    @property
    def gql(self) -> GraphQL:
        """GraphQL; its calls take this browser as their ``key``."""
        return GraphQL(self.door.client)


def cookie_of(reply: Reply) -> str:
    """The session's token in an answer that sets the cookie."""
    name, _, value = reply.headers["Set-Cookie"].partition(";")[0].partition("=")
    assert name == "instxnt_session"
    return value


async def browser(instxnt: Rest, email: str = "ada@example.com", **account: Any) -> Browser:
    """A browser whose person has just signed up, and owns an organization on the plan free."""
    made = Browser(instxnt, email)
    reply = await made.sign_up(**account)
    assert reply.status == 201, reply.body
    return made


async def organization_of(services: Services, browser: Browser) -> int:
    """The first organization of the person, by its key."""
    found = (
        select(models.Membership.organization_id)
        .join(models.User, models.User.id == models.Membership.user_id)
        .where(models.User.email == browser.email)
        .order_by(models.Membership.id)
    )
    async with services.database.read() as connection:
        return (await connection.execute(found)).scalars().first() or 0


async def promote(services: Services, browser: Browser) -> None:
    """Put the person's organization on the plan Pro."""
    owner = await organization_of(services, browser)
    row = models.Organization
    async with services.database.write() as tx:
        await tx.execute(update(row).where(row.id == owner).values(plan=models.Plan.PRO))
