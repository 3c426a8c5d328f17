import asyncio
from datetime import timedelta
from typing import Any

import pytest

from providers.chain import SimulatedChain
from resolvers import topups
from resolvers.money import micro
from resolvers.services import Services
from tests.callers import GraphQL
from tests.kit import Key, Make, gid
from tests.state import check_books

CREATE = """mutation ($input: NewTopUp!) { createTopUp(input: $input) {
  topUp { id amount { amount } requestedAmount { amount } status network address }
  errors { code field } } }"""
READ = "query ($id: ID!) { topUp(id: $id) { status balance { balance { amount } } } }"
DEPOSITS = "{ deposits { nodes { id isCredited amount { amount } topUp { id } } } }"
CREDIT = """mutation ($input: DepositCredit!) { creditDeposit(input: $input) {
  deposit { isCredited } errors { code } } }"""


class Client:
    def __init__(self, gql: GraphQL, services: Services, key: Key) -> None:
        self.gql, self.services, self.key = gql, services, key
        assert isinstance(services.chain, SimulatedChain)
        self.chain = services.chain

    async def announce(self, amount: str, network: str = "usdt_ton") -> Any:
        wanted = {"amount": amount, "network": network}
        return (await self.gql.data(CREATE, key=self.key, input=wanted))["createTopUp"]

    async def send(self, amount: str, network: str = "usdt_ton") -> None:
        await self.chain.send(network, micro(amount))
        await topups.scan(self.services)

    async def read(self, topup: Any) -> tuple[str, str]:
        found = (await self.gql.data(READ, key=self.key, id=topup["topUp"]["id"]))["topUp"]
        return found["status"], found["balance"]["balance"]["amount"]


@pytest.fixture
async def client_of_shop(make: Make, services: Services, gql: GraphQL) -> Client:
    store = await make.store(currency="USDT", wholesale=True)
    return Client(gql, services, await make.wholesale_key(store))


async def test_money_of_the_announced_amount_is_credited_once(client_of_shop: Client) -> None:
    announced = await client_of_shop.announce("100")

    await client_of_shop.send("100.01")
    await topups.scan(client_of_shop.services)

    assert await client_of_shop.read(announced) == ("CREDITED_AUTO", "100.00")
    await check_books(client_of_shop.services)


async def test_two_scans_at_once_credit_once(client_of_shop: Client) -> None:
    announced = await client_of_shop.announce("100")
    await client_of_shop.chain.send("usdt_ton", micro("100"))

    found = await asyncio.gather(*(topups.scan(client_of_shop.services) for _ in range(4)))

    assert sum(found) == 1
    assert await client_of_shop.read(announced) == ("CREDITED_AUTO", "100.00")
    await check_books(client_of_shop.services)


async def test_open_topups_of_one_amount_cannot_be_confused(client_of_shop: Client) -> None:
    announced = await asyncio.gather(*(client_of_shop.announce("100") for _ in range(5)))

    amounts = sorted(float(one["topUp"]["amount"]["amount"]) for one in announced)
    assert amounts == [100, 100.03, 100.06, 100.09, 100.12]
    assert {one["topUp"]["requestedAmount"]["amount"] for one in announced} == {"100.00"}

    third = next(one for one in announced if one["topUp"]["amount"]["amount"] == "100.06")
    await client_of_shop.send("100.07")

    statuses = [(await client_of_shop.read(one))[0] for one in announced]
    assert statuses.count("CREDITED_AUTO") == 1
    assert (await client_of_shop.read(third))[0] == "CREDITED_AUTO"


@pytest.mark.parametrize(("amount", "network"), [("99.98", "usdt_ton"), ("100", "usdt_solana")])
async def test_other_money_waits_for_an_admin(
    client_of_shop: Client, make: Make, amount: str, network: str
) -> None:
    announced = await client_of_shop.announce("100")
    staff = await make.key()

    await client_of_shop.send(amount, network)

    assert await client_of_shop.read(announced) == ("PENDING", "0.00")
    data = await client_of_shop.gql.data(DEPOSITS, key=staff)
    [deposit] = data["deposits"]["nodes"]
    assert deposit["isCredited"] is False
    wanted = {"depositId": deposit["id"], "topUpId": announced["topUp"]["id"]}
    first = await client_of_shop.gql.data(CREDIT, key=staff, input=wanted)
    again = await client_of_shop.gql.data(CREDIT, key=staff, input=wanted)
    assert first["creditDeposit"] == {"deposit": {"isCredited": True}, "errors": []}
    assert again["creditDeposit"]["errors"] == [{"code": "CONFLICT"}]
    credited = "99.98" if amount == "99.98" else "100.00"
    assert await client_of_shop.read(announced) == ("CREDITED_MANUAL", credited)
    await check_books(client_of_shop.services)


async def test_money_after_an_hour_is_not_credited_by_itself(client_of_shop: Client) -> None:
    announced = await client_of_shop.announce("100")
    services, real = client_of_shop.services, client_of_shop.services.clock
    services.clock = lambda: real() - timedelta(hours=2)
    early = await client_of_shop.announce("50")
    services.clock = real

    await client_of_shop.send("50")

    assert await client_of_shop.read(early) == ("EXPIRED", "0.00")
    assert (await client_of_shop.read(announced))[0] == "PENDING"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"amount": "0.99"}, ["input", "amount"]),
        ({"amount": "100000.01"}, ["input", "amount"]),
        ({"amount": "1.1234567"}, ["input", "amount"]),
        ({"amount": "10", "network": "usdt_doge"}, ["input", "network"]),
    ],
)
async def test_what_cannot_be_topped_up_is_refused(
    client_of_shop: Client, wanted: dict[str, str], field: list[str]
) -> None:
    data = await client_of_shop.gql.data(CREATE, key=client_of_shop.key, input=wanted)

    [error] = data["createTopUp"]["errors"]
    assert (error["code"], error["field"]) == ("INVALID", field)


async def test_another_clients_balance_cannot_be_topped_up(
    client_of_shop: Client, make: Make
) -> None:
    foreign = await make.foreign_balance()
    wanted = {"amount": "10", "balanceId": gid(foreign)}

    data = await client_of_shop.gql.data(CREATE, key=client_of_shop.key, input=wanted)

    assert data["createTopUp"]["errors"] == [{"code": "NOT_FOUND", "field": ["input", "balanceId"]}]
