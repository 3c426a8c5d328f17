"""Somebody who buys by card in a store, through the doors that buyers and sellers use."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from db import models
from resolvers.services import Services
from rest_compat.instxnt import wire
from tests.callers import Client, Reply, Rest
from tests.kit import Key, Make
from tests.sellers import seller

TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')
SOLD = """query ($id: ID!) { order(id: $id) {
  id paymentStatus fulfillmentStatus refundedTotal { amount } total { amount } failureReason
  contact { firstName lastName email city country } customer { email orderCount
    amountSpent { amount } }
  payments { method reference amount { amount } }
  refunds { status reference amount { amount } }
  disputes { reference status reason amount { amount } }
  checkoutSession { status reference url paymentReference amount { amount }
    applicationFee { amount } } } }"""


@dataclass
class Shop:
    """A store with one product, its owner's token, and its addresses."""

    make: Make
    key: Key
    store: models.Store
    product: models.Product
    variant: models.Variant

    @property
    def services(self) -> Services:
        return self.make.services

    @property
    def host(self) -> str:
        return f"https://{self.store.subdomain}.localhost"

    def wanted(self, **other: Any) -> dict[str, Any]:
        return {
            "store_id": wire.store_id(self.store.uuid),
            "quantity": 1,
            "success_url": f"{self.host}/thanks?s={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{self.host}/cart",
            **other,
        }

    async def ask(self, door: Rest, *, once: str | None = None, **other: Any) -> Reply:
        headers = {} if once is None else {"Idempotency-Key": once}
        return await door(
            "create_checkout_session", key=self.key, body=self.wanted(**other), headers=headers
        )

    async def opened(self, door: Rest, **other: Any) -> dict[str, Any]:
        reply = await self.ask(door, **other)
        assert reply.status == 200, reply.body
        return reply.body


async def open_shop(
    make: Make, *, plan: models.Plan = models.Plan.PRO, of: str = "Acme", **product: Any
) -> Shop:
    """A shop of an organization; the dialect itself is for the plan Pro."""
    key = await seller(make, of)
    store = await make.store(of, currency=product.pop("currency", "USD"))
    made = await make.product(store, title="Magnetic <Mount>", **product)
    if plan is models.Plan.FREE:
        await set_plan(make, of, plan)
    return Shop(make, key, store, made, await make.only_variant(made))


async def set_plan(make: Make, of: str, plan: models.Plan) -> None:
    owner = await make.organization(of)
    async with make.services.database.write() as tx:
        (await tx.get_one(models.Organization, owner.id)).plan = plan


@dataclass(frozen=True)
class Page:
    status: int
    text: str
    headers: Any


class DemoPage:
    """A demo checkout's page, as a browser without scripts uses it."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self.path = url.split("8000", 1)[1]

    async def look(self) -> Page:
        response = await self._client.get(self.path)
        return Page(response.status, await response.text(), response.headers)

    async def press(self, action: str, **fields: str) -> Page:
        if "token" not in fields:
            found = TOKEN.search((await self.look()).text)
            fields["token"] = found.group(1) if found else ""
        form = {"email": "ada@example.com", "name": "Ada Lovelace King", "address": "1 Main St",
                "city": "Ulm", "country": "de", **fields, "action": action}  # fmt: skip
        response = await self._client.post(self.path, data=form, allow_redirects=False)
        return Page(response.status, await response.text(), response.headers)


async def only_order(services: Services) -> models.Order:
    async with services.database.write() as tx:
        return (await tx.scalars(select(models.Order))).one()


async def the_session(services: Services) -> models.CheckoutSession:
    async with services.database.write() as tx:
        return (await tx.scalars(select(models.CheckoutSession))).one()


async def stock_of(services: Services, variant: models.Variant) -> int:
    async with services.database.write() as tx:
        return (await tx.get_one(models.Variant, variant.id)).stock


async def fees(services: Services) -> dict[str, int]:
    """Balances (micro-units) of the accounts of the platform's part, by unit."""
    found = select(models.Account).where(models.Account.role == models.AccountRole.FEES)
    async with services.database.write() as tx:
        return {each.unit: each.balance for each in await tx.scalars(found)}
