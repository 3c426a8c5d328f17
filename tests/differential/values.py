"""Values of arguments: most find something, some find nothing, a few are refused."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
)

from schema.relations import NOUNS
from tests.differential.lists import noun_of, sorts_of
from tests.differential.world import DEMO, ODD, World

T = TypeVar("T")
AMOUNTS = ("0", "1", "0.000001", "9.99", "10.00", "25", "120.5", "1234567.891234", "-1")
NUMBERS = (0, 1, 2, 3, 5, 10, 100, -1, 2**31 - 1)
STARS = (0, 1, 3.5, 4, 4.6666, 5, 7)
WORDS = ("a", "e", "Ü", "%", "_", "lamp", "odd", "", "off_line", "🛋️", "Variant", "'; --")
NONSENSE = ("", "x", "UHJvZHVjdDo", "UHJvZHVjdDo5OTk5OTk5OQ", "T3JnYW5pemF0aW9uOi0x", "💥")
BROKEN_CURSORS = ("", "x", "W10", "WyJpZF9hc2MiLDEsInQiXQ", "WyJpZF9hc2MiLG51bGwsMV0", "%%%")
NOUN_OF_KEY = {"below": "Category", "parent": "Category", "endpoint": "WebhookEndpoint"}
SIZES = (1, 2, 3, 1, 2, 3, 5, 0, 10)
REFUSED_SIZES = (251, -1)


class Choice:
    """What decides. Its least decisions, to which failures are reduced, are the plainest."""

    def __init__(self, number: Callable[[int], int]) -> None:
        """``number(most)`` gives a number from 0 to ``most``."""
        self.number = number

    def chance(self, percent: int) -> bool:
        return self.number(99) >= 100 - percent

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number(len(options) - 1)]


@dataclass(frozen=True, slots=True)
class Word:
    """The name of an enum's member."""

    name: str


class Values:
    """Values for one document, which mostly asks for the rows of the organization ``home``."""

    def __init__(self, choice: Choice, world: World, home: str) -> None:
        self._choice = choice
        self._world = world
        self._home = home

    def id(self, noun: str) -> str:
        """A global id: of the noun and from home, foreign, of another noun, or none at all."""
        choice = self._choice
        lottery = choice.number(19)
        if lottery >= 18:
            return choice.pick(NONSENSE)
        if lottery == 17 or noun not in self._world.ids:
            noun = choice.pick(sorted(self._world.ids))
        other = DEMO if self._home == ODD else ODD
        known = self._world.ids[noun]
        owner = other if lottery in (15, 16) else self._home
        return choice.pick(known.get(owner) or known.get(other) or NONSENSE)

    def windows(self) -> list[str]:
        """Which of Relay's four arguments are given."""
        choice, found = self._choice, list[str]()
        if choice.chance(30):
            found.append("last")
        elif choice.chance(80):
            found.append("first")
        if choice.chance(1):
            found = ["first", "last"]
        return found + [name for name in ("after", "before") if choice.chance(12)]

    def size(self, *, most: int) -> int:
        """How many rows of a page."""
        if self._choice.chance(1):
            return self._choice.pick(REFUSED_SIZES)
        return min(self._choice.pick(SIZES), most)

    def cursor(self, field: Any, sort: str | None) -> str | None:
        """A cursor of a connection in the order ``sort``; seldom another one, or none at all."""
        choice = self._choice
        sorts = sorts_of(field)
        known = self._world.cursors.get(noun_of(field), {})
        name = sort or (sorts.default.upper() if sorts else "")
        if choice.chance(4):
            return choice.pick((*BROKEN_CURSORS, None))
        if choice.chance(2) and known:
            name = choice.pick(sorted(known))
        return choice.pick(known.get(name) or BROKEN_CURSORS)

    def of(self, kind: Any, name: str, noun: str) -> Any:
        """A value of any input type, for the argument or filter field ``name`` of a list."""
        if isinstance(kind, GraphQLNonNull):
            return self.of(kind.of_type, name, noun)
        if isinstance(kind, GraphQLList):
            count = self._choice.pick((1, 2, 0, 3))
            found = [self.of(kind.of_type, name, noun) for _ in range(count)]
            return found[0] if count == 1 and self._choice.chance(25) else found
        if isinstance(kind, GraphQLEnumType):
            return Word(self._choice.pick(list(kind.values)))
        if isinstance(kind, GraphQLInputObjectType):
            return self._input(kind, noun)
        assert isinstance(kind, GraphQLScalarType)
        return self._scalar(kind.name, name, noun)

    def _input(self, kind: GraphQLInputObjectType, noun: str) -> dict[str, Any]:
        names = list(kind.fields)
        chosen = [self._choice.pick(names) for _ in range(self._choice.pick((1, 2, 0, 3)))]
        return {
            name: self._nullable(kind.fields[name].type, name, noun)
            for name in dict.fromkeys(chosen)
        }

    def _nullable(self, kind: Any, name: str, noun: str) -> Any:
        return None if self._choice.chance(2) else self.of(kind, name, noun)

    def _scalar(self, kind: str, name: str, noun: str) -> Any:
        if kind == "ID":
            return self.id(_noun_of_key(name, noun))
        if kind == "String":
            return self._text(name, noun)
        amounts = (*AMOUNTS, 3, "1.00000001") if self._choice.chance(5) else AMOUNTS
        known: dict[str, Sequence[Any]] = {
            "Boolean": (True, False),
            "Int": NUMBERS,
            "Float": STARS,
            "Decimal": amounts,
            "DateTime": self._world.moments,
        }
        return self._choice.pick(known[kind])

    def _text(self, name: str, noun: str) -> str:
        choice, values = self._choice, self._world.values.get(noun, {})
        known = values.get(_snake(name))
        if known:
            return choice.pick(known)
        if choice.chance(50) or not values:
            return choice.pick(WORDS)
        text = choice.pick(values[choice.pick(sorted(values))] or WORDS)
        at = choice.number(5)
        return text[at : at + 3]


def _noun_of_key(name: str, noun: str) -> str:
    """The noun of which ``storeId`` is a key; ``id`` and ``ids`` are the list's own."""
    stem = name.removesuffix("Id")
    known = NOUN_OF_KEY.get(stem, stem[:1].upper() + stem[1:])
    return known if known in NOUNS else noun


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


def literal(value: Any) -> str:
    """A value as it stands in a document."""
    if isinstance(value, Word):
        return value.name
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    return orjson.dumps(value).decode()


def plain(value: Any) -> Any:
    """A value as it stands among variables."""
    if isinstance(value, Word):
        return value.name
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value
