"""The ``metadata`` of a product that clients send: read into inputs, refusals told in its names."""

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from db.base import Base
from db.models import Category, File, Option, ProductStatus, Variant
from resolvers import uuids
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid, NotFound, Problem, StoreError
from resolvers.options import ChoiceInput, OptionEdit, OptionInput
from resolvers.product_inputs import NewProduct, ProductChanges
from resolvers.properties import PropertyInput
from resolvers.rules import Path
from resolvers.variants import VariantChanges, VariantEdit, VariantInput
from rest_compat.xpage.product_views import ACTIVE, written
from rest_compat.xpage.wire import micro

Given = Mapping[str, Any]
Keys = Mapping[Path, int]
METADATA = ("body", "metadata")
_TEXTS = ("title", "slug", "description", "page_title", "meta_description", "is_digital")
# Fields of the store's inputs that the contract calls otherwise.
_NAMES = {
    "choices": "values",
    "default_variant": "default",
    "file_id": "file",
    "image_id": "image",
    "position": "order",
    "stock": "quantity",
}
_LISTS = {"image_ids": "images", "ugc_video_ids": "ugc_videos"}


async def keys_in(ctx: Context, given: Given, *, is_new: bool) -> Keys:
    """The keys of all rows that the metadata refers to, by path. Raises ``Invalid`` for unknown.

    Ids of options and variants say which to change; they mean nothing for a new product.
    """
    wanted: defaultdict[type[Base], dict[Path, UUID]] = defaultdict(dict)
    for path, row, text in _references(given):
        if text is not None and not (is_new and row in (Option, Variant)):
            wanted[row][path] = UUID(text)
    found: dict[Path, int] = {}
    problems: list[Problem] = []
    for row, paths in wanted.items():
        keys = await uuids.keys_of(ctx, row, paths.values())
        for path, uuid in paths.items():
            if uuid in keys:
                found[path] = keys[uuid]
            else:
                said = f"names no {row.__name__.lower()} of this hosting"
                problems.append(Problem((*METADATA, *path), said, "exists"))
    if problems:
        raise Invalid("this refers to what is not there", problems=problems)
    return found


def _references(given: Given) -> Iterator[tuple[Path, type[Base], str | None]]:
    yield ("category_id",), Category, given.get("category_id")
    for name in _LISTS.values():
        for at, each in enumerate(given.get(name, ())):
            yield (name, at, "id"), File, each["id"]
    for at, each in enumerate(given.get("options", ())):
        yield ("options", at, "id"), Option, each.get("id")
    yield ("default", "file"), File, given.get("default", {}).get("file")
    for at, each in enumerate(given.get("variants", ())):
        yield ("variants", at, "id"), Variant, each.get("id")
        for name in ("image", "file"):
            yield ("variants", at, name), File, each.get(name)


def new_product(given: Given, keys: Keys, store_id: int) -> NewProduct:
    missing = [
        Problem((*METADATA, *path, name), "is required", "required")
        for path, each, names in _entries(given)
        for name in names
        if name not in each
    ]
    if missing:
        raise Invalid("something is missing", problems=missing)
    default, shared = given.get("default"), _shared(given, keys)
    shared["slug"] = shared.get("slug") or None
    return NewProduct(
        store_id=store_id,
        status=written(given.get("status", ACTIVE)),
        options=tuple(
            OptionInput(name=each["name"], choices=_values(each), position=each.get("order"))
            for each in given.get("options", ())
        ),
        variants=tuple(
            VariantInput(**_variant(each, keys, ("variants", at)))
            for at, each in enumerate(given.get("variants", ()))
        ),
        default_variant=(
            None if default is None else VariantInput(**_variant(default, keys, ("default",)))
        ),
        **shared,
    )


def changes(given: Given, keys: Keys, status: ProductStatus) -> ProductChanges:
    """``status`` is what the product's is now."""
    found = _shared(given, keys)
    if "status" in given:
        found["status"] = written(given["status"], status)
    if "options" in given:
        found["options"] = tuple(
            OptionEdit(id=keys.get(("options", at, "id")), **_option(each))
            for at, each in enumerate(given["options"])
        )
    if "default" in given:
        found["default_variant"] = VariantChanges(**_variant(given["default"], keys, ("default",)))
    if "variants" in given:
        found["variants"] = tuple(
            VariantEdit(
                id=keys.get(("variants", at, "id")), **_variant(each, keys, ("variants", at))
            )
            for at, each in enumerate(given["variants"])
        )
    return ProductChanges(**found)


@contextmanager
def told_of(given: Given) -> Generator[None]:
    """What the store refuses inside is told of the metadata's fields.

    What these refer to and is not there makes the request invalid: nothing is missing at its
    address.
    """
    try:
        yield
    except (Invalid, NotFound, Conflict) as error:
        problems = _problems(error)
        if any(each.path[:1] not in (("input",), ("changes",)) for each in problems):
            raise
        told = [
            Problem(_told(each.path[1:], given), _sentence(each.message), each.kind, each.limit)
            for each in problems
        ]
        raise Invalid(str(error), problems=told) from error


def _problems(error: StoreError) -> Sequence[Problem]:
    return error.problems if isinstance(error, Invalid) else [Problem(error.field, str(error))]


def _told(path: Path, given: Given) -> Path:
    match path:
        case (str() as name, int() as at) if name in _LISTS:
            field = _LISTS[name]
            return (*METADATA, field, _in_order(given[field])[at], "id")
        case _:
            return (*METADATA, *(_NAMES.get(str(part), part) for part in path))


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."


def _shared(given: Given, keys: Keys) -> dict[str, Any]:
    """What new products and changes are told in the same way, as far as it is given."""
    found = {name: given[name] for name in _TEXTS if name in given}
    if "category_id" in given:
        found["category_id"] = keys.get(("category_id",))
    for field, name in _LISTS.items():
        if name in given:
            found[field] = tuple(keys[name, at, "id"] for at in _in_order(given[name]))
    if "properties" in given:
        found["properties"] = tuple(
            PropertyInput(name=each["name"], value=each["value"]) for each in given["properties"]
        )
    return found


def _entries(given: Given) -> Iterator[tuple[Path, Given, Sequence[str]]]:
    """The options and variants of a new product, and what each must have."""
    for at, each in enumerate(given.get("options", ())):
        yield ("options", at), each, ("name", "values")
    for at, each in enumerate(given.get("variants", ())):
        yield ("variants", at), each, ("price",)
    if "default" in given:
        yield ("default",), given["default"], ("price",)


def _option(given: Given) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "name" in given:
        found["name"] = given["name"]
    if "values" in given:
        found["choices"] = _values(given)
    if "order" in given:
        found["position"] = given["order"]
    return found


def _variant(given: Given, keys: Keys, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "price" in given:
        found["price"] = micro(given["price"])
    if "compare_price" in given:
        was = given["compare_price"]
        found["compare_price"] = None if was is None else micro(was)
    if "sku" in given:
        found["sku"] = given["sku"] or None
    if "quantity" in given:
        found["stock"] = given["quantity"]
    for field, name in (("image_id", "image"), ("file_id", "file")):
        if name in given and (name == "file" or path != ("default",)):
            found[field] = keys.get((*path, name))
    if "values" in given and path != ("default",):
        found["choices"] = tuple(
            ChoiceInput(position=each["order"], value=each["value"]) for each in given["values"]
        )
    return found


def _values(given: Given) -> tuple[str, ...]:
    values: Sequence[Given] = given["values"]
    return tuple(each["value"] for each in sorted(values, key=_order_of))


def _order_of(given: Given) -> int:
    return given["order"]


def _in_order(given: Sequence[Given]) -> list[int]:
    """The places of entries by the order that they give, or by their own place."""
    return sorted(range(len(given)), key=lambda at: given[at].get("order", at))
