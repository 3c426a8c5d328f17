"""What tests of generations say and ask."""

from typing import Any

from db import models
from tests.callers import GraphQL
from tests.kit import Key, gid

JOB = """job { id kind status progress input output attempts error { code message }
  usage { model inputTokens outputTokens cost { amount currency } notes } }"""
START = f"""mutation ($input: StartGeneration!, $once: String) {{
  startGeneration(input: $input, idempotencyKey: $once) {{ {JOB} errors {{ code field }} }} }}"""
FIND = f"query ($id: ID!) {{ {JOB.replace('job {', 'job(id: $id) {', 1)} }}"
CANCEL = "mutation ($id: ID!) { cancelJob(id: $id) { errors { code } } }"
QUOTA = "{ viewer { organization { generationQuota { limit used left resetsAt } } } }"


async def start(gql: GraphQL, key: Key, store: models.Store, **input: Any) -> Any:
    """The job of a generation for a store."""
    wanted = {"storeId": gid(store), **input}
    return (await gql.done(START, key=key, input=wanted))["job"]


async def found(gql: GraphQL, key: Key, job: Any) -> Any:
    """The job as it is by now."""
    return (await gql.data(FIND, key=key, id=job["id"]))["job"]


async def quota(gql: GraphQL, key: Key) -> tuple[int, int, int]:
    """Today's limit, what is used of it, and what is left."""
    shown = (await gql.data(QUOTA, key=key))["viewer"]["organization"]["generationQuota"]
    return shown["limit"], shown["used"], shown["left"]
