"""xPage from end to end: one app does all it can, and hears of it as its contract says."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from db import models
from jobs.courier import Courier
from providers.outbound import OutboundHttp
from resolvers.events import number
from resolvers.services import Services
from rest_compat.xpage import contract
from tests.callers import Rest
from tests.kit import Installed, Make


@dataclass
class Heard:
    url: str = ""
    bodies: list[Any] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append(orjson.loads(await request.read()))
        return web.Response()


@pytest.fixture
async def heard() -> AsyncGenerator[Heard]:
    made, app = Heard(), web.Application()
    app.router.add_post("/", made.handle)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/"))
        yield made


def product() -> FormData:
    form = FormData(default_to_multipart=True)
    values = [{"order": 0, "value": "Black"}, {"order": 1, "value": "Red"}]
    metadata = {
        "title": "Magnetic mount",
        "options": [{"order": 0, "name": "Colour", "values": values}],
        "variants": [
            {"price": 29.99, "quantity": 5, "values": [{"order": 0, "value": value["value"]}]}
            for value in values
        ],
    }
    form.add_field("metadata", orjson.dumps(metadata).decode())
    return form


async def test_an_app_does_all_it_can_and_hears_of_it(
    xpage: Rest, make: Make, services: Services, heard: Heard
) -> None:
    store = await make.store()
    app = await make.installed(store, topics=["*"], webhook_url=heard.url)
    await _do_everything(xpage, app, make)

    http = OutboundHttp(private_addresses=True)
    await number(services.database)
    await Courier(services, http).turn()
    await http.close()

    topics = {body["topic"] for body in heard.bodies}
    assert topics == set(contract().spec["webhooks"]) - {
        "app.installed",
        "app.install_redirect",
    }
    for body in heard.bodies:
        assert contract().webhook(body["topic"]).problems(body, ("body",)) == [], body["topic"]
        assert body["install_id"] == str(app.row.uuid)


async def _do_everything(xpage: Rest, app: Installed, make: Make) -> None:
    made = (await xpage.data("create_product", key=app, form=product()))["data"]["product"]
    renamed = FormData(default_to_multipart=True)
    renamed.add_field("metadata", '{"title": "Magnetic mount 2"}')
    await xpage.data("update_product", key=app, id=made["id"], form=renamed)
    body = {"status": "paid", "customer_email": "jane@example.com", "customer_first_name": "Jane"}
    order = (await xpage.data("create_order", key=app, body=body))["data"]["order"]
    parcel = await make.delivery(await make.order(await make.store()))
    assert (await xpage("update_delivery", key=app, deliveryId=parcel.uuid, body={})).status == 404
    buyer = await xpage.data("get_customer", key=app, id=order["customer_id"])
    assert buyer["data"]["customer"]["latest_order"]["ref"] == order["ref"]
    assert buyer["data"]["customer"]["order_count"] == 1
    review = FormData(default_to_multipart=True)
    content = {
        "product_id": made["id"], "content": "Holds.", "rating": 5, "reviewer_name": "Jane",
    }  # fmt: skip
    review.add_field("metadata", orjson.dumps(content).decode())
    await xpage.data("create_review", key=app, form=review)
    await xpage.data("create_customer", key=app, body={"email": "joe@example.com"})
    own_parcel = await make.delivery(await _order(make, order["id"]))
    moved = {"status": "fulfilled"}
    await xpage.data("update_delivery", key=app, deliveryId=own_parcel.uuid, body=moved)


async def _order(make: Make, uuid: str) -> models.Order:
    async with make.services.database.write() as session:
        found = select(models.Order).where(models.Order.uuid == UUID(uuid))
        return (await session.scalars(found)).one()
