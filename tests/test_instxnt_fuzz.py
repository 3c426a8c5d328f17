"""instxnt: whatever is sent, the answer is one that the contract knows, and never a 500."""

import asyncio

import pytest
from schemathesis import GenerationMode

from resolvers.services import Services
from tests.callers import Rest
from tests.fuzzing import EXAMPLES, fuzz
from tests.kit import Make
from tests.limiters import Unlimited
from tests.sellers import seller


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_generated_requests_get_answers_of_the_contract(
    instxnt: Rest, make: Make, services: Services, mode: GenerationMode
) -> None:
    services.limiter = Unlimited()
    key = await seller(make)
    base_url = str(instxnt.client.make_url("/instxnt"))

    answered = await asyncio.to_thread(fuzz, base_url, mode, key.headers)

    assert answered > EXAMPLES


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_generated_requests_of_nobody_are_stopped_at_the_door(
    instxnt: Rest, services: Services, mode: GenerationMode
) -> None:
    services.limiter = Unlimited()
    base_url = str(instxnt.client.make_url("/instxnt"))

    answered = await asyncio.to_thread(fuzz, base_url, mode, {}, examples=2)

    assert answered > EXAMPLES
