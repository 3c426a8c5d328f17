"""The wholesale trade so far: keys top up their balances, buy, and get some of it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.seed.books import Books
from app.seed.orders import ref
from app.seed.sowing import Sowing, of
from app.seed.wholesale import Shelf
from db import models
from db.models import (
    Account,
    AccountRole,
    ApiKey,
    FulfillmentStatus,
    JobStatus,
    Order,
    OrderLine,
    PaymentStatus,
    Store,
    TopUpStatus,
    TransferKind,
)
from providers.chain import NETWORKS, SimulatedChain
from resolvers.fulfillment import KIND
from resolvers.ledger import USDT, Owner
from resolvers.money import MICRO

EXAMPLE_ORDER = 789  # the old documentation asks for this one
DAYS = 90
ENDINGS = (
    (FulfillmentStatus.FULFILLED, None, None),
    (FulfillmentStatus.FAILED, "CONFLICT", "3 of 5 units are not available"),
    (FulfillmentStatus.EXPIRED, "ORDER_ENDED", "Not delivered in time"),
    (FulfillmentStatus.CANCELLED, "CANCELLED", "cancelled by request"),
)


@dataclass(frozen=True, slots=True)
class Client:
    """A wholesale key and what it shall have in the end, in whole USDT."""

    key: ApiKey
    balance: int


class Trade:
    """Everything one wholesale store did with its clients. Balances move in the order of time."""

    def __init__(
        self,
        sowing: Sowing,
        store: Store,
        books: Books,
        shelves: Sequence[Shelf],
        chain: SimulatedChain,
    ) -> None:
        self._sowing, self._store, self._books, self._chain = sowing, store, books, chain
        self._shelves = shelves
        self._shop = Owner(store.organization_id)

    def run(self, clients: Sequence[tuple[Client, int]]) -> None:
        """``clients`` with how many orders each of them placed."""
        began = self._sowing.ago(days=DAYS)
        moments: list[tuple[datetime, Client]] = []
        for client, orders in clients:
            self._credit(client, began, amount=200 * MICRO)
            moments += [
                (self._sowing.between(began, self._sowing.ago(hours=2)), client)
                for _ in range(self._sowing.count(orders))
            ]
        moments.sort(key=lambda moment: moment[0])
        example = next(at for at, (_, client) in enumerate(moments) if client is clients[0][0])
        for number, (at, client) in enumerate(moments):
            ending = 0 if number == example else self._ending(number)
            key = EXAMPLE_ORDER if number == example else None
            self._buy(client, at, ENDINGS[ending], key=key)
        for client, _ in clients:
            left = client.balance * MICRO - self._balance(client, began).balance
            if left > 0:
                self._credit(client, self._sowing.ago(minutes=50), amount=left)
        for shelf in self._shelves:
            shelf.count()

    def _ending(self, number: int) -> int:
        few = len(ENDINGS)
        return (
            number % few if number < few else self._sowing.rng.choices(range(few), (90, 4, 3, 3))[0]
        )

    def _balance(self, client: Client, at: datetime) -> Account:
        return self._books.account(Owner(client.key.organization_id, client.key.id), USDT, at)

    def _credit(self, client: Client, at: datetime, *, amount: int) -> None:
        """Money that was announced, came, and was credited."""
        sowing, network = self._sowing, self._sowing.pick(NETWORKS)
        address = self._chain.wallet(network) or ""
        account, told_at = self._balance(client, at), at - timedelta(minutes=4)
        topup = models.TopUp(
            **of(self._store),
            api_key_id=client.key.id,
            account_id=account.id,
            network=network,
            address=address,
            requested_amount=amount,
            amount=amount,
            status=TopUpStatus.CREDITED_AUTO,
            expires_at=told_at + timedelta(hours=1),
            credited_at=at,
            created_at=told_at,
        )
        sowing.rows.add(topup, updated_at=at)
        transaction = f"{sowing.rng.getrandbits(256):064x}"
        moved = self._books.move(
            TransferKind.TOP_UP,
            f"deposit:{network}:{transaction}",
            debit=self._books.account(self._shop, USDT, at, AccountRole.DEPOSITS),
            credit=account,
            amount=amount,
            at=at,
        )
        deposit = models.Deposit(
            organization_id=self._store.organization_id,
            network=network,
            transaction_hash=transaction,
            address=address,
            amount=amount,
            seen_at=at,
            top_up_id=topup.id,
            transfer_id=moved.id,
            created_at=at,
        )
        sowing.rows.add(deposit)
        sowing.rows.add(
            models.AuditEntry(
                organization_id=self._store.organization_id,
                actor="system",
                action="topup_credited",
                subject_type="api_key",
                subject_id=client.key.id,
                details={"top_up": str(topup.uuid), "amount": amount, "network": network},
                created_at=at,
            )
        )

    def _buy(
        self,
        client: Client,
        at: datetime,
        ending: tuple[FulfillmentStatus, str | None, str | None],
        *,
        key: int | None,
    ) -> None:
        sowing, (status, code, reason) = self._sowing, ending
        shelf = sowing.pick([each for each in self._shelves if _free(each) >= each.least])
        quantity = min(shelf.least + sowing.rng.choice((0, 0, 0, 1, 2, 5)), _free(shelf))
        total, account = shelf.price * quantity, self._balance(client, at)
        if account.balance < total:
            short = total - account.balance
            self._credit(
                client, at - timedelta(minutes=1), amount=-(-short // (50 * MICRO)) * 50 * MICRO
            )
        done_at = at + timedelta(seconds=sowing.rng.randint(1, 90))
        fulfilled = status is FulfillmentStatus.FULFILLED
        order = sowing.rows.add(
            Order(
                **of(self._store),
                ref=ref(sowing),
                api_key_id=client.key.id,
                payment_status=PaymentStatus.PAID if fulfilled else PaymentStatus.REFUNDED,
                fulfillment_status=status,
                currency=USDT,
                subtotal=total,
                total=total,
                refunded_total=0 if fulfilled else total,
                quantity=quantity,
                failure_reason=reason,
                paid_at=at,
                fulfilled_at=done_at if fulfilled else None,
                cancelled_at=done_at if status is FulfillmentStatus.CANCELLED else None,
                created_at=at,
            ),
            key=key,
            updated_at=done_at,
        )
        line = sowing.rows.add(_line(order, shelf, quantity))
        self._pay(order, account)
        if fulfilled:
            shelf.take(line)
        else:
            self._give_back(order, account, done_at)
        sowing.rows.add(_job(order, done_at, code, reason), updated_at=done_at)

    def _pay(self, order: Order, account: Account) -> None:
        at = order.created_at
        moved = self._books.move(
            TransferKind.PURCHASE,
            f"order:{order.id}",
            debit=account,
            credit=self._books.account(self._shop, USDT, at, AccountRole.SALES),
            amount=order.total,
            at=at,
            order_id=order.id,
        )
        self._sowing.rows.add(
            models.Payment(
                **of(self._store),
                order_id=order.id,
                method=models.PaymentMethod.BALANCE,
                amount=order.total,
                currency=order.currency,
                reference=moved.reference,
                transfer_id=moved.id,
                created_at=at,
            )
        )

    def _give_back(self, order: Order, account: Account, at: datetime) -> None:
        paid = next(row for row in reversed(self._sowing.rows.of(models.Transfer)))
        moved = self._books.move(
            TransferKind.REFUND,
            f"order:{order.id}:refund:1",
            debit=self._books.account(self._shop, USDT, at, AccountRole.SALES),
            credit=account,
            amount=order.total,
            at=at,
            order_id=order.id,
            reverses_id=paid.id,
            memo=order.failure_reason,
        )
        self._sowing.rows.add(
            models.Refund(
                **of(self._store),
                order_id=order.id,
                amount=order.total,
                currency=order.currency,
                reason=order.failure_reason,
                status=models.RefundStatus.REFUNDED,
                transfer_id=moved.id,
                created_at=at,
            )
        )


def _free(shelf: Shelf) -> int:
    """What this history may sell: two thirds of the stock are for the user of the demo."""
    return max(0, len(shelf.items) // 3 - shelf.sold)


def _line(order: Order, shelf: Shelf, quantity: int) -> OrderLine:
    variant = shelf.ware.variants[0]
    return OrderLine(
        organization_id=order.organization_id,
        store_id=order.store_id,
        order_id=order.id,
        product_id=variant.product_id,
        variant_id=variant.id,
        title=shelf.ware.product.title,
        sku=variant.sku,
        quantity=quantity,
        unit_price=variant.price,
        total=variant.price * quantity,
        currency=variant.currency,
        is_digital=True,
        created_at=order.created_at,
    )


def _job(order: Order, done_at: datetime, code: str | None, reason: str | None) -> models.Job:
    status = {None: JobStatus.SUCCEEDED, "CONFLICT": JobStatus.FAILED}.get(
        code, JobStatus.CANCELLED
    )
    succeeded = status is JobStatus.SUCCEEDED
    output = {"status": order.fulfillment_status.value, "units": order.quantity}
    return models.Job(
        organization_id=order.organization_id,
        store_id=order.store_id,
        order_id=order.id,
        kind=KIND,
        status=status,
        progress=100 if succeeded else 0,
        attempts=1,
        output=output if succeeded else None,
        error_code=code,
        error_message=reason,
        started_at=order.created_at,
        finished_at=done_at,
        created_at=order.created_at,
    )
