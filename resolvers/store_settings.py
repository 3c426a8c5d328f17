"""Settings of stores: objects that are found by group and name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Store, StoreSetting
from resolvers import audit, storefront_settings, stores
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.keys import KeyOf
from resolvers.reads import many, one
from resolvers.rules import JsonObject, Path, Text, checked_each
from resolvers.viewer import Viewer
from resolvers.writes import held

MOST_CHANGES = 200


@one(StoreSetting, by=StoreSetting.id, permission="setting:view")
def by_id(settings: Any) -> Any:
    return settings


@many(
    StoreSetting,
    by=StoreSetting.store_id,
    order=(StoreSetting.group, StoreSetting.name),
    permission="setting:view",
)
def of_stores(
    settings: Any, *, group: Annotated[str | None, "Only those of this group."] = None
) -> Any:
    return settings if group is None else settings.where(StoreSetting.group == group)


@dataclass(frozen=True, kw_only=True)
class SettingChange:
    """One setting to write."""

    group: Annotated[str, Text(60), "Which settings it is one of."]
    name: Annotated[str, Text(120), "Its name within the group."]
    value: Annotated[
        dict[str, Any] | None, JsonObject(), "An object; null removes the setting."
    ] = None


async def update(
    ctx: Context,
    *,
    store_id: Annotated[int, KeyOf("Store"), "The store."],
    changes: Annotated[
        Sequence[SettingChange], "The settings to write; all others stay as they are."
    ],
) -> int:
    """Those of the group ``storefront`` have rules of their own: ``storefront_settings``."""
    viewer = ctx.require("setting:update")
    wanted = checked_each(changes, "changes", most=MOST_CHANGES)
    storefront_settings.check(
        (
            (("changes", at, "value"), change["name"], change["value"])
            for at, change in enumerate(wanted)
            if change["group"] == storefront_settings.GROUP and change["value"] is not None
        )
    )
    async with ctx.transaction() as tx:
        store = await held(tx, viewer, Store, store_id, field=("store_id",))
        await write(tx, viewer, store, wanted, path=("changes",))
        stores.tell(tx, store)
    return store_id


async def write(
    tx: AsyncSession, viewer: Viewer, store: Store, wanted: Sequence[dict[str, Any]], *, path: Path
) -> None:
    """Write checked changes of the settings of a store that is held; ``path`` leads to them."""
    found = await tx.scalars(select(StoreSetting).where(StoreSetting.store_id == store.id))
    settings = {(row.group, row.name): row for row in found}
    for change in wanted:
        place = change["group"], change["name"]
        if change["value"] is None:
            if place in settings:
                await tx.delete(settings.pop(place))
                await tx.flush()
        elif place in settings:
            settings[place].value = change["value"]
        else:
            owner = {"organization_id": store.organization_id, "store_id": store.id}
            settings[place] = StoreSetting(**owner, **change)
            tx.add(settings[place])
    if sum(group == storefront_settings.GROUP for group, _ in settings) > storefront_settings.MOST:
        most = storefront_settings.MOST
        raise Invalid(f"a storefront has at most {most} settings", field=path)
    audit.write(
        tx, viewer, "store.settings_changed", ("store", store.id),
        names=sorted({f"{change['group']}.{change['name']}" for change in wanted}),
    )  # fmt: skip
