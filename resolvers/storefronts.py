"""A store as a storefront: its name and what it looks like, read and changed together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from sqlalchemy import select

from db.models import Store, StoreSetting
from resolvers import fetch, store_settings, stores
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.rules import Path, Text, checked
from resolvers.storefront_settings import AD_PIXELS, GROUP, MOST, check, kept, merged, shown
from resolvers.writes import held

LONGEST_NAME = 120
_SETTINGS: Path = ("changes", "settings")


@dataclass(frozen=True, kw_only=True)
class StorefrontChanges:
    """What to change about a storefront."""

    name: Annotated[str, Text(120), "Its name, as buyers see it."] = ABSENT
    settings: Annotated[
        Mapping[str, Any] | None,
        "Settings by name, and their values. Those not named stay, null removes one, and ad_pixels "
        "are changed network by network.",
    ] = None


async def settings_of(ctx: Context, store_ids: Sequence[int]) -> list[dict[str, Any]]:
    """The settings of each storefront by name."""
    found = await fetch.rows_of(
        ctx,
        store_settings.of_stores,
        store_ids,
        {"group": GROUP},
        (StoreSetting.name, StoreSetting.value),
    )
    return [{row.name: shown(row.value) for row in rows} for rows in found]


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("Store"), "The store."],
    changes: StorefrontChanges,
) -> int:
    viewer = ctx.require("store:update")
    values = checked(changes, "changes")
    settings: dict[str, Any] = values.pop("settings", None) or {}
    if settings:
        ctx.require("setting:update")
    _expect_named(settings)
    async with ctx.transaction() as tx:
        store = await held(tx, viewer, Store, id)
        if settings:
            pixels = select(StoreSetting.value).where(
                StoreSetting.store_id == id,
                StoreSetting.group == GROUP,
                StoreSetting.name == AD_PIXELS,
            )
            before = (
                await tx.scalar(pixels) if isinstance(settings.get(AD_PIXELS), Mapping) else None
            )
            wanted = _wanted(settings, before or {})
            await store_settings.write(tx, viewer, store, wanted, path=_SETTINGS)
        if settings or values:
            await stores.change(tx, store, values)
    return id


def _expect_named(settings: Mapping[str, Any]) -> None:
    if len(settings) > MOST:
        raise Invalid(f"a storefront has at most {MOST} settings", field=_SETTINGS)
    rule = Text(LONGEST_NAME)
    for name in settings:
        try:
            is_clean = rule.check(name) == name
        except ValueError:
            is_clean = False
        if not is_clean:
            message = f"the name of a setting has 1 to {LONGEST_NAME} characters, no space around"
            raise Invalid(message, field=_SETTINGS)


def _wanted(settings: Mapping[str, Any], pixels: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changes of settings, as they are kept. Raises ``Invalid`` with all that is wrong."""
    after = dict(settings)
    if isinstance(changed := settings.get(AD_PIXELS), Mapping):
        after[AD_PIXELS] = merged(shown(pixels), cast("Mapping[str, Any]", changed))
    found = {name: None if value is None else kept(value) for name, value in after.items()}
    check(((*_SETTINGS, name), name, value) for name, value in found.items() if value is not None)
    return [{"group": GROUP, "name": name, "value": value} for name, value in found.items()]
