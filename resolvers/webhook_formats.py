"""Formats of webhooks: in whose words an endpoint is told, of which topics,how signed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from resolvers.context import Context
from resolvers.events import TOPICS, EventRecord, covering

OWN = "storegraph"


@dataclass(frozen=True, slots=True)
class Told:
    """What an event is in a format: its topic there, and the body of the message."""

    topic: str
    body: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long it is tried: the seconds before each further attempt.

    ``after_refusal``: a redirect and a client's error are worth another attempt, too.
    """

    backoff: tuple[int, ...]
    after_refusal: bool = False


DEFAULT = Schedule((5, 15, 45, 135, 405))
Shape = Callable[[Context, EventRecord], Awaitable[Sequence[Told]]]
Sign = Callable[[str, str, int], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class EndpointFormat:
    """The words of a dialect for endpoints of stores.

    ``shape`` gets a context of the gateway itself within the event's organization; an event may be
    several things in the dialect, each of another topic. ``sign(secret, body, timestamp)`` makes
    the headers of one attempt.
    """

    name: str
    topics: Sequence[str]
    shape: Shape
    sign: Sign
    schedule: Schedule = field(default=DEFAULT)


_FORMATS: dict[str, EndpointFormat] = {}


def register(format: EndpointFormat) -> EndpointFormat:
    """Make a format known. Dialects register their own when they are imported."""
    if _FORMATS.setdefault(format.name, format) is not format:
        raise ValueError(f"there is another format of webhooks named {format.name}")
    return format


def known() -> list[str]:
    """The names of all formats that endpoints may have."""
    return sorted({OWN, *_FORMATS})


def named(name: str) -> EndpointFormat | None:
    """The format of a dialect; None for the store's own, and for one that nobody speaks here."""
    return _FORMATS.get(name)


def topics(name: str) -> frozenset[str]:
    """All that an endpoint of this format may ask for."""
    spoken = named(name)
    return covering(TOPICS if spoken is None else spoken.topics)
