"""Returns: goods that a buyer sends back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from sqlalchemy import func, select

from db.models import Delivery, OrderLine, Return, ReturnLine
from resolvers import deliveries, idempotency, orders
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.inputs import clean
from resolvers.keys import KeyOf
from resolvers.reads import many, one


@one(Return, by=Return.id, permission="order:view")
def by_id(returns: Any) -> Any:
    return returns


@many(Return, by=Return.order_id, order=(Return.id,), permission="order:view")
def of_orders(returns: Any) -> Any:
    return returns


@one(ReturnLine, by=ReturnLine.id, permission="order:view")
def line_by_id(lines: Any) -> Any:
    return lines


@many(ReturnLine, by=ReturnLine.return_id, order=(ReturnLine.id,), permission="order:view")
def lines_of_returns(lines: Any) -> Any:
    return lines


@many(ReturnLine, by=Return.delivery_id, order=(ReturnLine.id,), permission="order:view")
def lines_of_deliveries(lines: Any) -> Any:
    """What is in the parcels of returns."""
    return lines.join(Return, Return.id == ReturnLine.return_id)


@dataclass(frozen=True, kw_only=True)
class NewReturnLine:
    """Some units of an order's line that come back."""

    line_id: Annotated[int, KeyOf("OrderLine"), "The line."]
    quantity: Annotated[int, "How many units."]


@dataclass(frozen=True, kw_only=True)
class NewReturn:
    """Goods that come back."""

    order_id: Annotated[int, KeyOf("Order"), "The order."]
    lines: Annotated[Sequence[NewReturnLine], "What comes back."]
    reason: Annotated[str | None, "Why, in the buyer's words."] = None


async def create(
    ctx: Context,
    *,
    input: NewReturn,
    idempotency_key: str | None = None,
) -> int:
    """Open a return with a parcel for the way back. No more comes back than was bought."""
    async with ctx.transaction() as tx:
        kept = await idempotency.first_answer(
            ctx, tx, "createReturn", idempotency_key, asdict(input)
        )
        if kept is not None:
            return kept["return"]
        order = await orders.locked(tx, ctx, input.order_id, "order:update")
        if not input.lines or len({line.line_id for line in input.lines}) < len(input.lines):
            raise Invalid("a return has each of its lines once", field=("input", "lines"))
        owner: dict[str, Any] = {
            "organization_id": order.organization_id,
            "store_id": order.store_id,
        }
        parcel = Delivery(**owner, order_id=order.id)
        tx.add(parcel)
        await tx.flush()
        reason = clean(input.reason, "reason", most=500) if input.reason is not None else None
        opened = Return(**owner, order_id=order.id, delivery_id=parcel.id, reason=reason)
        tx.add(opened)
        await tx.flush()
        for at, given in enumerate(input.lines):
            line = await tx.get(OrderLine, given.line_id)
            if line is None or line.order_id != order.id:
                raise NotFound("line", field=("input", "lines", at, "lineId"))
            came_back = await tx.scalar(
                select(func.coalesce(func.sum(ReturnLine.quantity), 0)).where(
                    ReturnLine.order_line_id == line.id
                )
            )
            if not 1 <= given.quantity <= line.quantity - int(came_back or 0):
                raise Invalid(
                    "no more units come back than were bought",
                    field=("input", "lines", at, "quantity"),
                )
            tx.add(
                ReturnLine(
                    **owner, return_id=opened.id, order_line_id=line.id, quantity=given.quantity
                )
            )
        deliveries.tell(tx, parcel, order)
        await idempotency.keep(ctx, tx, "createReturn", idempotency_key, {"return": opened.id})
        return opened.id
