"""Numbered pages: what every list of the contract takes and tells."""

from typing import Any

from resolvers import fetch
from resolvers.context import Context
from resolvers.reads import Page


def pagination(total: int, *, page: int, page_size: int) -> dict[str, int]:
    """The ``pagination`` of a list; there is always at least one page."""
    return {
        "total": total,
        "per_page": page_size,
        "current_page": page,
        "last_page": max(1, -(-total // page_size)),
    }


def sort_of(order_by: str, order_direction: str) -> str:
    """The name of a sort order, as ``resolvers.reads.sorts`` makes it."""
    return f"{order_by}_{order_direction.lower()}"


async def listed(
    ctx: Context,
    read: Page,
    filter: Any,
    *,
    page: int,
    page_size: int,
    sort: str,
    columns: fetch.Columns,
) -> tuple[Any, dict[str, int]]:
    """The rows of a page, and its ``pagination``."""
    arguments = {"filter": filter}
    rows = await fetch.numbered_page(
        ctx, read, arguments, page=page, size=page_size, sort=sort, columns=columns
    )
    total = await fetch.total(ctx, read, arguments, page=page, size=page_size, found=len(rows))
    return rows, pagination(total, page=page, page_size=page_size)
