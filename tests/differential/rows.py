"""Rows of every noun with all that rows can lack, hide or hold: nulls, deleted ones, odd texts."""

from datetime import UTC, datetime, timedelta
from itertools import product as combinations
from typing import Any, cast

from sqlalchemy import update

from db import models
from db.base import Base
from db.models import FulfillmentStatus, JobStatus, PaymentStatus, ReviewStatus, TopUpStatus
from resolvers.webhooks import FORMAT
from schema.relations import NOUNS
from tests.kit import Key, Make, fund

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNER = "Oddments"
ODD_TEXTS = (
    "Plain",
    "plain",
    'Quoted "twice" \\ back',
    "Ümlaut & <b>Größe</b>",
    "100% off_line",
    "emoji 🛋️ sofa",
    "tab\tand\nnewline",
    "",
)
ODD_JSON: tuple[Any, ...] = (
    {},
    {"b": 1, "a": [1.5, None, True, {"ü": '"\\"', "z": {}}]},
    {"deep": {"er": {"est": [[], [[]], {"": ""}]}}, "price": 0.1, "big": 2**53 - 1},
    {"text": "line\nbreak \u2028 end", "none": None, "no": False, "zero": 0},
)


def ago(**given: float) -> datetime:
    return NOW - timedelta(**given)


async def plant(make: Make) -> tuple[models.Store, Key]:
    """Fill the organization ``OWNER``; returns its busiest store, and a key that buys there."""
    store = await make.store(OWNER, name="Odd & Ends", status=models.StoreStatus.LIVE)
    second = await make.store(OWNER, name="Second", currency="EUR", description="", wholesale=True)
    await make.store(OWNER, name="Empty", status=models.StoreStatus.SUSPENDED)
    gone = await make.store(OWNER, name="Gone", subdomain="gone")
    key = await make.wholesale_key(store, OWNER)
    for each in (store, second, gone):
        await _furnish(make, each, key)
    await _books(make, store, key)
    await _credentials(make, store)
    await make.setting(store, "look", "colours", ODD_JSON[1])
    await make.setting(store, "checkout", "guests", {"allowed": False})
    # Whatever noun was forgotten above has one row at least.
    for noun in NOUNS.values():
        row = await make.row(noun.row, OWNER)
        if isinstance(row, models.WebhookDelivery):
            await _change(make, row, body=make.services.vault.seal("{}"))
    await _delete(make, gone)
    return store, key


async def _furnish(make: Make, store: models.Store, key: Key) -> None:
    makers = [
        await make.brand(store, name=text or "Nameless", description=text or None, website=None)
        for text in ODD_TEXTS[2:5]
    ]
    makers.append(await make.brand(store, name="Lost", role=models.BrandRole.LABEL))
    root = await make.category(store, name="Root", position=1)
    middle = await make.category(store, root, name="Middle", description="In the middle")
    leaf = await make.category(store, middle, name="Leaf", position=2)
    empty = await make.category(store, root, name="Empty", position=2)
    lost = await make.category(store, middle, name="Lost")
    orphan = await make.category(store, lost, name="Orphan")
    places = [None, root, middle, leaf, orphan, lost, empty]
    buyers = [
        await make.customer(store, email=None, first_name=None),
        await make.customer(
            store, last_name="Lovelace", phone="+44", address="1 Row", city="Ulm", state="BW",
            postal_code="89073", country="DE", order_count=3, amount_spent=123_456_789,
        ),
        await make.customer(store, first_name=None, last_name="Ümit", country="TR"),
        await make.customer(store, first_name="Gone"),
    ]  # fmt: skip
    wares: list[models.Product] = []
    for n, text in enumerate(ODD_TEXTS):
        ware = await make.product(
            store,
            title=text or "Untitled",
            description=text if n % 3 else None,
            status=list(models.ProductStatus)[n % 3],
            brand_id=makers[n % 5].id if n % 5 < 4 else None,
            category_id=place.id if (place := places[n % 7]) else None,
            attributes=ODD_JSON[n % 4],
            price=("9.99", "0", "1234567.891234")[n % 3],
            stock=n % 3,
            min_quantity=1 + n % 2,
            review_count=n % 4,
            rating_average=(0, 5000, 3667, 1)[n % 4],
            # The same moment twice: only their keys tell such rows apart.
            created_at=ago(days=n // 2),
        )
        wares.append(ware)
        await _details(make, ware, n, buyers)
    digital = await make.product(store, title="Digital", items=3, price="0.000001")
    wares.append(digital)
    for n in range(5):
        await make.file(store, name=ODD_TEXTS[n], width=None if n % 2 else 640, size=n * 1000)
    pages = await _landing_pages(make, store, wares)
    await _pictures(make, store, wares, makers, pages)
    await _orders(make, store, wares, buyers, key)
    await _delete(make, makers[3], lost, buyers[3], wares[2])


async def _details(make: Make, ware: models.Product, n: int, buyers: list[models.Customer]) -> None:
    variants = [
        await make.variant(
            ware,
            title=f"Variant {m}",
            sku=None if m % 2 else f"ODD-{ware.id}-{m}",
            compare_price=5_000_000 if m == 1 else None,
            base_price=1 if m == 2 else None,
            repriced_at=ago(hours=m) if m == 2 else None,
            stock=m,
            stock_tracked=m != 1,
            sell_when_out_of_stock=m == 0,
            options=ODD_JSON[m % 4],
            position=m,
        )
        for m in range(n % 4)
    ]
    for m, variant in enumerate(variants):
        for place in range((n + m) % 4):
            offer = await make.offer(
                variant, price=("9", "9", "8.5")[place], url=None if place else "https://a.example",
                in_stock=bool(place), created_at=ago(days=place),
            )  # fmt: skip
            if place == 2:
                await _delete(make, offer)
    if len(variants) == 3:
        await _delete(make, variants[2])
        async with make.services.database.write() as session:
            offers = models.Offer.variant_id == variants[2].id
            await session.execute(update(models.Offer).where(offers).values(deleted_at=NOW))
    if n % 3 == 0:
        inside: dict[str, Any] = {
            "organization_id": ware.organization_id,
            "store_id": ware.store_id,
        }
        for place, name in enumerate(("Size", "Colour")):
            choices = ["S", "Größe L", ""] if place else []
            await make.save(
                models.Option(
                    **inside, product_id=ware.id, name=name, choices=choices, position=place
                )
            )
            await make.save(
                models.Property(
                    **inside, product_id=ware.id, name=name, value=ODD_TEXTS[n % 5], position=place
                )
            )
    for m in range(n % 5):
        review = await make.review(
            ware,
            customer_id=buyer.id if (buyer := [None, *buyers][m % 5]) else None,
            author=ODD_TEXTS[m],
            rating=1 + m % 5,
            title=None if m % 2 else "Title",
            status=list(ReviewStatus)[m % 3],
            created_at=ago(days=m // 2),
        )
        if m == 3:
            await _delete(make, review)


async def _landing_pages(
    make: Make, store: models.Store, wares: list[models.Product]
) -> list[models.LandingPage]:
    domains = [await make.domain(store, is_primary=not n) for n in range(3)]
    pages = [
        await make.landing_page(
            wares[n % 4],
            title=text or "Untitled",
            domain_id=host.id if (host := [None, *domains][n % 4]) else None,
            language=("en", "pt-BR", None)[n % 3],
            meta_description=text if n % 2 else None,
            screenshot_url=None if n % 2 else "https://a.example/1.png",
            cod_type=list(models.CodType)[n % 3],
            published_at=ago(hours=n) if n % 3 else None,
            created_at=ago(days=n // 2),
        )
        for n, text in enumerate(ODD_TEXTS)
    ]
    await _delete(make, pages[1])
    return pages


async def _pictures(
    make: Make,
    store: models.Store,
    wares: list[models.Product],
    makers: list[models.Brand],
    pages: list[models.LandingPage],
) -> None:
    pictures = [await make.file(store) for _ in range(3)]
    subjects: list[tuple[str, Base]] = [("Product", ware) for ware in wares[:4]]
    subjects += [("Brand", makers[0]), ("Store", store), ("LandingPage", pages[0])]
    for at, (file, (noun, subject)) in enumerate(combinations(pictures, subjects)):
        role = "image" if at % 4 else "download"
        await make.save(
            models.FileLink(
                organization_id=store.organization_id,
                store_id=store.id,
                file_id=file.id,
                subject_type=noun,
                subject_id=cast("Any", subject).id,
                role=role,
                position=at % 3,
            )
        )
    await _delete(make, pictures[2])


async def _orders(
    make: Make,
    store: models.Store,
    wares: list[models.Product],
    buyers: list[models.Customer],
    key: Key,
) -> None:
    states = list(combinations(PaymentStatus, FulfillmentStatus))
    for n, (payment, fulfillment) in enumerate(states[:: 1 if key.row.store_id == store.id else 4]):
        holder = key if n % 3 == 0 and key.row.store_id == store.id else None
        order = await _order(make, store, n, (payment, fulfillment), [None, *buyers][n % 5], holder)
        for m in range(n % 4):
            await _line(make, order, wares[(n + m) % len(wares)], m)
        await _aftermath(make, order, n)


async def _order(  # noqa: PLR0917
    make: Make,
    store: models.Store,
    n: int,
    states: tuple[PaymentStatus, FulfillmentStatus],
    buyer: models.Customer | None,
    key: Key | None,
) -> models.Order:
    payment, fulfillment = states
    is_refunded = payment is PaymentStatus.REFUNDED
    return await make.save(
        models.Order(
            organization_id=store.organization_id,
            store_id=store.id,
            ref=f"R{store.id}-{n}",
            customer_id=buyer.id if buyer else None,
            api_key_id=key.row.id if key else None,
            payment_status=payment,
            fulfillment_status=fulfillment,
            currency=store.currency,
            subtotal=n * 1_000_000,
            total=n * 1_000_000 + 1,
            shipping=n,
            refunded_total=n * 1_000_000 + 1 if is_refunded else 0,
            quantity=n % 7,
            email=None if n % 2 else f"o{n}@example.com",
            note=ODD_TEXTS[n % 8] if n % 3 else None,
            address=ODD_TEXTS[n % 8] if n % 3 else None,
            billing_country="NO" if n % 5 == 0 else None,
            attributes=ODD_JSON[n % 4],
            webhook_url="https://hook.example" if n % 6 == 0 else None,
            failure_reason="out of stock" if fulfillment is FulfillmentStatus.FAILED else None,
            paid_at=None if payment is PaymentStatus.PENDING else ago(days=n),
            archived_at=ago(hours=n) if n % 7 == 0 else None,
            created_at=ago(days=n // 2),
        )
    )


async def _line(make: Make, order: models.Order, ware: models.Product, n: int) -> None:
    variant = await make.only_variant(ware) if ware.is_digital else None
    line = await make.save(
        models.OrderLine(
            **_with(order),
            order_id=order.id,
            product_id=None if n == 2 else ware.id,
            variant_id=variant.id if variant else None,
            title=ware.title,
            sku=None if n else "SKU",
            quantity=n + 1,
            unit_price=2_500_000,
            total=2_500_000 * (n + 1),
            currency=order.currency,
            is_digital=ware.is_digital,
        )
    )
    if variant is not None:
        content = make.services.vault.seal({"login": f"u{line.id}", "password": "p"})
        await make.save(
            models.StockItem(
                **_with(order),
                variant_id=variant.id,
                content=content,
                state=models.StockItemState.SOLD,
                order_line_id=line.id,
            )
        )
    if n == 1:
        parcel = await make.save(
            models.Delivery(
                **_with(order),
                order_id=order.id,
                status=models.DeliveryStatus.SHIPPED,
                carrier="Post",
                shipped_at=ago(hours=1),
            )
        )
        await make.save(models.Delivery(**_with(order), order_id=order.id))
        await _change(make, line, delivery_id=parcel.id)
        back = await make.save(
            models.Return(**_with(order), order_id=order.id, delivery_id=parcel.id, reason=None)
        )
        await make.save(
            models.ReturnLine(**_with(order), return_id=back.id, order_line_id=line.id, quantity=1)
        )
        for return_id, reason in ((back.id, None), (None, "too late")):
            await make.save(
                models.Refund(
                    **_with(order), order_id=order.id, return_id=return_id, amount=1,
                    currency=order.currency, reason=reason,
                )
            )  # fmt: skip


async def _aftermath(make: Make, order: models.Order, n: int) -> None:
    """Payments, jobs and messages of an order."""
    if n % 2:
        await make.save(
            models.Payment(
                **_with(order),
                order_id=order.id,
                method=list(models.PaymentMethod)[n % 3],
                amount=order.total,
                currency=order.currency,
                reference=f"ref-{order.id}",
            )
        )
    status = list(JobStatus)[n % 5]
    await make.save(
        models.Job(
            organization_id=order.organization_id,
            store_id=None if n % 4 == 0 else order.store_id,
            order_id=None if n % 5 == 0 else order.id,
            kind="fulfill_order" if n % 2 else "export",
            status=status,
            progress=n % 101,
            input=ODD_JSON[n % 4],
            output=ODD_JSON[1] if status is JobStatus.SUCCEEDED else None,
            error_code="CONFLICT" if status is JobStatus.FAILED else None,
            error_message="sold out" if n % 2 else None,
            started_at=ago(hours=n),
            created_at=ago(days=n // 3),
        )
    )
    if n % 3 == 0:
        await _messages(make, order, n)


async def _messages(make: Make, order: models.Order, n: int) -> None:
    endpoint = None
    if n % 2:
        endpoint = await make.save(
            models.WebhookEndpoint(
                **_with(order),
                url=f"https://{order.id}.example",
                topics=["order.*"] if n % 4 else [],
                secret_encrypted=make.services.vault.seal("secret"),
                active=n % 4 == 1,
                description=None,
            )
        )
    event = await make.save(
        models.Event(
            **_with(order), topic="order.created", subject_type="order", subject_id=order.id,
            payload={},
        )
    )  # fmt: skip
    log: list[Any] = [
        {"at": ago(hours=1).isoformat(), "status": 503, "error": None, "duration_ms": 7,
         "response": "busy"},
        {"at": ago(hours=2).isoformat(), "status": None, "error": "timeout", "duration_ms": 9,
         "response": None},
    ]  # fmt: skip
    await make.save(
        models.WebhookDelivery(
            **_with(order),
            event_id=event.id,
            endpoint_id=endpoint.id if endpoint else None,
            order_id=None if n % 4 == 0 else order.id,
            format=FORMAT,
            topic="order.created",
            url="https://x.example",
            body=make.services.vault.seal('{"ref": "' + order.ref + '"}'),
            status=list(models.WebhookStatus)[n % 3],
            attempts=n % 3,
            attempts_log=log[: n % 3],
            response_status=503 if n % 3 else None,
            next_attempt_at=NOW,
        )
    )


async def _books(make: Make, store: models.Store, key: Key) -> None:
    other = await make.wholesale_key(store, OWNER)
    boss = await make.key(OWNER)
    for holder, amount, unit in (
        (key, "100", "USDT"),
        (key, "0.000001", "EUR"),
        (other, "7", "USDT"),
        (boss, "1000.5", "USD"),
    ):
        balance = await fund(make.services, holder, amount, unit=unit)
        for n, status in enumerate(TopUpStatus):
            top_up = await make.save(
                models.TopUp(
                    organization_id=store.organization_id,
                    store_id=store.id,
                    api_key_id=holder.row.id,
                    account_id=balance.id,
                    network=("usdt_trc_20", "usdt_bep_20")[n % 2],
                    address=f"T{n}",
                    requested_amount=1_000_000,
                    amount=1_000_000 + n,
                    status=status,
                    expires_at=ago(minutes=n),
                    credited_at=ago(minutes=1) if n in (1, 2) else None,
                )
            )
            await make.save(
                models.Deposit(
                    organization_id=store.organization_id,
                    network="usdt_trc_20",
                    transaction_hash=f"{holder.row.id}-{unit}-{n}",
                    address=f"T{n}",
                    amount=1_000_000 + n,
                    seen_at=ago(minutes=n),
                    top_up_id=top_up.id if n == 1 else None,
                )
            )


async def _credentials(make: Make, store: models.Store) -> None:
    await make.key(OWNER, revoked_at=ago(days=1), permissions=frozenset({"store:view"}))
    await make.key(OWNER, expires_at=ago(days=1), allowed_addresses=["10.0.0.0/8"])
    await make.key(OWNER, store_id=store.id, expires_at=NOW + timedelta(days=9000), secret="s")
    users = [
        await make.save(models.User(email=f"odd{n}@example.com", name=text))
        for n, text in enumerate(ODD_TEXTS[:4])
    ]
    for user, role in zip(users, models.Role, strict=True):
        await make.save(
            models.Membership(organization_id=store.organization_id, user_id=user.id, role=role)
        )
    await _delete(make, users[3])
    for n, details in enumerate(ODD_JSON):
        await make.save(
            models.AuditEntry(
                organization_id=store.organization_id,
                actor=("cli", "system")[n % 2],
                action="mint",
                subject_type="api_key",
                subject_id=n or None,
                details=details,
            )
        )


async def _delete(make: Make, *rows: Base) -> None:
    for row in rows:
        await _change(make, row, deleted_at=NOW)


async def _change(make: Make, row: Base, **values: Any) -> None:
    """Past the ORM: nothing else of the row changes."""
    kind, same = cast("Any", type(row)), cast("Any", row)
    async with make.services.database.write() as session:
        await session.execute(update(kind).where(kind.id == same.id).values(**values))


def _with(order: models.Order) -> dict[str, Any]:
    return {"organization_id": order.organization_id, "store_id": order.store_id}
