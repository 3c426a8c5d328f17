"""What clients can watch: each event once, in order, resumable after the last one they saw."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any

import strawberry

from db import models
from resolvers import app_installations, balances, deliveries, fetch, jobs, orders, stores
from resolvers.errors import Invalid
from resolvers.events import BALANCE, DELIVERY, INSTALLATION, JOB, ORDER, EventRecord
from resolvers.interests import Interest
from resolvers.keys import LARGEST, global_id, key_of
from resolvers.reads import One
from resolvers.webhook_endpoints import checked_topics
from schema.apps import AppInstallation
from schema.balances import Balance
from schema.deliveries import Delivery
from schema.jobs import Job
from schema.nodes import find
from schema.orders import Order
from schema.relations import GlobalId, Info, Node, relation
from schema.scalars import Money, money
from schema.streams import sharing

After = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Resume after this event id: nothing is lost or repeated."),
]

TopicList = Annotated[
    list[str] | None,
    strawberry.argument(description="Only these: order.created, order.* or * for everything."),
]

StoreId = Annotated[strawberry.ID | None, strawberry.argument(description="Only of this store.")]


def _payload(name: str, about: str, kind: Any = None) -> Any:
    def resolve(root: Any) -> Any:
        found = root.event.payload.get(name)
        return kind(found) if kind is not None and found is not None else found

    return strawberry.field(resolver=resolve, description=about)


def _event_field(name: str, about: str) -> Any:
    def resolve(root: Any) -> Any:
        return getattr(root.event, name)

    return strawberry.field(resolver=resolve, description=about)


def _event_id() -> Any:
    def resolve(root: Any) -> strawberry.ID:
        return strawberry.ID(str(root.event.position))

    return strawberry.field(resolver=resolve, description="Give this as `after` to resume.")


def _amount(name: str, about: str) -> Any:
    def resolve(root: Any) -> Money | None:
        payload = root.event.payload
        return money(payload.get(name), payload["unit"])

    return strawberry.field(resolver=resolve, description=about)


class _Occurred:
    """What an event's fields are resolved from; ``key`` is the row that it is about."""

    def __init__(self, event: EventRecord) -> None:
        self.event = event
        self.key = event.subject_id


@strawberry.type(description="Something happened to an order.")
class OrderEvent:
    id: strawberry.ID = _event_id()
    topic: str = _event_field("topic", "order.created, order.status_changed or order.refunded.")
    occurred_at: datetime = _event_field("created_at", "When it happened.")
    payment_status: models.PaymentStatus = _payload(
        "payment_status", "What it was then.", models.PaymentStatus
    )
    fulfillment_status: models.FulfillmentStatus = _payload(
        "fulfillment_status", "What it was then.", models.FulfillmentStatus
    )
    previous_payment_status: models.PaymentStatus | None = _payload(
        "previous_payment_status", "What it was before.", models.PaymentStatus
    )
    previous_fulfillment_status: models.FulfillmentStatus | None = _payload(
        "previous_fulfillment_status", "What it was before.", models.FulfillmentStatus
    )
    order: Order | None = relation(orders.by_id, to="Order", about="The order as it is by now.")


@strawberry.type(description="Something happened to a job.")
class JobEvent:
    id: strawberry.ID = _event_id()
    occurred_at: datetime = _event_field("created_at", "When it happened.")
    status: models.JobStatus = _payload("status", "What it was then.", models.JobStatus)
    progress: int = _payload("progress", "Percent done then.")
    attempts: int = _payload("attempts", "How often it had been started then.")
    job: Job | None = relation(jobs.by_id, to="Job", about="The job as it is by now.")


@strawberry.type(description="Something happened to a parcel.")
class DeliveryEvent:
    id: strawberry.ID = _event_id()
    occurred_at: datetime = _event_field("created_at", "When it happened.")
    status: models.DeliveryStatus = _payload("status", "Where it was then.", models.DeliveryStatus)
    tracking_number: str | None = _payload("tracking_number", "The carrier's number then.")
    delivery: Delivery | None = relation(
        deliveries.by_id, to="Delivery", about="The delivery as it is by now."
    )


@strawberry.type(description="An app was installed, agreed, was changed or was uninstalled.")
class AppInstallationEvent:
    id: strawberry.ID = _event_id()
    occurred_at: datetime = _event_field("created_at", "When it happened.")
    status: models.InstallationStatus = _payload(
        "status", "Where it stood then.", models.InstallationStatus
    )
    installation: AppInstallation | None = relation(
        app_installations.by_id, to="AppInstallation", about="The installation as it is by now."
    )


@strawberry.type(description="A balance moved.")
class BalanceEvent:
    id: strawberry.ID = _event_id()
    occurred_at: datetime = _event_field("created_at", "When it happened.")
    kind: models.TransferKind = _payload("kind", "Why it moved.", models.TransferKind)
    amount: Money = _amount("amount", "What was added; negative for what was taken.")
    balance_after: Money = _amount("balance", "The balance after it.")
    balance: Balance | None = relation(
        balances.by_id, to="Balance", about="The balance as it is by now."
    )


@strawberry.type(description="Something happened to something in a store.")
class StoreEvent:
    id: strawberry.ID = _event_id()
    topic: str = _event_field("topic", "What happened: order.created, product.updated.")
    occurred_at: datetime = _event_field("created_at", "When it happened.")

    @strawberry.field(description="The id of the row that it happened to, good for `node`.")
    def subject_id(self) -> strawberry.ID:
        return strawberry.ID(_subject(self))

    @strawberry.field(
        description="That row as it is by now; null where it is gone.", graphql_type=Node | None
    )
    async def node(self, info: Info) -> Any:
        return await find(info, _subject(self))


def _subject(occurred: Any) -> str:
    """The global id of what an event is about."""
    event: EventRecord = occurred.event
    noun = "".join(part.capitalize() for part in event.subject_type.split("_"))
    return global_id(noun, event.subject_id)


def _after(text: strawberry.ID | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(LARGEST)):
        raise Invalid("this is no event id", field=("after",))
    return int(text)


async def _follow(
    info: Info, interest: Interest, after: After, *, latest: bool = False
) -> AsyncGenerator[_Occurred]:
    """Events of interest; those that are answered together with equal subscriptions do not come."""
    shared = sharing(info, interest, _Occurred)
    events = info.context.services.events
    async for event in events.follow(interest, after=_after(after), latest=latest, sharing=shared):
        yield _Occurred(event)


async def _one(
    info: Info, read: One, key_text: strawberry.ID, of: tuple[str, str], after: After
) -> AsyncGenerator[_Occurred]:
    """Follow one row; without ``after`` it begins with the row's newest event."""
    ctx = info.context
    noun, subject = of
    key = key_of(noun, str(key_text))
    await fetch.find(ctx, read, -1 if key is None else key, (), what=noun.lower())
    interest = Interest(ctx.require(read.permission), subject, subject_id=key)
    async for event in _follow(info, interest, after, latest=True):
        yield event


async def _all(
    info: Info,
    permission: str | None,
    subject: str | None,
    store_id: strawberry.ID | None,
    after: Any,
    *,
    topics: frozenset[str] | None = None,
) -> AsyncGenerator[_Occurred]:
    ctx, key = info.context, None
    if store_id is not None:
        key = key_of("Store", str(store_id))
        await fetch.find(ctx, stores.by_id, -1 if key is None else key, (), what="store")
    interest = Interest(ctx.require(permission), subject, store_id=key, topics=topics)
    async for event in _follow(info, interest, after):
        yield event


@strawberry.type(description="What can be watched.")
class Subscription:
    @strawberry.subscription(
        description="An order's events, beginning with the newest one.", graphql_type=OrderEvent
    )
    async def order_status(
        self, info: Info, id: GlobalId, after: After = None
    ) -> AsyncGenerator[Any]:
        async for event in _one(info, orders.by_id, id, ("Order", ORDER), after):
            yield event

    @strawberry.subscription(
        description="New events of all orders that you may see, or of one store.",
        graphql_type=OrderEvent,
    )
    async def orders(
        self, info: Info, store_id: StoreId = None, after: After = None
    ) -> AsyncGenerator[Any]:
        async for event in _all(info, "order:view", ORDER, store_id, after):
            yield event

    @strawberry.subscription(
        description="A job's events, beginning with the newest one.", graphql_type=JobEvent
    )
    async def job_status(
        self, info: Info, id: GlobalId, after: After = None
    ) -> AsyncGenerator[Any]:
        async for event in _one(info, jobs.by_id, id, ("Job", JOB), after):
            yield event

    @strawberry.subscription(
        description="New events of all jobs that you may see, or of one store.",
        graphql_type=JobEvent,
    )
    async def jobs(
        self, info: Info, store_id: StoreId = None, after: After = None
    ) -> AsyncGenerator[Any]:
        async for event in _all(info, "job:view", JOB, store_id, after):
            yield event

    @strawberry.subscription(
        description="New events of all parcels that you may see, or of one store's.",
        graphql_type=DeliveryEvent,
    )
    async def deliveries(
        self, info: Info, store_id: StoreId = None, after: After = None
    ) -> AsyncGenerator[Any]:
        async for event in _all(info, "order:view", DELIVERY, store_id, after):
            yield event

    @strawberry.subscription(
        description="New events of the apps in all stores that you may see, or in one.",
        graphql_type=AppInstallationEvent,
    )
    async def app_installations(
        self, info: Info, store_id: StoreId = None, after: After = None
    ) -> AsyncGenerator[Any]:
        async for event in _all(info, "app:view", INSTALLATION, store_id, after):
            yield event

    @strawberry.subscription(
        description="New events of everything that you may see, or of one store.",
        graphql_type=StoreEvent,
    )
    async def events(
        self, info: Info, store_id: StoreId = None, topics: TopicList = None, after: After = None
    ) -> AsyncGenerator[Any]:
        wanted = None if topics is None else frozenset(checked_topics(topics))
        async for event in _all(info, None, None, store_id, after, topics=wanted):
            yield event

    @strawberry.subscription(
        description="A balance's movements, beginning with the newest one.",
        graphql_type=BalanceEvent,
    )
    async def balance(self, info: Info, id: GlobalId, after: After = None) -> AsyncGenerator[Any]:
        async for event in _one(info, balances.by_id, id, ("Balance", BALANCE), after):
            yield event
