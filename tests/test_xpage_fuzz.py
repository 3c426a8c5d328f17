"""xPage: whatever is sent, the answer is one that the contract knows, and never a 500."""

import asyncio

import pytest
from schemathesis import GenerationMode

from providers.memory import MemoryLimiter
from resolvers.services import Limit, Services
from tests.fuzzing import EXAMPLES, fuzz
from tests.kit import Make, Rest


class Unlimited(MemoryLimiter):
    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        return 0


@pytest.mark.parametrize("who", ["app", "nobody"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_generated_requests_get_answers_of_the_contract(
    xpage: Rest, make: Make, services: Services, mode: GenerationMode, who: str
) -> None:
    services.limiter = Unlimited()
    store = await make.store()
    await make.product(store)
    app = await make.installed(store)
    known = who == "app"
    base_url = str(xpage.client.make_url("/xpage"))

    answered = await asyncio.to_thread(
        # Who is nobody is stopped at the door, whatever they bring.
        fuzz,
        base_url,
        mode,
        app.headers if known else {},
        examples=EXAMPLES if known else 2,
    )

    assert answered > EXAMPLES
