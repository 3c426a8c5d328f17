"""InstaMarket: whatever is sent, the answer is one that the contract knows, and never a 500."""

import asyncio

import pytest
from schemathesis import GenerationMode

from db import models
from resolvers.services import Services
from tests.callers import Rest
from tests.fuzzing import EXAMPLES, fuzz
from tests.kit import Make, fund
from tests.limiters import Unlimited


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_generated_requests_get_answers_of_the_contract(
    instamarket: Rest, make: Make, services: Services, mode: GenerationMode
) -> None:
    services.limiter = Unlimited()
    shop = await make.store(wholesale=True, currency="USDT")
    key = await make.wholesale_key(shop)
    await make.product(shop, price="0.01", items=5)
    await fund(services, key, "100")
    base_url = str(instamarket.client.make_url("/instamarket"))
    headers = {**key.headers, "Authorization": "Bearer admin-token-of-tests"}

    answered = await asyncio.to_thread(fuzz, base_url, mode, headers)

    assert answered > EXAMPLES
    await services.usage.flush()
    async with services.database.write() as session:
        assert (await session.get_one(models.ApiKey, key.row.id)).request_count > EXAMPLES
