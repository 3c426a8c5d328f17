"""Products in the words of xPage: made and changed whole, read back through GraphQL, and listed."""

import io
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import FormData
from PIL import Image
from sqlalchemy import select

from db import models
from db.models import ProductStatus
from rest_compat.xpage.product_views import meant, written
from tests.callers import GraphQL, Reply, Rest
from tests.kit import Installed, Make, gid
from tests.state import events, everything

SHIRT = {
    "title": "Shirt",
    "slug": "shirt",
    "description": "<p>Cotton.</p>",
    "page_title": "A shirt",
    "meta_description": None,
    "status": "active",
    "is_digital": False,
    "options": [
        {"order": 1, "name": "Size",
         "values": [{"order": 1, "value": "L"}, {"order": 0, "value": "S"}]},
        {"order": 0, "name": "Colour", "values": [{"order": 0, "value": "Red"}]},
    ],
    "variants": [
        {"price": 29.99, "compare_price": 39.99, "sku": "R-S", "quantity": 100,
         "values": [{"order": 1, "value": "S"}, {"order": 0, "value": "Red"}]},
        {"price": 31, "sku": None,
         "values": [{"order": 0, "value": "Red"}, {"order": 1, "value": "L"}]},
    ],
    "properties": [{"name": "Material", "value": "Cotton"}, {"name": "Made in", "value": "Peru"}],
}  # fmt: skip
PRODUCT = """query ($id: ID!) { product(id: $id) {
  uuid title slug description pageTitle metaDescription status isDigital stock version
  stockTracked sellsWhenOutOfStock category { name }
  options { uuid name position choices } properties { uuid name value position }
  images { uuid } variants { id uuid title sku stock options price { amount }
    comparePrice { amount } } } }"""


def picture(kind: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(written, kind)
    return written.getvalue()


def form(
    metadata: Any = None, *, images: Sequence[bytes] = (), files: Sequence[bytes] = ()
) -> FormData:
    made = FormData(default_to_multipart=True)
    if metadata is not None:
        made.add_field("metadata", metadata if isinstance(metadata, str) else json.dumps(metadata))
    for at, content in enumerate(images):
        made.add_field(
            "images[]", io.BytesIO(content), filename=f"{at}.png", content_type="image/png"
        )
    for at, content in enumerate(files):
        made.add_field("files[]", content, filename=f"{at}.pdf", content_type="application/pdf")
    return made


class Hosting:
    """A store with an app in it."""

    def __init__(self, make: Make, xpage: Rest) -> None:
        self.make, self.xpage = make, xpage
        self.store: models.Store
        self.app: Installed

    async def open(self) -> "Hosting":
        self.store = await self.make.store()
        self.app = await self.make.installed(self.store)
        return self

    async def create(self, metadata: Any, **parts: Any) -> Any:
        sent = form(metadata, **parts)
        return (await self.xpage.data("create_product", key=self.app, form=sent))["data"]["product"]

    async def update(self, product: Any, metadata: Any, **parts: Any) -> Any:
        sent = form(metadata, **parts)
        found = await self.xpage.data("update_product", key=self.app, id=product["id"], form=sent)
        return found["data"]["product"]

    async def get(self, id: str) -> Any:
        return (await self.xpage.data("get_product", key=self.app, id=id))["data"]["product"]

    async def list(self, **query: Any) -> list[Any]:
        found = await self.xpage.data("list_products", key=self.app, **query)
        assert found["data"]["pagination"]["total"] == len(found["data"]["products"])
        return found["data"]["products"]

    async def key_of(self, product: Any) -> str:
        async with self.make.services.database.write() as session:
            rows = await session.scalars(select(models.Product))
            return next(gid(row) for row in rows if str(row.uuid) == product["id"])


@pytest.fixture
async def hosting(make: Make, xpage: Rest) -> Hosting:
    return await Hosting(make, xpage).open()


def refusal(reply: Reply) -> dict[str, list[str]]:
    assert (reply.status, reply.body["code"]) == (422, "VALIDATION_ERROR"), reply.body
    return reply.body["errors"]


# Creating


async def test_a_product_made_here_is_the_same_in_graphql(hosting: Hosting, gql: GraphQL) -> None:
    category = await hosting.make.category(hosting.store, name="Clothes")

    product = await hosting.create({**SHIRT, "category_id": str(category.uuid)})

    assert product == await hosting.get(product["id"])
    options, variants = product.pop("options"), product.pop("variants")
    properties = product.pop("properties")
    found = await gql.data(PRODUCT, key=await hosting.make.key(), id=await hosting.key_of(product))
    stored = found["product"]
    assert {name: product[name] for name in product if name not in ("id", "created_at")} == {
        "slug": "shirt", "title": "Shirt", "description": "<p>Cotton.</p>",
        "page_title": "A shirt", "meta_description": None, "is_digital": False,
        "status": "active", "stock_tracked": True, "allow_order_when_oos": False, "image": None,
        "images": [], "ugc_videos": [], "default": None,
        "category": {"id": str(category.uuid), "name": "Clothes"},
    }  # fmt: skip
    assert [(each["order"], each["name"], each["values"]) for each in options] == [
        (0, "Colour", [{"order": 0, "value": "Red"}]),
        (1, "Size", [{"order": 0, "value": "S"}, {"order": 1, "value": "L"}]),
    ]
    red_s, red_l = variants
    assert (red_s["price"], red_s["compare_price"], red_s["sku"], red_s["quantity"]) == (
        29.99, 39.99, "R-S", 100,
    )  # fmt: skip
    assert (red_l["price"], red_l["compare_price"], red_l["sku"], red_l["quantity"]) == (
        31, None, None, 0,
    )  # fmt: skip
    assert red_s["values"] == [{"order": 0, "value": "Red"}, {"order": 1, "value": "S"}]
    assert (stored["uuid"], stored["status"], stored["stock"]) == (product["id"], "ACTIVE", 100)
    assert stored["category"] == {"name": "Clothes"}
    assert stored["options"] == [
        {"uuid": options[0]["id"], "name": "Colour", "position": 0, "choices": ["Red"]},
        {"uuid": options[1]["id"], "name": "Size", "position": 1, "choices": ["S", "L"]},
    ]
    assert stored["properties"] == [
        {"uuid": each["id"], "name": each["name"], "value": each["value"], "position": at}
        for at, each in enumerate(properties)
    ]
    assert [each["uuid"] for each in stored["variants"]] == [red_s["id"], red_l["id"]]
    assert stored["variants"][0]["title"] == "Red / S"
    assert stored["variants"][0]["options"] == {"Colour": "Red", "Size": "S"}
    [event] = await events(hosting.make.services, "product.created")
    assert event.store_id == hosting.store.id
    assert await events(hosting.make.services, "product.updated") == []


async def test_what_is_made_in_graphql_is_the_same_here(hosting: Hosting, gql: GraphQL) -> None:
    create = """mutation ($input: NewProduct!) { createProduct(input: $input) {
      product { uuid } errors { code field } } }"""
    made = await gql.done(
        create, key=await hosting.make.key(),
        input={
            "storeId": gid(hosting.store), "title": "Mug", "status": "ARCHIVED",
            "properties": [{"name": "Volume", "value": "0.3 l"}],
            "defaultVariant": {"price": "7.5", "stock": 4, "stockTracked": False,
                               "sellWhenOutOfStock": True},
        },
    )  # fmt: skip

    product = await hosting.get(made["product"]["uuid"])

    assert (product["title"], product["slug"], product["status"]) == ("Mug", "mug", "inactive")
    assert (product["stock_tracked"], product["allow_order_when_oos"]) == (False, True)
    assert (product["variants"], product["options"]) == ([], [])
    assert (product["default"]["price"], product["default"]["quantity"]) == (7.5, 4)
    assert product["default"]["values"] == []
    assert [each["name"] for each in product["properties"]] == ["Volume"]


async def test_a_simple_product_has_a_default_variant(hosting: Hosting) -> None:
    goods = await hosting.make.file(hosting.store, content_type="application/pdf")

    product = await hosting.create(
        {
            "title": "Grüße & Küsse", "is_digital": True,
            "default": {"price": 29.99, "sku": "", "quantity": 3, "file": str(goods.uuid)},
        }
    )  # fmt: skip

    assert (product["slug"], product["variants"], product["is_digital"]) == (
        "grüsse-küsse",
        [],
        True,
    )
    assert (product["default"]["price"], product["default"]["sku"]) == (29.99, None)
    assert product["default"]["file"]["id"] == str(goods.uuid)
    again = await hosting.create({"title": "Grüße & Küsse", "slug": ""})
    assert (again["slug"], again["default"]["price"]) == ("grüsse-küsse-2", 0)


async def test_pictures_follow_those_that_were_there_and_goods_go_to_what_is_sold(
    hosting: Hosting,
) -> None:
    stored = [await hosting.make.file(hosting.store) for _ in range(2)]
    video = await hosting.make.file(hosting.store, content_type="video/mp4")
    named = [{"id": str(stored[0].uuid), "order": 5}, {"id": str(stored[1].uuid), "order": 2}]

    product = await hosting.create(
        {"title": "Lamp", "images": named, "ugc_videos": [{"id": str(video.uuid)}]},
        images=[picture(), picture("WEBP")], files=[b"%PDF-1.4 one"],
    )  # fmt: skip

    ids = [each["id"] for each in product["images"]]
    assert ids[:2] == [str(stored[1].uuid), str(stored[0].uuid)]
    assert [each["mime_type"] for each in product["images"][2:]] == ["image/png", "image/webp"]
    assert product["image"]["id"] == ids[0]
    assert [each["id"] for each in product["ugc_videos"]] == [str(video.uuid)]
    assert product["default"]["file"]["mime_type"] == "application/pdf"

    more = await hosting.update(product, None, images=[picture("GIF")])
    assert [each["id"] for each in more["images"][:4]] == ids
    assert more["images"][4]["mime_type"] == "image/gif"
    fewer = await hosting.update(product, {"images": [{"id": ids[3]}], "ugc_videos": []})
    assert [each["id"] for each in fewer["images"]] == ids[3:4]
    assert fewer["ugc_videos"] == []


# What is refused


@pytest.mark.parametrize(
    ("metadata", "fields"),
    [
        (None, {"metadata"}),
        ("{broken", {"metadata"}),
        ("[]", {"metadata"}),
        ("null", {"metadata"}),
        ({}, {"metadata.title"}),
        ({"title": ""}, {"metadata.title"}),
        ({"title": "  "}, {"metadata.title"}),
        ({"title": "x" * 256}, {"metadata.title"}),
        ({"title": "A\0"}, {"metadata.title"}),
        ({"title": 7, "is_digital": "yes"}, {"metadata.title", "metadata.is_digital"}),
        ({"title": "A", "status": "ACTIVE"}, {"metadata.status"}),
        ({"title": "A", "slug": "a b"}, {"metadata.slug"}),
        ({"title": "A", "slug": "taken"}, {"metadata.slug"}),
        ({"title": "A", "category_id": "7"}, {"metadata.category_id"}),
        ({"title": "A", "category_id": str(uuid4())}, {"metadata.category_id"}),
        ({"title": "A", "images": [{"order": 1}]}, {"metadata.images.0.id"}),
        (
            {"title": "A", "images": [{"id": str(uuid4())}], "ugc_videos": [{"id": str(uuid4())}]},
            {"metadata.images.0.id", "metadata.ugc_videos.0.id"},
        ),
        ({"title": "A", "default": {"price": "29.99"}}, {"metadata.default.price"}),
        ({"title": "A", "default": {"price": -1}}, {"metadata.default.price"}),
        ({"title": "A", "default": {"price": 1e300}}, {"metadata.default.price"}),
        ({"title": "A", "default": {"price": 2e9}}, {"metadata.default.price"}),
        ({"title": "A", "default": {"quantity": 1}}, {"metadata.default.price"}),
        ({"title": "A", "default": {"price": 1, "quantity": 1.5}}, {"metadata.default.quantity"}),
        ({"title": "A", "default": {"price": 1, "quantity": 10**9}}, {"metadata.default.quantity"}),
        ({"title": "A", "default": {"price": 1, "file": str(uuid4())}}, {"metadata.default.file"}),
        ({"title": "A", "properties": [{"name": "B"}]}, {"metadata.properties.0.value"}),
        (
            {"title": "A", "properties": [{"name": "", "value": "b"}]},
            {"metadata.properties.0.name"},
        ),
        ({"title": "A", "options": SHIRT["options"]}, {"metadata.variants"}),
        ({**SHIRT, "default": {"price": 1}}, {"metadata.default"}),
        ({**SHIRT, "options": [{"values": []}]}, {"metadata.options.0.name"}),
    ],
)  # fmt: skip
async def test_a_refusal_names_the_fields_and_saves_nothing(
    hosting: Hosting, metadata: Any, fields: set[str]
) -> None:
    await hosting.make.product(hosting.store, slug="taken")
    before = await everything(hosting.make.services)

    reply = await hosting.xpage("create_product", key=hosting.app, form=form(metadata))

    assert set(refusal(reply)) == fields
    assert await everything(hosting.make.services) == before


def _with(**changes: Any) -> Any:
    return {**SHIRT, **changes}


def _variant(*values: tuple[int, str], **columns: Any) -> dict[str, Any]:
    chosen = [{"order": order, "value": value} for order, value in values]
    return {"price": 1, "values": chosen, **columns}


RED, SMALL, LARGE = (0, "Red"), (1, "S"), (1, "L")


@pytest.mark.parametrize(
    ("variants", "field"),
    [
        ([_variant(RED)], "metadata.variants.0"),
        ([{"price": 1}], "metadata.variants.0"),
        ([_variant(RED, SMALL), _variant(SMALL, RED)], "metadata.variants.1"),
        ([_variant(RED, SMALL, (2, "x"))], "metadata.variants.0.values.2.order"),
        ([_variant(RED, SMALL, LARGE)], "metadata.variants.0.values.2.order"),
        ([_variant(RED, (1, "XXL"))], "metadata.variants.0.values.1.value"),
        ([_variant(RED, SMALL, sku="x" * 121)], "metadata.variants.0.sku"),
        ([_variant(RED, SMALL, image=str(uuid4()))], "metadata.variants.0.image"),
        ([_variant(RED, SMALL), {"values": []}], "metadata.variants.1.price"),
        ([], "metadata.variants"),
    ],
)
async def test_each_variant_is_one_choice_of_every_option_and_none_is_there_twice(
    hosting: Hosting, variants: Any, field: str
) -> None:
    before = await everything(hosting.make.services)

    reply = await hosting.xpage(
        "create_product", key=hosting.app, form=form(_with(variants=variants))
    )

    assert set(refusal(reply)) == {field}
    assert await everything(hosting.make.services) == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order": 1}, "metadata.options"),
        ({"name": "Size"}, "metadata.options"),
        ({"values": [{"order": 0, "value": "Red"}, {"order": 1, "value": "Red"}]},
         "metadata.options.1.values"),
        ({"values": []}, "metadata.options.1.values"),
    ],
)  # fmt: skip
async def test_options_differ_in_name_and_order_and_have_different_values(
    hosting: Hosting, changes: Any, field: str
) -> None:
    options = [SHIRT["options"][0], {**SHIRT["options"][1], **changes}]  # type: ignore[index]

    reply = await hosting.xpage(
        "create_product", key=hosting.app, form=form(_with(options=options))
    )

    assert set(refusal(reply)) == {field}


async def test_bad_pictures_leave_neither_rows_nor_bytes(hosting: Hosting) -> None:
    before = await everything(hosting.make.services)
    storage = hosting.make.services.storage

    for metadata, images, field in (
        ({"title": "A"}, [picture(), b"%PDF-1.4 no picture"], "images.1"),
        ({"title": "A", "slug": "a b"}, [picture()], "metadata.slug"),
        ({"title": "A", "category_id": str(uuid4())}, [picture()], "metadata.category_id"),
        (_with(variants=[_variant(RED)]), [picture()], "metadata.variants.0"),
    ):
        sent = form(metadata, images=images, files=[b"%PDF-1.4 goods"])
        reply = await hosting.xpage("create_product", key=hosting.app, form=sent)
        assert set(refusal(reply)) == {field}

    assert await everything(hosting.make.services) == before
    assert [each async for each in storage.objects()] == []
    large = form({"title": "A"}, images=[picture() + b"0" * (5 << 20)])
    reply = await hosting.xpage("create_product", key=hosting.app, form=large)
    assert reply.status == 413
    assert await everything(hosting.make.services) == before


# Updating


async def test_only_what_is_sent_is_changed_and_told_once(hosting: Hosting, gql: GraphQL) -> None:
    product = await hosting.create(SHIRT)

    changed = await hosting.update(product, {"title": "Blouse", "description": None})

    assert changed == {**product, "title": "Blouse", "description": None}
    assert len(await events(hosting.make.services, "product.updated")) == 1
    assert await hosting.update(product, {}) == changed
    bare = await hosting.xpage.data("update_product", key=hosting.app, id=product["id"])
    assert bare["data"]["product"] == changed
    stored = await gql.data(PRODUCT, key=await hosting.make.key(), id=await hosting.key_of(product))
    assert stored["product"]["version"] == 2


async def test_options_and_variants_with_an_id_are_changed_others_added_the_rest_stays(
    hosting: Hosting,
) -> None:
    product = await hosting.create(SHIRT)
    colour, size = product["options"]
    red_s, red_l = product["variants"]

    changed = await hosting.update(
        product,
        {
            "options": [
                {"id": colour["id"], "name": "Tint",
                 "values": [{"order": 0, "value": "Blue"}, {"order": 1, "value": "Red"}]},
            ],
            "variants": [
                {"id": red_l["id"], "price": 24.99, "quantity": 7},
                {"price": 19, "quantity": 1,
                 "values": [{"order": 1, "value": "S"}, {"order": 0, "value": "Blue"}]},
            ],
        },
    )  # fmt: skip

    assert [each["name"] for each in changed["options"]] == ["Tint", "Size"]
    assert changed["options"][1] == size
    kept, edited, added = changed["variants"]
    assert kept == red_s
    assert edited == {**red_l, "price": 24.99, "quantity": 7}
    assert added["values"] == [{"order": 0, "value": "Blue"}, {"order": 1, "value": "S"}]
    assert len(await events(hosting.make.services, "product.updated")) == 1
    found = await hosting.list(search="R-S")
    assert [each["id"] for each in found] == [product["id"]]


async def test_a_simple_product_that_gets_options_loses_its_default_variant(
    hosting: Hosting,
) -> None:
    product = await hosting.create({"title": "Shirt", "default": {"price": 5, "sku": "old"}})

    changed = await hosting.update(
        product, {"options": SHIRT["options"], "variants": SHIRT["variants"]}
    )

    assert changed["default"] is None
    assert [each["price"] for each in changed["variants"]] == [29.99, 31]
    assert await hosting.list(search="old") == []
    reply = await hosting.xpage(
        "update_product", key=hosting.app, id=product["id"], form=form({"default": {"price": 1}})
    )
    assert set(refusal(reply)) == {"metadata.default"}


async def test_the_default_variant_is_changed_in_part(hosting: Hosting) -> None:
    goods = await hosting.make.file(hosting.store, content_type="application/zip")
    product = await hosting.create(
        {"title": "Book", "default": {"price": 5, "compare_price": 6, "quantity": 2}}
    )

    changed = await hosting.update(
        product, {"default": {"compare_price": None, "quantity": 9, "file": str(goods.uuid)}}
    )

    assert changed["default"]["id"] == product["default"]["id"]
    assert (changed["default"]["price"], changed["default"]["compare_price"]) == (5, None)
    assert (changed["default"]["quantity"], changed["default"]["file"]["id"]) == (
        9, str(goods.uuid),
    )  # fmt: skip
    emptied = await hosting.update(product, {"default": {"file": None}})
    assert emptied["default"] == {**changed["default"], "file": None}


async def test_properties_are_replaced_and_those_that_stay_keep_their_ids(
    hosting: Hosting,
) -> None:
    product = await hosting.create(SHIRT)

    changed = await hosting.update(
        product,
        {"properties": [{"name": "Care", "value": "Wash"}, {"name": "Material", "value": "Silk"}]},
    )

    care, material = changed["properties"]
    assert (care["name"], material["value"]) == ("Care", "Silk")
    assert material["id"] == product["properties"][0]["id"]
    assert (await hosting.update(product, {"properties": []}))["properties"] == []


async def test_changes_that_do_not_fit_what_stays_change_nothing(hosting: Hosting) -> None:
    product = await hosting.create(SHIRT)
    other = await hosting.create({**SHIRT, "slug": "other"})
    simple = await hosting.create({"title": "Simple", "slug": "simple"})
    before = await everything(hosting.make.services)

    for target, changes, field in (
        (product, {"slug": "other"}, "metadata.slug"),
        (product, {"title": ""}, "metadata.title"),
        (product, {"options": [{"id": product["options"][1]["id"],
                                "values": [{"order": 0, "value": "S"}]}]}, "metadata.options"),
        (product, {"options": [{"name": "Fit", "values": [{"order": 0, "value": "x"}]}]},
         "metadata.options"),
        (product, {"options": [{"name": "Fit"}]}, "metadata.options.0.values"),
        (product, {"options": [{"id": other["options"][0]["id"], "name": "x"}]},
         "metadata.options.0.id"),
        (product, {"variants": [{"id": other["variants"][0]["id"], "price": 1}]},
         "metadata.variants.0.id"),
        (product, {"variants": [{"id": str(uuid4())}]}, "metadata.variants.0.id"),
        (product, {"variants": [{"id": product["variants"][0]["id"],
                                 "values": product["variants"][1]["values"]}]},
         "metadata.variants.0"),
        (product, {"variants": [{"values": product["variants"][1]["values"]}]},
         "metadata.variants.0.price"),
        (simple, {"options": SHIRT["options"]}, "metadata.options"),
    ):  # fmt: skip
        reply = await hosting.xpage(
            "update_product", key=hosting.app, id=target["id"],
            form=form({"title": "Changed", **changes}, images=[picture()]),
        )  # fmt: skip
        assert set(refusal(reply)) == {field}, changes

    assert await everything(hosting.make.services) == before
    assert [each async for each in hosting.make.services.storage.objects()] == []


# Status


@pytest.mark.parametrize(
    ("before", "sent", "after", "shown"),
    [
        (None, "active", ProductStatus.ACTIVE, "active"),
        (None, "inactive", ProductStatus.DRAFT, "inactive"),
        (ProductStatus.ACTIVE, "active", ProductStatus.ACTIVE, "active"),
        (ProductStatus.ACTIVE, "inactive", ProductStatus.DRAFT, "inactive"),
        (ProductStatus.DRAFT, "active", ProductStatus.ACTIVE, "active"),
        (ProductStatus.DRAFT, "inactive", ProductStatus.DRAFT, "inactive"),
        (ProductStatus.ARCHIVED, "active", ProductStatus.ACTIVE, "active"),
        (ProductStatus.ARCHIVED, "inactive", ProductStatus.ARCHIVED, "inactive"),
    ],
)
async def test_the_two_statuses_of_the_dialect(
    hosting: Hosting, before: ProductStatus | None, sent: str, after: ProductStatus, shown: str
) -> None:
    assert written(sent, before) is after
    if before is None:
        product = await hosting.create({"title": "A", "status": sent})
    else:
        row = await hosting.make.product(hosting.store, status=before)
        product = await hosting.update({"id": str(row.uuid)}, {"status": sent})

    assert product["status"] == shown
    async with hosting.make.services.database.write() as session:
        row = (await session.scalars(select(models.Product))).one()
        assert row.status is after
    assert [each["id"] for each in await hosting.list(status=shown)] == [product["id"]]
    other = "inactive" if shown == "active" else "active"
    assert await hosting.list(status=other) == []
    assert set(meant("active")) | set(meant("inactive")) == set(ProductStatus)


# Lists


async def test_a_list_costs_the_same_statements_for_one_product_and_for_fifty(
    hosting: Hosting, statements: list[str]
) -> None:
    await hosting.create(SHIRT, images=[picture()])
    statements.clear()
    await hosting.list(page_size=1)
    for_one = len(statements)
    category = await hosting.make.category(hosting.store)
    for n in range(49):
        product = await hosting.make.product(hosting.store, category_id=category.id)
        await hosting.make.variant(product, position=n)
    statements.clear()

    assert len(await hosting.list(page_size=50)) == 50

    assert len(statements) == for_one == 15, statements
    statements.clear()
    await hosting.list(page_size=51)
    assert len(statements) == 14  # a page with room on it is the last one: nothing to count


async def test_lists_are_narrowed_sorted_and_numbered(hosting: Hosting) -> None:
    make, store = hosting.make, hosting.store
    tools = await make.category(store, name="Tools")
    art = await make.category(store, name="Art")
    saw = await make.product(store, title="Saw", category_id=tools.id, stock=0)
    brush = await make.product(store, title="Brush", category_id=art.id, status="draft")
    font = await make.product(store, title="Saw font", items=1, description="Naïve letters")

    for query, expected in (
        ({}, [font, brush, saw]),
        ({"order_by": "title", "order_direction": "ASC"}, [brush, saw, font]),
        ({"order_by": "title", "order_direction": "DESC"}, [font, saw, brush]),
        ({"order_by": "category", "order_direction": "ASC"}, [font, brush, saw]),
        ({"order_by": "category"}, [saw, brush, font]),
        ({"order_by": "created_at", "order_direction": "ASC"}, [saw, brush, font]),
        ({"search": "saw"}, [font, saw]),
        ({"search": "NAIVE let"}, [font]),
        ({"search": brush.slug}, [brush]),
        ({"title": "Saw"}, [saw]),
        ({"title": "saw"}, []),
        ({"status": "inactive"}, [brush]),
        ({"is_digital": "true"}, [font]),
        ({"is_digital": "false"}, [brush, saw]),
        ({"out_of_stock": "true"}, [saw]),
        ({"out_of_stock": "false"}, [font, brush]),
        ({"category": str(tools.uuid)}, [saw]),
        ({"category": str(uuid4())}, []),
        ({"search": "saw", "out_of_stock": "true"}, [saw]),
    ):
        found = await hosting.list(**query)
        assert [each["id"] for each in found] == [str(each.uuid) for each in expected], query
    page = await hosting.xpage.data("list_products", key=hosting.app, page=2, page_size=2)
    assert [each["id"] for each in page["data"]["products"]] == [str(saw.uuid)]
    assert page["data"]["pagination"] == {
        "total": 3, "per_page": 2, "current_page": 2, "last_page": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"search": "a"}, "search"),
        ({"status": "draft"}, "status"),
        ({"is_digital": "maybe"}, "is_digital"),
        ({"category": "7"}, "category"),
        ({"order_by": "price"}, "order_by"),
        ({"page": 0}, "page"),
    ],
)
async def test_a_list_that_cannot_be_is_refused(
    hosting: Hosting, query: dict[str, Any], field: str
) -> None:
    reply = await hosting.xpage("list_products", key=hosting.app, **query)
    assert set(refusal(reply)) == {field}


# Whose they are


async def test_what_is_not_of_the_hosting_is_not_there(hosting: Hosting) -> None:
    make = hosting.make
    neighbour, foreign = await make.store(), await make.store("Other")
    mine = await hosting.create({"title": "Mine"})
    for store in (neighbour, foreign):
        product = await make.product(store)
        file, category = await make.file(store), await make.category(store)
        variant = await make.only_variant(product)
        for operation in ("get_product", "update_product"):
            reply = await hosting.xpage(operation, key=hosting.app, id=str(product.uuid))
            assert (reply.status, reply.body) == (
                404, {"code": "NOT_FOUND", "message": "Product not found."},
            )  # fmt: skip
        before = await everything(make.services)
        for changes, field in (
            ({"images": [{"id": str(file.uuid)}]}, "metadata.images.0.id"),
            ({"ugc_videos": [{"id": str(file.uuid)}]}, "metadata.ugc_videos.0.id"),
            ({"category_id": str(category.uuid)}, "metadata.category_id"),
            ({"default": {"price": 1, "file": str(file.uuid)}}, "metadata.default.file"),
            ({"variants": [{"id": str(variant.uuid), "price": 1}]}, "metadata.variants.0.id"),
            ({"variants": [{"price": 1, "image": str(file.uuid)}]}, "metadata.variants.0.image"),
        ):
            reply = await hosting.xpage(
                "update_product", key=hosting.app, id=mine["id"], form=form(changes)
            )
            assert set(refusal(reply)) == {field}
        assert await everything(make.services) == before
        assert await hosting.list(category=str(category.uuid)) == []
    assert [each["id"] for each in await hosting.list()] == [mine["id"]]
    for text in (str(uuid4()), "7", "x" * 300):
        reply = await hosting.xpage("get_product", key=hosting.app, id=text)
        assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")


async def test_each_operation_needs_its_own_permission_and_no_other(hosting: Hosting) -> None:
    product = await hosting.create({"title": "Lamp"})
    goods = await hosting.make.file(hosting.store)
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "list_products": ("product:view", {}),
        "get_product": ("product:view", {"id": product["id"]}),
        "create_product": ("product:create", {}),
        "update_product": ("product:update", {"id": product["id"]}),
    }
    metadata = {"title": "A", "default": {"price": 1, "file": str(goods.uuid)}}
    for name, (permission, inside) in calls.items():
        writes = name in ("create_product", "update_product")
        all_but = [each for _, (each, _) in calls.items() if each != permission]
        for granted, status in (([permission], 200), (all_but, 403)):
            app = await hosting.make.installed(hosting.store, permissions=granted)
            sent: dict[str, Any] = {"form": form(metadata)} if writes else {}
            reply = await hosting.xpage(name, key=app, **inside, **sent)
            assert reply.status == status, (name, granted, reply.body)
            if writes and status == 200:
                assert reply.body["data"]["product"]["default"]["file"]["id"] == str(goods.uuid)
