"""Jobs in GraphQL."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from db import models
from resolvers import jobs, orders, stores
from resolvers.copywriting import usage_of
from schema.arguments import graphql_enum
from schema.payloads import UserError, errors_field, mutation
from schema.relations import Connection, Node, computed, connection, lookup, noun, plain, relation
from schema.scalars import JSON, Money, money

if TYPE_CHECKING:
    from schema.orders import Order
    from schema.stores import Store

graphql_enum(models.JobStatus)
_J = models.Job


@strawberry.type(description="Why a job failed, or why its last attempt did.")
class JobError:
    code: str = strawberry.field(description="Stable, machine-readable: INSUFFICIENT_STOCK, ...")
    message: str | None = strawberry.field(description="For people.")


@strawberry.type(description="What a job took of outside services.")
class JobUsage:
    model: str = strawberry.field(
        description="What did the work; `storegraph-rules` is the embedded writer, which is none."
    )
    input_tokens: int | None = strawberry.field(description="Tokens it read; null if unknown.")
    output_tokens: int | None = strawberry.field(description="Tokens it wrote; null if unknown.")
    cost: Money | None = strawberry.field(description="What that cost; null if unknown.")
    notes: list[str] = strawberry.field(description="What people should know about the result.")


def _usage(kept: Mapping[str, Any] | None) -> JobUsage | None:
    found = usage_of(kept)
    if found is None:
        return None
    return JobUsage(
        model=found.model,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        cost=money(found.cost, "USD"),
        notes=list(found.notes),
    )


@noun(models.Job, jobs.by_id, "Work that outlives a request.")
class Job(Node):
    uuid: UUID = plain("The id under which old interfaces know it.")
    kind: str = plain("What work it is: fulfill_order, ...")
    status: models.JobStatus = plain("Where it stands.")
    progress: int = plain("Percent done, 0 to 100.")
    attempts: int = plain("How often this run was tried.")
    max_attempts: int = plain("After how many attempts it is given up.")
    run: int = plain("1 at first, one more with each retry.")
    input: JSON = plain("What it was told, in the words of its kind.")
    output: JSON | None = plain("What came of it, in the words of its kind.")
    usage: JobUsage | None = computed(
        _usage, _J.usage, about="What it took of outside services, over all its attempts."
    )
    error: JobError | None = computed(
        lambda code, message: JobError(code=code, message=message) if code else None,
        _J.error_code,
        _J.error_message,
        about="Why it failed; of one that is queued again, why its last attempt did.",
    )
    created_at: datetime = plain("When it was asked for.")
    updated_at: datetime = plain("When it last changed.")
    version: int = plain("Raised by every change; see `expectedVersion`.")
    started_at: datetime | None = plain("When it was first begun.")
    finished_at: datetime | None = plain("When it ended, well or not.")
    store: Annotated["Store", strawberry.lazy("schema.stores")] | None = relation(
        stores.by_id, to="Store", on=_J.store_id, about="The store it works for."
    )
    order: Annotated["Order", strawberry.lazy("schema.orders")] | None = relation(
        orders.by_id, to="Order", on=_J.order_id, about="The order it works for."
    )


@strawberry.type(description="What became of a job.")
class JobPayload:
    job: Job | None = relation(jobs.by_id, to="Job", about="The job; null after a refusal.")
    errors: list[UserError] = errors_field()


@strawberry.type(description="Jobs.")
class JobQuery:
    job: Job | None = lookup(jobs.by_id, to="Job", about="A job by id.")
    jobs: Connection[Job] = connection(
        jobs.listing, to="Job", about="Jobs of all stores that you may see."
    )


@strawberry.type(description="Changes of jobs.")
class JobMutation:
    retry_job: JobPayload = mutation(jobs.retry, "Start a job afresh that failed.")
    cancel_job: JobPayload = mutation(
        jobs.cancel, "End a job that has not finished; what was charged for it is given back."
    )
