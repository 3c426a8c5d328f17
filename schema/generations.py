"""Generations in GraphQL: copy written by jobs."""

import strawberry

from resolvers import generations
from schema.jobs import JobPayload
from schema.payloads import mutation
from schema.products import ProductPayload


@strawberry.type(description="What can be done about copy that jobs write.")
class GenerationMutation:
    start_generation: JobPayload = mutation(
        generations.start,
        "Have copy written: `job.output` is {title, description, faq: [{q, a}], seo: {title, "
        "description, keywords}} when it has succeeded. RATE_LIMITED when today's are used up.",
    )
    apply_generation: ProductPayload = mutation(
        generations.apply, "Write the copy of a generation that has succeeded into a product."
    )
