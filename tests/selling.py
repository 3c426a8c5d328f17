"""A shop whose payments Stripe takes, with a server in Stripe's place."""

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import stripe
from sqlalchemy import select

from db import models
from providers.stripe_payments import StripePayments
from resolvers.services import Services
from tests.buying import Shop, open_shop
from tests.callers import Client, GraphQL, Rest
from tests.kit import Make, gid
from tests.stripe_server import KEY, SECRET, Event, StripeServer, stripe_server

REFUND = """mutation ($input: NewRefund!, $once: String) {
  refundOrder(input: $input, idempotencyKey: $once) {
    order { paymentStatus refundedTotal { amount } } errors { code message field } } }"""


@dataclass
class Sale:
    """A shop, the doors to it, and Stripe."""

    shop: Shop
    door: Rest
    gql: GraphQL
    stripe: StripeServer
    account: str

    @property
    def services(self) -> Services:
        return self.shop.services

    @property
    def client(self) -> Client:
        return self.door.client

    async def open(self, **other: Any) -> str:
        """A new session's name at Stripe."""
        return (await self.shop.opened(self.door, **other))["session_id"]

    async def deliver(
        self, *events: Event, signature: str | None = None, status: int = 200
    ) -> None:
        for event in events:
            headers = {"Stripe-Signature": signature or event.signature()}
            answer = await self.client.post("/stripe/webhook", data=event.body, headers=headers)
            assert answer.status == status, await answer.text()

    async def deliver_all(self) -> None:
        events, self.stripe.sent = self.stripe.sent, []
        await self.deliver(*events)

    async def sold(self, **other: Any) -> str:
        """A session that was paid, of which we were told."""
        session = await self.open(**other)
        self.stripe.pay(session)
        await self.deliver_all()
        return session

    async def order(self) -> models.Order:
        """The order that was made last."""
        async with self.services.database.write() as tx:
            found = select(models.Order).order_by(models.Order.id.desc()).limit(1)
            return (await tx.scalars(found)).one()

    async def refund(self, amount: str | None = None) -> Any:
        wanted = {"orderId": gid(await self.order()), "amount": amount}
        return (await self.gql.done(REFUND, key=self.shop.key, input=wanted))["order"]


@asynccontextmanager
async def taking_cards(services: Services) -> AsyncGenerator[StripeServer]:
    """Stripe is where the services' payments are made, by its own library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
        patch.setattr(stripe.HTTPClient, "MAX_DELAY", 0)
        async with stripe_server() as server:
            payments = StripePayments(
                KEY, webhook_secrets=["whsec_other", SECRET], base_url=server.url, retries=1
            )
            services.payments = payments
            yield server
            await payments.close()


async def open_sale(
    make: Make, door: Rest, gql: GraphQL, server: StripeServer, **shop: Any
) -> Sale:
    opened = await open_shop(make, **shop)
    account = server.account()
    await make.save(
        models.ConnectedAccount(
            organization_id=opened.store.organization_id,
            provider="stripe",
            reference=account,
            charges_enabled=True,
        )
    )
    return Sale(opened, door, gql, server, account)


def shuffled(events: list[Event], seed: int) -> list[Event]:
    """Some of the events twice, in any order."""
    chance = random.Random(seed)
    some = [*events, *(event for event in events if chance.random() < 0.5)]
    chance.shuffle(some)
    return some
