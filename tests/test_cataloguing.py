"""Products saved whole through GraphQL: options, variants, properties and files, all or nothing."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from db import models
from tests.callers import GraphQL
from tests.kit import Key, Make, gid
from tests.state import events, everything

FIELDS = """product { id title version stock stockTracked minPrice { amount } maxPrice { amount }
  options { id uuid name choices position } properties { id uuid name value position }
  variants { id title sku stock options position price { amount } } images { id } }
  errors { code field message }"""
CREATE = f"mutation ($input: NewProduct!) {{ createProduct(input: $input) {{ {FIELDS} }} }}"
UPDATE = f"""mutation ($id: ID!, $changes: ProductChanges!, $version: Int) {{
  updateProduct(id: $id, changes: $changes, expectedVersion: $version) {{ {FIELDS} }} }}"""
RED_BLUE = {"name": "Colour", "choices": ["Red", "Blue"]}


class Desk:
    """Somebody who writes a catalogue."""

    def __init__(self, make: Make, gql: GraphQL) -> None:
        self.make, self.gql = make, gql
        self.store: models.Store
        self.key: Key

    async def open(self) -> "Desk":
        self.store, self.key = await self.make.store(), await self.make.key()
        return self

    async def create(self, **input: Any) -> Any:
        wanted = {"storeId": gid(self.store), "title": "Shirt", **input}
        return (await self.gql.done(CREATE, key=self.key, input=wanted))["product"]

    async def shirt(self) -> Any:
        return await self.create(
            options=[RED_BLUE],
            variants=[
                {"price": "5", "stock": 1, "options": {"Colour": "Red"}, "sku": "red"},
                {"price": "6", "stock": 2, "choices": [{"position": 0, "value": "Blue"}]},
            ],
        )

    async def update(self, id: str, version: int | None = None, **changes: Any) -> Any:
        done = await self.gql.done(UPDATE, key=self.key, id=id, changes=changes, version=version)
        return done["product"]

    async def refused(self, id: str, version: int | None = None, **changes: Any) -> list[str]:
        return await self.gql.refused(UPDATE, key=self.key, id=id, changes=changes, version=version)

    async def links(self) -> set[tuple[str, str, int]]:
        """Role, subject and file of all links."""
        async with self.make.services.database.write() as session:
            rows = await session.scalars(select(models.FileLink))
            return {(row.role, row.subject_type, row.file_id) for row in rows}


@pytest.fixture
async def desk(make: Make, gql: GraphQL) -> Desk:
    return await Desk(make, gql).open()


async def test_a_product_comes_with_all_that_belongs_to_it(desk: Desk) -> None:
    picture, other = [await desk.make.file(desk.store) for _ in range(2)]
    goods = await desk.make.file(desk.store, content_type="application/zip")

    product = await desk.create(
        properties=[{"name": " Material ", "value": "Cotton"}, {"name": "Care", "value": "Wash"}],
        imageIds=[gid(other), gid(picture)],
        ugcVideoIds=[gid(picture)],
        downloadIds=[gid(goods)],
        defaultVariant={
            "price": "7", "stock": 3, "imageId": gid(picture), "fileId": gid(goods),
        },
    )  # fmt: skip

    assert [(each["name"], each["value"], each["position"]) for each in product["properties"]] == [
        ("Material", "Cotton", 0), ("Care", "Wash", 1),
    ]  # fmt: skip
    assert [each["id"] for each in product["images"]] == [gid(other), gid(picture)]
    assert (product["stock"], product["minPrice"]) == (3, {"amount": "7.00"})
    assert await desk.links() == {
        ("image", "Product", other.id), ("image", "Product", picture.id),
        ("ugc_video", "Product", picture.id), ("download", "Product", goods.id),
        ("image", "Variant", picture.id), ("download", "Variant", goods.id),
    }  # fmt: skip
    changed = await desk.update(product["id"], imageIds=[gid(picture)], downloadIds=[])
    assert [each["id"] for each in changed["images"]] == [gid(picture)]
    assert changed["properties"] == product["properties"]
    assert ("download", "Product", goods.id) not in await desk.links()


async def test_options_and_variants_are_changed_by_id_in_one_unit_of_work(desk: Desk) -> None:
    product = await desk.shirt()
    [colour], [red, blue] = product["options"], product["variants"]

    changed = await desk.update(
        product["id"],
        version=product["version"],
        title="Blouse",
        options=[
            {"id": colour["id"], "name": "Tint", "choices": ["Red", "Blue", "Green"]},
            {"name": "Size", "choices": ["S", "L"]},
        ],
        variants=[
            {"id": red["id"], "stock": 9, "options": {"Tint": "Red", "Size": "S"}},
            {"id": blue["id"], "choices": [{"position": 1, "value": "L"},
                                           {"position": 0, "value": "Green"}]},
            {"price": "3", "sku": "new", "options": {"Tint": "Red", "Size": "L"}},
        ],
    )  # fmt: skip

    assert (changed["title"], changed["version"]) == ("Blouse", product["version"] + 1)
    tint, size = changed["options"]
    assert (tint["id"], tint["uuid"], tint["name"]) == (colour["id"], colour["uuid"], "Tint")
    assert (size["name"], size["position"]) == ("Size", 1)
    assert [(each["id"], each["title"], each["stock"]) for each in changed["variants"][:2]] == [
        (red["id"], "Red / S", 9), (blue["id"], "Green / L", 2),
    ]  # fmt: skip
    assert changed["variants"][2]["options"] == {"Tint": "Red", "Size": "L"}
    assert (changed["stock"], changed["minPrice"]) == (11, {"amount": "3.00"})
    assert len(await events(desk.make.services, "product.updated")) == 1


async def test_an_option_that_is_renamed_is_renamed_in_all_variants(desk: Desk) -> None:
    product = await desk.shirt()
    [colour] = product["options"]

    changed = await desk.update(product["id"], options=[{"id": colour["id"], "name": "Farbe"}])

    assert [each["options"] for each in changed["variants"]] == [
        {"Farbe": "Red"},
        {"Farbe": "Blue"},
    ]
    assert changed["options"] == [{**colour, "name": "Farbe"}]


async def test_parts_make_a_new_version_and_are_told_once(desk: Desk) -> None:
    product = await desk.shirt()
    red = product["variants"][0]["id"]

    parts: tuple[dict[str, Any], ...] = (
        {"properties": [{"name": "A", "value": "b"}]},
        {"variants": [{"id": red, "price": "1"}]},
        {"options": [{"id": product["options"][0]["id"], "position": 3}]},
        {"imageIds": []},
    )
    for n, changes in enumerate(parts, 1):
        changed = await desk.update(product["id"], **changes)
        assert changed["version"] == product["version"] + n
        assert len(await events(desk.make.services, "product.updated")) == n


async def test_changes_of_another_version_or_that_do_not_fit_change_nothing(desk: Desk) -> None:
    product, other = await desk.shirt(), await desk.shirt()
    simple = await desk.create(title="Simple")
    elsewhere = await desk.make.file(await desk.make.store())
    foreign = await desk.make.file(await desk.make.store("Other"))
    text = await desk.make.file(desk.store, content_type="text/plain")
    picture = await desk.make.file(desk.store)
    [colour], [red, blue] = product["options"], product["variants"]
    before = await everything(desk.make.services)

    async def expect(refusal: str, id: str, **changes: Any) -> None:
        assert await desk.refused(id, title="Changed", **changes) == [refusal], changes

    at = product["id"]
    await expect("CONFLICT expectedVersion", at, version=7, properties=[])
    await expect("NOT_FOUND changes.options.0.id", at, options=[{"id": other["options"][0]["id"]}])
    await expect("NOT_FOUND changes.options.0.id", at, options=[{"id": red["id"]}])
    await expect("INVALID changes.options.0.choices", at, options=[{"name": "Size"}])
    await expect("INVALID changes.options", at, options=[{"name": "Colour", "choices": ["x"]}])
    await expect("INVALID changes.options", at, options=[{"name": "Size", "choices": ["x"]}])
    await expect("INVALID changes.options", at, options=[{"id": colour["id"], "choices": ["Blue"]}])
    await expect(
        "NOT_FOUND changes.variants.0.id", at, variants=[{"id": other["variants"][0]["id"]}]
    )
    await expect("INVALID changes.variants.0.price", at, variants=[{"options": {}}])
    await expect(
        "INVALID changes.variants.0.options", at,
        variants=[{"id": red["id"], "options": {"Colour": "Pink"}}],
    )  # fmt: skip
    await expect(
        "INVALID changes.variants.0", at,
        variants=[{"id": blue["id"], "options": {"Colour": "Red"}}],
    )  # fmt: skip
    await expect(
        "INVALID changes.variants.0.choices", at,
        variants=[{"id": red["id"], "options": {}, "choices": []}],
    )  # fmt: skip
    await expect("INVALID changes.variants.0.stock", at, variants=[{"id": red["id"], "stock": -1}])
    await expect("INVALID changes.defaultVariant", at, defaultVariant={"price": "1"})
    await expect("INVALID changes.options", simple["id"], options=[RED_BLUE])
    for file in (elsewhere, foreign):
        await expect("NOT_FOUND changes.imageIds.1", at, imageIds=[gid(picture), gid(file)])
        await expect("NOT_FOUND changes.ugcVideoIds.0", at, ugcVideoIds=[gid(file)])
        await expect("NOT_FOUND changes.downloadIds.0", at, downloadIds=[gid(file)])
        await expect(
            "NOT_FOUND changes.variants.0.fileId", at,
            variants=[{"id": red["id"], "fileId": gid(file)}],
        )  # fmt: skip
    await expect("INVALID changes.imageIds.0", at, imageIds=[gid(text)])
    await expect("INVALID changes.imageIds.1", at, imageIds=[gid(picture), gid(picture)])
    await expect("INVALID changes.properties.0.name", at, properties=[{"name": "", "value": "x"}])

    assert await everything(desk.make.services) == before


async def test_a_new_product_is_refused_whole(desk: Desk) -> None:
    before = await everything(desk.make.services)

    for given, refusal in (
        ({"options": [RED_BLUE]}, "INVALID input.variants"),
        ({"options": [RED_BLUE], "variants": [{"price": "1"}]}, "INVALID input.variants.0"),
        ({"variants": [{"price": "1"}], "defaultVariant": {"price": "1"}},
         "INVALID input.defaultVariant"),
        ({"price": "1", "defaultVariant": {"price": "1"}}, "INVALID input"),
        ({"options": [RED_BLUE, {**RED_BLUE, "position": 3}], "variants": [{"price": "1"}]},
         "INVALID input.options"),
        ({"options": [{**RED_BLUE, "position": 1}, {"name": "Size", "choices": ["S"]}],
          "variants": [{"price": "1"}]}, "INVALID input.options"),
        ({"properties": [{"name": "A", "value": "b"}] * 101}, "INVALID input.properties"),
    ):  # fmt: skip
        wanted = {"storeId": gid(desk.store), "title": "Shirt", **given}
        assert await desk.gql.refused(CREATE, key=desk.key, input=wanted) == [refusal]

    assert await everything(desk.make.services) == before


async def test_a_single_variant_takes_files_and_choices_too(desk: Desk) -> None:
    product = await desk.shirt()
    picture = await desk.make.file(desk.store)
    foreign = await desk.make.file(await desk.make.store("Other"))
    create = """mutation ($input: NewVariant!) { createVariant(input: $input) {
      variant { id title options } errors { code field } } }"""
    update = """mutation ($id: ID!, $changes: VariantChanges!) {
      updateVariant(id: $id, changes: $changes) {
        variant { title options stock } errors { code field } } }"""
    red = {"productId": product["id"], "price": "1", "choices": [{"position": 0, "value": "Red"}]}

    made = await desk.gql.done(create, key=desk.key, input={**red, "imageId": gid(picture)})

    assert (made["variant"]["title"], made["variant"]["options"]) == ("Red", {"Colour": "Red"})
    assert await desk.links() == {("image", "Variant", picture.id)}
    changes = {"choices": [{"position": 0, "value": "Blue"}], "imageId": None, "stock": 4}
    changed = await desk.gql.done(update, key=desk.key, id=made["variant"]["id"], changes=changes)
    assert changed["variant"] == {"title": "Blue", "options": {"Colour": "Blue"}, "stock": 4}
    assert await desk.links() == set()
    before = await everything(desk.make.services)
    for mutation, given, refusal in (
        (create, {"input": {**red, "fileId": gid(foreign)}}, "NOT_FOUND input.fileId"),
        (create, {"input": {**red, "choices": [{"position": 5, "value": "Red"}]}},
         "INVALID input.choices.0.position"),
        (update, {"id": made["variant"]["id"], "changes": {"fileId": gid(foreign)}},
         "NOT_FOUND changes.fileId"),
    ):  # fmt: skip
        assert await desk.gql.refused(mutation, key=desk.key, **given) == [refusal]
    assert await everything(desk.make.services) == before


async def test_of_two_who_add_the_same_variant_at_once_one_is_refused(desk: Desk) -> None:
    product = await desk.create(
        options=[{"name": "No", "choices": [str(n) for n in range(9)]}],
        variants=[{"price": "1", "options": {"No": "0"}}],
    )

    async def add(number: int) -> str:
        wanted = {"variants": [{"price": "1", "stock": 1, "options": {"No": str(number)}}]}
        done = await desk.gql.data(UPDATE, key=desk.key, id=product["id"], changes=wanted)
        errors = done["updateProduct"]["errors"]
        return errors[0]["code"] if errors else "added"

    answers = await asyncio.gather(*(add(1 + n // 2) for n in range(16)))

    assert sorted(answers) == ["INVALID"] * 8 + ["added"] * 8
    found = await desk.update(product["id"])
    assert sorted(each["options"]["No"] for each in found["variants"]) == [str(n) for n in range(9)]
    assert found["stock"] == 8


async def test_a_product_of_another_tenant_is_not_there_to_be_changed(desk: Desk) -> None:
    foreign = await desk.make.product(await desk.make.store("Other"))
    before = await everything(desk.make.services)

    assert await desk.refused(gid(foreign), properties=[]) == ["NOT_FOUND id"]

    assert await everything(desk.make.services) == before
