"""Generation in the words of instxnt: start, poll, patch."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from db import models
from db.models import JobStatus
from resolvers import keys, ledger
from resolvers.money import MICRO
from resolvers.services import Services
from tests.callers import GraphQL, Rest
from tests.desk import Clock
from tests.kit import Make, work
from tests.model_server import COPY, model_server, writer_of
from tests.sellers import Seller, seller
from tests.state import check_books, everything

URL = "https://images.instxnt.xyz/uploads/abc.jpg"
HINTS = {"product_kind": "car accessory", "tone": "casual"}
CANCEL = "mutation ($id: ID!) { cancelJob(id: $id) { errors { code } } }"


def wanted(store: models.Store, **body: Any) -> dict[str, Any]:
    return {"store_id": keys.prefixed_id("st", store.uuid), "image_url": URL, **body}


async def started(instxnt: Rest, key: Seller, store: models.Store, **body: Any) -> str:
    reply = await instxnt("start_generation", key=key, body=wanted(store, **body))
    assert reply.status == 202, reply.body
    return reply.body["job_id"]


async def status(instxnt: Rest, key: Seller, job_id: str) -> Any:
    return await instxnt.data("get_generation_status", key=key, job_id=job_id)


async def test_the_documents_javascript_sample_runs_with_nothing_configured(
    instxnt: Rest, make: Make, services: Services
) -> None:
    key, store = await seller(make), await make.store(name="Magnetic phone mount")

    job_id = await started(instxnt, key, store, hints=HINTS)
    assert await status(instxnt, key, job_id) == {"status": "queued"}
    await work(services)
    done = await status(instxnt, key, job_id)

    assert done["status"] == "succeeded"
    output = done["output"]
    assert output["title"] == "Car accessory"
    assert output["seo"]["keywords"] == ["car accessory", "magnetic phone mount", "car",
                                         "accessory"]  # fmt: skip
    assert [set(entry) for entry in output["faq"]] == [{"q", "a"}] * len(output["faq"])
    assert "Magnetic phone mount" in output["description"]


async def test_each_state_shows_what_belongs_to_it(
    instxnt: Rest, make: Make, services: Services
) -> None:
    key, store = await seller(make), await make.store()
    job_id = await started(instxnt, key, store)

    async def put(state: JobStatus, **columns: Any) -> Any:
        uuid = keys.parse_prefixed_id("jb", job_id)
        async with services.database.write() as tx:
            found = select(models.Job).where(models.Job.uuid == uuid)
            job = (await tx.scalars(found)).one()
            for name, value in {**columns, "status": state}.items():
                setattr(job, name, value)
        return await status(instxnt, key, job_id)

    # What an earlier attempt ran into, and what is kept but not announced, shows nowhere.
    failed = {"error_code": "WRITER_UNAVAILABLE", "error_message": "busy"}
    assert await put(JobStatus.QUEUED, **failed) == {"status": "queued"}
    assert await put(JobStatus.RUNNING, output=COPY) == {"status": "running"}
    assert await put(JobStatus.SUCCEEDED) == {"status": "succeeded", "output": COPY}
    assert await put(JobStatus.FAILED) == {
        "status": "failed", "error": {"code": "writer_unavailable", "message": "busy"},
    }  # fmt: skip


async def test_a_failure_says_why_and_costs_nothing(
    instxnt: Rest, make: Make, services: Services
) -> None:
    key, store = await seller(make), await make.store()
    async with model_server() as server, writer_of(server) as writer:
        services.writer = writer
        refused = await started(instxnt, key, store)
        await work(services)

    # A model cannot do without the picture, which nobody fetches here.
    assert await status(instxnt, key, refused) == {
        "status": "failed",
        "error": {"code": "image_unreadable",
                  "message": "the picture cannot be had: this process fetches none"},
    }  # fmt: skip
    await check_books(services)


async def test_one_that_was_cancelled_has_failed(instxnt: Rest, gql: GraphQL, make: Make) -> None:
    key, store = await seller(make), await make.store()
    job_id = await started(instxnt, key, store)
    [job] = (await gql.data("{ jobs { nodes { id } } }", key=key))["jobs"]["nodes"]
    await gql.done(CANCEL, key=key, id=job["id"])

    assert await status(instxnt, key, job_id) == {
        "status": "failed", "error": {"code": "cancelled", "message": "cancelled on request"},
    }  # fmt: skip


async def test_further_hints_and_the_primary_product_reach_the_writer(
    instxnt: Rest, make: Make, services: Services
) -> None:
    key, store = await seller(make), await make.store()
    await make.product(store, title="Mount", is_primary=True)
    hints = {**HINTS, "audience": "drivers", "material": "steel"}

    job_id = await started(instxnt, key, store, hints=hints)
    await work(services)

    output = (await status(instxnt, key, job_id))["output"]
    assert output["title"] == "Mount"
    assert output["seo"]["title"].startswith("Mount - car accessory | ")
    assert "- Material: steel" in output["description"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"image_url": "ftp://a.example/1.png"}, "image_url"),
        ({"image_url": "javascript:1"}, "image_url"),
        ({"image_url": "https://me:pw@a.example/1.png"}, "image_url"),
        ({"image_url": 1}, "image_url"),
        ({"image_url": None}, "image_url"),
        ({"hints": {"tone": "x" * 301}}, "hints.tone"),
        ({"hints": {"tone": 1}}, "hints.tone"),
        ({"hints": []}, "hints"),
        ({"hints": {"more": "x" * 4000}}, "hints"),
        ({"hints": {"more": "\x00"}}, "hints.more"),
        ({"store_id": ""}, "store_id"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_named_and_nothing_is_started(
    instxnt: Rest, make: Make, services: Services, body: dict[str, Any], field: str
) -> None:
    key, store = await seller(make), await make.store()
    before = await everything(services)

    reply = await instxnt("start_generation", key=key, body=wanted(store, **body))

    assert (reply.status, reply.body["code"], reply.body["field"]) == (
        400, "validation_failed", field,
    )  # fmt: skip
    assert await everything(services) == before


async def test_stores_and_jobs_of_others_are_theirs(
    instxnt: Rest, make: Make, services: Services
) -> None:
    key, other = await seller(make), await seller(make, "Other")
    store, foreign = await make.store(), await make.store("Other")
    job_id = await started(instxnt, other, foreign)
    another_kind = await make.row(models.Job, "Acme")
    before = await everything(services)

    for body, answer in (
        (wanted(foreign), (403, "not_owner")),
        (wanted(store, store_id="st_nothing"), (404, "not_found")),
        (wanted(store, store_id=keys.prefixed_id("pr", store.uuid)), (404, "not_found")),
    ):
        reply = await instxnt("start_generation", key=key, body=body)
        assert (reply.status, reply.body["code"]) == answer
    for asked, answer in (
        (job_id, (403, "not_owner")),
        ("jb_nothing", (404, "not_found")),
        (keys.prefixed_id("jb", another_kind.uuid), (404, "not_found")),
    ):
        reply = await instxnt("get_generation_status", key=key, job_id=asked)
        assert (reply.status, reply.body["code"]) == answer
    assert await everything(services) == before


async def test_the_days_quota_ends_with_429_until_midnight(
    instxnt: Rest, make: Make, services: Services
) -> None:
    services.clock = clock = Clock(datetime(2026, 3, 14, 23, 59, 50, tzinfo=UTC))
    key, store = await seller(make), await make.store()
    await started(instxnt, key, store)
    owner = ledger.Owner(store.organization_id)
    async with services.database.write() as tx:  # as if 98 more had been started
        await ledger.transfer(
            tx,
            kind=models.TransferKind.PURCHASE,
            reference="generation:98 more",
            debit=await ledger.account(tx, owner, ledger.GENERATIONS),
            credit=await ledger.account(tx, owner, ledger.GENERATIONS, models.AccountRole.SALES),
            amount=98 * MICRO,
        )
    await started(instxnt, key, store)

    reply = await instxnt("start_generation", key=key, body=wanted(store))

    assert (reply.status, reply.headers["Retry-After"]) == (429, "10")
    assert reply.body == {
        "code": "rate_limited", "message": "today's 100 generations are used up",
        "retry_after": 10,
    }  # fmt: skip
    clock.pass_(10)
    await started(instxnt, key, store)
