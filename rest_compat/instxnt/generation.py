"""Jobs that write copy."""

from collections.abc import Mapping
from typing import Any

from db import models
from db.models import Job, JobStatus
from resolvers import fetch, generations
from resolvers.generations import GenerationHints, StartGeneration
from rest_compat.dialect import Call
from rest_compat.instxnt import wire
from rest_compat.instxnt.asking import Asking

HINTS = ("product_kind", "tone", "audience")
# What became of a job, in the contract's four words; one that was cancelled says so by its code.
STATUSES: Mapping[JobStatus, str] = {
    JobStatus.QUEUED: "queued",
    JobStatus.RUNNING: "running",
    JobStatus.SUCCEEDED: "succeeded",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "failed",
}


async def start_generation(ctx: Asking, call: Call, body: dict[str, Any]) -> dict[str, Any]:
    store_id = await wire.key_of(ctx, models.Store, body["store_id"], field="store_id")
    wanted = StartGeneration(
        store_id=store_id, image_url=body["image_url"], hints=_hints(body.get("hints", {}))
    )
    key = await generations.start(
        ctx, input=wanted, idempotency_key=call.headers.get("Idempotency-Key")
    )
    job = await fetch.find(ctx, generations.by_id, key, (Job.uuid,), what="job")
    return {"job_id": wire.job_id(job.uuid)}


def _hints(given: Mapping[str, Any]) -> GenerationHints:
    further = {name: value for name, value in given.items() if name not in HINTS}
    return GenerationHints(**{name: given.get(name) for name in HINTS}, further=further or None)


async def get_generation_status(
    ctx: Asking,
    job_id: str,
) -> dict[str, Any]:
    columns = (Job.status, Job.output, Job.error_code, Job.error_message)
    job: Any = await fetch.find(ctx, generations.by_id, ctx.subject, columns, what="job")
    found: dict[str, Any] = {"status": STATUSES[job.status]}
    match found["status"]:
        case "succeeded":
            found["output"] = job.output
        case "failed":
            found["error"] = {"code": job.error_code.lower(), "message": job.error_message}
        case _:
            pass
    return found
