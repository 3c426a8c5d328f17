"""The prepaid balance of a key."""

from typing import Any

from resolvers import wholesale
from resolvers.context import Context
from resolvers.ledger import USDT
from rest_compat.instamarket.wire import usdt


async def get_balance(ctx: Context) -> dict[str, Any]:
    """All figures come from one sum, so that they agree however much happens meanwhile."""
    totals = await wholesale.totals(ctx)
    return {
        "balance_usdt": usdt(totals.topped_up - totals.spent),
        "total_spent_usdt": usdt(totals.spent),
        "total_topup_usdt": usdt(totals.topped_up),
        "total_refunded_usdt": usdt(totals.refunded),
        "currency": USDT,
    }
