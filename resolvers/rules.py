"""What the values of inputs must be: declared beside a field's type, checked all at once.

An input says each rule where it says the field::

    title: Annotated[str, Text(200), "Its name, as buyers see it."]

and an operation begins with ``values = checked(input, "input")``.
"""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, cast, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from resolvers.errors import Invalid, Problem
from resolvers.inputs import given
from resolvers.money import MICRO

MOST_MONEY = 1_000_000_000 * MICRO
MOST_UNITS = 10_000_000
DEEPEST = 32
LONGEST_ADDRESS = 2000
Path = tuple[str | int, ...]


class Rule:
    """What a value must be. ``kind`` names the rule for edges that print machine-readable kinds."""

    kind: ClassVar[str] = "invalid"

    def check(self, value: Any) -> Any:
        """The value as it is stored. Raises ``ValueError``: the end of a sentence ("must …")."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Text(Rule):
    """Text without surrounding space, of ``least`` to ``most`` characters."""

    kind: ClassVar[str] = "length"
    most: int = 255
    least: int = 1

    def check(self, value: str) -> str:
        value = value.strip()
        if not self.least <= len(value) <= self.most:
            raise ValueError(f"must have {self.least} to {self.most} characters")
        if "\x00" in value:
            raise ValueError("must not hold a NUL character")
        return value


@dataclass(frozen=True, slots=True)
class Matching(Rule):
    """Text that a pattern matches whole; ``what`` says in words what that is."""

    kind: ClassVar[str] = "pattern"
    pattern: str
    what: str

    def check(self, value: str) -> str:
        value = value.strip()
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(f"must be {self.what}")
        return value


@dataclass(frozen=True, slots=True)
class WebAddress(Rule):
    """An absolute http or https address."""

    kind: ClassVar[str] = "uri"

    def check(self, value: str) -> str:
        value = value.strip()
        try:
            parts = urlsplit(value)
            good = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:  # brackets that are no IPv6 address
            good = False
        if not good or len(value) > LONGEST_ADDRESS or re.search(r"[\s\x00-\x1f]", value):
            raise ValueError(
                f"must be an http or https address of at most {LONGEST_ADDRESS} characters"
            )
        return value


@dataclass(frozen=True, slots=True)
class Between(Rule):
    kind: ClassVar[str] = "range"
    least: int
    most: int

    def check(self, value: int) -> int:
        if not self.least <= value <= self.most:
            raise ValueError(f"must be between {self.least} and {self.most}")
        return value


class Price(Rule):
    """Micro-units of money, from nothing to a billion."""

    kind = "range"

    def check(self, value: int) -> int:
        if not 0 <= value <= MOST_MONEY:
            raise ValueError(f"must be between 0 and {MOST_MONEY // MICRO}")
        return value


@dataclass(frozen=True, slots=True)
class Count(Rule):
    """A list of so many entries."""

    kind: ClassVar[str] = "length"
    most: int
    least: int = 0

    def check(self, value: Sequence[Any]) -> Sequence[Any]:
        if not self.least <= len(value) <= self.most:
            raise ValueError(f"must have {self.least} to {self.most} entries")
        return value


@dataclass(frozen=True, slots=True)
class Each(Rule):
    """A list of which every entry keeps another rule, and with ``distinct`` none is there twice."""

    kind: ClassVar[str] = "items"
    rule: Rule
    distinct: bool = False

    def check(self, value: Sequence[Any]) -> list[Any]:
        entries: list[Any] = []
        for place, entry in enumerate(value, 1):
            try:
                entries.append(self.rule.check(entry))
            except ValueError as error:
                raise ValueError(f"{error} (entry {place})") from error
        if self.distinct and len(set(entries)) < len(entries):
            raise ValueError("must differ from one another")
        return entries


class JsonObject(Rule):
    """A JSON object that both databases store and give back as it was."""

    kind = "object"

    def check(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError("must be a JSON object")  # noqa: TRY004 - the caller's, not ours
        if not is_storable(value):
            raise ValueError(
                f"must nest at most {DEEPEST} deep, without NUL characters, "
                "and with whole numbers of at most 53 bits"
            )
        return value  # pyright: ignore[reportUnknownVariableType]


def is_storable(value: Any, depth: int = 0) -> bool:
    """Whether both databases keep a JSON value as it is, and JSON gives it back."""
    match value:
        case str():
            return "\x00" not in value
        case bool() | None:
            return True
        case int():
            return abs(value) < 2**53
        case float():
            return math.isfinite(value)
        case Mapping():
            parts: list[Any] = [*value.keys(), *value.values()]
        case Sequence():
            parts = list(value)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return False
    return depth < DEEPEST and all(is_storable(part, depth + 1) for part in parts)


Slug = Matching(r"[\w-]{1,120}", "1 to 120 letters, digits, hyphens and underscores")
Subdomain = Matching(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "1 to 63 of a-z, 0-9 and inner hyphens")
Currency = Matching(r"[A-Z]{3,8}", "a currency code of 3 to 8 capital letters")
Email = Matching(r"(?=.{3,254}$)[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+", "an e-mail address")


def takes_none(hint: Any) -> bool:
    """Whether a declared type allows None."""
    inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return inner is Any or type(None) in get_args(inner)


@cache
def _declared(kind: type) -> Mapping[str, tuple[bool, tuple[Rule, ...]]]:
    """Of each field: whether it may be None, and its rules."""
    return {
        name: (
            takes_none(hint),
            tuple(mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Rule)),
        )
        for name, hint in get_type_hints(kind, include_extras=True).items()
    }


def checked(declared: Any, *path: str | int) -> dict[str, Any]:
    """The given values of an input by field, as they are stored; inputs inside become mappings.

    ``path`` leads to the input. Raises ``Invalid`` with every rule that is broken.
    """
    problems: list[Problem] = []
    values = _values(declared, path, problems)
    if problems:
        raise Invalid(problems[0].message, field=problems[0].path, problems=problems)
    return values


def checked_each(declared: Sequence[Any], *path: str | int, most: int) -> list[dict[str, Any]]:
    """The same for each of at most ``most`` inputs."""
    if len(declared) > most:
        raise Invalid(f"at most {most} at once", field=path)
    problems: list[Problem] = []
    values = [_values(item, (*path, at), problems) for at, item in enumerate(declared)]
    if problems:
        raise Invalid(problems[0].message, field=problems[0].path, problems=problems)
    return values


def _values(declared: Any, path: Path, problems: list[Problem]) -> dict[str, Any]:
    rules = _declared(declared.__class__)
    return {
        name: _value(value, rules[name], (*path, name), problems)
        for name, value in given(declared).items()
    }


def _value(
    value: Any, declared: tuple[bool, tuple[Rule, ...]], path: Path, problems: list[Problem]
) -> Any:
    optional, rules = declared
    words = str(path[-1]).replace("_", " ")
    if value is None:
        if not optional:
            problems.append(Problem(path, f"{words} cannot be empty", "required"))
        return None
    for rule in rules:
        try:
            value = rule.check(value)
        except ValueError as error:
            problems.append(Problem(path, f"{words} {error}", rule.kind))
            return value
    if dataclasses.is_dataclass(value):
        return _values(value, path, problems)
    if isinstance(value, tuple | list):
        items = cast("Sequence[Any]", value)
        return [
            _values(item, (*path, at), problems) if dataclasses.is_dataclass(item) else item
            for at, item in enumerate(items)
        ]
    return value
