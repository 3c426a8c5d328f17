"""Copy by a model: what it is asked, what is made of its answers, and how long it is waited for."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from db.base import now
from providers.openai_writer import LONGEST_WAIT
from resolvers import pictures
from resolvers.copywriting import (
    Brief,
    ImageUnreadable,
    NoPicture,
    OutputInvalid,
    Usage,
    WriterError,
    WriterMisconfigured,
    WriterQuotaExceeded,
    WriterRefused,
    WriterUnavailable,
    copy_of,
)
from tests.model_server import (
    COPY,
    MODEL,
    ModelServer,
    bad,
    broke,
    broken,
    busy,
    completion,
    model_server,
    refusal,
    truncated,
    writer_of,
)
from tests.pictures import picture

BRIEF = Brief(store="Mount Shop", title="Phone mount", kind="car accessory", tone="casual")
ONE_ANSWER = Usage(MODEL, 1000, 200, 4500)
TWO_ANSWERS = Usage(MODEL, 2000, 400, 9000)


@pytest.fixture
async def model() -> AsyncGenerator[ModelServer]:
    async with model_server() as server:
        yield server


async def failure(server: ModelServer, brief: Brief = BRIEF, **settings: Any) -> WriterError:
    async with writer_of(server, **settings) as writer:
        with pytest.raises(WriterError) as failed:
            await writer.write(brief, once="job:1")
    return failed.value


async def test_the_brief_and_the_picture_are_told_and_the_answer_is_the_copy(
    model: ModelServer,
) -> None:
    view = await pictures.viewed(picture(size=(2000, 1000)), "image/png")
    brief = Brief(
        store="Mount Shop", title="Phone mount", audience="drivers", picture=view,
        further={"price_point": "low"},
    )  # fmt: skip

    async with writer_of(model) as writer:
        written = await writer.write(brief, once="job:1")

    assert written.copy.as_json() == copy_of(COPY).as_json()
    assert written.usage == ONE_ANSWER
    assert model.brief() == {
        "store": "Mount Shop", "title": "Phone mount", "audience": "drivers",
        "further": {"price_point": "low"},
    }  # fmt: skip
    assert model.pictures() == [(1024, 512)]
    assert model.names == ["job:1"]


@pytest.mark.parametrize(
    "answers", [[busy, broken], [broken, lambda: web.Response(text="<html>")]], ids=count()
)
async def test_what_passes_is_waited_for(
    model: ModelServer, answers: list[Callable[[], web.Response]]
) -> None:
    model.plan.extend(answer() for answer in answers)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with writer_of(model, sleep=sleep) as writer:
        written = await writer.write(BRIEF, once="job:1")

    assert written.usage == ONE_ANSWER
    assert slept == [1.0, 4.0]
    assert model.names == ["job:1"] * 3


async def test_retry_after_is_kept_to_within_bounds(model: ModelServer) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    model.plan.extend(
        [busy("7"), busy(format_datetime(now() + timedelta(seconds=20), usegmt=True))]
    )
    async with writer_of(model, sleep=sleep) as writer:
        await writer.write(BRIEF, once="job:1")
    assert slept[0] == 7.0
    assert 15 < slept[1] <= 20

    model.plan.append(busy(str(LONGEST_WAIT + 1)))
    failed = await failure(model, sleep=sleep)
    assert (type(failed), failed.final) == (WriterUnavailable, False)
    assert len(slept) == 2


async def test_a_service_that_stays_away_is_unavailable_and_not_for_good(
    model: ModelServer,
) -> None:
    model.plan.extend(broken() for _ in range(3))
    failed = await failure(model)
    assert (type(failed), failed.final, len(model.seen)) == (WriterUnavailable, False, 3)

    failed = await failure(ModelServer(url="http://127.0.0.1:1/v1"))
    assert (type(failed), failed.final) == (WriterUnavailable, False)


async def test_a_slow_answer_is_not_waited_for(model: ModelServer) -> None:
    model.stuck = asyncio.Event()
    failed = await failure(model, timeout=0.05, pauses=())
    model.stuck.set()

    assert (type(failed), failed.final) == (WriterUnavailable, False)
    assert str(failed) == "no answer within 0.05 seconds"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (broke, WriterQuotaExceeded),
        (lambda: bad("invalid_image_format"), ImageUnreadable),
        (lambda: bad("content_policy_violation"), WriterRefused),
        (lambda: bad("unsupported_parameter", "response_format"), WriterMisconfigured),
        (refusal, WriterRefused),
        (lambda: completion(None, finish="content_filter"), WriterRefused),
    ],
    ids=count(),
)
async def test_what_will_not_change_is_asked_once(
    model: ModelServer, answer: Callable[[], web.Response], kind: type[WriterError]
) -> None:
    model.plan.append(answer())

    failed = await failure(model)

    assert (type(failed), failed.final, len(model.seen)) == (kind, True, 1)


async def test_a_wrong_key_and_an_unknown_model_are_the_operators_to_mend(
    model: ModelServer,
) -> None:
    mistakes: list[dict[str, Any]] = [{"key": "sk-no"}, {"model": "gpt-unknown"}, {"key": None}]
    for wrong in mistakes:
        failed = await failure(model, **wrong)
        assert (type(failed), failed.final) == (WriterMisconfigured, True)
    assert model.seen == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (truncated, "it is cut off at 4096 tokens; be brief"),
        (lambda: completion("Here you are: a mount"), "it is not JSON"),
        (lambda: completion("[1]"), "the answer must be an object"),
        (lambda: completion(None), "it is not JSON"),
        (lambda: web.json_response({"choices": []}), "it is not JSON"),
        (lambda: completion(_copy(title=" ")), "title must have 1 to 255 characters"),
        (lambda: completion(_copy(faq=[])), "faq must have 1 to 12 entries"),
        (lambda: completion(_copy(faq=[{"q": "Why?"}])), "a must be a text"),
        (lambda: completion(_copy(seo={**COPY["seo"], "keywords": "a"})),
         "seo.keywords must be a list"),
    ],
    ids=count(),
)  # fmt: skip
async def test_an_answer_that_is_no_copy_is_sent_back_once(
    model: ModelServer, answer: Callable[[], web.Response], said: str
) -> None:
    model.plan.append(answer())
    async with writer_of(model) as writer:
        written = await writer.write(BRIEF, once="job:1")
    assert written.copy.title == COPY["title"]
    assert said in model.seen[1]["messages"][-1]["content"]
    assert model.names == ["job:1", "job:1:again"]

    model.plan.extend([answer(), answer()])
    failed = await failure(model)
    assert (type(failed), failed.final, str(failed)) == (OutputInvalid, True, said)
    assert len(model.seen) == 4


def _copy(**changed: Any) -> str:
    return orjson.dumps({**COPY, **changed}).decode()


async def test_what_two_answers_took_is_told_together_also_of_a_failure(
    model: ModelServer,
) -> None:
    model.plan.append(truncated())
    async with writer_of(model) as writer:
        assert (await writer.write(BRIEF, once="job:1")).usage == TWO_ANSWERS
    model.plan.extend([truncated(), refusal()])
    assert (await failure(model)).usage == TWO_ANSWERS
    model.plan.extend([truncated(), *(broken() for _ in range(3))])
    assert (await failure(model)).usage == ONE_ANSWER
    model.plan.append(completion(_copy(), usage=None))
    async with writer_of(model) as writer:
        assert (await writer.write(BRIEF, once="job:1")).usage == Usage(MODEL, None, None, None)


async def test_without_prices_the_cost_is_unknown(model: ModelServer) -> None:
    async with writer_of(model, prices=None) as writer:
        written = await writer.write(BRIEF, once="job:1")
    assert written.usage == Usage(MODEL, 1000, 200, None)


async def test_fences_around_the_object_do_no_harm(model: ModelServer) -> None:
    model.plan.append(completion(f"```json\n{_copy()}\n```"))
    async with writer_of(model) as writer:
        assert (await writer.write(BRIEF, once="job:1")).usage == ONE_ANSWER


async def test_a_picture_that_cannot_be_had_is_no_matter_for_the_service(
    model: ModelServer,
) -> None:
    for final in (True, False):
        missing = NoPicture("is answered with 404", final)
        failed = await failure(model, Brief(store="Shop", picture=missing))
        assert (type(failed), failed.final, model.seen) == (ImageUnreadable, final, [])
        assert str(failed) == "the picture cannot be had: is answered with 404"


def test_processes_that_write_nothing_do_not_import_the_sdk() -> None:
    code = "import sys, providers.openai_writer; sys.exit('openai' in sys.modules)"
    command, root = [sys.executable, "-c", code], Path(__file__).parent.parent
    assert subprocess.run(command, cwd=root, check=False).returncode == 0  # noqa: S603
