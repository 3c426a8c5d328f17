"""Options: the ways in which the variants of a product differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Option, Product, Variant
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.events import announce
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import many, one
from resolvers.rules import Between, Count, Each, Path, Text, checked_each
from resolvers.writes import held, put, touch

MOST_OPTIONS = 10
POSITION = Between(0, 1_000_000)
CHOICES = (Count(100, 1), Each(Text(120), distinct=True))
Choices = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class OptionInput:
    """A way in which the variants of a product differ."""

    name: Annotated[str, Text(60), 'What differs: "Size".']
    choices: Annotated[Sequence[str], *CHOICES, "Its values, in order."]
    position: Annotated[int | None, POSITION, "Its place; that in the list when left out."] = None


@dataclass(frozen=True, kw_only=True)
class OptionEdit:
    """An option of a product to change, by its id; without one an option to add."""

    id: Annotated[int | None, KeyOf("Option"), "The option; left out for a new one."] = None
    name: Annotated[str, Text(60), 'What differs: "Size". A new one needs it.'] = ABSENT
    choices: Annotated[
        Sequence[str], *CHOICES, "All its values, in order. A new one needs them."
    ] = ABSENT
    position: Annotated[int, POSITION, "Its place; the last for a new one."] = ABSENT


@dataclass(frozen=True, kw_only=True)
class ChoiceInput:
    """What a variant is in one way in which the variants of its product differ."""

    position: Annotated[int, POSITION, "The place of the option among the product's options."]
    value: Annotated[str, Text(120), "One of the option's choices."]


@one(Option, by=Option.id, permission="product:view")
def by_id(options: Any) -> Any:
    return options


@many(
    Option,
    by=Option.product_id,
    order=(Option.position, Option.id),
    permission="product:view",
)
def of_products(options: Any) -> Any:
    return options


async def replace(
    ctx: Context,
    *,
    product_id: Annotated[int, KeyOf("Product"), "The product."],
    options: Annotated[Sequence[OptionInput], "All its options from now on, in order."],
    expected_version: int | None = None,
) -> int:
    """Set the options of a product; an option keeps its id as long as it keeps its name.

    Raises ``Conflict`` where a variant has an option or a choice that would be gone.
    """
    viewer = ctx.require("product:update")
    wanted = checked_each(options, "options", most=MOST_OPTIONS)
    async with ctx.transaction() as tx:
        product = await held(
            tx, viewer, Product, product_id, field=("product_id",),
            expected_version=expected_version,
        )  # fmt: skip
        existing = {option.name: option for option in await held_of(tx, product_id)}
        kept = {each["name"] for each in wanted}
        for name in existing.keys() - kept:
            await tx.delete(existing[name])
        made = [written(product, each, existing.get(each["name"])) for each in placed(wanted)]
        expect_distinct(made, ("options",))
        await _expect_unused_elsewhere(tx, product_id, choices_in(made))
        tx.add_all(made)
        touch(product, ctx.services.clock())
        announce(
            tx,
            "product.updated",
            organization_id=product.organization_id,
            store_id=product.store_id,
            subject=("product", product_id),
            title=product.title,
            status=product.status.value,
        )
    return product_id


def placed(wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Checked inputs; one that says no position has that in the list."""
    return [
        {**each, "position": at if each["position"] is None else each["position"]}
        for at, each in enumerate(wanted)
    ]


def written(product: Product, values: Mapping[str, Any], option: Option | None = None) -> Option:
    """The option with given values, a new one unless there is one. Says nothing to the session."""
    if option is None:
        return Option(
            organization_id=product.organization_id,
            store_id=product.store_id,
            product_id=product.id,
            **values,
        )
    put(option, values)
    return option


def added(
    tx: AsyncSession, product: Product, wanted: Sequence[Mapping[str, Any]], path: Path
) -> list[Option]:
    """The first options of a product, in order."""
    made = [written(product, each) for each in placed(wanted)]
    expect_distinct(made, path)
    tx.add_all(made)
    return sorted(made, key=lambda option: option.position)


def merged(
    product: Product, existing: Sequence[Option], edits: Sequence[Mapping[str, Any]], path: Path
) -> list[Option]:
    """All options of a product, in order, after checked edits; those without an edit stay."""
    by_id = {option.id: option for option in existing}
    made = list(existing)
    for at, edit in enumerate(edits):
        values = {name: value for name, value in edit.items() if name != "id"}
        if edit["id"] is not None:
            if edit["id"] not in by_id:
                raise NotFound("option", field=(*path, at, "id"))
            written(product, values, by_id[edit["id"]])
            continue
        for name in ("name", "choices"):
            if name not in values:
                raise Invalid(f"a new option needs {name}", field=(*path, at, name))
        last = max((option.position for option in made), default=-1)
        made.append(written(product, {"position": last + 1, **values}))
    expect_distinct(made, path)
    return sorted(made, key=lambda option: option.position)


def expect_distinct(options: Sequence[Option], path: Path) -> None:
    if len(options) > MOST_OPTIONS:
        raise Invalid(f"a product has at most {MOST_OPTIONS} options", field=path)
    for what in ("name", "position"):
        if len({getattr(option, what) for option in options}) < len(options):
            raise Invalid(f"options must have different {what}s", field=path)


async def held_of(tx: AsyncSession, product_id: int) -> list[Option]:
    """The options of a product, in order. They are held as long as their product is."""
    found = select(Option).where(Option.product_id == product_id)
    ordered = found.order_by(Option.position, Option.id)
    return list(await tx.scalars(ordered.execution_options(populate_existing=True)))


def choices_in(options: Iterable[Option]) -> Choices:
    return {option.name: option.choices for option in options}


def chosen(
    values: dict[str, Any], offered: Sequence[Option], *path: str | int
) -> dict[str, Any] | None:
    """Take what a variant chooses out of its checked input: by option name, None if not given.

    Raises ``Invalid`` where that is not what the product offers.
    """
    listed, named = values.pop("choices", None), values.pop("options", None)
    if listed is None:
        if named is not None:
            expect_chosen(named, choices_in(offered), *path, "options")
        return named
    if named is not None:
        raise Invalid("give options or choices, one of the two", field=(*path, "choices"))
    by_position, found = {option.position: option for option in offered}, dict[str, Any]()
    for at, each in enumerate(listed):
        option = by_position.get(each["position"])
        if option is None:
            message = f"the product has no option at position {each['position']}"
            raise Invalid(message, field=(*path, "choices", at, "position"))
        if option.name in found:
            message = f"{option.name} is chosen twice"
            raise Invalid(message, field=(*path, "choices", at, "position"))
        if each["value"] not in option.choices:
            message = f"{option.name} is none of its choices"
            raise Invalid(message, field=(*path, "choices", at, "value"))
        found[option.name] = each["value"]
    return {option.name: found[option.name] for option in offered if option.name in found}


def expect_chosen(chosen: Mapping[str, Any], options: Choices, *path: str | int) -> None:
    """Raise ``Invalid`` where a variant chooses what the product does not offer."""
    for name, choice in chosen.items():
        if name not in options:
            raise Invalid(f"the product has no option {name}", field=path)
        if choice not in options[name]:
            raise Invalid(f"{name} is none of its choices", field=path)


async def _expect_unused_elsewhere(tx: AsyncSession, product_id: int, wanted: Choices) -> None:
    live = select(Variant.title, Variant.options).where(
        Variant.product_id == product_id, Variant.deleted_at.is_(None)
    )
    for title, choice in await tx.execute(live):
        try:
            expect_chosen(choice, wanted)
        except Invalid as error:
            raise Conflict(f"the variant {title} needs it: {error}", field=("options",)) from error
