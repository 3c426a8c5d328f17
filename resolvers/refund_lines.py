"""Which units of an order a refund is for: never more than were bought, nor than they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Order, OrderLine, Refund, RefundLine, RefundStatus
from resolvers.errors import Invalid, NotFound
from resolvers.inputs import MicroUnits
from resolvers.keys import KeyOf
from resolvers.reads import many, one
from resolvers.rules import MOST_UNITS, Between, Price


@one(RefundLine, by=RefundLine.id, permission="order:view")
def by_id(lines: Any) -> Any:
    return lines


@many(RefundLine, by=RefundLine.refund_id, order=(RefundLine.id,), permission="order:view")
def of_refunds(lines: Any) -> Any:
    return lines


@dataclass(frozen=True, kw_only=True)
class NewRefundLine:
    """Some units of an order's line that are paid back."""

    line_id: Annotated[int, KeyOf("OrderLine"), "The line."]
    quantity: Annotated[int, Between(1, MOST_UNITS), "How many units."]
    amount: Annotated[
        int | None, MicroUnits, Price(), "How much for them; by default what they cost."
    ] = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of a line to pay back, and what for them (micro-units)."""

    line_id: int
    quantity: int
    amount: int

    def row(self, refund: Refund) -> RefundLine:
        return RefundLine(
            organization_id=refund.organization_id,
            store_id=refund.store_id,
            refund_id=refund.id,
            order_line_id=self.line_id,
            quantity=self.quantity,
            amount=self.amount,
            currency=refund.currency,
        )


async def expected(
    tx: AsyncSession, order: Order, given: Sequence[NewRefundLine]
) -> Sequence[Wanted]:
    """What the given lines of a locked order come to. Raises ``NotFound``, ``Invalid``."""
    if not given:
        return ()
    keys = [each.line_id for each in given]
    if len(set(keys)) < len(keys):
        raise Invalid("a refund has each of its lines once", field=("input", "lines"))
    mine = select(OrderLine).where(OrderLine.order_id == order.id, OrderLine.id.in_(keys))
    lines = {line.id: line for line in await tx.scalars(mine)}
    earlier = (
        select(RefundLine.order_line_id, func.sum(RefundLine.quantity), func.sum(RefundLine.amount))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(RefundLine.order_line_id.in_(keys), Refund.status != RefundStatus.FAILED)
        .group_by(RefundLine.order_line_id)
    )
    gone = {row[0]: (int(row[1]), int(row[2])) for row in await tx.execute(earlier)}
    wanted: list[Wanted] = []
    for at, each in enumerate(given):
        line, path = lines.get(each.line_id), ("input", "lines", at)
        if line is None:
            raise NotFound("line", field=(*path, "line_id"))
        units, money = gone.get(line.id, (0, 0))
        if each.quantity > line.quantity - units:
            raise Invalid("no more units are paid back than were bought", field=(*path, "quantity"))
        amount = line.unit_price * each.quantity if each.amount is None else each.amount
        if amount > line.total - money:
            raise Invalid("no more is paid back for a line than it cost", field=(*path, "amount"))
        wanted.append(Wanted(line.id, each.quantity, amount))
    return wanted
