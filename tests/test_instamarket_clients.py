"""InstaMarket: the examples of its documentation, run against a server that listens."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from db import models
from jobs.runtime import Runtime
from resolvers.services import Services
from tests.callers import Rest
from tests.kit import Key, Make, fund

CLIENTS = Path(__file__).with_name("clients")
SECRET = "hmac_secret_example"
PATIENCE = 60.0
# The examples name these.
PRODUCT_ID, ORDER_ID = 12345, 789
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@dataclass
class Desk:
    """A client of the service, who has a shell."""

    base_url: str
    key: Key

    async def run(self, *command: str, cwd: Path = CLIENTS) -> str:
        """What the command prints; it must succeed."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env={
                **os.environ,
                "API_KEY": self.key.clear,
                "API_SECRET": SECRET,
                "BASE_URL": self.base_url,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, err.decode()
        return out.decode()


@pytest.fixture
async def shop(make: Make, services: Services) -> AsyncGenerator[models.Store]:
    """A store whose first product and next order have the keys that the examples name."""
    store = await make.store(wholesale=True, currency="USDT")
    product = models.Product(
        organization_id=store.organization_id,
        store_id=store.id,
        title="Instagram account 2020",
        slug="instagram-2020",
        currency="USDT",
        is_digital=True,
    )
    product.id = PRODUCT_ID
    await make.save(product)
    variant = await make.variant(product, price="1.23", stock=9)
    await make.stock_items(variant, 9)
    earlier = models.Order(
        organization_id=store.organization_id,
        store_id=store.id,
        ref="EARLIER",
        currency="USDT",
        total=0,
        quantity=0,
    )
    earlier.id = ORDER_ID - 1
    await make.save(earlier)
    services.jobs = runtime = Runtime(services, poll=0.1)
    await runtime.start()
    yield store
    await runtime.stop(10)  # what was ordered last is delivered first


async def desk(door: Rest, make: Make, shop: models.Store, secret: str | None = None) -> Desk:
    key = await make.wholesale_key(shop, secret=secret)
    await fund(make.services, key, "50")
    return Desk(str(door.client.make_url("/instamarket/api/v1")), key)


def is_completed(printed: str) -> bool:
    return "completed" in printed and "user" in printed and "pass" in printed


async def test_the_python_examples(instamarket: Rest, make: Make, shop: models.Store) -> None:
    client = await desk(instamarket, make, shop)
    balance, placed, final = (await client.run(sys.executable, "sample.py")).splitlines()
    assert (balance, placed) == ("Balance: 50.0 USDT", f"Order #{ORDER_ID} processing")
    assert final.startswith("Final: completed, items=[{'login': 'user")
    assert final.endswith("refunded=False")

    signing = await desk(instamarket, make, shop, SECRET)
    assert (await signing.run(sys.executable, "signed.py")).startswith("200 {'order_id': ")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_curl_example(instamarket: Rest, make: Make, shop: models.Store) -> None:
    client = await desk(instamarket, make, shop)
    printed = await client.run("bash", "sample.sh")
    answers = [orjson.loads(each) for each in printed.replace("}{", "}\n{").splitlines()]
    products, balance, placed, order = answers
    assert [each["id"] for each in products["items"]] == [PRODUCT_ID]
    assert balance["balance_usdt"] == 50.0
    assert (placed["order_id"], placed["status"]) == (ORDER_ID, "processing")
    assert order["order_id"] == ORDER_ID


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
async def test_the_node_example(instamarket: Rest, make: Make, shop: models.Store) -> None:
    client = await desk(instamarket, make, shop)
    try:
        await client.run("node", "--input-type=module", "--eval", "import 'axios'")
    except AssertionError:
        pytest.skip("axios is not installed (npm install axios)")
    assert is_completed(await client.run("node", "sample.mjs"))


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
async def test_the_go_example(instamarket: Rest, make: Make, shop: models.Store) -> None:
    client = await desk(instamarket, make, shop)
    order = orjson.loads(await client.run("go", "run", "sample.go"))
    assert (order["order_id"], order["status"]) == (ORDER_ID, "processing")
