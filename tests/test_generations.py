"""Generations: copy written by jobs, from what a store, a product, a picture and hints tell."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from PIL import Image

from app.assembly import Countdown, open_services, running_jobs
from app.settings import Settings
from db import models
from db.base import now
from jobs.runner import Runner
from providers.outbound import OutboundHttp
from providers.rule_writer import MODEL as RULES
from providers.rule_writer import NOTE
from resolvers import file_addresses, generations, keys
from resolvers.context import Context
from resolvers.interests import Interest
from resolvers.services import Services
from resolvers.viewer import system
from tests.callers import Client, GraphQL
from tests.generating import CANCEL, QUOTA, START, found, quota, start
from tests.kit import Make, gid, work
from tests.model_server import (
    COPY,
    KEY,
    MODEL,
    ModelServer,
    broken,
    model_server,
    writer_of,
)
from tests.pictures import encoded, picture
from tests.state import check_books, everything
from tests.test_subscriptions import subscribed

APPLY = """mutation ($job: ID!, $product: ID, $version: Int) {
  applyGeneration(jobId: $job, productId: $product, expectedVersion: $version) {
    product { id title description pageTitle metaDescription keywords version
      faq { question answer } }
    errors { code message field } } }"""
RENAME = """mutation ($id: ID!, $changes: ProductChanges!) {
  updateProduct(id: $id, changes: $changes) { errors { code } } }"""
HAD = "the picture cannot be had:"
PAGE = "must not be a web page or an SVG drawing; put it into a ZIP archive"
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture
async def model(services: Services) -> AsyncGenerator[ModelServer]:
    """A model's server, which writes all copy from now on."""
    async with model_server() as server, writer_of(server) as writer:
        services.writer = writer
        yield server


def key_of(job: Any) -> int:
    key = keys.key_of("Job", job["id"])
    assert key is not None
    return key


# What is written


async def test_the_embedded_writer_says_what_it_is_and_writes_what_it_was_told(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(name="Mount & Co"), await make.key()
    product = await make.product(
        store, title="Magnetic mount", is_primary=True,
        description="<p>Holds any phone.</p><p>Fits &amp; stays.</p>",
    )  # fmt: skip
    hints = {"productKind": "car accessory", "tone": "casual", "audience": "Drivers",
             "further": {"material": "steel", "box": ["mount", "manual"]}}  # fmt: skip

    job = await start(gql, key, store, hints=hints)
    again = await start(gql, key, store, hints=hints)
    await work(services)
    done, same = await found(gql, key, job), await found(gql, key, again)

    assert (job["kind"], job["status"], job["progress"], job["usage"]) == (
        "generation", "QUEUED", 0, None,
    )  # fmt: skip
    assert job["input"]["product_id"] == product.id
    assert (done["status"], done["progress"], done["error"]) == ("SUCCEEDED", 100, None)
    assert done["usage"] == {
        "model": RULES, "inputTokens": 0, "outputTokens": 0, "notes": [NOTE],
        "cost": {"amount": "0.00", "currency": "USD"},
    }  # fmt: skip
    copy = done["output"]
    assert same["output"] == copy
    assert copy["title"] == "Magnetic mount"
    assert copy["description"] == (
        "Say hello to Magnetic mount. A car accessory for drivers from Mount & Co.\n\n"
        "Holds any phone.\n\nFits & stays.\n\n"
        "- Box: mount, manual\n- Material: steel\n\n"
        "You find it at Mount & Co. Take a look, and see if it is for you."
    )
    assert copy["faq"][0] == {
        "q": "What is Magnetic mount?", "a": "A car accessory for drivers from Mount & Co.",
    }  # fmt: skip
    assert {"q": "What about material?", "a": "Material: steel"} in copy["faq"]
    assert copy["seo"] == {
        "title": "Magnetic mount - car accessory | Mount & Co",
        "description": "Magnetic mount. Holds any phone. Fits & stays.",
        "keywords": ["magnetic mount", "car accessory", "drivers", "mount & co", "magnetic",
                     "mount"],
    }  # fmt: skip


async def test_a_store_with_nothing_but_a_name_gets_copy_too(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(name="Lamps"), await make.key()

    job = await start(gql, key, store)
    await work(services)

    copy = (await found(gql, key, job))["output"]
    assert copy["title"] == "Lamps"
    assert len(copy["faq"]) == 2


async def test_the_rules_look_at_the_picture_that_is_stored(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store, title="Chair")
    red = Image.new("RGB", (300, 600), "white")
    red.paste((200, 20, 30), (60, 60, 240, 540))
    await services.storage.put("files/red", encoded(red, "PNG"))
    file = await make.file(store, key="files/red")
    await make.link(file, product)
    address = file_addresses.permanent_url(services, file.uuid, file.name)

    made = [
        await start(gql, key, store, **named)
        for named in (
            {"fileId": gid(file), "productId": gid(product)},
            {"productId": gid(product)},
            {"imageUrl": address, "productId": gid(product)},
        )
    ]
    await work(services)

    for job in made:
        done = await found(gql, key, job)
        said = "The picture, an upright one, shows it mostly in red."
        assert said in done["output"]["description"]
        assert done["usage"]["notes"] == [NOTE]


async def test_the_rules_do_without_a_picture_that_cannot_be_had_and_say_so(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    gone = await make.file(store)
    text = await make.file(store, key="files/text")
    await services.storage.put("files/text", b"a text")
    urls = {
        "https://images.example/abc.jpg": "this process fetches none",
        f"{services.public_url}/files/{gone.uuid}/p.abc/1.png":
            "the address leads to no file, or no longer",
        file_addresses.permanent_url(services, gone.uuid, "1.png"):
            "the file is not in the storage",
        file_addresses.permanent_url(services, text.uuid, "1.png"):
            "is no JPEG, PNG, WebP or GIF picture",
    }  # fmt: skip

    made = {url: await start(gql, key, store, imageUrl=url) for url in urls}
    await work(services)

    for url, why in urls.items():
        done = await found(gql, key, made[url])
        assert done["status"] == "SUCCEEDED"
        assert done["usage"]["notes"][1:] == [f"without the picture, which is not needed: {why}"]


async def test_what_was_applied_is_not_told_twice(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(name="Lamps"), await make.key()
    product = await make.product(store, title="Lamp", description="Bright.", is_primary=True)
    outputs: list[Any] = []
    for tone, name in (("casual", "Lamp"), ("casual", "Lamp"), ("luxury", "Sun")):
        changes = {"title": name}
        await gql.done(RENAME, key=key, id=gid(product), changes=changes)
        job = await start(gql, key, store, hints={"tone": tone, "productKind": "desk light"})
        await work(services)
        await gql.done(APPLY, key=key, job=job["id"], product=gid(product))
        outputs.append((await found(gql, key, job))["output"])

    assert outputs[0] == outputs[1]
    assert outputs[2]["description"] == (
        "Sun, chosen with care. A desk light from Lamps.\n\nBright.\n\n"
        "You find it at Lamps. For those who look twice."
    )


async def test_a_model_is_told_all_and_what_it_took_is_kept(
    gql: GraphQL, make: Make, services: Services, model: ModelServer
) -> None:
    store, key = await make.store(name="Mount Shop"), await make.key()
    await services.storage.put("files/a", picture(size=(400, 300)))
    file = await make.file(store, key="files/a")
    hints = {"tone": "casual", "further": {"season": "spring"}}

    job = await start(gql, key, store, fileId=gid(file), hints=hints)
    await work(services)

    done = await found(gql, key, job)
    assert (done["status"], done["output"]) == ("SUCCEEDED", COPY)
    assert done["usage"] == {
        "model": MODEL, "inputTokens": 1000, "outputTokens": 200, "notes": [],
        "cost": {"amount": "0.0045", "currency": "USD"},
    }  # fmt: skip
    assert model.brief() == {
        "store": "Mount Shop", "tone": "casual", "further": {"season": "spring"},
    }  # fmt: skip
    assert model.pictures() == [(400, 300)]


async def test_progress_is_heard_live(
    client: Client, gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    job = await start(gql, key, store)
    document = "subscription ($id: ID!) { jobStatus(id: $id) { status progress } }"
    async with subscribed(client, key, document, id=job["id"]) as socket:
        seen = [await socket.next()]
        await work(services)
        while seen[-1]["status"] != "SUCCEEDED":
            seen.append(await socket.next())

    heard = [(event["status"], event["progress"]) for event in seen]
    # Between two turns of the reader, later news of a row replace earlier ones.
    every = [("QUEUED", 0), ("RUNNING", 0), ("RUNNING", 10), ("RUNNING", 30), ("RUNNING", 90),
             ("SUCCEEDED", 100)]  # fmt: skip
    assert heard[0] == every[0]
    assert [each for each in every if each in heard] == heard


# Pictures elsewhere

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def elsewhere(
    services: Services, handler: Handler, *, private_addresses: bool = True
) -> AsyncGenerator[BaseTestServer]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    http = OutboundHttp(private_addresses=private_addresses, timeout=5)
    services.fetcher = http
    async with TestServer(app) as server:
        yield server
    services.fetcher = None
    await http.close()


async def test_a_picture_at_any_address_is_fetched_for_the_model(
    gql: GraphQL, make: Make, services: Services, model: ModelServer
) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/old.png":
            raise web.HTTPFound("/new.png")
        return web.Response(body=picture(size=(64, 32)), content_type="text/plain")

    store, key = await make.store(), await make.key()
    async with elsewhere(services, handler) as server:
        job = await start(gql, key, store, imageUrl=str(server.make_url("/old.png")))
        await work(services)

    assert (await found(gql, key, job))["status"] == "SUCCEEDED"
    assert model.pictures() == [(64, 32)]


async def test_a_picture_that_a_model_cannot_see_fails_and_is_given_back(
    gql: GraphQL, make: Make, services: Services, model: ModelServer
) -> None:
    async def handler(request: web.Request) -> web.Response:
        match request.path:
            case "/404":
                return web.Response(status=404)
            case "/503":
                return web.Response(status=503)
            case "/large":
                return web.Response(body=b"\x89PNG\r\n\x1a\n" + bytes(6 << 20))
            case "/cut":
                return web.Response(body=picture()[:500])
            case _:
                return web.Response(text="<html>")

    store, key = await make.store(), await make.key()
    reasons = {
        "/404": (1, f"{HAD} is answered with 404"),
        "/503": (3, f"{HAD} is answered with 503"),
        "/large": (1, f"{HAD} is larger than 5242880 bytes"),
        "/cut": (1, f"{HAD} must be a whole picture that can be read"),
        "/page": (1, f"{HAD} {PAGE}"),
    }
    async with elsewhere(services, handler) as server:
        made = {
            path: await start(gql, key, store, imageUrl=str(server.make_url(path)))
            for path in reasons
        }
        await work(services)

    for path, (attempts, message) in reasons.items():
        done = await found(gql, key, made[path])
        assert (done["status"], done["attempts"]) == ("FAILED", attempts)
        assert done["error"] == {"code": "IMAGE_UNREADABLE", "message": message}
    assert model.seen == []
    assert await quota(gql, key) == (5, 0, 5)
    await check_books(services)


async def test_no_picture_is_fetched_from_our_own_network(
    gql: GraphQL, make: Make, services: Services, model: ModelServer
) -> None:
    reached: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response(body=picture())

    store, key = await make.store(), await make.key()
    async with elsewhere(services, handler, private_addresses=False) as server:
        refusals = {
            f"{HAD} leads to an address that is not public",
            f"{HAD} is no plain http or https URL",
        }
        hosts = ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]")
        made = [
            await start(gql, key, store, imageUrl=f"http://{host}:{server.port}/a.png")
            for host in hosts
        ]
        await work(services)

    for job in made:
        error = (await found(gql, key, job))["error"]
        assert error["code"] == "IMAGE_UNREADABLE"
        assert error["message"] in refusals
    assert (reached, model.seen) == ([], [])


# Crashes and failures


async def test_a_model_that_stays_away_is_tried_again_and_then_given_up(
    gql: GraphQL, make: Make, services: Services, model: ModelServer
) -> None:
    store, key = await make.store(), await make.key()
    model.plan.extend(broken() for _ in range(4))
    job = await start(gql, key, store)
    await work(services)
    done = await found(gql, key, job)
    assert (done["status"], done["attempts"]) == ("SUCCEEDED", 2)

    model.plan.extend(broken() for _ in range(9))
    job = await start(gql, key, store)
    await work(services)
    done = await found(gql, key, job)
    assert (done["status"], done["attempts"]) == ("FAILED", 3)
    assert done["error"] == {"code": "WRITER_UNAVAILABLE", "message": "the service answers 500"}
    assert await quota(gql, key) == (5, 1, 4)


async def test_copy_that_is_kept_is_not_paid_for_again_after_a_crash(
    gql: GraphQL, make: Make, services: Services, model: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    store, key = await make.store(), await make.key()
    job = await start(gql, key, store)

    class Killed(BaseException): ...

    async def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as crash:
        crash.setattr("resolvers.attempts.succeed", killed)
        with pytest.raises(Killed):
            await work(services)
    between = await found(gql, key, job)
    assert (between["status"], between["progress"], between["output"]) == ("RUNNING", 90, COPY)
    services.clock = lambda: now() + timedelta(seconds=60)  # its lease is over
    await work(services)

    done = await found(gql, key, job)
    assert (done["status"], done["attempts"], done["output"]) == ("SUCCEEDED", 2, COPY)
    assert len(model.seen) == 1
    assert done["usage"]["inputTokens"] == 1000


async def test_a_runner_that_stops_while_the_model_writes_leaves_it_to_the_next_one(
    gql: GraphQL, make: Make, services: Services, model: ModelServer
) -> None:
    store, key = await make.store(), await make.key()
    job = await start(gql, key, store)
    model.stuck = asyncio.Event()
    runner = Runner(services, concurrency=1, lease=15.0, backoff=(0.0,), on_free=lambda: None)
    attempt = asyncio.create_task(runner.attempt(key_of(job), 1))
    await model.asked.wait()
    await runner.drain(0)
    await asyncio.gather(attempt, return_exceptions=True)
    model.stuck.set()

    assert (await found(gql, key, job))["status"] == "QUEUED"
    await work(services)
    done = await found(gql, key, job)
    assert (done["status"], done["output"], done["attempts"]) == ("SUCCEEDED", COPY, 1)
    assert model.names[0] == model.names[1]


async def test_a_job_that_is_cancelled_while_the_model_writes_keeps_no_copy(
    gql: GraphQL, make: Make, services: Services, model: ModelServer
) -> None:
    store, key = await make.store(), await make.key()
    job = await start(gql, key, store)
    model.stuck = asyncio.Event()
    working = asyncio.create_task(work(services))
    await model.asked.wait()
    await gql.done(CANCEL, key=key, id=job["id"])
    model.stuck.set()
    await working

    done = await found(gql, key, job)
    assert (done["status"], done["output"]) == ("CANCELLED", None)
    assert done["usage"]["inputTokens"] == 1000
    assert await quota(gql, key) == (5, 0, 5)


async def test_a_store_that_is_deleted_meanwhile_ends_its_generations(
    gql: GraphQL, make: Make, services: Services, model: ModelServer
) -> None:
    store, key = await make.store(), await make.key()
    await start(gql, key, store)
    async with services.database.write() as tx:
        (await tx.get_one(models.Store, store.id)).deleted_at = NOON
    await work(services)

    assert model.seen == []
    assert await quota(gql, key) == (5, 0, 5)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_model_that_is_configured_writes_in_the_process_that_works(
    migrated_database_url: str, tmp_path: Path
) -> None:
    async with model_server() as server, AsyncExitStack() as stack:
        settings = Settings(
            data_dir=tmp_path, database_url=migrated_database_url,
            writer_url=server.url, writer_key=KEY, writer_model=MODEL,
        )  # fmt: skip
        services = await stack.enter_async_context(open_services(settings))
        assert services.writer is None
        await stack.enter_async_context(running_jobs(settings, services, Countdown(5)))
        store = await Make(services).store()
        ctx = Context(services, system(store.organization_id))
        key = await generations.start(ctx, input=generations.StartGeneration(store_id=store.id))
        async with asyncio.timeout(20):
            interest = Interest(ctx.require(), "job", key)
            async for event in services.events.follow(interest, latest=True):
                if event.payload["status"] == "succeeded":
                    break

    assert len(server.seen) == 1


async def test_an_api_without_a_model_is_refused_at_the_start(embedded_folder: Path) -> None:
    settings = Settings(data_dir=embedded_folder, writer_url="http://127.0.0.1:1/v1")
    async with open_services(settings, background=False) as services:
        with pytest.raises(ValueError, match="STOREGRAPH_WRITER_MODEL"):
            async with running_jobs(settings, services, Countdown(5)):
                pass


# What is asked


async def test_the_same_start_twice_is_one(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    wanted = {"storeId": gid(store), "hints": {"tone": "casual"}}

    first = await gql.done(START, key=key, input=wanted, once="1")

    assert await gql.done(START, key=key, input=wanted, once="1") == first
    other = {**wanted, "hints": {"tone": "formal"}}
    assert await gql.refused(START, key=key, input=other, once="1") == ["CONFLICT idempotencyKey"]
    assert await quota(gql, key) == (5, 1, 4)


async def test_what_is_wrong_is_said_by_field_and_nothing_is_started(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    elsewhere_ = await make.product(await make.store())
    text = await make.file(store, content_type="text/plain")
    file = await make.file(await make.store())
    own = await make.file(store)
    before = await everything(services)

    for wrong, refusal_ in (
        ({"imageUrl": "javascript:1"}, "INVALID input.imageUrl"),
        ({"imageUrl": "https://user:pw@a.example/1.png"}, "INVALID input.imageUrl"),
        ({"imageUrl": "https://a.example/1.png", "fileId": gid(own)}, "INVALID input.fileId"),
        ({"fileId": gid(text)}, "INVALID input.fileId"),
        ({"fileId": gid(file)}, "NOT_FOUND input.fileId"),
        ({"productId": gid(elsewhere_)}, "NOT_FOUND input.productId"),
        ({"hints": {"tone": "x" * 301}}, "INVALID input.hints.tone"),
        ({"hints": {"further": {"a": "x" * 4000}}}, "INVALID input.hints"),
        ({"hints": {"further": [1]}}, "INVALID input.hints.further"),
    ):
        given = {"storeId": gid(store), **wrong}
        assert await gql.refused(START, key=key, input=given) == [refusal_], wrong
    assert await everything(services) == before


async def test_it_needs_the_permission_to_change_products(gql: GraphQL, make: Make) -> None:
    store = await make.store()
    key = await make.key(permissions=frozenset({"product:view", "job:view", "store:view"}))
    job = await make.row(models.Job, "Acme")

    for document, given in (
        (START, {"input": {"storeId": gid(store)}}),
        (APPLY, {"job": gid(job)}),
        (QUOTA, {}),
    ):
        [error] = (await gql(document, key=key, **given))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"


# What becomes of it


@pytest.mark.usefixtures("model")
async def test_copy_is_written_into_the_product(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store, is_primary=True)
    other = await make.product(store)
    job = await start(gql, key, store)
    refused = await gql.refused(APPLY, key=key, job=job["id"])
    assert refused == ["CONFLICT jobId"]
    await work(services)

    late = await gql.refused(APPLY, key=key, job=job["id"], version=9)
    written = (await gql.done(APPLY, key=key, job=job["id"], version=1))["product"]
    elsewhere_ = await gql.done(APPLY, key=key, job=job["id"], product=gid(other))

    assert late == ["CONFLICT expectedVersion"]
    assert written == {
        "id": gid(product), "title": COPY["title"], "description": COPY["description"],
        "pageTitle": COPY["seo"]["title"], "metaDescription": COPY["seo"]["description"],
        "keywords": COPY["seo"]["keywords"],
        "faq": [{"question": each["q"], "answer": each["a"]} for each in COPY["faq"]],
        "version": 2,
    }  # fmt: skip
    assert elsewhere_["product"]["id"] == gid(other)


async def test_copy_is_written_only_where_it_belongs(
    gql: GraphQL, make: Make, services: Services
) -> None:
    store, key = await make.store(), await make.key()
    job = await start(gql, key, store)
    await work(services)
    neighbour = await make.product(await make.store())
    foreign = await make.product(await make.store("Other"))
    no_generation = await make.row(models.Job, "Acme")
    stranger = await make.key("Other")
    before = await everything(services)

    for given, refusal_ in (
        ({"job": job["id"]}, "NOT_FOUND productId"),
        ({"job": job["id"], "product": gid(neighbour)}, "NOT_FOUND productId"),
        ({"job": job["id"], "product": gid(foreign)}, "NOT_FOUND productId"),
        ({"job": gid(no_generation)}, "NOT_FOUND jobId"),
    ):
        assert await gql.refused(APPLY, key=key, **given) == [refusal_]
    refused = await gql.refused(APPLY, key=stranger, job=job["id"], product=gid(foreign))
    assert refused == ["NOT_FOUND jobId"]
    assert await everything(services) == before
