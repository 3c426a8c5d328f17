"""What a process offers to every request. Outside services are protocols that resolvers own."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Select

from db.base import now
from db.engine import Database
from resolvers.copywriting import Brief, Written
from resolvers.passwords import Passwords
from resolvers.payment_service import PaymentService, no_payments
from resolvers.usage import UsageMeter
from resolvers.vault import Vault
from resolvers.viewer import Binds

Clock = Callable[[], datetime]
Made = TypeVar("Made")


class EventSource(Protocol):
    """Where committed events can be heard of (``resolvers.feed``)."""

    def wake(self) -> None:
        """Say that something was committed."""


@dataclass(frozen=True, slots=True)
class ChainDeposit:
    """A token transfer that a chain has confirmed; ``amount`` in micro-units."""

    network: str
    transaction_hash: str
    address: str
    amount: int
    seen_at: datetime


class Chain(Protocol):
    """A reader of token transfers to our wallets."""

    def wallet(self, network: str) -> str | None:
        """The receiving address on a network, or None where none is configured."""
        ...

    async def deposits(self, since: datetime) -> Sequence[ChainDeposit]:
        """Confirmed transfers to our wallets since an instant, in any order; repeats are fine."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered. Its ``body`` is cut short; of redirects it is what they say."""

    status: int
    body: str = ""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there was none. ``final``: another attempt would end the same way."""

    reason: str
    final: bool = False


class Sender(Protocol):
    """Makes a POST of JSON; follows no redirect, waits ten seconds at most, raises nothing."""

    async def post(
        self, url: str, *, body: str, headers: Mapping[str, str]
    ) -> Answer | NoAnswer: ...


class Fetcher(Protocol):
    """Gets what is at an address that a caller gave us; follows a few redirects, raises nothing."""

    async def get(self, url: str, *, most: int) -> bytes | NoAnswer:
        """The body of a success of at most ``most`` bytes."""
        ...


class Writer(Protocol):
    """Writes copy of products."""

    async def write(self, brief: Brief, *, once: str) -> Written:
        """Raises ``copywriting.WriterError``. ``once`` is the same when it is asked again."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as another service knows them; ``subject`` is their unchanging name there."""

    provider: str
    subject: str
    email: str
    email_verified: bool
    name: str | None = None


class IdentityProvider(Protocol):
    """Where people log in elsewhere. Both methods raise ``Unavailable`` while it is down."""

    async def address(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to log in; it comes back to ``redirect_uri`` with a code."""
        ...

    async def person(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Person:
        """Who has logged in. Raises ``Unauthenticated`` where the code or the answer is no good."""
        ...


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``amount`` in ``seconds``; ``name`` tells limits of one scope apart.

    Without a burst this holds of every window of so many seconds, wherever it begins. With one,
    ``burst`` times the amount may come at once, and refills evenly (a token bucket).
    """

    name: str
    amount: int
    seconds: int
    burst: int = 1


class RateLimiter(Protocol):
    """Counts hits, across processes where Redis is configured."""

    async def hit(self, limit: Limit, scope: str, cost: int = 1) -> int:
        """Count a hit. 0 when it is within the limit, else the seconds to wait (at least 1).

        Raises ``Unavailable`` when the store of the counts cannot be reached.
        """
        ...

    async def first_time(self, token: str, *, seconds: int) -> bool:
        """Whether ``token`` was not seen in the last ``seconds`` (replay protection)."""
        ...


class Lookups(Protocol):
    """Single rows that every request asks for."""

    async def first(
        self, statement: Select[Any], values: Mapping[str, Any], make: Callable[..., Made]
    ) -> Made | None:
        """What ``make`` makes of the first row's values, and of nothing else; None without one.

        Statement and function live as long as the process; ``values`` are the parameters.
        """
        ...


class PlainLookups:
    """The same through SQLAlchemy, where nobody needs them to be fast."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first(
        self, statement: Select[Any], values: Mapping[str, Any], make: Callable[..., Made]
    ) -> Made | None:
        async with self._database.read() as connection:
            row = (await connection.execute(statement, values)).first()
        return None if row is None else make(*row)


class Reader(Protocol):
    """Runs statements that are asked again and again."""

    async def rows(
        self, key: Hashable, build: Callable[[Binds], Select[Any]], values: Mapping[str, Any]
    ) -> Sequence[Any]:
        """The rows, whose items have the names of what is selected.

        ``key`` tells all that the statement is made of, but for ``values``: those of the
        parameters that ``build`` makes, by their names. Lists among them are tuples.
        """
        ...


class PlainReader:
    """The same through SQLAlchemy, where nobody needs it to be fast."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(
        self, key: Hashable, build: Callable[[Binds], Select[Any]], values: Mapping[str, Any]
    ) -> Sequence[Any]:
        statement = build(_Literals(values))
        async with self._database.read() as connection:
            return (await connection.execute(statement)).all()


class _Literals:
    """No parameters, but the values themselves."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def value(self, name: str, kind: Any) -> Any:
        return self._values[name]

    def values(self, name: str, kind: Any) -> Any:
        return self._values[name]

    def within(self, column: Any, name: str) -> Any:
        return column.in_(self._values[name])


class DocumentStore(Protocol):
    """Remembers GraphQL documents that clients may name by their hash from then on.

    Within bounds, and not for ever. It never raises: what it has lost is asked for again.
    """

    async def get(self, sha256: str) -> str | None:
        """The text of the hash, or None where it is not known (any more)."""
        ...

    async def put(self, sha256: str, text: str) -> None:
        """Remember a text, which must be the one of the hash."""
        ...


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a storage tells of something in it."""

    key: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedObject:
    """``size`` is that of all of it, ``pieces`` are the bytes that were asked for."""

    size: int
    pieces: AsyncGenerator[bytes]


class Storage(Protocol):
    """Keeps bytes under keys. Each method raises ``Unavailable`` where it cannot be reached.

    It gives out no addresses of its own: bytes are served by the gateway, which alone knows which
    files are deleted and which headers are safe.
    """

    async def put(self, key: str, content: bytes | AsyncIterator[bytes]) -> None:
        """Store all of it, or nothing: what the iterator raises comes out of here."""
        ...

    async def open(self, key: str, *, start: int = 0, end: int | None = None) -> OpenedObject:
        """The bytes from ``start`` up to, not including, ``end``, of which there must be some.

        Raises ``NotFound``: nothing is stored under this key.
        """
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Keys under which nothing is stored are fine."""
        ...

    def objects(self) -> AsyncIterator[StoredObject]:
        """All that is stored, in any order."""
        ...


class Jobs(Protocol):
    """Starts what the job rows say, as soon as they are committed."""

    def wake(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Wholesale:
    """Figures of the wholesale trade: how long an order may stay open, and a top-up."""

    fulfillment_timeout: int = 600
    topup_lifetime: int = 3600
    topup_record_lifetime: int = 86400


@dataclass(slots=True)
class Services:
    """Everything a request may lean on; built once by ``app``."""

    database: Database
    vault: Vault
    events: Any
    limiter: RateLimiter
    chain: Chain
    jobs: Jobs
    storage: Storage
    clock: Clock = now
    wholesale: Wholesale = field(default_factory=Wholesale)
    documents: DocumentStore | None = None
    google: IdentityProvider | None = None
    """Where people log in who have an account at Google; None where that is not configured."""
    payments: PaymentService = field(default_factory=no_payments)
    checkout_lifetime: int = 3600
    """Seconds for which goods are kept for somebody who is about to pay by card."""
    sender: Sender | None = None
    """Reaches addresses that callers gave us; only processes that run jobs have it."""
    fetcher: Fetcher | None = None
    """Gets pictures; likewise."""
    writer: Writer | None = None
    """Writes copy; likewise."""
    public_url: str = "http://127.0.0.1:8000"
    """Where clients find the gateway, without a slash at the end."""
    largest_file: int = 100 << 20
    """Bytes of a file that is no picture."""
    link_lifetime: int = 3600
    """Seconds for which an address of a file is good that is not a permanent one."""
    store_domain: str = "localhost"
    """The domain below which stores without one of their own are found."""
    passwords: Passwords = field(default_factory=Passwords)
    usage: UsageMeter = field(init=False)
    lookups: Lookups = field(init=False)
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.usage = UsageMeter(self.database)
        self.lookups = PlainLookups(self.database)
        self.reader = PlainReader(self.database)
