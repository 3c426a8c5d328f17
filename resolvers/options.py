"""Options: the ways in which the variants of a product differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Option, Product, Variant
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid
from resolvers.events import announce
from resolvers.keys import KeyOf
from resolvers.reads import many, one
from resolvers.rules import Count, Each, Text, checked_each
from resolvers.writes import held, touch

MOST_OPTIONS = 10
Choices = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class OptionInput:
    """A way in which the variants of a product differ."""

    name: Annotated[str, Text(60), 'What differs: "Size".']
    choices: Annotated[
        Sequence[str], Count(100, 1), Each(Text(120), distinct=True), "Its values, in order."
    ]


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
    wanted = checked_options(options, "options")
    async with ctx.transaction() as tx:
        product = await held(
            tx, viewer, Product, product_id, field=("product_id",),
            expected_version=expected_version,
        )  # fmt: skip
        await _expect_unused_elsewhere(tx, product_id, wanted)
        await write(tx, product, wanted)
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


def checked_options(options: Sequence[OptionInput], *path: str | int) -> Choices:
    values = checked_each(options, *path, most=MOST_OPTIONS)
    wanted = {option["name"]: option["choices"] for option in values}
    if len(wanted) < len(values):
        raise Invalid("options must have different names", field=path)
    return wanted


async def write(tx: AsyncSession, product: Product, wanted: Choices) -> None:
    existing = await tx.scalars(select(Option).where(Option.product_id == product.id))
    by_name = {option.name: option for option in existing}
    for name in by_name.keys() - wanted.keys():
        await tx.delete(by_name[name])
    for position, (name, choices) in enumerate(wanted.items()):
        option = by_name.get(name)
        if option is None:
            option = Option(
                organization_id=product.organization_id,
                store_id=product.store_id,
                product_id=product.id,
                name=name,
            )
            tx.add(option)
        option.choices, option.position = list(choices), position


async def choices_of(tx: AsyncSession, product_id: int) -> Choices:
    found = select(Option.name, Option.choices).where(Option.product_id == product_id)
    return {row.name: row.choices for row in await tx.execute(found)}


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
    for title, chosen in await tx.execute(live):
        try:
            expect_chosen(chosen, wanted)
        except Invalid as error:
            raise Conflict(f"the variant {title} needs it: {error}", field=("options",)) from error
