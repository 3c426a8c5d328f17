"""Generations: jobs that write copy of a product, from a picture and a few hints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import File, FileLink, Job, JobStatus, Product, Store
from resolvers import briefs, cataloguing, fetch, generation_quota, idempotency, jobs
from resolvers.context import Context
from resolvers.copywriting import Copy, Usage, WriterError, copy_of, usage_of
from resolvers.errors import Conflict, Invalid, NotFound, Unavailable
from resolvers.faq_entries import FaqEntryInput
from resolvers.file_uploads import IMAGE
from resolvers.keys import KeyOf
from resolvers.outbound import checked_url
from resolvers.product_inputs import ProductChanges
from resolvers.reads import one
from resolvers.rules import JsonObject, Text, checked
from resolvers.viewer import Viewer, visible
from resolvers.writes import referred

log = structlog.get_logger()
KIND = "generation"
MOST_ATTEMPTS = 3
LARGEST_HINTS = 4000
HINT = Text(300, 0)
# What a job's progress stands for.
BEGUN, BRIEFED, WRITTEN = 10, 30, 90


@one(Job, by=Job.id, permission="product:update")
def by_id(jobs: Any) -> Any:
    return jobs.where(Job.kind == KIND)


@dataclass(frozen=True, kw_only=True)
class GenerationHints:
    """What the writer is to know beyond the product and its picture; all of it optional."""

    product_kind: Annotated[str | None, HINT, 'What it is: "kitchen accessory".'] = None
    tone: Annotated[str | None, HINT, 'How it is to sound: "casual", "formal".'] = None
    audience: Annotated[str | None, HINT, 'For whom it is: "home cooks".'] = None
    further: Annotated[
        dict[str, Any] | None, JsonObject(), "Anything else, by name; 4,000 characters at most."
    ] = None


@dataclass(frozen=True, kw_only=True)
class StartGeneration:
    """Copy to be written, of a product or of what a picture shows."""

    store_id: Annotated[int, KeyOf("Store"), "The store that it is for."]
    product_id: Annotated[
        int | None, KeyOf("Product"), "The product; the store's primary one if left out, if any."
    ] = None
    image_url: Annotated[
        str | None, "Where its picture is: a file of this gateway, or any public http(s) address."
    ] = None
    file_id: Annotated[
        int | None, KeyOf("File"), "Its picture, a stored file; the product's first if left out."
    ] = None
    hints: Annotated[GenerationHints | None, "What else the writer is to know."] = None


async def start(ctx: Context, *, input: StartGeneration, idempotency_key: str | None = None) -> int:
    """Queue a job that writes copy; the result stays with the job (see ``apply``).

    It takes one generation of today's quota, which is given back unless it succeeds. Raises
    ``RateLimited`` where none is left.
    """
    viewer = ctx.require("product:update")
    told = _told(input)

    async def work(tx: AsyncSession) -> int:
        place = ("input", "store_id")
        store = await referred(tx, viewer, Store, input.store_id, field=place)
        product_id = await _product(tx, viewer, store.id, input.product_id)
        file_id = await _file(tx, viewer, store.id, input, product_id)
        job = await jobs.enqueue(
            tx,
            kind=KIND,
            organization_id=store.organization_id,
            store_id=store.id,
            input={**told, "product_id": product_id, "file_id": file_id},
        )
        await generation_quota.charge(ctx, tx, job)
        return job.id

    return await idempotency.once(ctx, "startGeneration", idempotency_key, input, work)


def _told(input: StartGeneration) -> dict[str, Any]:
    """What the job remembers of the input besides keys. Raises ``Invalid``."""
    values = checked(input, "input")
    given: dict[str, Any] = values["hints"] or {}
    hints = {name: value for name, value in given.items() if value}
    if len(str(hints.get("further", ""))) > LARGEST_HINTS:
        message = f"hints have at most {LARGEST_HINTS} characters"
        raise Invalid(message, field=("input", "hints"))
    if input.image_url is not None and input.file_id is not None:
        message = "name the picture by its address or by its file, not by both"
        raise Invalid(message, field=("input", "file_id"))
    url = checked_url(input.image_url, ("input", "image_url"))
    return {"image_url": url, "hints": hints}


async def _product(
    tx: AsyncSession, viewer: Viewer, store_id: int, product_id: int | None
) -> int | None:
    if product_id is not None:
        place = ("input", "product_id")
        await referred(tx, viewer, Product, product_id, field=place, store_id=store_id)
        return product_id
    primary = visible(viewer, Product).where(Product.store_id == store_id, Product.is_primary)
    return await tx.scalar(primary.with_only_columns(Product.id))


async def _file(
    tx: AsyncSession,
    viewer: Viewer,
    store_id: int,
    input: StartGeneration,
    product_id: int | None,
) -> int | None:
    """The stored picture: the one that is named, or the product's first where none is."""
    if input.file_id is not None:
        place = ("input", "file_id")
        file = await referred(tx, viewer, File, input.file_id, field=place, store_id=store_id)
        if not file.content_type.startswith("image/"):
            raise Invalid("the file is no picture", field=place)
        return file.id
    if input.image_url is not None or product_id is None:
        return None
    first = (
        select(FileLink.file_id)
        .join(File, File.id == FileLink.file_id)
        .where(
            FileLink.subject_type == Product.__name__,
            FileLink.subject_id == product_id,
            FileLink.role == IMAGE,
            File.deleted_at.is_(None),
        )
        .order_by(FileLink.position, FileLink.id)
        .limit(1)
    )
    return await tx.scalar(first)


# The job


async def run(ctx: Context, job_id: int) -> dict[str, Any]:
    """Have the copy written, and keep it before anything else can go wrong.

    After a crash a copy that is kept is not written again. Raises ``WriterError``.
    """
    asked = select(Job.uuid, Job.run, Job.store_id, Job.input, Job.output, Job.usage)
    [job] = await ctx.rows(asked.where(Job.id == job_id))
    if job.output is not None:
        return dict(job.output)
    if ctx.services.writer is None:
        raise Unavailable("this process has no writer")
    await jobs.progress(ctx, job_id, BEGUN)
    brief = await briefs.of(ctx, job.store_id, job.input)
    await jobs.progress(ctx, job_id, BRIEFED)
    before = usage_of(job.usage)
    try:
        written = await ctx.services.writer.write(brief, once=f"{job.uuid}:{job.run}")
    except WriterError as failed:
        log.warning("copy_not_written", job_id=job_id, code=failed.code, why=str(failed))
        if failed.usage is not None:
            await jobs.keep(ctx, job_id, usage=_all(before, failed.usage))
        raise
    usage = _all(before, written.usage)
    kept = await jobs.keep(ctx, job_id, usage=usage, output=written.copy.as_json(), percent=WRITTEN)
    return dict(kept or {})


def _all(before: Usage | None, now: Usage) -> dict[str, Any]:
    return (now if before is None else before + now).as_json()


async def give_back(ctx: Context, tx: AsyncSession, job: Job) -> None:
    """Nothing was generated: nobody pays for it, and nobody sees half of it."""
    job.output = None
    await generation_quota.give_back(ctx, tx, job)


jobs.register(
    jobs.Kind(KIND, run, give_back, max_attempts=MOST_ATTEMPTS, on_retry=generation_quota.charge)
)


# What becomes of the copy


async def apply(
    ctx: Context,
    *,
    job_id: Annotated[int, KeyOf("Job"), "A generation that has succeeded."],
    product_id: Annotated[
        int | None,
        KeyOf("Product"),
        "A product of the same store; if left out, the one that it was written for.",
    ] = None,
    expected_version: int | None = None,
) -> int:
    """Write the copy of a generation into a product, as any other change of it."""
    viewer = ctx.require("product:update")
    columns = (Job.status, Job.store_id, Job.input, Job.output)
    job: Any = (await fetch.rows_of(ctx, by_id, [job_id], {}, columns))[0]
    if job is None:
        raise NotFound("generation", field=("job_id",))
    if job.status is not JobStatus.SUCCEEDED:
        raise Conflict(f"a generation that is {job.status} has no copy", field=("job_id",))
    wanted: int | None = product_id or job.input["product_id"]
    of_store = visible(viewer, Product).where(Product.store_id == job.store_id)
    products = of_store.where(Product.is_primary if wanted is None else Product.id == wanted)
    rows: Sequence[Any] = await ctx.rows(products.with_only_columns(Product.id))
    if not rows:
        raise NotFound("product", field=("product_id",))
    return await cataloguing.update(
        ctx, id=rows[0].id, changes=_changes(job.output), expected_version=expected_version
    )


def _changes(output: Mapping[str, Any]) -> ProductChanges:
    copy: Copy = copy_of(output)
    return ProductChanges(
        title=copy.title,
        description=copy.description,
        page_title=copy.seo.title,
        meta_description=copy.seo.description,
        keywords=copy.seo.keywords,
        faq=[FaqEntryInput(question=each.q, answer=each.a) for each in copy.faq],
    )
