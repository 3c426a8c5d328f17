"""instxnt: the example of its documentation in Node, from an empty account to a full product."""

import asyncio
import os
import shutil
from pathlib import Path

import orjson
import pytest

from jobs.runtime import Runtime
from resolvers.services import Services
from tests.callers import Rest
from tests.sellers import browser

CLIENTS = Path(__file__).with_name("clients")
PATIENCE = 60.0
REQUIRED = os.environ.get("STOREGRAPH_TEST_REQUIRE_SERVICES") == "1"
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.mark.skipif(
    shutil.which("node") is None and not REQUIRED, reason="Node.js is not installed"
)
async def test_the_example_of_the_documentation_runs_to_its_end(
    instxnt: Rest, services: Services
) -> None:
    person = await browser(instxnt)
    runtime = Runtime(services, backoff=(0.01,), poll=0.05)
    services.jobs = runtime
    await runtime.start()
    process = await asyncio.create_subprocess_exec(
        "node",
        "storefront.mjs",
        cwd=CLIENTS,
        env={
            **os.environ,
            "BASE_URL": str(instxnt.client.make_url("/instxnt")),
            "INSTXNT_SESSION_COOKIE": person.headers["Cookie"],
            "WAIT_MS": "50",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await runtime.stop(0)
    assert process.returncode == 0, err.decode()
    told = orjson.loads(out)
    assert told["store"]["status"] == "draft"
    product = await person.data("get_product", store_id=told["store"]["id"])
    for name in ("title", "description", "faq", "seo"):
        assert product[name] == told["output"][name]
    assert product["title"]
    assert product["faq"]
