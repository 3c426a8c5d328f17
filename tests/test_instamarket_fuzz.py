"""InstaMarket: whatever is sent, the answer is one that the contract knows, and never a 500."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from db import models
from providers.memory import MemoryLimiter
from resolvers.services import Limit, Services
from tests.kit import Make, Rest, fund

EXAMPLES = 12
HELD_AGAINST = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
BROKEN = {500, 503}


class Unlimited(MemoryLimiter):
    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        return 0


def fuzz(base_url: str, mode: GenerationMode, headers: dict[str, str]) -> int:
    """Send generated requests to every operation; returns how many were answered."""
    schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json")
    checks: Any = CHECKS.get_by_names(list(HELD_AGAINST))
    answered = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
        )
        def try_one(case: schemathesis.Case) -> None:
            nonlocal answered
            response = case.call(base_url=base_url, headers=headers)
            answered += 1
            assert response.status_code not in BROKEN, case.as_curl_command()
            case.validate_response(response, checks=checks)

        try_one()
    return answered


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
