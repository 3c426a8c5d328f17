"""Refetching by global id (Relay global object identification)."""

from types import SimpleNamespace
from typing import Annotated, Any

import strawberry

from resolvers import fetch
from resolvers.errors import Forbidden, Invalid
from resolvers.keys import parse_global_id
from schema.relations import NOUNS, GlobalId, Info, Node, selected

MOST = 100
GlobalIds = Annotated[list[strawberry.ID], strawberry.argument(description="Global ids.")]


async def find(info: Info, text: str) -> Any:
    """The row of a global id, for a field of type ``Node``; None where there is none to be seen."""
    info.context.require()
    parsed = parse_global_id(text)
    noun = NOUNS.get(parsed[0]) if parsed else None
    if parsed is None or noun is None:
        return None
    columns = selected(info, noun.name)
    try:
        row = await fetch.load(info.context, noun.by_id, parsed[1], {}, columns)
    except Forbidden:
        return None  # what may not be seen does not exist
    return None if row is None else SimpleNamespace(**row._asdict(), typename_=noun.name)


async def _node(info: Info, id: GlobalId) -> Any:
    return await find(info, str(id))


async def _nodes(info: Info, ids: GlobalIds) -> Any:
    if len(ids) > MOST:
        raise Invalid(f"at most {MOST} ids", field=("ids",))
    return [await find(info, str(key)) for key in ids]


@strawberry.type(description="Anything by its id.")
class NodeQuery:
    node: Node | None = strawberry.field(
        resolver=_node, description="The row of a global id; null where there is none."
    )
    nodes: list[Node | None] = strawberry.field(
        resolver=_nodes, description=f"Rows of up to {MOST} global ids, in their order."
    )
